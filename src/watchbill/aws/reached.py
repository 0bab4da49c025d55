"""The account that watchbill's credentials reach, read before any team file names it. Nothing here writes."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from watchbill.access.interfaces import Cloud
from watchbill.access.model import AccountState
from watchbill.aws.accounts import Accounts, translated
from watchbill.errors import Location, ProviderError
from watchbill.team.model import Account


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reached:
    """An account as it is found."""

    state: AccountState
    """What could not be read is in `unread`; the name of the account is its number."""
    alias: str | None
    """The name that it has at sign-in; None where it has none, or that is not known."""
    passwords: Mapping[str, bool]
    """Whether each user has a console password, by the credential report; absent where it is not known."""


def read_reached(accounts: Accounts, cloud: Cloud) -> Reached:
    """Read the account that the credentials reach; its IAM must be readable, its alias and credential report may be."""
    number = accounts.number()
    account = Account(number, number, "production", None, Location("", 1))
    state = cloud.observe(account)
    client = accounts.client(account, "iam")
    unread: list[str] = []

    def unless_refused(what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except ProviderError as error:
            unread.append(f"{what}: {error}")
            return otherwise

    alias = unless_refused("account alias", lambda: _alias(client), None)
    # Where observing the account got no credential report, it has said why.
    nothing: dict[str, bool] = {}
    passwords = unless_refused("credential report", lambda: _passwords(client), nothing) if state.mfa else nothing
    # A row that is not of the user who is there now, but of one before of that name, told nothing of MFA either.
    known = {user: has for user, has in passwords.items() if user in state.mfa}
    return Reached(replace(state, unread=(*state.unread, *unread)), alias, known)


def _alias(client: Any) -> str | None:
    """Give the alias: an account has one at most (IAM User Guide, "Use an alias for your account ID")."""
    found = translated(client.list_account_aliases)["AccountAliases"]
    return str(found[0]) if found else None


def _passwords(client: Any) -> dict[str, bool]:
    """Read who has a console password from the credential report that observing the account had made."""
    content = translated(client.get_credential_report)["Content"]
    told = {row["user"]: row.get("password_enabled") for row in csv.DictReader(content.decode("utf-8").splitlines())}
    # Of the root user it says `not_supported`.
    return {user: text.lower() == "true" for user, text in told.items() if text and text.lower() in ("true", "false")}
