"""Give somebody who joins their first password in an account, once they must have MFA for anything else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchbill.access.documents import size
from watchbill.access.limits import Limits
from watchbill.access.mfa import MFA_POLICY, mfa_document
from watchbill.access.model import PATH, AccountState, Call, Change, Credentials, Phase, UserState
from watchbill.access.quarantine import form_of
from watchbill.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Onboarding:
    """What an onboarding does. Its password is made when it is carried out, and is in no plan."""

    person: str
    user: str
    account: str
    changes: tuple[Change, ...]


def plan_onboarding(person: str, user: str, state: AccountState, held: Credentials) -> Onboarding:
    """Work out an onboarding in one account: the deny without MFA first, then the password.

    Refused where a plan has not made the user yet, where they were there before watchbill, are denied everything, or
    have a password.
    """
    there = state.users.get(user)
    if there is None:
        raise RefusedError(f"`{person}` has no IAM user `{user}` in `{state.account}` yet", "watchbill apply makes it")
    _must_be_new(person, there, state, held)
    return Onboarding(person, user, state.account, tuple(_changes(there, state.account)))


def _must_be_new(person: str, user: UserState, state: AccountState, held: Credentials) -> None:
    if user.path != PATH:
        raise RefusedError(f"user `{user.name}` in `{state.account}` was there before watchbill: it is not changed")
    if form_of(user) is not None:
        raise RefusedError(f"`{person}` is denied everything in `{state.account}`: a password would not let them in")
    if held.unread:
        raise RefusedError(f"not all credentials of `{user.name}` could be read: {'; '.join(held.unread)}")
    if held.password:
        raise RefusedError(
            f"`{user.name}` has a password in `{state.account}` already",
            f"watchbill assist request {person} --account {state.account} --password gives another",
        )
    written = {**user.inline, MFA_POLICY: mfa_document()}
    if sum(map(size, written.values())) > Limits(state.quotas).of("UserPolicySizeQuota"):
        raise RefusedError(f"user `{user.name}` has no room for the policy {MFA_POLICY}: take others off it")


def _changes(user: UserState, account: str) -> Iterator[Change]:
    if user.inline.get(MFA_POLICY) != mfa_document():
        given = {"UserName": user.name, "PolicyName": MFA_POLICY, "PolicyDocument": _text(mfa_document())}
        why = f"deny {user.name} everything without MFA but to enrol a device and choose a password"
        yield Change(account, Phase.FENCE, Call("PutUserPolicy", given), why)
    call = Call("CreateLoginProfile", {"UserName": user.name, "PasswordResetRequired": True})
    yield Change(account, Phase.GRANT, call, f"give {user.name} a password for one sign-in")


def _text(written: Mapping[str, object]) -> str:
    return json.dumps(written, separators=(",", ":"))
