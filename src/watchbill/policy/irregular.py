"""Where CloudTrail's names and IAM's differ, written by hand, each row with the page that says so.

Pages are of the Service Authorization Reference (SAR), the CloudTrail User Guide (CTG), or a service's API reference
(API). What a row does not name is regular: the service's prefix, a colon, and the name of the event.
"""

from collections.abc import Iterator, Mapping


PREFIXES: Mapping[str, str] = {
    "agreement-marketplace": "aws-marketplace",  # SAR: AWS Marketplace
    "api.detective": "detective",  # SAR: Amazon Detective
    "api.ecr": "ecr",  # SAR: Amazon Elastic Container Registry
    "api.ecr-public": "ecr-public",  # SAR: Amazon Elastic Container Registry Public
    "api.iotwireless": "iotwireless",  # SAR: AWS IoT Wireless
    "api.mediatailor": "mediatailor",  # SAR: AWS Elemental MediaTailor
    "api.sagemaker": "sagemaker",  # SAR: Amazon SageMaker
    "api.tunneling.iot": "iot",  # SAR: AWS IoT
    "appstream2": "appstream",  # SAR: Amazon AppStream 2.0
    "autoscaling-plans": "autoscaling-plans",  # SAR: AWS Auto Scaling
    "bedrock-agent": "bedrock",  # SAR: Amazon Bedrock
    "bedrock-agent-runtime": "bedrock",  # SAR: Amazon Bedrock
    "bedrock-data-automation": "bedrock",  # SAR: Amazon Bedrock
    "bedrock-data-automation-runtime": "bedrock",  # SAR: Amazon Bedrock
    "bedrock-runtime": "bedrock",  # SAR: Amazon Bedrock
    "cassandra-streams": "cassandra",  # SAR: Amazon Keyspaces
    "catalog.marketplace": "aws-marketplace",  # SAR: AWS Marketplace Catalog
    "cloudcontrolapi": "cloudformation",  # SAR: AWS Cloud Control API
    "cloudhsmv2": "cloudhsm",  # SAR: AWS CloudHSM
    "cloudsearchdomain": "cloudsearch",  # SAR: Amazon CloudSearch
    "connectparticipant": "participant.connect",  # API: Amazon Connect Participant Service, which IAM has no part in
    "data-ats.iot": "iot",  # SAR: AWS IoT
    "data.iot": "iot",  # SAR: AWS IoT
    "data.jobs.iot": "iotjobsdata",  # SAR: AWS IoT Jobs DataPlane
    "deployment-marketplace": "aws-marketplace",  # SAR: AWS Marketplace Deployment Service
    "discovery-marketplace": "aws-marketplace",  # SAR: AWS Marketplace Discovery
    "dynamodbstreams": "dynamodb",  # SAR: Amazon DynamoDB
    "email": "ses",  # SAR: Amazon SES
    "entitlement.marketplace": "aws-marketplace",  # SAR: AWS Marketplace Entitlement Service
    "identity-chime": "chime",  # SAR: Amazon Chime
    "ingest.timestream": "timestream",  # SAR: Amazon Timestream
    "iot-jobs-data": "iotjobsdata",  # SAR: AWS IoT Jobs DataPlane
    "iotdata": "iot",  # SAR: AWS IoT
    "iotsecuredtunneling": "iot",  # SAR: AWS IoT
    "mail-manager": "ses",  # SAR: Amazon SES Mail Manager
    "media-pipelines-chime": "chime",  # SAR: Amazon Chime
    "meetings-chime": "chime",  # SAR: Amazon Chime
    "memory-db": "memorydb",  # SAR: Amazon MemoryDB
    "messaging-chime": "chime",  # SAR: Amazon Chime
    "metering-marketplace": "aws-marketplace",  # SAR: AWS Marketplace Metering Service
    "metering.marketplace": "aws-marketplace",  # SAR: AWS Marketplace Metering Service
    "models-v2-lex": "lex",  # SAR: Amazon Lex V2
    "models.lex": "lex",  # SAR: Amazon Lex
    "monitoring": "cloudwatch",  # SAR: Amazon CloudWatch
    "mturk-requester": "mechanicalturk",  # SAR: Amazon Mechanical Turk
    "oidc": "sso-oauth",  # SAR: AWS IAM Identity Center OIDC service
    "partnercentral-account": "partnercentral",  # SAR: AWS Partner Central
    "partnercentral-benefits": "partnercentral",  # SAR: AWS Partner Central
    "partnercentral-channel": "partnercentral",  # SAR: AWS Partner Central
    "partnercentral-selling": "partnercentral",  # SAR: AWS Partner Central
    "participant.connect": "participant.connect",  # API: Amazon Connect Participant Service
    "pinpoint": "mobiletargeting",  # SAR: Amazon Pinpoint
    "portal.sso": "sso",  # SAR: AWS IAM Identity Center
    "query.timestream": "timestream",  # SAR: Amazon Timestream
    "runtime-v2-lex": "lex",  # SAR: Amazon Lex V2
    "runtime.lex": "lex",  # SAR: Amazon Lex
    "runtime.sagemaker": "sagemaker",  # SAR: Amazon SageMaker
    "s3-control": "s3",  # SAR: Amazon S3
    "servicecatalog-appregistry": "servicecatalog",  # SAR: AWS Service Catalog
    "streams.dynamodb": "dynamodb",  # SAR: Amazon DynamoDB
    "tagging": "tag",  # SAR: Amazon Resource Group Tagging API
    "voice-chime": "chime",  # SAR: Amazon Chime
}
"""Prefix of IAM actions by the first part of `eventSource`, where the two differ."""

BESIDE: Mapping[str, tuple[str, ...]] = {
    "aws-marketplace": ("aws-marketplace-management",),  # SAR: AWS Marketplace Management Portal
    "backup": ("backup-storage",),  # SAR: AWS Backup storage
    "es": ("opensearch",),  # SAR: Amazon OpenSearch
    "iot": ("iotjobsdata",),  # SAR: AWS IoT Jobs DataPlane
    "partnercentral": ("partnercentral-account-management",),  # SAR: AWS Partner central account management
    "s3": ("s3express", "s3-outposts"),  # SAR: Amazon S3 Express, Amazon S3 on Outposts
    "ssm": ("ssmmessages", "ec2messages"),  # SAR: Amazon Session Manager Message Gateway Service
    "sso": ("sso-directory", "identitystore"),  # SAR: AWS IAM Identity Center directory, Identity Store
}
"""Other prefixes under which a service's events are looked up, where its own has no action of the name."""

_S3 = {
    # What IAM calls otherwise.
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListParts": "ListMultipartUploadParts",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "HeadObject": "GetObject",
    "SelectObjectContent": "GetObject",
    "PostObject": "PutObject",
    "UploadPart": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "GetObject PutObject",
    "UploadPartCopy": "GetObject PutObject",
    "DeleteObjects": "DeleteObject",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteAccountPublicAccessBlock": "PutAccountPublicAccessBlock",
    "CreateBucketMetadataConfiguration": "CreateBucketMetadataTableConfiguration",
    "GetBucketMetadataConfiguration": "GetBucketMetadataTableConfiguration",
    "DeleteBucketMetadataConfiguration": "DeleteBucketMetadataTableConfiguration",
    "GetStorageLensDashboardDataInternal": "GetStorageLensDashboard",
}

_S3_CONFIGURATIONS = (
    # Events `GetBucketX`, `PutBucketX`, `DeleteBucketX`, with or without the last word, and the action's middle.
    ("Accelerate", "Accelerate"),
    ("Analytics", "Analytics"),
    ("Encryption", "Encryption"),
    ("IntelligentTiering", "IntelligentTiering"),
    ("Inventory", "Inventory"),
    ("Lifecycle", "Lifecycle"),
    ("Metrics", "Metrics"),
    ("Replication", "Replication"),
)


def _s3() -> Iterator[tuple[str, str]]:
    """Give the rows of S3; there is no action to delete a configuration, and listing them is getting them."""
    yield from _S3.items()
    for event, action in _S3_CONFIGURATIONS:
        for ending in ("", "Configuration"):
            yield f"GetBucket{event}{ending}", f"Get{action}Configuration"
            yield f"PutBucket{event}{ending}", f"Put{action}Configuration"
            yield f"DeleteBucket{event}{ending}", f"Put{action}Configuration"
        yield f"ListBucket{event}Configurations", f"Get{action}Configuration"


_ROWS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("SAR: Amazon S3", "s3", dict(_s3())),
    (
        "SAR: Amazon S3 Express; Amazon S3 User Guide, directory buckets",
        "s3",
        {
            "CreateSession": "s3express:CreateSession",
            "RenameObject": "s3express:CreateSession",
            "ListDirectoryBuckets": "s3express:ListAllMyDirectoryBuckets",
        },
    ),
    (
        # A session is what the API of objects asks for.
        "SAR: Amazon S3 Express; Amazon S3 User Guide, directory buckets",
        "s3express",
        {
            "GetObject": "CreateSession",
            "HeadObject": "CreateSession",
            "PutObject": "CreateSession",
            "CopyObject": "CreateSession",
            "DeleteObject": "CreateSession",
            "DeleteObjects": "CreateSession",
            "ListObjectsV2": "CreateSession",
            "HeadBucket": "CreateSession",
            "GetObjectAttributes": "CreateSession",
            "RenameObject": "CreateSession",
            "UploadPart": "CreateSession",
            "CreateMultipartUpload": "CreateSession",
            "CompleteMultipartUpload": "CreateSession",
            "AbortMultipartUpload": "CreateSession",
            "ListParts": "CreateSession",
            "ListMultipartUploads": "CreateSession",
            "ListDirectoryBuckets": "ListAllMyDirectoryBuckets",
        },
    ),
    ("SAR: Amazon S3 Object Lambda", "s3", {"WriteGetObjectResponse": "s3-object-lambda:WriteGetObjectResponse"}),
    (
        "SAR: AWS Lambda",
        "lambda",
        {
            "Invoke": "InvokeFunction",
            "InvokeWithResponseStream": "InvokeFunction",
            "GetLayerVersionByArn": "GetLayerVersion",
        },
    ),
    ("SAR: AWS Key Management Service", "kms", {"ReEncrypt": "ReEncryptFrom ReEncryptTo"}),
    (
        "SAR: Amazon DynamoDB; Developer Guide, PartiQL and transactions",
        "dynamodb",
        {
            "ExecuteStatement": "PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete",
            "BatchExecuteStatement": "PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete",
            "ExecuteTransaction": "PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete",
            "TransactGetItems": "GetItem",
            "TransactWriteItems": "PutItem UpdateItem DeleteItem ConditionCheckItem",
        },
    ),
    (
        "SAR: AWS Budget Service",
        "budgets",
        {
            "CreateBudget": "ModifyBudget",
            "UpdateBudget": "ModifyBudget",
            "DeleteBudget": "ModifyBudget",
            "CreateNotification": "ModifyBudget",
            "UpdateNotification": "ModifyBudget",
            "DeleteNotification": "ModifyBudget",
            "CreateSubscriber": "ModifyBudget",
            "UpdateSubscriber": "ModifyBudget",
            "DeleteSubscriber": "ModifyBudget",
            "DescribeBudget": "ViewBudget",
            "DescribeBudgets": "ViewBudget",
            "DescribeBudgetNotificationsForAccount": "ViewBudget",
            "DescribeBudgetPerformanceHistory": "ViewBudget",
            "DescribeNotificationsForBudget": "ViewBudget",
            "DescribeSubscribersForNotification": "ViewBudget",
        },
    ),
    (
        "SAR: Amazon Keyspaces (for Apache Cassandra)",
        "cassandra",
        {
            "GetKeyspace": "Select",
            "GetTable": "Select",
            "GetTableAutoScalingSettings": "Select",
            "GetType": "Select",
            "ListKeyspaces": "Select",
            "ListTables": "Select",
            "ListTagsForResource": "Select",
            "ListTypes": "Select",
            "CreateKeyspace": "Create",
            "CreateTable": "Create",
            "CreateType": "Create",
            "UpdateKeyspace": "Alter",
            "UpdateTable": "Alter",
            "AlterKeyspace": "Alter",
            "AlterTable": "Alter",
            "DeleteKeyspace": "Drop",
            "DeleteTable": "Drop",
            "DeleteType": "Drop",
            "DropKeyspace": "Drop",
            "DropTable": "Drop",
            "RestoreTable": "Restore",
            "Insert": "Modify",
            "Update": "Modify",
            "Delete": "Modify",
        },
    ),
    (
        "SAR: Amazon Neptune; Neptune User Guide, IAM actions for data access. A query needs at least to read",
        "neptune-db",
        {
            "CancelGremlinQuery": "CancelQuery",
            "CancelOpenCypherQuery": "CancelQuery",
            "DeletePropertygraphStatistics": "DeleteStatistics",
            "DeleteSparqlStatistics": "DeleteStatistics",
            "ExecuteFastReset": "ResetDatabase",
            "ExecuteGremlinExplainQuery": "ReadDataViaQuery",
            "ExecuteGremlinProfileQuery": "ReadDataViaQuery",
            "ExecuteGremlinQuery": "ReadDataViaQuery",
            "ExecuteOpenCypherExplainQuery": "ReadDataViaQuery",
            "ExecuteOpenCypherQuery": "ReadDataViaQuery",
            "GetGremlinQueryStatus": "GetQueryStatus",
            "GetOpenCypherQueryStatus": "GetQueryStatus",
            "ListGremlinQueries": "GetQueryStatus",
            "ListOpenCypherQueries": "GetQueryStatus",
            "GetMLDataProcessingJob": "GetMLDataProcessingJobStatus",
            "GetMLEndpoint": "GetMLEndpointStatus",
            "GetMLModelTrainingJob": "GetMLModelTrainingJobStatus",
            "GetMLModelTransformJob": "GetMLModelTransformJobStatus",
            "GetPropertygraphStatistics": "GetStatisticsStatus",
            "GetSparqlStatistics": "GetStatisticsStatus",
            "GetPropertygraphStream": "GetStreamRecords",
            "GetSparqlStream": "GetStreamRecords",
            "GetPropertygraphSummary": "GetGraphSummary",
            "GetRDFGraphSummary": "GetGraphSummary",
            "ManagePropertygraphStatistics": "ManageStatistics",
            "ManageSparqlStatistics": "ManageStatistics",
        },
    ),
    (
        "SAR: Amazon Neptune Analytics",
        "neptune-graph",
        {"ExecuteQuery": "ReadDataViaQuery", "GetQuery": "GetQueryStatus"},
    ),
    (
        "SAR: AWS Database Migration Service",
        "dms",
        {
            "DescribeDataProviders": "ListDataProviders",
            "DescribeExtensionPackAssociations": "ListExtensionPacks",
            "DescribeInstanceProfiles": "ListInstanceProfiles",
            "DescribeMetadataModelAssessments": "ListMetadataModelAssessments",
            "DescribeMetadataModelConversions": "ListMetadataModelConversions",
            "DescribeMetadataModelExportsAsScript": "ListMetadataModelExports",
            "DescribeMetadataModelExportsToTarget": "ListMetadataModelExports",
            "DescribeMigrationProjects": "ListMigrationProjects",
            "ModifyConversionConfiguration": "UpdateConversionConfiguration",
            "ModifyDataProvider": "UpdateDataProvider",
            "ModifyInstanceProfile": "UpdateInstanceProfile",
            "ModifyMigrationProject": "UpdateMigrationProject",
            "StartExtensionPackAssociation": "AssociateExtensionPack",
            "StartMetadataModelExportAsScript": "StartMetadataModelExportAsScripts",
        },
    ),
    (
        "SAR: Amazon Bedrock; API: Amazon Bedrock",
        "bedrock",
        {
            "Converse": "InvokeModel",
            "ConverseStream": "InvokeModelWithResponseStream",
            "InvokeModelWithBidirectionalStream": "InvokeModel",
            "StartAsyncInvoke": "InvokeModel",
            "RetrieveAndGenerateStream": "RetrieveAndGenerate",
        },
    ),
    (
        "SAR: AWS Tax Settings",
        "tax",
        {
            "BatchGetTaxExemptions": "GetExemptions",
            "GetTaxExemptionTypes": "GetExemptions",
            "ListTaxExemptions": "GetExemptions",
            "PutTaxExemption": "UpdateExemptions",
        },
    ),
    (
        "API: AWS Glue, which names the action",
        "glue",
        {
            "GetUnfilteredTableMetadata": "GetTable",
            "GetUnfilteredPartitionMetadata": "GetPartition",
            "GetUnfilteredPartitionsMetadata": "GetPartitions",
        },
    ),
    ("API: Amazon Redshift Data API", "redshift-data", {"GetStatementResultV2": "GetStatementResult"}),
    ("SAR: Amazon Timestream", "timestream", {"Query": "Select"}),
    ("SAR: Amazon CloudSearch", "cloudsearch", {"UploadDocuments": "document"}),
    ("SAR: Amazon API Gateway Management", "apigateway", {"ImportRestApi": "POST"}),
    (
        "SAR: Amazon API Gateway (execute-api)",
        "execute-api",
        {
            "PostToConnection": "ManageConnections",
            "GetConnection": "ManageConnections",
            "DeleteConnection": "ManageConnections",
        },
    ),
    ("SAR: Amazon CloudFront", "cloudfront", {"CreateDistributionWithTags": "CreateDistribution TagResource"}),
    (
        "SAR: AWS IAM Access Analyzer",
        "access-analyzer",
        {"GetFindingV2": "GetFinding", "ListFindingsV2": "ListFindings"},
    ),
    (
        "SAR: AWS Security Hub",
        "securityhub",
        {
            "GetFindingsV2": "GetFindings",
            "BatchUpdateFindingsV2": "BatchUpdateFindings",
            "GetFindingStatisticsV2": "GetAdhocInsightResults",
            "RegisterConnectorV2": "ConnectorRegistrationsV2",
        },
    ),
    (
        "SAR: AWS Batch",
        "batch",
        {"CancelJobs": "CancelJob", "TerminateJobs": "TerminateJob", "TerminateServiceJobs": "TerminateServiceJob"},
    ),
    ("SAR: Amazon Detective", "detective", {"ListOrganizationAdminAccounts": "ListOrganizationAdminAccount"}),
    ("SAR: AWS Marketplace Catalog", "aws-marketplace", {"BatchDescribeEntities": "DescribeEntity"}),
    (
        "SAR: AWS Sign-In",
        "signin",
        {
            "CreateOAuth2TokenWithIAM": "CreateOAuth2Token",
            "IntrospectOAuth2TokenWithIAM": "IntrospectOAuth2Token",
            "RevokeOAuth2TokenWithIAM": "RevokeOAuth2Token",
        },
    ),
)
"""A page, the prefix of the rows, and by event the actions, which have that prefix where they name none."""


def _actions() -> Iterator[tuple[tuple[str, str], tuple[tuple[str, ...], str]]]:
    for page, prefix, rows in _ROWS:
        for name, said in rows.items():
            actions = tuple(each if ":" in each else f"{prefix}:{each}" for each in said.split())
            yield (prefix, name), (actions, page)


IRREGULAR: Mapping[tuple[str, str], tuple[tuple[str, ...], str]] = dict(_actions())
"""Actions of events whose name is not the action's, by prefix and name, and the page that says so."""

NEEDS_NONE: Mapping[tuple[str, str], str] = {
    ("sts", "GetCallerIdentity"): "GetCallerIdentity is always allowed (API: AWS STS)",
    ("sts", "GetSessionToken"): "GetSessionToken needs no permission and cannot be denied (API: AWS STS)",
    **{
        ("sts", name): f"{name} is not signed for: the role's trust decides, no policy of the caller (API: AWS STS)"
        for name in ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
    },
    ("dynamodb", "DescribeEndpoints"): "DescribeEndpoints is always allowed (API: Amazon DynamoDB)",
    **{
        ("sso", name): "the Identity Center portal goes by its own token (API: IAM Identity Center portal)"
        for name in ("GetRoleCredentials", "ListAccountRoles", "ListAccounts", "Logout", "Authenticate", "Federate")
    },
    **{
        ("sso-oauth", name): "OIDC clients are not signed for (API: IAM Identity Center OIDC)"
        for name in ("CreateToken", "RegisterClient", "StartDeviceAuthorization")
    },
}
"""Calls that no IAM permission stands behind, by prefix and name, and why."""

NEEDS_NONE_UNLISTED: Mapping[str, str] = {
    "signin": "sign-in events need no IAM permission (CTG: console sign-in events)",
    "codecatalyst": "CodeCatalyst goes by its own access tokens (User Guide: CodeCatalyst permissions)",
    "participant.connect": "a chat goes by its participant's token (API: Amazon Connect Participant Service)",
}
"""Sources whose events need no permission unless IAM lists an action of the name, and why."""

KINDS_WITHOUT: Mapping[str, str] = {
    "AwsServiceEvent": "AWS did this itself, on nobody's request (CTG: non-API events)",
    "AwsConsoleSignIn": "sign-in events need no IAM permission (CTG: console sign-in events)",
    "AwsCloudTrailInsight": "an insight is no call (CTG: Insights events)",
}
"""Values of `eventType` that are no call under IAM, and why."""
