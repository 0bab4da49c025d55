"""What this package needs from the outside. `watchbill.aws` provides it."""

from collections.abc import Sequence
from typing import Protocol

from watchbill.access.model import AccessKey, AccountState, Call, Credentials, Shell
from watchbill.team.model import Account


class Cloud(Protocol):
    """The IAM of the team's accounts. Every failure is a `ProviderError`."""

    def observe(self, account: Account) -> AccountState:
        """Read the whole IAM of an account."""
        ...

    def look(self, account: Account) -> AccountState:
        """Read the IAM of an account, but not who has an MFA device: no report has to be waited for."""
        ...

    def credentials(self, account: Account, user: str) -> Credentials:
        """Read all credentials of a user; none when there is no such user."""
        ...

    def access_keys(self, account: Account, user: str) -> Sequence[AccessKey]:
        """Read the long-term keys of a user, oldest id first; none when there is no such user."""
        ...

    def perform(self, account: Account, call: Call) -> None:
        """Make one change. Making one that is already so changes nothing and is not an error."""
        ...


class ShellHouse(Protocol):
    """The open shells of the team's accounts. Every failure is a `ProviderError`."""

    def open_in(self, account: Account) -> Sequence[Shell]:
        """Give every open shell of an account, whoever opened it."""
        ...

    def perform(self, account: Account, call: Call) -> None:
        """End one; ending one that is over changes nothing and is not an error."""
        ...
