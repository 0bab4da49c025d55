"""Every call to AWS that this package can make: the lists by which it changes something, and what it reads.

What may be changed is what the modules' own `ALLOWED_CALLS` say. `tests/contract/test_own_calls.py` derives all calls
from the code and holds this list to them; watchbill's own rights are made of it (`access.own_rights`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from watchbill.aws import iam, identity_center, shells


READS: Final[Mapping[str, Sequence[str]]] = {
    "cloudtrail": ("ListPublicKeys", "LookupEvents"),
    "iam": (
        "GenerateCredentialReport",
        "GetAccountAuthorizationDetails",
        "GetAccountSummary",
        "GetCredentialReport",
        "GetGroup",
        "GetLoginProfile",
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetUser",
        "ListAccessKeys",
        "ListAccountAliases",
        "ListMFADevices",
        "ListPolicies",
        "ListSSHPublicKeys",
        "ListServiceSpecificCredentials",
        "ListSigningCertificates",
    ),
    "identitystore": (
        "DescribeUser",
        "GetUserId",
        "ListGroupMemberships",
        "ListGroupMembershipsForMember",
        "ListGroups",
    ),
    "organizations": (
        "DescribeOrganization",
        "DescribePolicy",
        "ListAccountsForParent",
        "ListOrganizationalUnitsForParent",
        "ListPolicies",
        "ListRoots",
        "ListTargetsForPolicy",
    ),
    "s3": ("GetObject", "ListObjectsV2"),
    "ssm": ("DescribeSessions",),
    "sso-admin": (
        "DescribeAccountAssignmentCreationStatus",
        "DescribeAccountAssignmentDeletionStatus",
        "DescribePermissionSet",
        "DescribePermissionSetProvisioningStatus",
        "GetInlinePolicyForPermissionSet",
        "GetPermissionsBoundaryForPermissionSet",
        "ListAccountAssignments",
        "ListAccountAssignmentsForPrincipal",
        "ListAccountsForProvisionedPermissionSet",
        "ListCustomerManagedPolicyReferencesInPermissionSet",
        "ListManagedPoliciesInPermissionSet",
        "ListPermissionSets",
    ),
    "sts": ("GetCallerIdentity",),
}
"""By service of boto3 what changes nothing."""

BESIDE: Final[Mapping[str, Sequence[str]]] = {
    "s3": ("CreateBucket", "PutObject"),
    "securityhub": ("BatchImportFindings",),
    "sqs": ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "ReceiveMessage"),
    "sts": ("AssumeRole",),
}
"""By service what changes something that is no plan's: messages, findings, sessions, and the demo's bucket."""

CHANGES: Final[Mapping[str, Sequence[str]]] = {
    "iam": tuple(iam.ALLOWED_CALLS),
    "ssm": tuple(shells.ALLOWED_CALLS),
    **{service: tuple(calls) for service, calls in identity_center.ALLOWED_CALLS.items()},
}
"""By service what steps of a plan are."""

CALLS: Final[frozenset[tuple[str, str]]] = frozenset(
    (service, operation)
    for calls in (READS, BESIDE, CHANGES)
    for service, operations in calls.items()
    for operation in operations
)
"""All of them: the service and the operation, as botocore's models name them."""
