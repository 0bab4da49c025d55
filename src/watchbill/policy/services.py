"""What AWS services decide themselves, whatever policies say.

Each rule with its source. Names of actions are in lower case.
"""

from watchbill.policy.actions import resource_types
from watchbill.policy.cells import arn_shared
from watchbill.policy.model import Kind, Request
from watchbill.policy.patterns import glob


BY_SERVICE = ("kms:", "sts:", "iam:")
"""Starts of the actions that rules here are about."""

ALWAYS_ALLOWED = frozenset({"sts:getcalleridentity"})
"""STS API reference, GetCallerIdentity: no permission is needed, and none can deny it."""

_TRUST = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity")
"""IAM User Guide, "Roles terms and concepts": what a role's trust policy decides."""

_FIXED_POLICY = frozenset(
    f"iam:{name}"
    for name in (
        "createpolicy",
        "createpolicyversion",
        "deletepolicy",
        "deletepolicyversion",
        "setdefaultpolicyversion",
        "tagpolicy",
        "untagpolicy",
    )
)
"""IAM User Guide, "Managed policies and inline policies": nobody changes AWS managed policies."""

_READS = ("iam:get", "iam:list", "iam:generate", "iam:simulate")

_FIXED_ALIAS = frozenset({"kms:createalias", "kms:updatealias", "kms:deletealias"})
"""KMS Developer Guide, "Aliases": nobody changes those of AWS managed keys."""


def rules_of_services(action: str) -> tuple[bool, ...]:
    """Tell which rules here speak of an action in lower case: two of which the same do are treated alike."""
    return (
        action in ALWAYS_ALLOWED,
        action in _FIXED_POLICY,
        action in _FIXED_ALIAS,
        action.startswith("iam:") and not action.startswith(_READS),
        action.startswith("kms:"),
        action.startswith("kms:") and resource_types(action) == (),
        action.startswith(_TRUST),
    )


def takes_keys(action: str, pattern: str) -> bool:
    """Tell whether an action may be on a key, and a pattern match one."""
    return resource_types(action) != () and arn_shared(glob(pattern), glob("arn:*:kms:*:*:key/*")) is not None


def always_allowed(request: Request) -> bool:
    """Tell whether a request needs no permission."""
    anonymous = request.principal is not None and request.principal.kind is Kind.ANONYMOUS
    return request.action.lower() in ALWAYS_ALLOWED and not anonymous


def fixed(action: str, resource: str | None) -> str:
    """Say why nobody may do this to what is AWS's own; empty when policies decide. The action is in lower case."""
    if resource is None or not resource.startswith("arn:"):
        return ""
    if action in _FIXED_POLICY and ":iam::aws:policy/" in resource:
        return "AWS managed policies cannot be changed"
    if action in _FIXED_ALIAS and ":alias/aws/" in resource:
        return "aliases of AWS managed keys cannot be changed"
    if action.startswith("iam:") and ":role/aws-reserved/" in resource and not action.startswith(_READS):
        return "roles that IAM Identity Center reserves are changed by it alone"
    return ""


def must_allow(action: str, resource: str | None, *, has_policy: bool, some: bool = False) -> bool | None:
    """Tell whether the resource's own policy must allow: a key's (KMS Developer Guide, "Key policies"), a role's.

    None where it is not known which resource it is, or where it is `some` of a pattern that keys match too.
    """
    if action.startswith("kms:"):
        if resource is None or (some and ":key/" not in resource and takes_keys(action, resource)):
            return None
        return ":key/" in resource
    return has_policy and action.startswith(_TRUST)
