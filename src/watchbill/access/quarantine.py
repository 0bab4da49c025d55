"""How a frozen user is denied everything: by what there is room for, and what that leaves as it was.

AWS's own policy AWSDenyAll attached, which takes one of few slots and no room; else an inline policy, which takes a
little of the room for those; else AWSDenyAll as the permissions boundary, for which there is always room, and which
takes the place of the one there was. Each is evaluated at every request, so that it stops open sessions too.

Source: IAM User Guide, "IAM and STS quotas"; "Disabling permissions for temporary security credentials".
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from watchbill.access.documents import deny_all, size
from watchbill.access.limits import Limits
from watchbill.access.model import QUARANTINE, UserState


DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
"""AWS's own policy that denies everything."""


class Form(StrEnum):
    """In what form a user is denied everything, the best first."""

    ATTACHED = "attached"
    INLINE = "inline"
    BOUNDARY = "boundary"


def form_of(user: UserState) -> Form | None:
    """Give the form in which a user is denied everything by a freeze; None where they are not."""
    if DENY_ALL in user.attached:
        return Form.ATTACHED
    if user.inline.get(QUARANTINE) == deny_all():
        return Form.INLINE
    return Form.BOUNDARY if user.boundary == DENY_ALL else None


def form_for(user: UserState, quotas: Mapping[str, int], without: Collection[Form] = ()) -> Form:
    """Give the best form that there is room for, `without` those that were tried and refused."""
    limits = Limits(quotas)
    if Form.ATTACHED not in without and len(user.attached) < limits.of("AttachedPoliciesPerUserQuota"):
        return Form.ATTACHED
    inline = {**user.inline, QUARANTINE: deny_all()}
    fits = sum(map(size, inline.values())) <= limits.of("UserPolicySizeQuota")
    return Form.INLINE if Form.INLINE not in without and fits else Form.BOUNDARY
