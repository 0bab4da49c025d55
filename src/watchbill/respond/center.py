"""Freeze a person in IAM Identity Center and by a policy of the organization: the deny first, what gives access after.

The order is AWS's own: a deny in a service control policy that is attached already, a deny in permission sets where
that does not reach, the person's assignments and groups, and then what only the console can do. Whoever is merely
disabled and has a session of the access portal open can take roles until their assignments are gone; whoever uses a
role can go on until a deny hits it. A service control policy does nothing in the management account.

Source: IAM Identity Center User Guide, "Revoke active IAM role sessions created by permission sets", "Use a Deny policy
to revoke active user permissions"; AWS Organizations User Guide, "Service control policies".
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from watchbill.access.apply import BY_HAND
from watchbill.access.center.state import PLACE
from watchbill.access.documents import NOBODY
from watchbill.access.model import Call, Change, Document, Drift, Phase
from watchbill.respond.model import Check
from watchbill.team.model import IdentityCenter


SIZE = 5_120
"""Characters of a service control policy (AWS Organizations User Guide, "Quotas")."""

_NO_ONE = {"WatchbillFrozenUser": f"arn:*:iam::*:user/{NOBODY}"}
"""What a statement lists where it lists nobody, if that is not `NOBODY` itself."""

_KEYS = {
    "WatchbillFrozenCenter": ("StringEquals", "identitystore:UserId"),
    "WatchbillFrozenSource": ("StringEquals", "aws:SourceIdentity"),
    "WatchbillFrozenUser": ("ArnLike", "aws:PrincipalArn"),
}
"""By the id of a statement, what it compares: each lists the frozen by another name of theirs."""


@dataclass(frozen=True, slots=True, order=True)
class Assignment:
    """A permission set that a person, or a group of theirs, has in an account."""

    account: str
    """Twelve digits."""
    permission_set: str
    group: str = ""
    """Id of the group that has it; empty where it is the person's own."""


@dataclass(frozen=True, slots=True, order=True)
class Membership:
    """That a person is in a group."""

    group: str
    id: str = ""
    """Of the membership: another one each time it is made."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What was read of a person in Identity Center, and of the policy that lists the frozen."""

    iam_user: str
    user: str | None
    """Their user id; None where they have no user there."""
    assignments: tuple[Assignment, ...] = ()
    memberships: tuple[Membership, ...] = ()
    inline: Mapping[str, Document | None] = field(default_factory=dict)
    """By ARN of each permission set of theirs, its inline policy."""
    policy: Document | None = None
    """The service control policy; None where the team file names none."""
    targets: int = 0
    """To how many roots, units and accounts it is attached."""
    management: str = ""
    """Number of the management account; empty where it is not known."""
    former: tuple[str, ...] = ()
    """Ids of theirs from before they were another user, whose sessions may live on."""
    others: tuple["Seat", ...] = ()
    """What those of these users have that are still there."""

    @property
    def users(self) -> tuple["Seat", ...]:
        """Give it by each user that is there."""
        return (*(() if self.user is None else (self,)), *self.others)


@dataclass(frozen=True, slots=True)
class Due:
    """What a restore may give back: all that is of others, and of watchbill's what the team file gives now."""

    names: Mapping[str, str | None] = field(default_factory=dict)
    """By id of a group or ARN of a permission set its name where it is watchbill's, None where it is of others; what
    is there no more is absent."""
    groups: frozenset[str] = frozenset()
    """Names of watchbill's groups in which the team file has the person."""
    assignments: frozenset[tuple[str, str]] = frozenset()
    """By number of an account and name what the team file assigns to the person themselves."""

    def why_not(self, what: str, *, given: bool) -> str | None:
        """Say why something does not come back; None where it does. `given` tells whether the team file gives it."""
        if what not in self.names:
            return "it is gone"
        if self.names[what] is not None and not given:
            return "the team file no longer gives it to them"
        return None


def taken(before: Seat, now: Seat) -> tuple[tuple[Membership, ...], tuple[Assignment, ...]]:
    """Give the groups that somebody was in and is not, and the permission sets that were their own and are not."""
    groups = {member.group for member in now.memberships}
    own = tuple(each for each in before.assignments if not each.group and each not in now.assignments)
    return tuple(member for member in before.memberships if member.group not in groups), own


def deny_in_center(center: IdentityCenter, seat: Seat, before: Seat | None = None) -> Iterator[Change]:
    """Give the denies that it takes now: in the organization's policy, then in permission sets that it does not reach.

    Those that the person had `before` are denied too, not only those they have now.
    """
    was = before or seat
    if (changed := _listed(seat, was)) is not None and center.policy is not None:
        yield _update(center, changed, f"list {seat.iam_user} among the frozen, by policy {center.policy}")
    if not seat.users:
        return
    ids = _ids(seat, was)
    for name in _open_sets(was):
        inline = seat.inline.get(name)
        if not ids <= _named(inline, "WatchbillFrozenCenter"):
            yield from _put(center, name, _adding(inline, {"WatchbillFrozenCenter": ids}), "deny them everything by")


def revoke_in_center(center: IdentityCenter, seat: Seat) -> Iterator[Change]:
    """Take assignments and groups away. What the person holds by a group goes with the group."""
    for user in seat.users:
        for each in user.assignments:
            if not each.group:
                given = _assignment(center, user, each)
                why = f"take permission set {_short(each.permission_set)} in {each.account} from them"
                yield _step(center, Phase.REVOKE, "sso-admin", "DeleteAccountAssignment", given, why)
        for member in user.memberships:
            given = {"IdentityStoreId": center.store, "MembershipId": member.id}
            why = f"take them out of group {member.group}"
            yield _step(center, Phase.REVOKE, "identitystore", "DeleteGroupMembership", given, why)


def by_hand_in_center(center: IdentityCenter, seat: Seat) -> Iterator[Change]:
    """Give what only the console can do: there is no call that ends a session of the portal, or disables a user."""
    link = f"https://{center.region}.console.aws.amazon.com/singlesignon/home?region={center.region}#/users"
    for each in seat.users:
        given = {"UserId": each.user, "Link": link}
        why = f"open user {each.user} at {link}, `Active sessions`, and delete every session"
        yield _step(center, Phase.REVOKE, BY_HAND, "DeletePortalSessions", given, why)
        if center.fed_by is None:
            why = f"then disable user {each.user} at {link}, not before: its roles must be gone first"
            yield _step(center, Phase.REVOKE, BY_HAND, "DisableUser", given, why)


def back_by_hand(center: IdentityCenter, before: Seat) -> Iterator[Change]:
    """Give what only the console can undo."""
    link = f"https://{center.region}.console.aws.amazon.com/singlesignon/home?region={center.region}#/users"
    for each in before.users if center.fed_by is None else ():
        why = f"enable user {each.user} at {link} again"
        yield _step(center, Phase.GRANT, BY_HAND, "EnableUser", {"UserId": each.user, "Link": link}, why)


def warnings_in_center(center: IdentityCenter, seat: Seat) -> Iterator[str]:
    """Say what a lead should know of before a freeze."""
    if seat.management and seat.management in {each.account for user in seat.users for each in user.assignments}:
        where = f"management account {seat.management}"
        yield f"they hold a permission set in {where}: no service control policy acts there"
    if center.policy is not None and not seat.targets:
        yield f"policy {center.policy} is attached to nothing: it denies nothing"
    if center.policy is not None and _listed(seat, seat) is not None and _room(seat) < 0:
        yield f"policy {center.policy} has no room for another: {SIZE} characters are the most"
    if center.fed_by is not None and any(user.memberships for user in seat.users):
        yield f"{center.fed_by} feeds Identity Center: it puts them back into its groups unless it suspends them"


def restore_in_center(
    center: IdentityCenter, before: Seat, now: Seat, due: Due
) -> tuple[tuple[Change, ...], tuple[Change, ...], tuple[str, ...]]:
    """Give the changes that bring a person back, those that are to be the very last, and what is left out, in words."""
    left_out: list[str] = []
    changes: list[Change] = []
    if before.user is not None and now.user is None:
        left_out.append(f"user {before.user} in Identity Center: it is gone")
    elif before.user is not None and before.user != now.user:
        left_out.append(f"what user {before.user} had in Identity Center: they are user {now.user} there now")
    else:
        changes += _given_back(center, before, now, due, left_out)
    # By the team file it is who they are now who has something of watchbill's.
    theirs = replace(due, groups=frozenset(), assignments=frozenset())
    for was, there in others_of(before, now):
        changes += _given_back(center, was, there, theirs, left_out)
    if now.users:
        changes += _let(center, before, now)
    return tuple(changes), _unlisted(center, before, now), tuple(left_out)


def others_of(before: Seat, now: Seat) -> Iterator[tuple[Seat, Seat]]:
    """Pair what the users that somebody was had with what they have; whoever is gone is in no pair."""
    there = {each.user: each for each in now.users}
    return ((was, there[was.user]) for was in before.others if was.user in there)


def _given_back(center: IdentityCenter, before: Seat, now: Seat, due: Due, left_out: list[str]) -> Iterator[Change]:
    groups, own = taken(before, now)
    for member in groups:
        name = due.names.get(member.group) or member.group
        if (why_not := due.why_not(member.group, given=name in due.groups)) is not None:
            left_out.append(f"group {name} in Identity Center: {why_not}")
            continue
        given = {"IdentityStoreId": center.store, "GroupId": member.group, "MemberId": {"UserId": before.user}}
        why = f"put them back into group {name}"
        yield _step(center, Phase.GRANT, "identitystore", "CreateGroupMembership", given, why)
    for each in own:
        name = due.names.get(each.permission_set) or _short(each.permission_set)
        if (why_not := due.why_not(each.permission_set, given=(each.account, name) in due.assignments)) is not None:
            left_out.append(f"permission set {name} in {each.account}: {why_not}")
            continue
        why = f"give them permission set {name} in {each.account} again"
        given = _assignment(center, before, each)
        yield _step(center, Phase.GRANT, "sso-admin", "CreateAccountAssignment", given, why)


def _let(center: IdentityCenter, before: Seat, now: Seat) -> Iterator[Change]:
    ids = _ids(before, now)
    for name in _open_sets(before):
        found = now.inline.get(name)
        if ids & _named(found, "WatchbillFrozenCenter"):
            yield from _put(center, name, _without(found, ids), "deny them nothing any more by")


def _unlisted(center: IdentityCenter, before: Seat, now: Seat) -> tuple[Change, ...]:
    if center.policy is None or now.policy is None:
        return ()
    names = [each for listed in _names(before, now).values() for each in listed]
    changed = _without(now.policy, names, keep=True)
    if changed == now.policy or changed is None:
        return ()
    return (_update(center, changed, f"take {before.iam_user} off the list of the frozen"),)


def drift_in_center(before: Seat, now: Seat) -> Iterator[Drift]:
    """Say what others gave to a person since they were frozen."""
    for was, there in ((before, now), *others_of(before, now)):
        yield from _since(was, there)


def _since(before: Seat, now: Seat) -> Iterator[Drift]:
    user = before.user or before.iam_user
    was = {(each.account, each.permission_set, each.group) for each in before.assignments}
    groups = {member.group for member in before.memberships}
    for member in now.memberships:
        if member.group not in groups:
            yield Drift(PLACE, user, f"group {member.group} was joined since the freeze", member.group)
    for each in now.assignments:
        if not each.group and (each.account, each.permission_set, each.group) not in was:
            name = _short(each.permission_set)
            yield Drift(PLACE, user, f"permission set {name} in {each.account} was given since the freeze", name)


def verify_in_center(center: IdentityCenter, before: Seat, now: Seat | None) -> Iterator[Check]:
    """Check that the person is listed and denied, and holds nothing. What was not read does not hold."""
    if now is None:
        yield Check(f"{before.iam_user} is out of Identity Center", holds=False, detail="it could not be read")
        return
    if center.policy is not None:
        listed = _listed(now, before) is None
        yield Check(f"{before.iam_user} is listed by policy {center.policy}", listed, f"attached {now.targets} times")
    if not before.users or not now.users:
        return
    ids = " and ".join(str(user.user) for user in now.users)
    for name in _open_sets(before):
        denied = _ids(now, before) <= _named(now.inline.get(name), "WatchbillFrozenCenter")
        what = f"permission set {_short(name)} denies {ids} everything"
        yield Check(what, denied, "listed" if denied else "not")
    for user in now.users:
        own = [f"{_short(each.permission_set)} in {each.account}" for each in user.assignments if not each.group]
        yield Check(f"user {user.user} has no permission set", not own, ", ".join(own) or "none")
        groups = [member.group for member in user.memberships]
        yield Check(f"user {user.user} is in no group", not groups, ", ".join(groups) or "none")


# --- the list of the frozen -----------------------------------------------------------------------


def _ids(*seats: Seat) -> set[str]:
    """Give the ids of a person, as they are and as they were."""
    return {id_ for seat in seats for id_ in (seat.user, *seat.former) if id_ is not None}


def _names(seat: Seat, other: Seat) -> dict[str, list[str]]:
    """Give the names of a person by the statement that lists each, as they are and as they were."""
    user, ids = seat.iam_user, sorted(_ids(seat, other))
    found = {
        "WatchbillFrozenSource": [user],
        "WatchbillFrozenUser": [f"arn:*:iam::*:user/{user}", f"arn:*:iam::*:user/*/{user}"],
    }
    return {"WatchbillFrozenCenter": ids, **found} if ids else found


def _listed(seat: Seat, before: Seat) -> Document | None:
    """Give the policy with the person in it; None where they are in it, or where there is none."""
    policy, listed = seat.policy, _names(seat, before)
    if policy is None or all(set(names) <= _named(policy, sid) for sid, names in listed.items()):
        return None
    return _adding(policy, listed)


def _room(seat: Seat) -> int:
    changed = _listed(seat, seat)
    return SIZE - len(_text(changed or {}))


def _named(policy: Document | None, sid: str) -> set[str]:
    """Give whom a statement of ours lists; one that others bent to less than a Deny of everything lists nobody."""
    operator, key = _KEYS[sid]
    for each in _statements(policy):
        whole = each.get("Effect") == "Deny" and each.get("Action") == "*" and each.get("Resource") == "*"
        condition = each.get("Condition", {})
        if each.get("Sid") == sid and whole and list(condition) == [operator] and list(condition[operator]) == [key]:
            found = condition[operator][key]
            listed = {found} if isinstance(found, str) else set(found)
            return listed - {_NO_ONE.get(sid, NOBODY)}
    return set()


def _adding(policy: Document | None, names: Mapping[str, Collection[str]]) -> Document:
    return _rewritten(policy, {sid: _named(policy, sid) | set(more) for sid, more in names.items()})


def _without(policy: Document | None, names: Collection[str], *, keep: bool = False) -> Document | None:
    """Give a policy without these names; `keep` its statements where they list nobody any more."""
    left = {sid: _named(policy, sid) - set(names) for sid in _KEYS if _named(policy, sid)}
    if not keep:
        gone = [sid for sid, listed in left.items() if not listed]
        rest = [each for each in _statements(policy) if each.get("Sid") not in gone]
        if not rest:
            return None
        policy, left = {**(policy or {}), "Statement": rest}, {sid: left[sid] for sid in left if sid not in gone}
    return _rewritten(policy, left)


def _rewritten(policy: Document | None, lists: Mapping[str, Collection[str]]) -> Document:
    """Put these lists into the statements they belong to, in place, and new ones at the end; the rest stays."""
    made = {sid: _statement(sid, listed) for sid, listed in lists.items()}
    kept = [made.pop(each["Sid"]) if each.get("Sid") in made else each for each in _statements(policy)]
    return {**(policy or {"Version": "2012-10-17"}), "Statement": [*kept, *made.values()]}


def _statement(sid: str, listed: Collection[str]) -> dict[str, Any]:
    operator, key = _KEYS[sid]
    condition = {operator: {key: sorted(listed) or [_NO_ONE.get(sid, NOBODY)]}}
    return {"Sid": sid, "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}


def _statements(policy: Document | None) -> list[Mapping[str, Any]]:
    found = (policy or {}).get("Statement", ())
    return [found] if isinstance(found, Mapping) else list(found)


def _open_sets(seat: Seat) -> list[str]:
    """Give the permission sets in which a deny is needed: those that no service control policy reaches."""
    covered = seat.policy is not None and seat.targets > 0 and bool(seat.management)
    held = [each for user in (seat, *seat.others) for each in user.assignments]
    found = {each.permission_set for each in held if not covered or each.account == seat.management}
    return sorted(found)


# --- calls ----------------------------------------------------------------------------------------


def _put(center: IdentityCenter, name: str, policy: Document | None, verb: str) -> Iterator[Change]:
    given = {"InstanceArn": center.instance, "PermissionSetArn": name}
    why = f"{verb} permission set {_short(name)}"
    if policy is None:
        yield _step(center, Phase.REVOKE, "sso-admin", "DeleteInlinePolicyFromPermissionSet", given, why)
    else:
        written = {**given, "InlinePolicy": _text(policy)}
        yield _step(center, Phase.REVOKE, "sso-admin", "PutInlinePolicyToPermissionSet", written, why)
    everywhere = {**given, "TargetType": "ALL_PROVISIONED_ACCOUNTS"}
    yield _step(center, Phase.REVOKE, "sso-admin", "ProvisionPermissionSet", everywhere, f"{why}, in every account")


def _update(center: IdentityCenter, policy: Document, why: str) -> Change:
    given = {"PolicyId": center.policy, "Content": _text(policy)}
    return _step(center, Phase.REVOKE, "organizations", "UpdatePolicy", given, why)


def _assignment(center: IdentityCenter, seat: Seat, each: Assignment) -> dict[str, Any]:
    return {
        "InstanceArn": center.instance,
        "TargetId": each.account,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": each.permission_set,
        "PrincipalType": "USER",
        "PrincipalId": seat.user,
    }


def _step(
    center: IdentityCenter, phase: Phase, service: str, operation: str, given: Mapping[str, Any], why: str
) -> Change:
    region = "" if service in (BY_HAND, "organizations") else center.region
    return Change(PLACE, phase, Call(operation, given, service, region), why)


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


def _text(policy: Document) -> str:
    return json.dumps(policy, separators=(",", ":"))
