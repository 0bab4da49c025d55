"""Help somebody back in who cannot sign in: a new password, and MFA enrolled anew.

A lead approves it, never the person; then the person takes the password over by themselves, once. It is made in that
moment, in their own session: nobody else sees it, and it is written nowhere, neither here nor in AWS's answer. They
choose another at their first sign-in. The password comes before the devices: whoever has neither gets in last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from watchbill.access.model import AccountState, Call, Change, Phase
from watchbill.access.ways import Ways
from watchbill.errors import RefusedError
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.respond.evict import taken_off
from watchbill.respond.model import Seen


SECRET: Final = "Password"  # noqa: S105 - the name of a parameter
"""The parameter that is filled in when the person takes it over, and that no plan and no journal holds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody needs."""

    password: bool
    devices: bool
    """Whether all MFA devices are taken off, so that another can be enrolled: their phone is lost."""


@dataclass(frozen=True, slots=True)
class Help:
    """What a help does. Its passwords are made only when it is taken over."""

    person: str
    user: str
    account: str
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


def plan_help(person: str, user: str, account: str, seen: Seen, wanted: Wanted, at: datetime) -> Help:
    """Work out a help in one account; what would change nothing is refused."""
    found = seen.credentials.get(account)
    if found is None:
        raise RefusedError(f"`{person}` has no IAM user `{user}` in account `{account}`")
    changes: list[Change] = []
    if wanted.password:
        verb = "UpdateLoginProfile" if found.password else "CreateLoginProfile"
        call = Call(verb, {"UserName": user, "PasswordResetRequired": True})
        why = f"give {user} a password that only they see, for one sign-in"
        changes.append(Change(account, Phase.GRANT, call, why))
    if wanted.devices:
        changes.extend(change for device in found.devices for change in taken_off(account, user, device))
    if not changes:
        raise RefusedError(f"there is nothing to do: `{user}` has no MFA device in account `{account}`")
    warnings = tuple(_warnings(user, seen.observed[account], wanted))
    return Help(person, user, account, tuple(changes), warnings)


def with_secret(change: Change, secret: str) -> Change:
    """Fill in the password where a change takes one."""
    if change.call.operation not in ("CreateLoginProfile", "UpdateLoginProfile"):
        return change
    given: Mapping[str, object] = {**change.call.parameters, SECRET: secret}
    return replace(change, call=replace(change.call, parameters=given))


def _warnings(user: str, state: AccountState, wanted: Wanted) -> Iterator[str]:
    there = state.users[user]
    asked = Request("iam:ChangePassword", there.arn, {"aws:username": user})
    decision = evaluate(asked, identity=Ways(state).user_policies(there)[0])
    if wanted.password and decision.effect not in (Effect.ALLOWED, Effect.DEPENDS):
        yield (
            f"no policy lets {user} change their password, which they must at the first sign-in: the account's password"
            " policy has to let users change their own"
        )
    if wanted.devices:
        yield f"until {user} has enrolled another device they take no on-call role: those demand MFA"
