"""What must be heard of though watchbill is dead: patterns of EventBridge over CloudTrail, which AWS matches by itself.

Some are told at once: that a break-glass user does anything, and that somebody else writes to what is watchbill's. The
others are counted, and nothing to count is the alarm: that watchbill reads IAM now and then, and that fences are
written anew, as they are every day that a plan is applied while a rota gives anything.

What a record of IAM does not tell, no pattern can ask for. It has the path of a new object and of a policy, and of a
user, group or role that was there the name alone: so groups and roles are found by the beginnings of the names that
watchbill gives, and what is written onto a user is not found here but by `watchbill drift`.

Sources: EventBridge User Guide, "Comparison operators" and "AWS service events delivered via CloudTrail".
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from watchbill.access.compile import GRANT, JOB
from watchbill.access.limits import ON_CALL
from watchbill.access.model import PATH
from watchbill.access.own_rights import OWN_PATH, OwnRole


Pattern = Mapping[str, Any]

CALLS: Final = "AWS API Call via CloudTrail"
SIGN_INS: Final = "AWS Console Sign In via CloudTrail"

OFTEN: Final = "GetAccountAuthorizationDetails"
"""What every pass of watchbill calls in every account. It reads, so its rule must ask for such events as well."""


def break_glass_used(users: Collection[str]) -> Pattern:
    """Match whatever break-glass users do, signing in included."""
    return {
        "detail-type": [CALLS, SIGN_INS],
        "detail": {"userIdentity": {"type": ["IAMUser"], "userName": sorted(users)}},
    }


def written_by_others(account: str) -> Pattern:
    """Match what others write to watchbill's policies, groups and roles, and what anybody writes to its own rights."""
    ours = {
        "$or": [
            _asked(policyArn=[{"wildcard": f"*:policy{PATH}*"}]),
            _asked(path=[{"prefix": PATH}]),
            _asked(groupName=[{"prefix": begin} for begin in (GRANT, JOB, ON_CALL)]),
            _asked(roleName=[{"prefix": ON_CALL}]),
        ],
        "userIdentity": _not_by(account),
    }
    own = {
        "$or": [
            _asked(policyArn=[{"wildcard": f"*:policy{OWN_PATH}*"}]),
            _asked(path=[{"prefix": OWN_PATH}]),
            _asked(roleName=sorted(role.iam_name for role in OwnRole)),
        ]
    }
    return {"source": ["aws.iam"], "detail-type": [CALLS], "$or": [{"detail": ours}, {"detail": own}]}


def alive(account: str) -> Pattern:
    """Match that watchbill reads the IAM of an account, by whichever of its roles."""
    return _done_by(account, tuple(OwnRole), {"eventName": [OFTEN]})


def horizon_moved(account: str) -> Pattern:
    """Match that fences are written, for a rota that is new or a day that has come."""
    fences = {
        "$or": [
            _asked(policyArn=[{"wildcard": f"*:policy{PATH}fence-*"}]),
            _asked(policyName=[{"prefix": "fence-"}]),
        ]
    }
    written = {"eventName": ["CreatePolicy", "CreatePolicyVersion"], "errorCode": [{"exists": False}]}
    return _done_by(account, (OwnRole.RECONCILER,), {**written, **fences})


def _asked(**parameters: Any) -> Pattern:
    return {"requestParameters": parameters}


def _issuers(account: str, roles: Collection[OwnRole]) -> list[str]:
    return [f"arn:aws:iam::{account}:role/{role.iam_name}" for role in roles]


def _not_by(account: str) -> Pattern:
    """Match a caller that is none of watchbill's roles; one that is no session of a role has no issuer."""
    others: tuple[list[Any], ...] = ([{"exists": False}], [{"anything-but": _issuers(account, tuple(OwnRole))}])
    return {"$or": [{"sessionContext": {"sessionIssuer": {"arn": each}}} for each in others]}


def _done_by(account: str, roles: Collection[OwnRole], more: Pattern) -> Pattern:
    issuer = {"sessionContext": {"sessionIssuer": {"arn": _issuers(account, roles)}}}
    return {"source": ["aws.iam"], "detail-type": [CALLS], "detail": {"userIdentity": issuer, **more}}
