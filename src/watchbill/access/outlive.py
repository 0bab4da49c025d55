"""What can outlive a shift: what is done on call whose effect the fence does not end, and the proof that none is left.

The fence (`documents`) ends every session of an on-call role by AWS's clock. It does not end what a session has left
behind: a session of another role, a key, a grant to somebody else, a program that goes on, an open connection, a
password that is known. The catalogue names these by the IAM actions that make them. What is not the ordinary work of
being on call, and what a permission set does not opt in to, is denied on its on-call roles
(`guards.outlive_statements`), and `prove_no_escape` proves it of what is attached.

What belongs here lets somebody act or read after the shift. What only stays as it was left does not: a service that
was scaled, an instance that was restarted, an alias that was set back, a record that was deleted. Nor does what takes
access away, nor what makes a thing that needs a role to do anything (`pass-role` is here, and enough).

Most entries are denied unless a permission set opts in to them: they leave somebody with an identity, a credential, an
open shell, access of their own to data, or code of their own that runs under another identity. Whoever chooses what
runs under a role that is there already needs no `iam:PassRole` for it: the command of a task, the source of a job, the
template of a stack. An action that carries such a thing among harmless settings is denied too, where AWS gives no
condition that tells them apart (`sqs:SetQueueAttributes`, `lambda:UpdateFunctionConfiguration`).

`ORDINARY` entries are the work of being on call: a resource is changed or read, or what others wrote is started. They
are not denied, but are declared wherever a permission set gives them (`can_outlive`), and the permission set's own
`deny` may name their actions.

What no Deny on the role reaches, and so is not here:

* what was read, and is remembered: the environment of a function, a row;
* what is written into data that a program runs: an object in S3, a row, a record of DNS;
* `sts:GetCallerIdentity`, which AWS lets everybody call and which a Kubernetes cluster takes for a login, for as long
  as the session's credentials last (STS API Reference, "GetCallerIdentity"; EKS User Guide, "Grant IAM users access to
  Kubernetes with EKS access entries"): give clusters no access entry for an on-call role.

Actions are those of the Service Authorization Reference, as patterns where all that match are meant: short ones, that
match no mere read. A service that is seldom met is left out, so that all Denies fit one managed policy: a role has ten,
and the fence needs them. `docs/outliving.md` has the table of all, and what is left out, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchbill.errors import Location, NotFoundError, Problem
from watchbill.intervals import iso
from watchbill.policy.actions import actions_matching
from watchbill.policy.cells import BudgetError, overlap, text_witnesses
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import ConditionEntry, Origin, Request
from watchbill.policy.patterns import glob, glob_matches
from watchbill.policy.prove import Answer, Counterexample, NotKnown, Proof, any_allowed
from watchbill.policy.rules import Policy
from watchbill.policy.services import rules_of_services
from watchbill.policy.statements import parse_policy
from watchbill.team.names import meant


class Family(StrEnum):
    """What kind of thing stays behind; the end of the Sid of the statement that denies it."""

    TOKENS = "Tokens"
    """Credentials and tokens of another session, which AWS honours by themselves."""
    IDENTITIES = "Identities"
    """Who may sign in and what they may do."""
    SHARES = "Shares"
    """What a resource's own policy, a grant or a share gives to somebody."""
    CONNECTIONS = "Connections"
    """What stays open, and passwords that stay known."""
    PROGRAMS = "Programs"
    """What goes on running, or will run later."""
    FLOWS = "Flows"
    """Data and networks that stay open to elsewhere."""


@dataclass(frozen=True, slots=True)
class Outliving:
    """One way in which what is done on call outlives the shift."""

    name: str
    family: Family
    actions: tuple[str, ...]
    """Patterns of IAM actions; no action is in two entries."""
    lasts: str
    """How long its effect can last: `up to 1 hour`, `until it is deleted`."""
    why: str
    source: str
    """The page of AWS that says so: its guide and its title."""
    only: ConditionEntry | None = None
    """The condition of the requests that are meant; None is all of them."""

    @property
    def says(self) -> str:
        """Say how long it can outlive the shift."""
        first = self.lasts.partition(" ")[0]
        return f"can outlive the shift {_BEFORE.get(first, 'by ')}{self.lasts}"

    @property
    def condition(self) -> dict[str, dict[str, str]]:
        """Give the condition as policies have it; empty where there is none."""
        return {} if self.only is None else {self.only.operator: {self.only.key: self.only.values[0]}}


_BEFORE = {"until": "", "as": "for "}
"""What goes before how long something lasts, by its first word."""


def _each(text: str) -> tuple[str, ...]:
    """Read `iam: CreateUser Tag*; sts: AssumeRole` as patterns of actions."""
    services = (service.partition(":") for service in text.split(";"))
    return tuple(f"{prefix.strip()}:{name}" for prefix, _, names in services for name in names.split())


_DELETED = "until it is deleted"
_TAKEN_BACK = "until it is taken back"
_CHANGED = "until it is changed back"


CATALOGUE: tuple[Outliving, ...] = (
    # --- tokens -----------------------------------------------------------------------------------
    Outliving(
        "role-chaining",
        Family.TOKENS,
        _each("sts: AssumeRole SetContext"),
        "up to 1 hour",
        "a session of another role has that role's rights, and no fence",
        "IAM User Guide, Methods to assume a role",
    ),
    Outliving(
        "federation-tokens",
        Family.TOKENS,
        _each("sts: GetFed* GetDel* GetSess*"),
        "up to 36 hours",
        "the token is a session of its own",
        "IAM User Guide, Compare AWS STS credentials",
    ),
    Outliving(
        "web-identity-tokens",
        Family.TOKENS,
        _each("sts: *WebIdentityToken"),
        "up to 1 hour",
        "services outside AWS take the token for the role, without asking IAM",
        "IAM User Guide, Federating AWS identities to external services",
    ),
    Outliving(
        "registry-tokens",
        Family.TOKENS,
        _each("ecr: GetAuth*; ecr-public: GetAuth*"),
        "12 hours",
        "the token signs in to the registry by itself",
        "ECR API Reference, GetAuthorizationToken",
    ),
    Outliving(
        "package-tokens",
        Family.TOKENS,
        _each("codeartifact: GetAuth*; sts: GetServ*"),
        "up to 12 hours",
        "the token signs in to package repositories by itself",
        "CodeArtifact User Guide, AWS CodeArtifact authentication and tokens",
    ),
    Outliving(
        "data-tokens",
        Family.TOKENS,
        _each("s3: GetDataA*; s3express: CreateSession; lakeformation: GetTemp* GetDataAccess"),
        "up to 12 hours",
        "the credentials are of the role that holds the data",
        "S3 User Guide, Request access to Amazon S3 data through S3 Access Grants",
    ),
    Outliving(
        "web-consoles",
        Family.TOKENS,
        _each("airflow: Create*Token Inv*"),
        "up to 12 hours",
        "it signs in to a console of the service, whose session has its own clock, and whose users are its own",
        "Managed Workflows for Apache Airflow User Guide, Creating an Apache Airflow web login token",
    ),
    Outliving(
        "workload-tokens",
        Family.TOKENS,
        _each("cognito-identity: Get*Identity; sso-oauth: Create*"),
        "up to 24 hours",
        "the token is of somebody or something else than the session",
        "Cognito API Reference, GetOpenIdTokenForDeveloperIdentity",
    ),
    Outliving(
        "api-keys",
        Family.TOKENS,
        _each("appsync: CreateApiKey UpdateApiKey; logs: PutBearer*"),
        _DELETED,
        "who has the key needs no session",
        "AppSync Developer Guide, Configuring authorization and authentication",
    ),
    # --- identities -------------------------------------------------------------------------------
    Outliving(
        "access-keys",
        Family.IDENTITIES,
        _each("iam: CreateAccessKey UpdateAccessKey"),
        _DELETED,
        "the key is of a user, whom the fence does not speak of",
        "IAM User Guide, Manage access keys for IAM users",
    ),
    Outliving(
        "console-passwords",
        Family.IDENTITIES,
        _each("iam: CreateLoginProfile UpdateLoginProfile ChangePassword"),
        _CHANGED,
        "the password signs in as a user",
        "IAM User Guide, Manage passwords for IAM users",
    ),
    Outliving(
        "mfa-devices",
        Family.IDENTITIES,
        _each("iam: EnableMFA* DeactivateMFA*"),
        _CHANGED,
        "a device that was enrolled or taken off decides who can sign in as a user",
        "IAM User Guide, AWS Multi-factor authentication in IAM",
    ),
    Outliving(
        "ssh-keys",
        Family.IDENTITIES,
        _each("iam: Up*SSHPublicKey"),
        _DELETED,
        "the key signs in to CodeCommit as a user",
        "IAM User Guide, IAM credentials for CodeCommit: Git credentials, SSH keys, and AWS access keys",
    ),
    Outliving(
        "service-credentials",
        Family.IDENTITIES,
        _each("iam: CreateServiceSp* UpdateServiceSp* ResetServiceSp* Up*Signing* Up*CloudFront*"),
        _DELETED,
        "the credential signs in to one service as a user: Bedrock, Keyspaces, CodeCommit, CloudWatch Logs",
        "IAM User Guide, Service-specific credentials for IAM users",
    ),
    Outliving(
        "users-and-groups",
        Family.IDENTITIES,
        _each("iam: CreateUser UpdateUser CreateGroup UpdateGroup AddUser* RemoveUser*"),
        _CHANGED,
        "a user is whoever they are without the role, and has what their groups have",
        "IAM User Guide, IAM identities",
    ),
    Outliving(
        "roles-and-trust",
        Family.IDENTITIES,
        _each("iam: CreateRole UpdateRole UpdateAssume* CreateInst* AddRole*"),
        _CHANGED,
        "whom a role trusts may take it at any time",
        "IAM User Guide, Update a role trust policy",
    ),
    Outliving(
        "policies",
        Family.IDENTITIES,
        _each(
            "iam: CreatePolicy* SetDefault* Attach* Detach* PutU* PutG* PutR* DeleteUserP* DeleteGroupP* DeleteRoleP*"
        ),
        _CHANGED,
        "a policy that was attached gives, and one that was taken off no longer denies: the fence is one",
        "IAM User Guide, Adding and removing IAM identity permissions",
    ),
    Outliving(
        "identity-tags",
        Family.IDENTITIES,
        _each("iam: Tag* Untag*"),
        _CHANGED,
        "policies may give by the tags of who asks, and of what is asked for",
        "IAM User Guide, Define permissions based on attributes with ABAC authorization",
    ),
    Outliving(
        "identity-providers",
        Family.IDENTITIES,
        _each("iam: Create*Provider AddClient* UpdateOpen* UpdateSAMLP* EnableOutbound*"),
        _DELETED,
        "who controls the provider may take the roles that trust it",
        "IAM User Guide, Identity providers and federation into AWS",
    ),
    Outliving(
        "delegation-requests",
        Family.IDENTITIES,
        _each("iam: CreateDel* A*Delegat* SendDel*"),
        "up to 12 hours",
        "a partner's product is given a session with permissions that were accepted",
        "IAM API Reference, CreateDelegationRequest",
    ),
    Outliving(
        "root-access",
        Family.IDENTITIES,
        _each("sts: AssumeRoot; iam: EnableOrg* PutAccountP* UpdateAccountE*; account: StartP* AcceptP* Put*Contact*"),
        _CHANGED,
        "who has the account's address or telephone can take over its root user",
        "IAM User Guide, Centrally manage root access for member accounts",
    ),
    Outliving(
        "pass-role",
        Family.IDENTITIES,
        _each("iam: PassRole"),
        _CHANGED,
        "what was given a role keeps its rights: an instance, a function, a job",
        "IAM User Guide, Grant a user permissions to pass a role to an AWS service",
    ),
    Outliving(
        "roles-anywhere",
        Family.IDENTITIES,
        _each("rolesanywhere: C* E* P* U* D*Crl"),
        _CHANGED,
        "whoever has a certificate of the authority may take the roles of a profile",
        "IAM Roles Anywhere User Guide, What is AWS Identity and Access Management Roles Anywhere?",
    ),
    Outliving(
        "private-certificates",
        Family.IDENTITIES,
        _each("acm-pca: Import* Issue*; acm: Export*; eks: CreateCert* ActivateCert*; ec2: AssociateEnclave*"),
        "until it expires or is revoked",
        "the certificate signs in wherever its authority is trusted: Roles Anywhere, a VPN, a broker",
        "AWS Private CA User Guide, Issue private end-entity certificates",
    ),
    Outliving(
        "identity-center",
        Family.IDENTITIES,
        _each("sso: A* C* Det* P* U* Delete*From*; identitystore: C* U*; sso-directory: A* C* E* Im* U*"),
        _CHANGED,
        "it decides who may sign in to which account, and as what",
        "IAM Identity Center User Guide, Assign user or group access to AWS accounts",
    ),
    Outliving(
        "app-users",
        Family.IDENTITIES,
        _each(
            "cognito-idp: AdminA* AdminC* AdminI* AdminLink* AdminS* Create* Update*; cognito-identity:"
            " CreateIdentityPool UpdateIdentityPool Set*"
        ),
        _CHANGED,
        "a user of the application signs in to it, and through an identity pool may take a role",
        "Cognito Developer Guide, Using role-based access control",
    ),
    Outliving(
        "transfer-users",
        Family.IDENTITIES,
        _each("transfer: C* I* U*"),
        _DELETED,
        "the user signs in to the file server with a key or a password of its own",
        "Transfer Family User Guide, Managing users for server endpoints",
    ),
    Outliving(
        "organization",
        Family.IDENTITIES,
        _each("organizations: A* C* Det* DisableP* E* I* Le* M* P* R* U*"),
        _CHANGED,
        "the organization decides what every account and its administrators may do",
        "Organizations User Guide, Managing organization policies with AWS Organizations",
    ),
    # --- shares -----------------------------------------------------------------------------------
    Outliving(
        "bucket-policies",
        Family.SHARES,
        _each(
            "s3: Put*Policy* Delete*Policy* Put*Acl Put*Public* PutBucketOwn*; s3express: PutA* PutBucketP*; s3tables:"
            " Put*Policy; s3vectors: Put*Policy"
        ),
        _CHANGED,
        "who is named in it, in this account or another, needs no permission of their own here",
        "S3 User Guide, Bucket policies for Amazon S3",
    ),
    Outliving(
        "data-grants",
        Family.SHARES,
        _each(
            "s3: CreateAccessG* UpdateAccessG* AssociateA*; lakeformation: GrantP* BatchG* Add* CreateL* Put* Reg*;"
            " glue: PutRes*; redshift: Authorize* Put*; redshift-serverless: Put*"
        ),
        _TAKEN_BACK,
        "who was granted the data gets credentials for it at any time",
        "Lake Formation Developer Guide, Granting permissions on Data Catalog resources",
    ),
    Outliving(
        "key-policies",
        Family.SHARES,
        _each("kms: PutKeyPolicy ReplicateKey"),
        _CHANGED,
        "who is named in it can use the key, and change the policy again",
        "KMS Developer Guide, Key policies in AWS KMS",
    ),
    Outliving(
        "key-grants",
        Family.SHARES,
        _each("kms: CreateGrant"),
        "until it is retired or revoked",
        "the grantee can use the key; grants that AWS services need for their own resources are not meant",
        "KMS Developer Guide, Grants in AWS KMS",
        ConditionEntry("BoolIfExists", "kms:GrantIsForAWSResource", ("false",)),
    ),
    Outliving(
        "function-policies",
        Family.SHARES,
        _each("lambda: Add*Permission PutRes* CreateFunctionUrl* UpdateFunctionUrl*"),
        _CHANGED,
        "who is named in it, or has the address, can call the function with its role's rights",
        "Lambda Developer Guide, Working with resource-based IAM policies in Lambda",
    ),
    Outliving(
        "queue-and-topic-policies",
        Family.SHARES,
        _each("sqs: AddP* SetQ*; sns: AddP* SetTopicA*"),
        _CHANGED,
        "the policy is one of the attributes, and who is named in it can read and write",
        "SQS Developer Guide, Using identity-based policies with Amazon SQS",
    ),
    Outliving(
        "secret-policies",
        Family.SHARES,
        _each("secretsmanager: PutRes*; ssm: PutRes* ModifyDoc*"),
        _CHANGED,
        "who is named in it can read the secret or the parameter",
        "Secrets Manager User Guide, Resource-based policies",
    ),
    Outliving(
        "registry-policies",
        Family.SHARES,
        _each("ecr: SetRepositoryP* PutRegistryP* PutReplication*; codeartifact: Put*Policy; codebuild: PutRes*"),
        _CHANGED,
        "who is named in it can fetch images and packages, or put others in their place",
        "ECR User Guide, Private repository policies in Amazon ECR",
    ),
    Outliving(
        "event-and-log-policies",
        Family.SHARES,
        _each("events: PutPerm* PutRes*; logs: PutRes* Put*DestinationP*; oam: Put*"),
        _CHANGED,
        "who is named in it can send events that rules act on, or read what is logged",
        "EventBridge User Guide, Permissions for event buses in Amazon EventBridge",
    ),
    Outliving(
        "database-and-stream-policies",
        Family.SHARES,
        _each(
            "dynamodb: Put*Policy; kinesis: Put*Policy; kafka: Put*; dsql: Put*Policy; es: Authorize* Update*Config;"
            " aoss: Create*Policy Update*Policy"
        ),
        _CHANGED,
        "who is named in it can read and write the data",
        "DynamoDB Developer Guide, Using resource-based policies for DynamoDB",
    ),
    Outliving(
        "file-and-backup-policies",
        Family.SHARES,
        _each("elasticfilesystem: Delete*Policy PutFile*; backup: Put*Policy"),
        _CHANGED,
        "who is named in it can mount the files or restore the backup",
        "EFS User Guide, Using IAM to control access to file systems",
    ),
    Outliving(
        "api-policies",
        Family.SHARES,
        _each("apigateway: Update*Policy; vpc-lattice: DeleteAuth* Put*; appsync: Put*Policy"),
        _CHANGED,
        "who is named in it can call the interface",
        "API Gateway Developer Guide, Control access to a REST API with API Gateway resource policies",
    ),
    Outliving(
        "other-resource-policies",
        Family.SHARES,
        _each("acm-pca: Put*; ec2: PutRes*; ses: Put*Policy Create*Policy Update*Policy"),
        _CHANGED,
        "who is named in it needs no permission of their own here",
        "IAM User Guide, AWS services that work with IAM",
    ),
    Outliving(
        "data-feeds",
        Family.SHARES,
        _each("sns: Subscribe; logs: PutSubscriptionF* PutAccountP* CreateDelivery"),
        _DELETED,
        "who subscribed, in this account or another, is sent all that is new",
        "SNS Developer Guide, Subscribing an email address to an Amazon SNS topic",
    ),
    Outliving(
        "network-permissions",
        Family.SHARES,
        _each("ec2: ModifyVpcEndpointServiceP* ModifyVerifiedAccess*Policy"),
        _TAKEN_BACK,
        "who is named in it, another account or a person, is let in to the network",
        "VPC User Guide, Configure an endpoint service",
    ),
    Outliving(
        "resource-shares",
        Family.SHARES,
        _each("ram: As* C* E* P* Rep* S* Update*"),
        _TAKEN_BACK,
        "another account uses the resource as its own",
        "RAM User Guide, Sharing your AWS resources",
    ),
    Outliving(
        "snapshot-shares",
        Family.SHARES,
        _each("ec2: ModifySnapshotA* Modify*ImageA* Disable*BlockPub*; rds: ModifyDB*SnapshotA*"),
        _TAKEN_BACK,
        "another account, or everybody, can copy the data",
        "EC2 User Guide, Share an Amazon EBS snapshot with other AWS accounts",
    ),
    # --- connections ------------------------------------------------------------------------------
    Outliving(
        "instance-shells",
        Family.CONNECTIONS,
        _each("ssm: StartS* ResumeS* GetAccessToken StartAcc*; ssm-guiconnect: Start*"),
        "as long as it stays open, up to 24 hours",
        "an open shell asks IAM no more, and has the instance's role",
        "Systems Manager User Guide, AWS Systems Manager Session Manager",
    ),
    Outliving(
        "container-shells",
        Family.CONNECTIONS,
        _each("ecs: ExecuteCommand; lambda: ConnectM* CreateMicrovm*Token"),
        "as long as it stays open",
        "an open shell asks IAM no more, and has the task's role",
        "ECS Developer Guide, Monitor Amazon ECS containers with ECS Exec",
    ),
    Outliving(
        "instance-connect",
        Family.CONNECTIONS,
        _each("ec2-instance-connect: *; ec2: EnableSerial* CreateInstanceC*"),
        "as long as it stays open",
        "an open SSH session or serial console asks IAM no more",
        "EC2 User Guide, Connect to your Linux instance using EC2 Instance Connect",
    ),
    Outliving(
        "cloud-shells",
        Family.CONNECTIONS,
        _each("cloudshell: C* P* Start*"),
        "up to 12 hours",
        "an open shell goes on within its network, with what was put into it",
        "CloudShell User Guide, Limits and restrictions for AWS CloudShell",
    ),
    Outliving(
        "kubernetes-access",
        Family.CONNECTIONS,
        _each(
            "eks: AccessK* MutateVia* CreateAccessEntry UpdateAccessEntry AssociateA* AssociateI* CreatePodIdentity*"
            " UpdatePodIdentity* UpdateClusterConfig"
        ),
        _CHANGED,
        "the cluster gives rights of its own, to whom and to what was entered",
        "EKS User Guide, Grant IAM users access to Kubernetes with EKS access entries",
    ),
    Outliving(
        "database-logins",
        Family.CONNECTIONS,
        _each(
            "rds-db: connect; dsql: DbC*; redshift: GetClusterC* GetIdentity*; redshift-serverless: GetCred*"
            " GetIdentity*; elasticache: Connect; memorydb: Connect; kafka-cluster: Connect"
        ),
        "as long as it stays open",
        "an open connection asks IAM no more, and a login by token is good for minutes",
        "RDS User Guide, IAM database authentication for MariaDB, MySQL, and PostgreSQL",
    ),
    Outliving(
        "database-users",
        Family.CONNECTIONS,
        _each(
            "elasticache: CreateUser ModifyUser; memorydb: CreateUser UpdateUser; mq: CreateUser UpdateUser; kafka:"
            " BatchAssociate*"
        ),
        _DELETED,
        "a user of the database or the broker signs in with a password, and asks IAM nothing",
        "ElastiCache User Guide, Role-Based Access Control (RBAC)",
    ),
    Outliving(
        "database-passwords",
        Family.CONNECTIONS,
        _each(
            "rds: ModifyDBInstance ModifyDBCluster ModifyTenantDatabase; redshift: ModifyCluster; redshift-serverless:"
            " UpdateNamespace; elasticache: ModifyReplicationGroup"
        ),
        "until it is rotated",
        "the master password is one of many settings, and who has set it knows it",
        "RDS API Reference, ModifyDBInstance",
    ),
    Outliving(
        "database-statements",
        Family.CONNECTIONS,
        _each(
            "rds-data: Execute* BatchExecute*; redshift-data: *ExecuteStatement; redshift: Execute*; rds:"
            " EnableHttpEndpoint"
        ),
        _CHANGED,
        "a statement can make users, and give them rights",
        "Aurora User Guide, Using the Amazon RDS Data API",
    ),
    Outliving(
        "secret-values",
        Family.CONNECTIONS,
        _each("secretsmanager: GetSecretValue BatchGetSecretValue; ec2: GetPasswordData; states: Reveal*"),
        "until it is rotated",
        "a password or key that was read is known",
        "Secrets Manager User Guide, Rotate AWS Secrets Manager secrets",
    ),
    Outliving(
        "secret-parameters",
        Family.CONNECTIONS,
        _each("kms: Decrypt"),
        "until it is rotated",
        "a secure string of Parameter Store that was decrypted is known; other parameters are not meant",
        "KMS Developer Guide, How AWS Systems Manager Parameter Store uses AWS KMS",
        ConditionEntry("StringLike", "kms:ViaService", ("ssm.*.amazonaws.com",)),
    ),
    # --- programs ---------------------------------------------------------------------------------
    Outliving(
        "remote-commands",
        Family.PROGRAMS,
        _each(
            "ssm: SendC* CreateActivation CreateAssoc* CreateDocument UpdateAssociation UpdateDocument Register*Maint*"
            " UpdateMaintenanceWindowTa*"
        ),
        "as long as the program runs, or returns",
        "a command runs as root on the machine, and can start what stays",
        "Systems Manager User Guide, AWS Systems Manager Run Command",
    ),
    Outliving(
        "runbooks",
        Family.PROGRAMS,
        _each("ssm: StartAutomationExecution StartChangeRequest* SendAutomationSignal StartAssociationsOnce"),
        "as long as the runbook runs",
        "a runbook that others wrote does what it says; another role than the session's needs PassRole",
        "Systems Manager User Guide, AWS Systems Manager Automation",
    ),
    Outliving(
        "schedules",
        Family.PROGRAMS,
        _each("scheduler: CreateSchedule UpdateSchedule; events: PutTargets UpdateApiD* UpdateConn*"),
        _DELETED,
        "it acts at a later time, and a connection sends its credentials where it is told",
        "EventBridge Scheduler User Guide, What is Amazon EventBridge Scheduler?",
    ),
    Outliving(
        "workflows",
        Family.PROGRAMS,
        _each("states: Start* Redrive*"),
        "up to 1 year",
        "an execution of what others defined goes on with the role of its state machine",
        "Step Functions Developer Guide, Step Functions service quotas",
    ),
    Outliving(
        "workflow-changes",
        Family.PROGRAMS,
        _each("states: UpdateStateMachine; airflow: UpdateE*"),
        _CHANGED,
        "a workflow that was changed does what it is told, with the role that it has already",
        "Step Functions Developer Guide, Creating an IAM role for your state machine in Step Functions",
    ),
    Outliving(
        "builds",
        Family.PROGRAMS,
        _each("codebuild: Start* Import* UpdateProject CreateWebhook"),
        "up to 36 hours",
        "a build runs what it is told, with the role of its project",
        "CodeBuild API Reference, StartBuild",
    ),
    Outliving(
        "pipelines",
        Family.PROGRAMS,
        _each("codepipeline: UpdatePipeline PutW*"),
        _CHANGED,
        "a pipeline whose source was changed deploys what it is told, with its own role",
        "CodePipeline User Guide, Edit a pipeline in CodePipeline",
    ),
    Outliving(
        "approvals",
        Family.PROGRAMS,
        _each("codepipeline: PutApproval*"),
        "until the next deployment",
        "a pipeline that waited goes on with what others put into it",
        "CodePipeline User Guide, Add a manual approval action to a stage",
    ),
    Outliving(
        "deployments",
        Family.PROGRAMS,
        _each("codedeploy: CreateDeployment; elasticbeanstalk: UpdateE*"),
        "until the next deployment",
        "what is deployed, or set as its environment or image, runs with the role that its machines have already",
        "CodeDeploy API Reference, CreateDeployment",
    ),
    Outliving(
        "batch-jobs",
        Family.PROGRAMS,
        _each("batch: Submit*"),
        "as long as the job runs",
        "a job runs the command it is given, with the role of its definition",
        "Batch API Reference, SubmitJob",
    ),
    Outliving(
        "data-jobs",
        Family.PROGRAMS,
        _each(
            "glue: StartJobRun Run*Statement UpdateJob* CreateTrigger UpdateTrigger UpdateDev*; elasticmapreduce:"
            " AddJob* Get*URL GetClusterS* GetSessionE*"
        ),
        "as long as the job or session runs",
        "a job, a step or a notebook runs the script it is given, with the role that the job or cluster has already",
        "Glue Developer Guide, Getting started with AWS Glue interactive sessions",
    ),
    Outliving(
        "data-runs",
        Family.PROGRAMS,
        _each(
            "glue: StartTrigger StartWorkflowRun StartCrawler CreateSession; elasticmapreduce: RunJobFlow;"
            " emr-serverless: StartJob*"
        ),
        "as long as the job runs",
        "what others defined runs again; what is new needs PassRole for its role",
        "Glue Developer Guide, Starting jobs and crawlers using triggers",
    ),
    Outliving(
        "machine-learning",
        Family.PROGRAMS,
        _each("sagemaker: Create* StartSession UpdateN* Put*Policy"),
        "as long as the job or notebook runs",
        "a notebook, a job or an application runs what it is told, with a role of its own",
        "SageMaker API Reference, CreatePresignedDomainUrl",
    ),
    Outliving(
        "stacks",
        Family.PROGRAMS,
        _each("cloudformation: CreateStack* UpdateStack* Execute*"),
        "until the stack is changed back",
        "a stack keeps its service role, and changes what that may change, users and policies too, without PassRole",
        "CloudFormation User Guide, AWS CloudFormation service role",
    ),
    Outliving(
        "products",
        Family.PROGRAMS,
        _each("servicecatalog: Execute* Provision* UpdateProvisionedProduct"),
        _CHANGED,
        "a product is made from the template of its portfolio, which is not the caller's to write",
        "Service Catalog Administrator Guide, AWS Service Catalog Launch Constraints",
    ),
    Outliving(
        "function-code",
        Family.PROGRAMS,
        _each("lambda: UpdateFunctionCo* CreateMicrovmI* UpdateMicrovmI* RunM* CreateWebFunction* UpdateWebFunction*"),
        "until the next deployment",
        "the code, and the layers and environment that are among its settings, run with the function's role",
        "Lambda API Reference, UpdateFunctionCode",
    ),
    Outliving(
        "container-tasks",
        Family.PROGRAMS,
        _each("ecs: RunTask StartTask RegisterC* CreateExpress* UpdateExpress*"),
        "as long as the task runs",
        "a task runs the command it is given, and a machine that joins a cluster gets the roles of its tasks",
        "ECS API Reference, RunTask",
    ),
    Outliving(
        "new-services",
        Family.PROGRAMS,
        _each(
            "ecs: Register*TaskDefinition CreateService CreateTaskSet CreateDaemon UpdateDaemon; batch: Register*;"
            " elasticbeanstalk: CreateEnvironment; apprunner: CreateService"
        ),
        _CHANGED,
        "a service runs the image it is given, but has no role without PassRole",
        "ECS Developer Guide, Amazon ECS task definitions",
    ),
    Outliving(
        "container-images",
        Family.PROGRAMS,
        _each("ecr: PutImage; codeartifact: Publish* Copy*"),
        _CHANGED,
        "what takes the image by its tag, or the package by its name, runs it",
        "ECR User Guide, Pushing a Docker image to an Amazon ECR private repository",
    ),
    Outliving(
        "new-machines",
        Family.PROGRAMS,
        _each(
            "ec2: Run* RequestSpot* CreateFleet ModifyFleet ModifySpotFleetRequest CreateLaunchTemplate; autoscaling:"
            " CreateLaunchConfiguration CreateAutoScalingGroup"
        ),
        "until it is terminated",
        "a machine runs what it was started with inside the network, but has no role without PassRole",
        "EC2 API Reference, RunInstances",
    ),
    Outliving(
        "key-pairs",
        Family.PROGRAMS,
        _each("ec2: CreateKeyPair ImportKeyPair"),
        _DELETED,
        "the private key logs in to whatever is started with it",
        "EC2 User Guide, Amazon EC2 key pairs and Amazon EC2 instances",
    ),
    Outliving(
        "launch-templates",
        Family.PROGRAMS,
        _each("ec2: CreateLaunchTemplateV*"),
        _CHANGED,
        "groups of machines start by the latest version: its user data runs as root, with whatever role it names",
        "EC2 Auto Scaling User Guide, Auto Scaling launch templates",
    ),
    Outliving(
        "instance-changes",
        Family.PROGRAMS,
        _each("ec2: ModifyInstanceAttribute"),
        _CHANGED,
        "user data, one of the attributes, runs as root at the next start, with the instance's role",
        "EC2 User Guide, Run commands when you launch an EC2 instance with user data input",
    ),
    # --- flows ------------------------------------------------------------------------------------
    Outliving(
        "data-copies",
        Family.FLOWS,
        _each(
            "s3: PutReplication* PutBucketNotification PutInventory*; firehose: Create* Update*; dynamodb:"
            " EnableKinesis*; lambda: CreateEventSourceMapping; ec2: CreateTrafficMirrorSession"
        ),
        _DELETED,
        "what is new is sent elsewhere for as long as it is set",
        "S3 User Guide, Replicating objects within and across Regions",
    ),
    Outliving(
        "open-ports",
        Family.FLOWS,
        _each(
            "ec2: AuthorizeSecurityGroupIngress ModifySecurityGroupRules CreateNetworkAclE* ReplaceNetworkAclE*"
            " DeleteNetworkAclE* ModifyManagedPrefixList ModifyVpcBlockPublicAccess* CreateVpcBlockPublicAccess*"
        ),
        _CHANGED,
        "who is let in by the network needs only a password, or none",
        "VPC User Guide, Security group rules",
    ),
    Outliving(
        "network-links",
        Family.FLOWS,
        _each(
            "ec2: Accept* CreateVpcPeering* CreateVpn* CreateTransitGateway* CreateClientVpn* ModifyClientVpn*"
            " AuthorizeClientVpn* CreateVpcEndpointService* ModifyVpcEndpointServiceConfiguration"
        ),
        _DELETED,
        "another network, or a person's own machine, stays joined to this one",
        "VPC Peering Guide, What is VPC peering?",
    ),
)
"""All that is known to outlive a shift."""


_BY_NAME: Mapping[str, Outliving] = {each.name: each for each in CATALOGUE}

_ALWAYS = frozenset({"aws:CurrentTime", "aws:EpochTime", "aws:SecureTransport"})
"""Keys that are in every request (IAM User Guide, "AWS global condition context keys")."""


ORDINARY: Mapping[str, str] = {
    # What is left is knowledge.
    "secret-values": "who mends a service reads what it is given; what was read can be rotated",
    "secret-parameters": "as secret values",
    # What is left is a resource that was changed. Users of databases are an entry of their own, and denied.
    "database-passwords": "size, storage and parameters of a database are changed by the same actions",
    "database-statements": "data is read and mended by statements, with the rights of a login that is there",
    "open-ports": "rules of the network are put right; who is let in still needs a login",
    "network-links": "routes and tunnels are put right; who is let in still needs a login",
    "data-copies": "where a bucket, a table or a stream sends its data is put right, within what roles are passed",
    # What is new has no role, as `pass-role` is denied.
    "new-machines": "capacity is added by starting machines",
    "new-services": "a service is set up again",
    # What others defined is started, with what they wrote. Who says what runs is another entry, and denied.
    "runbooks": "runbooks are written for who is on call",
    "workflows": "an execution that failed is started again",
    "data-runs": "a run that failed is started again",
    "approvals": "a mend goes out by the pipeline",
    "products": "a product of the catalogue is set up again",
}
"""Entries that are the work of being on call, each with the reason; see the module's own words."""


def look_up(name: str) -> Outliving:
    """Give an entry by its name; raises NotFoundError."""
    if name not in _BY_NAME:
        raise NotFoundError(_unknown(name), "the names are those of what can outlive a shift")
    return _BY_NAME[name]


def outliving(names: Iterable[str]) -> tuple[Outliving, ...]:
    """Give entries by their names, each once, in the catalogue's order; raises NotFoundError."""
    wanted = {look_up(name).name for name in names}
    return tuple(each for each in CATALOGUE if each.name in wanted)


def kept_out(may_outlive: Iterable[str]) -> tuple[Outliving, ...]:
    """Give the entries that are neither opted in to nor ordinary; raises NotFoundError for a name that is none."""
    allowed = {each.name for each in outliving(may_outlive)} | ORDINARY.keys()
    return tuple(each for each in CATALOGUE if each.name not in allowed)


def unknown_names(may_outlive: Iterable[str], where: Location | None = None) -> tuple[Problem, ...]:
    """Give a problem for each name that is not in the catalogue."""
    wrong = [_unknown(name) for name in dict.fromkeys(may_outlive) if name not in _BY_NAME]
    if where is None:
        return tuple(Problem("unknown-outliving", message) for message in wrong)
    return tuple(Problem.at("unknown-outliving", message, where) for message in wrong)


def escape_actions(may_outlive: Iterable[str]) -> tuple[str, ...]:
    """Give the patterns of actions that an on-call role may never be allowed, whatever the request.

    Those that only some requests are meant of (`Outliving.only`) are not among them.
    """
    return tuple(action for each in kept_out(may_outlive) if each.only is None for action in each.actions)


def can_outlive(
    policies: Iterable[Policy], may_outlive: Iterable[str], at: datetime
) -> Iterator[tuple[Outliving, tuple[str, ...]]]:
    """Tell which entries that are opted in to, or ordinary, a permission set's policies really give, by which actions.

    An action counts where any request for it at that instant is allowed, or may be. All else is denied besides, so it
    is not asked. Where only actions that AWS does not list are given, the pattern stands for them.
    """
    asking = _Asking(tuple(policies))
    context = {"aws:CurrentTime": iso(at), "aws:EpochTime": str(int(at.timestamp()))}
    for each in outliving({*may_outlive, *ORDINARY}):
        names: list[str] = []
        for pattern in each.actions:
            listed = actions_matching(pattern)
            named = asking.actions(pattern) or (*listed, pattern)
            given = [a for a in named if not isinstance(asking.answer(each, (a,), context), Proof)]
            names += [a for a in given if a in listed] or ([pattern] if given else [])
        if names:
            yield each, tuple(names)


def prove_no_escape(policies: Iterable[Policy], may_outlive: Iterable[str]) -> tuple[tuple[Outliving, Answer], ...]:
    """Prove of a role's policies, for each entry that is neither opted in to nor ordinary, that it is never allowed.

    It is proven only where the role's own Denies leave no way out, so that no policy of a resource, which may name the
    role or a session of it, can give what the role's policies do not. Where nothing allows and no Deny holds, it is not
    known.
    """
    given = tuple(policies)
    with_anything, alone = _Asking((*given, _ANYTHING)), _Asking(given)
    return tuple((each, _proven(each, with_anything, alone)) for each in kept_out(may_outlive))


def _proven(each: Outliving, with_anything: "_Asking", alone: "_Asking") -> Answer:
    found = _all(with_anything, each)
    if isinstance(found, Proof):
        return found
    found = _all(alone, each)
    if isinstance(found, Proof):
        return NotKnown(f"{each.name}: the role's Denies leave a way out, and the policy of a resource may allow it")
    return found


def _all(asking: "_Asking", each: Outliving) -> Answer:
    """Ask for all actions of an entry."""
    actions: dict[str, None] = {}
    for pattern in each.actions:
        found = asking.actions(pattern)
        if found is None:
            return NotKnown(f"{pattern}: proven for the actions that AWS lists; others are too many")
        actions |= dict.fromkeys(found)
    return asking.answer(each, tuple(actions), {})


_ANYTHING = parse_policy(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
    "whatever a resource's policy may allow",
)


class _Asking:
    """Asks one set of policies; what is proven once is kept."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        self._policies = policies
        self._evaluators: dict[str, Evaluator] = {}
        self._proofs: dict[tuple[object, ...], Proof] = {}
        self._named: dict[str, set[str]] = {}
        """By service the patterns that statements name; under "" those of more than one."""
        for action in {each for policy in policies for s in policy.statements for each in s.actions}:
            service = action.partition(":")[0]
            self._named.setdefault("" if "*" in service or "?" in service else service, set()).add(action)

    def actions(self, pattern: str) -> tuple[str, ...] | None:
        """Give actions that stand for all that a pattern speaks of: those AWS lists, and one for each way to be named.

        None where these are too many.
        """
        if "*" not in pattern:
            return (pattern,)
        folded = pattern.lower()
        named = self._named.get("", set()) | self._named.get(folded.partition(":")[0], set())
        try:
            found = text_witnesses([glob(folded), *(glob(each) for each in sorted(named) if overlap(each, folded))])
        except BudgetError:
            return None
        return (*actions_matching(pattern), *(each for each in found if glob_matches(folded, each)))

    def answer(self, each: Outliving, actions: Sequence[str], context: Mapping[str, str]) -> Answer:
        """Tell whether any request that an entry means is allowed."""
        evaluator = self._evaluator(each)
        asked = Request("", "*", context, present=_ALWAYS.difference(context))
        held: dict[Origin, None] = {}
        layer, unknown = "", None
        for action in actions:
            folded = action.lower()
            key = (evaluator, rules_of_services(folded), evaluator.speaking_of(folded), *context.values())
            found = self._proofs.get(key) or any_allowed(evaluator, asked, (action,))
            if isinstance(found, Counterexample):
                return found
            if isinstance(found, NotKnown):
                unknown = unknown or found
                continue
            self._proofs[key] = found
            held |= dict.fromkeys(found.held_by)
            layer = layer or found.layer
        return unknown or Proof(tuple(held), "" if held else layer)

    def _evaluator(self, each: Outliving) -> Evaluator:
        """Give what decides the requests that an entry means: a condition of it stands before all, as an SCP would."""
        key = each.name if each.only else ""
        if key not in self._evaluators:
            meant_only = None
            if each.only:
                allow = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": each.condition}
                meant_only = ((parse_policy({"Version": "2012-10-17", "Statement": [allow]}, each.name),),)
            self._evaluators[key] = Evaluator(Layers(self._policies, scps=meant_only, resource_unread=True))
        return self._evaluators[key]


def _unknown(name: str) -> str:
    return f"`{name}` is nothing that is known to outlive a shift{meant(name, _BY_NAME)}"
