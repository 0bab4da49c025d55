"""Undo a freeze: the reverse order, groups by the schedule as it is now, stolen keys left off.

What others changed on the user meanwhile is foreign drift: it is listed, and a restore waits until it is acknowledged.
"""

from collections.abc import Collection, Iterator, Mapping

from watchbill.access.model import PATH, QUARANTINE, REVOKE, AccountState, Call, Change, Drift, Phase
from watchbill.respond.model import Containment, Restoration


def plan_restore(
    containment: Containment,
    desired: Mapping[str, AccountState],
    observed: Mapping[str, AccountState],
    before: Mapping[str, AccountState],
    stolen: Collection[str],
) -> Restoration:
    """Work out a restore, by account name: what should be now without the freeze, what is, and what was before it."""
    changes: list[Change] = []
    left_out: list[str] = []
    user = containment.user
    gone = {account for account in containment.accounts if user not in observed[account].users}
    left_out.extend(f"user {user} in {account}: it is gone" for account in sorted(gone))
    for account, group in containment.groups:
        if account in gone:
            continue
        wanted = desired[account].users.get(user)
        if wanted is not None and group in wanted.groups:
            call = Call("AddUserToGroup", {"GroupName": group, "UserName": user})
            changes.append(Change(account, Phase.GRANT, call, f"put {user} back into {group}, as the team file says"))
        else:
            left_out.append(f"group {group} in {account}: the team file no longer gives it to {containment.person}")
    for account, role in reversed(containment.roles):
        call = Call("DeleteRolePolicy", {"RoleName": role, "PolicyName": f"{REVOKE}-{user}"})
        changes.append(Change(account, Phase.GRANT, call, f"let {user}'s sessions of {role} work again"))
    for account, key in containment.keys:
        if not key.active or account in gone:
            continue
        if key.id in stolen:
            left_out.append(f"key {key.id} in {account}: marked stolen, it stays off")
            continue
        call = Call("UpdateAccessKey", {"UserName": user, "AccessKeyId": key.id, "Status": "Active"})
        changes.append(Change(account, Phase.GRANT, call, f"switch key {key.id} on again"))
    for account in reversed([account for account in containment.accounts if account not in gone]):
        call = Call("DeleteUserPolicy", {"UserName": user, "PolicyName": QUARANTINE})
        changes.append(Change(account, Phase.GRANT, call, f"lift the deny on {user}"))
    drift = tuple(_since(containment, observed, before))
    return Restoration(containment.id, tuple(changes), tuple(left_out), drift)


def _since(
    containment: Containment, observed: Mapping[str, AccountState], before: Mapping[str, AccountState]
) -> Iterator[Drift]:
    for account in containment.accounts:
        was, now = before[account].users.get(containment.user), observed[account].users.get(containment.user)
        if was is None or now is None:
            yield Drift(account, containment.user, f"user {containment.user} is gone", None)
            continue
        # A grant's policy, which is watchbill's own, goes by the next plan while the person is frozen.
        for arn in sorted(
            arn for arn in was.attached ^ now.attached if arn in now.attached or f":policy{PATH}" not in arn
        ):
            verb = "attached" if arn in now.attached else "detached"
            yield Drift(account, now.arn, f"policy {arn} was {verb} since the freeze", arn)
        names = {name for name in {*was.inline, *now.inline} if was.inline.get(name) != now.inline.get(name)}
        for name in sorted(names - {QUARANTINE}):
            verb = "removed" if name not in now.inline else "changed" if name in was.inline else "added"
            yield Drift(account, now.arn, f"inline policy {name} was {verb} since the freeze", name)
        taken = {group for name, group in containment.groups if name == account}
        # What the freeze took may be back already where a restore was cut short.
        for group in sorted((was.groups ^ now.groups) - taken):
            verb = "joined" if group in now.groups else "left"
            yield Drift(account, now.arn, f"group {group} was {verb} since the freeze", None)


def differences(
    containment: Containment, before: Mapping[str, AccountState], after: Mapping[str, AccountState]
) -> tuple[str, ...]:
    """Say in words how the person's users and the roles they could take differ from what they were before a freeze."""
    found: list[str] = []
    for account in containment.accounts:
        was, now = before[account], after[account]
        if was.users.get(containment.user) != now.users.get(containment.user):
            found.append(f"user {containment.user} in {account}")
        found.extend(
            f"role {r} in {account}" for a, r in containment.roles if a == account and was.roles[r] != now.roles.get(r)
        )
    return tuple(found)
