"""What watchbill itself may do in AWS: policies of its own roles, made of the list of the calls that its code makes.

A call is on the list of `aws.calls`; the table here says in which policies it is, on what, and under which condition.
One that is in neither the table nor `NOT_GIVEN` makes no policy but an error, so that the list and the policies cannot
drift apart.

* The **reader** reads IAM, and at home the trail. The **reconciler** applies plans. The **responder** contains: it
  attaches and detaches what AWS itself made to deny everything, switches credentials, ends shells, and takes people
  out of watchbill's groups. It writes no policy.
* What a freeze, a restore, an eviction, an offboarding or a helping hand needs beyond that are policies of their own,
  which nobody gets without wishing it; each says what it means to hold it. What would make the responder an
  administrator is in no policy at all (`NOT_GIVEN`), and a freeze says where it does not hold for want of it.
* None of watchbill's own roles and policies lies under the path that its plans write to, and each role is bounded by a
  policy that denies it any change of them.

Sources: Service Authorization Reference (by `policy.actions`); IAM User Guide, "Permissions boundaries for IAM
entities" and "Controlling access to AWS resources using policies". The code names the partition `aws`, and no other.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from watchbill.access.documents import Statement, document
from watchbill.access.model import FREEZE_POLICY, PATH, TAG, Document
from watchbill.access.permissions import managed_arns
from watchbill.access.quarantine import DENY_ALL
from watchbill.policy.actions import access_level, actions_of
from watchbill.team.model import Account, IdentityCenter, Team


OWN_PATH: Final = "/watchbill-own/"
"""Path of the policies that watchbill's own roles have. It is none that a plan may write to."""

Calls = Collection[tuple[str, str]]
"""Calls as service and operation, as botocore's models name them."""


class OwnRole(StrEnum):
    """A role of watchbill's own, by what it does."""

    READER = "reader"
    RECONCILER = "reconciler"
    RESPONDER = "responder"

    @property
    def iam_name(self) -> str:
        """Give its name in IAM; it lies under `/`."""
        return f"watchbill-{self}"

    @property
    def boundary(self) -> str:
        """Give the name of the policy that bounds it."""
        return f"watchbill-{self}-boundary"


class Place(StrEnum):
    """Where a policy is held."""

    ACCOUNT = "account"
    """By a role in each account."""
    CENTER = "identity-center"
    """By a role in the account of Identity Center, besides."""
    HOME = "home"
    """By the identity that watchbill runs with."""


@dataclass(frozen=True, slots=True)
class Part:
    """One policy of a role."""

    name: str
    role: OwnRole
    place: Place
    means: str
    """What it means that somebody holds it."""
    optional: bool = False
    """Whether the role is whole without it."""


@dataclass(frozen=True, slots=True)
class Where:
    """What the ARNs and conditions of policies name; each may be a placeholder of a template."""

    account: str
    ceiling: str | None = None
    """ARN of the policy that bounds the roles of plans; None where nothing does."""
    managed: tuple[str, ...] = ()
    """ARNs of policies of others that permission sets are made of."""
    protected: tuple[str, ...] = ()
    """Names of IAM users that are never frozen."""
    instance: str = ""
    """ARN of the instance of Identity Center; empty where it is not in this account."""
    store: str = ""
    scp: str | None = None
    """Id of the organization's policy that lists the frozen."""
    takes: tuple[str, ...] = ()
    """ARNs of the roles that are taken from home."""
    buckets: tuple[tuple[str, str], ...] = ()
    """Buckets of trails, each with the prefix under which they lie."""
    queues: tuple[str, ...] = ()
    """ARNs of queues that tell of new files."""
    keys: tuple[str, ...] = ()
    """ARNs of the keys that trails are encrypted with."""
    organization: bool = False
    """Whether the organization is read from this account."""


@dataclass(frozen=True, slots=True)
class OwnPolicy:
    """A policy as it is to be attached."""

    part: Part
    document: Document


@dataclass(frozen=True, slots=True)
class _Scope:
    """On what, and under which condition; statements are named by it."""

    sid: str
    resources: tuple[str, ...]
    """Texts with the names of `Where` in braces. Where one of them is nothing, so is the statement."""
    condition: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, hash=False)
    must: str = ""
    """What of `Where` there must be for the call to be made at all."""


def _part(role: OwnRole, suffix: str, means: str, place: Place = Place.ACCOUNT, *, optional: bool = False) -> Part:
    return Part(f"{role.iam_name}{suffix}", role, place, means, optional)


READER: Final = _part(OwnRole.READER, "", "reads all of IAM and changes nothing")
CENTER_READ: Final = _part(
    OwnRole.READER,
    "-center",
    "reads the permission sets, assignments, groups and users of Identity Center; needed where it delivers access",
    Place.CENTER,
    optional=True,
)
FINDINGS: Final = _part(
    OwnRole.READER, "-findings", "writes findings to Security Hub, as the account's own product", optional=True
)
READER_ORGANIZATION: Final = _part(
    OwnRole.READER, "-organization", "reads the organization: its accounts and policies", optional=True
)
READER_HOME: Final = _part(OwnRole.READER, "-home", "takes the reader's role in each account", Place.HOME)
TRAIL: Final = _part(OwnRole.READER, "-trail", "reads the trail's files and the messages that tell of them", Place.HOME)
RECONCILER: Final = _part(
    OwnRole.RECONCILER,
    "",
    "writes every policy, group and role under watchbill's path, so it decides what people hold: as strong as the "
    "strongest permission set, and for users as strong as it likes. It cannot sign in as anybody",
)
CENTER_PLANS: Final = _part(
    OwnRole.RECONCILER,
    "-center",
    "writes the permission sets of Identity Center that carry watchbill's tag, puts anybody into any group of it, and "
    "assigns those sets to anybody: it is an administrator of every account that Identity Center reaches",
    Place.CENTER,
    optional=True,
)
RECONCILER_ORGANIZATION: Final = _part(
    OwnRole.RECONCILER, "-organization", "reads the organization: its accounts and policies", optional=True
)
ONBOARD: Final = _part(
    OwnRole.RECONCILER,
    "-onboard",
    "sets the first password of users under watchbill's path: it can sign in as whoever has none yet",
    optional=True,
)
RECONCILER_SHELLS: Final = _part(
    OwnRole.RECONCILER,
    "-shells",
    "ends open shells of Session Manager, whoever's they are; needed where a permission set has `end_after`",
    optional=True,
)
RECONCILER_HOME: Final = _part(OwnRole.RECONCILER, "-home", "takes the reconciler's role in each account", Place.HOME)
RESPONDER: Final = _part(
    OwnRole.RESPONDER,
    "",
    "can shut anybody out, and lift such a deny again; it can give nobody anything new",
)
RESPONDER_HOME: Final = _part(OwnRole.RESPONDER, "-home", "takes the responder's role in each account", Place.HOME)
FREEZE: Final = _part(
    OwnRole.RESPONDER,
    "-freeze-policy",
    f"writes the one policy {FREEZE_POLICY}, which lies on every on-call role: it ends live sessions by it, and could "
    "write an Allow there, which whoever is on watch would have as far as guards, fence and ceiling let it",
    optional=True,
)
RESTORE: Final = _part(
    OwnRole.RESPONDER,
    "-restore",
    "puts people into watchbill's groups, sets any boundary and deletes inline policies of users: it can give anybody "
    "what any of these groups has, and take off what bounds or denies them",
    optional=True,
)
EVICT: Final = _part(
    OwnRole.RESPONDER, "-evict", "deletes passwords, keys and MFA devices, which nobody gets back", optional=True
)
OFFBOARD: Final = _part(
    OwnRole.RESPONDER,
    "-offboard",
    "deletes users with all they have, for good, and takes anybody out of any group; policies it takes off those alone "
    "whose boundary is AWSDenyAll, which the responder can make it",
    optional=True,
)
ASSIST: Final = _part(
    OwnRole.RESPONDER,
    "-assist",
    "sets passwords and takes MFA devices off: it can sign in as anybody who is not protected",
    optional=True,
)
CENTER: Final = _part(
    OwnRole.RESPONDER,
    "-center",
    "takes assignments and memberships of Identity Center, and writes the one policy of the organization that lists "
    "the frozen, which can deny and never give",
    Place.CENTER,
)
CENTER_RESTORE: Final = _part(
    OwnRole.RESPONDER,
    "-center-restore",
    "assigns any permission set to anybody in any account: it is an administrator of them all",
    Place.CENTER,
    optional=True,
)

PARTS: Final = (
    READER,
    CENTER_READ,
    FINDINGS,
    READER_ORGANIZATION,
    READER_HOME,
    TRAIL,
    RECONCILER,
    ONBOARD,
    RECONCILER_SHELLS,
    CENTER_PLANS,
    RECONCILER_ORGANIZATION,
    RECONCILER_HOME,
    RESPONDER,
    FREEZE,
    RESTORE,
    EVICT,
    OFFBOARD,
    ASSIST,
    RESPONDER_HOME,
    CENTER,
    CENTER_RESTORE,
)

_IAM = "arn:aws:iam::{account}:"
_POLICIES = f"{_IAM}policy{PATH}*"
_GROUPS = f"{_IAM}group{PATH}*"
_ROLES = f"{_IAM}role{PATH}*"

_ALL = _Scope("Look", ("*",))
_OURS_POLICIES = _Scope("Policies", (_POLICIES,))
_OURS_GROUPS = _Scope("Groups", (_GROUPS,))
_OURS_ROLES = _Scope("Roles", (_ROLES,))
_OURS_USERS = _Scope("Users", (f"{_IAM}user{PATH}*",))
_ANY_USER = _Scope("AnyUser", (f"{_IAM}user/*",))
_ANY_GROUP = _Scope("LeaveAnyGroup", (f"{_IAM}group/*",))
_ANY_NAME = _Scope("WhoHasAName", tuple(f"{_IAM}{kind}/*" for kind in ("group", "policy", "role", "user")))
_SETS = {"ArnLike": {"iam:PolicyARN": (_POLICIES, "{managed}")}}
_ATTACH_TO_GROUPS = _Scope("AttachToGroups", (_GROUPS,), _SETS)
_ATTACH_TO_ROLES = _Scope("AttachToRoles", (_ROLES,), _SETS)
_UNDER_CEILING = {"ArnEquals": {"iam:PermissionsBoundary": ("{ceiling}",)}}
_MAKE_ROLES = _Scope("MakeRoles", (_ROLES,), _UNDER_CEILING)
_BOUND_ROLES = _Scope("BoundRoles", (_ROLES,), _UNDER_CEILING, "ceiling")
_OF_DENY_ALL = {"ArnEquals": {"iam:PolicyARN": (DENY_ALL,)}}
_DENY_USERS = _Scope("DenyUsers", (f"{_IAM}user/*",), _OF_DENY_ALL)
_DENY_BY_BOUNDARY = _Scope(
    "DenyUsersByBoundary", (f"{_IAM}user/*",), {"ArnEquals": {"iam:PermissionsBoundary": (DENY_ALL,)}}
)
_SHUT_OUT = _Scope("UsersShutOut", (f"{_IAM}user/*",), {"ArnEquals": {"iam:PermissionsBoundary": (DENY_ALL,)}})
_FREEZE_ITSELF = _Scope("FreezePolicy", (f"{_IAM}policy{PATH}{FREEZE_POLICY}",))
_DEVICES = _Scope("Devices", (f"{_IAM}mfa/*",))
_SHELLS = _Scope("Shells", ("arn:aws:ssm:*:{account}:session/*",))
_HUB = _Scope("Findings", ("arn:aws:securityhub:*:{account}:product/{account}/default",))
_TAKE = _Scope("Take", ("{takes}",))
_LIST_BUCKETS = _Scope("Buckets", ("{buckets}",))
_OBJECTS = _Scope("Objects", ("{objects}",))
_QUEUES = _Scope("Queues", ("{queues}",))
_DECRYPT = _Scope("Decrypt", ("{keys}",))
_INSTANCE = _Scope("Instance", ("{instance}", "{sets}"), must="instance")
_ASSIGN = _Scope("Assign", ("{instance}", "{sets}", "arn:aws:sso:::account/*"), must="instance")
_STORE = _Scope(
    "Store",
    (
        "arn:aws:identitystore::{account}:identitystore/{store}",
        *(f"arn:aws:identitystore:::{kind}/*" for kind in ("group", "membership", "user")),
    ),
    must="store",
)
_OWN_SETS = _Scope("OwnSets", ("{sets}",), {"StringLike": {f"aws:ResourceTag/{TAG}": ("*",)}}, "instance")
_MADE_SETS = _Scope("MakeSets", ("{instance}", "{sets}"), {"StringLike": {f"aws:RequestTag/{TAG}": ("*",)}}, "instance")
_AROUND_SETS = _Scope("AroundSets", ("{instance}", "arn:aws:sso:::account/*"), must="instance")
_MEMBER_OF = _Scope("MemberOf", ("*",), must="instance")
_ORGANIZATION = _Scope("Organization", ("*",), must="scp")
_WHOLE_ORGANIZATION = _Scope("WholeOrganization", ("*",), must="organization")
_SCP = _Scope("Frozen", ("arn:aws:organizations::*:policy/*/service_control_policy/{scp}",), must="scp")

_EVERY_ROLE = ((READER, _ALL), (RECONCILER, _ALL), (RESPONDER, _ALL))
_NAMES = ((RECONCILER, _ANY_NAME),)
_WRITTEN = ((RECONCILER, _ANY_NAME), (FREEZE, _FREEZE_ITSELF))
_CREDENTIALS = ((RESPONDER, _ANY_USER),)
_DELETES = ((EVICT, _ANY_USER), (OFFBOARD, _ANY_USER))
_READ_CREDENTIALS = (*_CREDENTIALS, (ONBOARD, _ANY_USER))
_PLANS_POLICIES = ((RECONCILER, _OURS_POLICIES),)
_PLANS_GROUPS = ((RECONCILER, _OURS_GROUPS),)
_PLANS_ROLES = ((RECONCILER, _OURS_ROLES),)
_BOUNDS = ((READER_ORGANIZATION, _WHOLE_ORGANIZATION), (RECONCILER_ORGANIZATION, _WHOLE_ORGANIZATION))
_IN_CENTER = ((CENTER, _INSTANCE),)
_IN_STORE = ((CENTER, _STORE),)
_CENTER_READ = ((CENTER_READ, _INSTANCE), (CENTER_PLANS, _INSTANCE))
_CENTER_READ_ASSIGNED = ((CENTER_READ, _ASSIGN), (CENTER_PLANS, _ASSIGN))
_STORE_READ = ((CENTER_READ, _STORE), (CENTER_PLANS, _STORE))
_STORE_WRITTEN = ((CENTER_PLANS, _STORE),)
_PLANS_SETS = ((CENTER_PLANS, _OWN_SETS), (CENTER_PLANS, _AROUND_SETS))

_GIVEN: Final[Mapping[str, Sequence[tuple[Part, _Scope]]]] = {
    "cloudtrail:ListPublicKeys": ((TRAIL, _ALL),),
    "cloudtrail:LookupEvents": ((TRAIL, _ALL),),
    "iam:AddUserToGroup": ((RECONCILER, _OURS_GROUPS), (RESTORE, _OURS_GROUPS)),
    "iam:AttachGroupPolicy": ((RECONCILER, _ATTACH_TO_GROUPS),),
    "iam:AttachRolePolicy": ((RECONCILER, _ATTACH_TO_ROLES),),
    "iam:AttachUserPolicy": ((RECONCILER, _DENY_USERS), (RESPONDER, _DENY_USERS)),
    "iam:CreateGroup": _PLANS_GROUPS,
    "iam:CreateLoginProfile": ((ASSIST, _ANY_USER), (ONBOARD, _OURS_USERS)),
    "iam:CreatePolicy": _PLANS_POLICIES,
    "iam:CreatePolicyVersion": ((RECONCILER, _OURS_POLICIES), (FREEZE, _FREEZE_ITSELF)),
    "iam:CreateRole": ((RECONCILER, _MAKE_ROLES),),
    "iam:CreateUser": ((RECONCILER, _OURS_USERS),),
    "iam:DeactivateMFADevice": ((EVICT, _ANY_USER), (OFFBOARD, _ANY_USER), (ASSIST, _ANY_USER)),
    "iam:DeleteAccessKey": _DELETES,
    "iam:DeleteGroup": _PLANS_GROUPS,
    "iam:DeleteGroupPolicy": _PLANS_GROUPS,
    "iam:DeleteLoginProfile": _DELETES,
    "iam:DeletePolicy": _PLANS_POLICIES,
    "iam:DeletePolicyVersion": ((RECONCILER, _OURS_POLICIES), (FREEZE, _FREEZE_ITSELF)),
    "iam:DeleteRole": _PLANS_ROLES,
    "iam:DeleteRolePolicy": _PLANS_ROLES,
    "iam:DeleteSSHPublicKey": ((OFFBOARD, _ANY_USER),),
    "iam:DeleteServiceSpecificCredential": ((OFFBOARD, _ANY_USER),),
    "iam:DeleteSigningCertificate": ((OFFBOARD, _ANY_USER),),
    "iam:DeleteUser": ((OFFBOARD, _ANY_USER),),
    "iam:DeleteUserPermissionsBoundary": ((RESPONDER, _DENY_BY_BOUNDARY),),
    "iam:DeleteUserPolicy": ((RECONCILER, _ANY_USER), (RESTORE, _ANY_USER), (OFFBOARD, _SHUT_OUT)),
    "iam:DeleteVirtualMFADevice": ((EVICT, _DEVICES), (OFFBOARD, _DEVICES), (ASSIST, _DEVICES)),
    "iam:DetachGroupPolicy": _PLANS_GROUPS,
    "iam:DetachRolePolicy": _PLANS_ROLES,
    "iam:DetachUserPolicy": ((RECONCILER, _OURS_USERS), (RESPONDER, _DENY_USERS), (OFFBOARD, _SHUT_OUT)),
    "iam:GenerateCredentialReport": _EVERY_ROLE,
    "iam:GetAccountAuthorizationDetails": _EVERY_ROLE,
    "iam:GetAccountSummary": _EVERY_ROLE,
    "iam:GetCredentialReport": _EVERY_ROLE,
    "iam:GetGroup": _NAMES,
    "iam:GetLoginProfile": _READ_CREDENTIALS,
    "iam:GetPolicy": _WRITTEN,
    "iam:GetPolicyVersion": _WRITTEN,
    "iam:GetRole": _NAMES,
    "iam:GetUser": _NAMES,
    "iam:ListAccessKeys": _READ_CREDENTIALS,
    "iam:ListAccountAliases": ((READER, _ALL),),
    "iam:ListMFADevices": _READ_CREDENTIALS,
    "iam:ListPolicies": ((RECONCILER, _ALL),),
    "iam:ListSSHPublicKeys": _READ_CREDENTIALS,
    "iam:ListServiceSpecificCredentials": _READ_CREDENTIALS,
    "iam:ListSigningCertificates": _READ_CREDENTIALS,
    "iam:PutRolePermissionsBoundary": ((RECONCILER, _BOUND_ROLES),),
    "iam:PutUserPermissionsBoundary": (
        (RECONCILER, _DENY_BY_BOUNDARY),
        (RESPONDER, _DENY_BY_BOUNDARY),
        (RESTORE, _ANY_USER),
    ),
    "iam:PutUserPolicy": ((RECONCILER, _ANY_USER),),
    "iam:RemoveUserFromGroup": ((RECONCILER, _ANY_GROUP), (RESPONDER, _OURS_GROUPS), (OFFBOARD, _ANY_GROUP)),
    "iam:UpdateAccessKey": _CREDENTIALS,
    "iam:UpdateAssumeRolePolicy": _PLANS_ROLES,
    "iam:UpdateLoginProfile": ((ASSIST, _ANY_USER),),
    "iam:UpdateSSHPublicKey": _CREDENTIALS,
    "iam:UpdateServiceSpecificCredential": _CREDENTIALS,
    "iam:UpdateSigningCertificate": _CREDENTIALS,
    "identitystore:CreateGroup": _STORE_WRITTEN,
    "identitystore:CreateGroupMembership": ((CENTER_RESTORE, _STORE), (CENTER_PLANS, _STORE)),
    "identitystore:DeleteGroup": _STORE_WRITTEN,
    "identitystore:DeleteGroupMembership": (*_IN_STORE, *_STORE_WRITTEN),
    "identitystore:DescribeUser": (*_IN_STORE, *_STORE_READ),
    "identitystore:GetUserId": (*_IN_STORE, *_STORE_READ),
    "identitystore:ListGroupMemberships": _STORE_READ,
    "identitystore:ListGroupMembershipsForMember": (*_IN_STORE, *_STORE_READ),
    "identitystore:ListGroups": ((CENTER_RESTORE, _STORE), *_STORE_READ),
    "organizations:DescribeOrganization": (
        (CENTER, _ORGANIZATION),
        (CENTER_READ, _MEMBER_OF),
        (CENTER_PLANS, _MEMBER_OF),
        *_BOUNDS,
    ),
    "organizations:DescribePolicy": ((CENTER, _SCP), *_BOUNDS),
    "organizations:ListAccountsForParent": _BOUNDS,
    "organizations:ListOrganizationalUnitsForParent": _BOUNDS,
    "organizations:ListPolicies": _BOUNDS,
    "organizations:ListRoots": _BOUNDS,
    "organizations:ListTargetsForPolicy": ((CENTER, _SCP), *_BOUNDS),
    "organizations:UpdatePolicy": ((CENTER, _SCP),),
    "s3:GetObject": ((TRAIL, _OBJECTS),),
    "s3:ListObjectsV2": ((TRAIL, _LIST_BUCKETS),),
    "securityhub:BatchImportFindings": ((FINDINGS, _HUB),),
    "sqs:ChangeMessageVisibilityBatch": ((TRAIL, _QUEUES),),
    "sqs:DeleteMessageBatch": ((TRAIL, _QUEUES),),
    "sqs:ReceiveMessage": ((TRAIL, _QUEUES),),
    "ssm:DescribeSessions": ((RESPONDER, _ALL), (RECONCILER_SHELLS, _ALL)),
    "ssm:TerminateSession": ((RESPONDER, _SHELLS), (RECONCILER_SHELLS, _SHELLS)),
    "sso-admin:AttachCustomerManagedPolicyReferenceToPermissionSet": _PLANS_SETS,
    "sso-admin:AttachManagedPolicyToPermissionSet": _PLANS_SETS,
    "sso-admin:CreateAccountAssignment": ((CENTER_RESTORE, _ASSIGN), *_PLANS_SETS),
    "sso-admin:CreatePermissionSet": ((CENTER_PLANS, _MADE_SETS),),
    "sso-admin:DeleteAccountAssignment": ((CENTER, _ASSIGN), *_PLANS_SETS),
    "sso-admin:DeletePermissionSet": _PLANS_SETS,
    "sso-admin:DescribeAccountAssignmentCreationStatus": ((CENTER_RESTORE, _INSTANCE), (CENTER_PLANS, _INSTANCE)),
    "sso-admin:DescribeAccountAssignmentDeletionStatus": (*_IN_CENTER, (CENTER_PLANS, _INSTANCE)),
    "sso-admin:DescribePermissionSet": ((CENTER_RESTORE, _INSTANCE), *_CENTER_READ),
    "sso-admin:DescribePermissionSetProvisioningStatus": ((CENTER_PLANS, _INSTANCE),),
    "sso-admin:DetachCustomerManagedPolicyReferenceFromPermissionSet": _PLANS_SETS,
    "sso-admin:DetachManagedPolicyFromPermissionSet": _PLANS_SETS,
    "sso-admin:GetInlinePolicyForPermissionSet": (*_IN_CENTER, *_CENTER_READ),
    "sso-admin:GetPermissionsBoundaryForPermissionSet": _CENTER_READ,
    "sso-admin:ListAccountAssignments": ((CENTER_RESTORE, _ASSIGN), *_CENTER_READ_ASSIGNED),
    "sso-admin:ListAccountAssignmentsForPrincipal": (*_IN_CENTER, *_CENTER_READ),
    "sso-admin:ListAccountsForProvisionedPermissionSet": _CENTER_READ_ASSIGNED,
    "sso-admin:ListCustomerManagedPolicyReferencesInPermissionSet": _CENTER_READ,
    "sso-admin:ListManagedPoliciesInPermissionSet": _CENTER_READ,
    "sso-admin:ListPermissionSets": _CENTER_READ,
    "sso-admin:ProvisionPermissionSet": _PLANS_SETS,
    "sso-admin:PutPermissionsBoundaryToPermissionSet": _PLANS_SETS,
    "sso-admin:UpdatePermissionSet": _PLANS_SETS,
    "sts:AssumeRole": ((READER_HOME, _TAKE), (RECONCILER_HOME, _TAKE), (RESPONDER_HOME, _TAKE)),
}
"""By call the policies that it is in, and on what."""

_TAGGED = {"ForAllValues:StringEquals": {"aws:TagKeys": (TAG,)}}
_BESIDE: Final[Mapping[str, tuple[str, _Scope]]] = {
    "iam:CreatePolicy": ("iam:TagPolicy", _Scope("TagPolicies", (_POLICIES,), _TAGGED)),
    "iam:CreateRole": ("iam:TagRole", _Scope("TagRoles", (_ROLES,), _TAGGED)),
    "iam:CreateUser": ("iam:TagUser", _Scope("TagUsers", (f"{_IAM}user{PATH}*",), _TAGGED)),
    "s3:GetObject": ("kms:Decrypt", _DECRYPT),
    "sso-admin:CreatePermissionSet": (
        "sso:TagResource",
        _Scope("TagSets", ("{instance}", "{sets}"), _TAGGED, "instance"),
    ),
}
"""By call what AWS asks for besides: to tag what is made, and to decrypt what is read."""

NOT_GIVEN: Final[Mapping[str, str]] = {
    "iam:DeleteRolePermissionsBoundary": "no plan takes off a boundary",
    "iam:PutRolePolicy": "whoever may write into any role is an administrator. A freeze without it does not reach live "
    "sessions of roles that are not watchbill's, and says so",
    "s3:CreateBucket": "the demo alone makes a bucket, on its stand-in",
    "s3:PutObject": "the demo alone writes objects, on its stand-in",
    "sso-admin:DeleteInlinePolicyFromPermissionSet": "see PutInlinePolicyToPermissionSet",
    "sso-admin:PutInlinePolicyToPermissionSet": "whoever may write into permission sets is an administrator of every "
    "account. A freeze needs it where no policy of the organization lists the frozen: have one (`identity_center`)",
    "sts:GetCallerIdentity": "nobody needs a right to it, and no policy denies it",
}
"""By call why it is in no policy."""


def parts_of(service: str, operation: str) -> tuple[Part, ...]:
    """Give the policies that a call is in; none where `NOT_GIVEN` says why, a KeyError where nothing is said."""
    call = f"{service}:{operation}"
    return () if call in NOT_GIVEN else tuple(part for part, _ in _GIVEN[call])


def own_policies(calls: Calls, where: Where, places: Collection[Place] = tuple(Place)) -> tuple[OwnPolicy, ...]:
    """Give the policies of all roles in some places that have anything to say there."""
    found = ((part, tuple(_statements(calls, part, where))) for part in PARTS if part.place in places)
    return tuple(OwnPolicy(part, document(statements)) for part, statements in found if statements)


def boundary(calls: Calls, role: OwnRole, account: str) -> Document:
    """Give the policy that bounds one of watchbill's own roles: its calls and no other, and no change of itself."""
    actions = sorted({action for part in PARTS if part.role is role for action, _ in _actions(calls, part)})
    allow = {"Sid": "Most", "Effect": "Allow", "Action": actions, "Resource": "*"}
    changes = [a for a in actions if a.startswith("iam:") and access_level(a) not in ("List", "Read")]
    own = [*(f"arn:aws:iam::{account}:role/{each.iam_name}" for each in OwnRole), _own_policies(account)]
    deny = {"Sid": "NotItself", "Effect": "Deny", "Action": changes, "Resource": own}
    return document([allow, deny] if changes else [allow])


def own_policy_arn(account: str, name: str) -> str:
    """Give the ARN of a policy of watchbill's own roles."""
    return f"arn:aws:iam::{account}:policy{OWN_PATH}{name}"


def where_of(team: Team, account: Account) -> Where:
    """Give what the policies of a role in one of the team's accounts name."""
    ceiling, center = team.ceiling, team.identity_center
    if ceiling is not None and not ceiling.startswith("arn:"):
        ceiling = f"arn:aws:iam::{account.number}:policy/{ceiling}"
    managed = {arn for permissions in team.permission_sets.values() for arn in managed_arns(permissions)}
    sealed = (each.iam_user for each in team.break_glass if account.name in each.accounts)
    protected = tuple(sorted({*sealed, *team.protected}))
    reads = team.organization == account.name
    there = Where(account.number, ceiling, tuple(sorted(managed)), protected, organization=reads)
    return there if center is None or center.account != account.name else _with_center(there, center)


def home_of(team: Team, role: OwnRole, trail: Where) -> Where:
    """Give what the policies of the identity that watchbill runs with name: the role in each account, and the trail."""
    numbers = sorted(account.number for account in team.accounts.values() if account.role is not None)
    takes = tuple(f"arn:aws:iam::{number}:role/{role.iam_name}" for number in numbers)
    return Where("", takes=takes, buckets=trail.buckets, queues=trail.queues, keys=trail.keys)


def _with_center(there: Where, center: IdentityCenter) -> Where:
    return replace(there, instance=center.instance, store=center.store, scp=center.policy)


def _own_policies(account: str) -> str:
    return own_policy_arn(account, "*")


def _actions(calls: Calls, part: Part) -> Iterator[tuple[str, _Scope]]:
    """Give the actions of a policy, each with its scope; a call that no rule speaks of is a KeyError."""
    for service, operation in sorted(calls):
        call = f"{service}:{operation}"
        if call in NOT_GIVEN:
            continue
        for given, scope in _GIVEN[call]:
            if given is part:
                for action in actions_of(f"{service}.amazonaws.com", operation).actions:
                    yield action, scope
                if call in _BESIDE:
                    yield _BESIDE[call]


def _statements(calls: Calls, part: Part, where: Where) -> Iterator[Statement]:
    grouped: dict[_Scope, list[str]] = {}
    for action, scope in _actions(calls, part):
        grouped.setdefault(scope, []).append(action)
    for scope, actions in sorted(grouped.items(), key=lambda pair: pair[0].sid):
        resources = _filled(scope.resources, where)
        if resources and (not scope.must or getattr(where, scope.must)):
            found: dict[str, Any] = {"Sid": scope.sid, "Effect": "Allow", "Action": sorted(set(actions))}
            condition = _conditions(scope, where)
            yield {**found, "Resource": resources, **({"Condition": condition} if condition else {})}
    if part.role is OwnRole.RESPONDER and part.place is Place.ACCOUNT:
        yield from _never(grouped, where)


def _never(grouped: Mapping[_Scope, Iterable[str]], where: Where) -> Iterator[Statement]:
    """Deny every change of whoever is protected, as freezes refuse it."""
    of_users = {action for scope, actions in grouped.items() if ":user/" in scope.resources[0] for action in actions}
    changes = sorted(action for action in of_users if access_level(action) not in ("List", "Read"))
    if changes and where.protected:
        users = [f"arn:aws:iam::{where.account}:user/{way}{n}" for n in where.protected for way in ("", "*/")]
        yield {"Sid": "Protected", "Effect": "Deny", "Action": changes, "Resource": users}


def _conditions(scope: _Scope, where: Where) -> dict[str, dict[str, list[str]]]:
    found = {
        operator: {key: filled for key, values in keys.items() if (filled := _filled(values, where))}
        for operator, keys in scope.condition.items()
    }
    return {operator: keys for operator, keys in found.items() if keys}


def _filled(texts: Iterable[str], where: Where) -> list[str]:
    """Put what there is into texts. One of several, such as buckets, comes to as many; of none, to none."""
    many = {
        "{managed}": where.managed,
        "{ceiling}": () if where.ceiling is None else (where.ceiling,),
        "{takes}": where.takes,
        "{buckets}": tuple(dict.fromkeys(f"arn:aws:s3:::{bucket}" for bucket, _ in where.buckets)),
        "{objects}": tuple(f"arn:aws:s3:::{bucket}/{prefix}*" for bucket, prefix in where.buckets),
        "{queues}": where.queues,
        "{keys}": where.keys,
        "{instance}": (where.instance,),
        "{sets}": (f"arn:aws:sso:::permissionSet/{where.instance.rpartition('/')[2]}/*",),
    }
    found: list[str] = []
    for text in texts:
        one = text.replace("{account}", where.account).replace("{store}", where.store).replace("{scp}", where.scp or "")
        found += many.get(text, (one,))
    return found
