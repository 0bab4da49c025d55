"""Open shells of Session Manager, which survive every change of IAM: find those of a person, and end them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.model import Call, Shell
from watchbill.aws.accounts import Accounts
from watchbill.errors import ProviderError
from watchbill.team.model import Account


ALLOWED_CALLS = {"TerminateSession": "terminate_session"}
"""Every call to Systems Manager that watchbill can make to change something."""

_READERS = 8
_NOT_ENABLED = frozenset({"AuthFailure", "InvalidClientTokenId", "OptInRequired", "UnrecognizedClientException"})
"""What a region answers that the account has not opted in to: nothing of the account is in it."""


class Shells:
    """Implements `watchbill.access.interfaces.ShellHouse`."""

    def __init__(self, accounts: Accounts, regions: tuple[str, ...] = ()) -> None:
        """Look in some regions; in none named, in all of AWS's."""
        self._accounts, self._named = accounts, regions

    @cached_property
    def _regions(self) -> tuple[str, ...]:
        # AWS's list of them is a megabyte to read: most commands never look for a shell.
        return self._named or tuple(sorted(boto3.session.Session().get_available_regions("ssm")))

    def open_in(self, account: Account) -> tuple[Shell, ...]:
        """Give every open session of an account, whoever opened it, in order of region and id."""

        def found(region: str) -> list[Shell]:
            return list(self._of(self._accounts.client(account, "ssm", region), region))

        try:
            with ThreadPoolExecutor(max_workers=_READERS) as pool:
                return tuple(shell for listed in pool.map(found, self._regions) for shell in listed)
        except (BotoCoreError, ClientError) as error:
            raise ProviderError(f"could not list the open shells of account `{account.name}`: {error}") from error

    def perform(self, account: Account, call: Call) -> None:
        """End a session; one that is over already is no error. What is not on the list above raises KeyError."""
        method = ALLOWED_CALLS[call.operation]
        try:
            getattr(self._accounts.client(account, "ssm", call.region), method)(**call.parameters)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"].startswith("DoesNotExist"):
                return
            raise ProviderError(f"{call} in account `{account.name}`: {error}") from error

    @staticmethod
    def _of(client: Any, region: str) -> Iterator[Shell]:
        try:
            for page in client.get_paginator("describe_sessions").paginate(State="Active"):
                for each in page["Sessions"]:
                    yield Shell(each["SessionId"], region, each.get("Owner", ""), each.get("Target", ""))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_ENABLED:
                raise
