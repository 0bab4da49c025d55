"""Sessions into the team's accounts, checked to be the accounts they claim to be.

Credentials come from boto3's own chain; watchbill keeps none. An account with a `role` is reached by assuming that
role; before anything is read or written, GetCallerIdentity must name the account's number.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from watchbill.aws.pace import Pace
from watchbill.errors import ProviderError
from watchbill.team.model import Account


_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, user_agent_extra="watchbill")


CENTER_RATE = 15
"""Calls to Identity Center in a second, of all that watchbill makes. AWS answers twenty of everybody's together (the
account access manager's page "Quotas and limits" says so of its own; Identity Center's limit is the same)."""

_PACED = ("identitystore", "sso-admin")

_HOME = "us-east-1"
"""The region of what is the same everywhere."""


class Accounts:
    """Gives clients for accounts, each checked once; safe to ask from several threads."""

    def __init__(
        self,
        endpoint: str | None = None,
        credentials: tuple[str, str] | None = None,
        role: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Reach AWS, or a stand-in at `endpoint` with the key pair it takes; by `role` where an account names one.

        `pace` is that of Identity Center; AWS's own unless another is given, and none for a stand-in.
        """
        self._pace = pace or (Pace(CENTER_RATE) if endpoint is None else None)
        self._endpoint = endpoint
        self._role = role
        key, secret = credentials or (None, None)
        self._session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret)
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._sessions: dict[str, Any] = {}
        """By account, each checked."""
        self._bucket_client: Any = None
        self._turns: dict[str, Lock] = {}
        """By account: a session of boto3 makes one client at a time."""

    def client(self, account: Account, service: str, region: str = _HOME) -> Any:
        """Give the client of a service in an account; an account that is not the declared one is a ProviderError."""
        key = (account.name, service, region)
        if key in self._clients:
            return self._clients[key]
        with self._turns.setdefault(account.name, Lock()):
            if account.name not in self._sessions:
                self._sessions[account.name] = self._connect(account)
            if key not in self._clients:
                self._clients[key] = self._make(self._sessions[account.name], service, region)
        return self._clients[key]

    def acting(self, account: Account) -> Account:
        """Give an account with the role by which it is reached."""
        return account if self._role is None or account.role is None else replace(account, role=self._role)

    def number(self) -> str:
        """Give the twelve digits of the account that watchbill's own credentials reach."""
        return str(translated(self._make(self._session, "sts").get_caller_identity)["Account"])

    def bucket_client(self) -> Any:
        """Give an S3 client with the credentials watchbill runs with."""
        if self._bucket_client is None:
            self._bucket_client = self._make(self._session, "s3")
        return self._bucket_client

    def _connect(self, account: Account) -> Any:
        session, account = self._session, self.acting(account)
        if account.role is not None:
            arn = f"arn:aws:iam::{account.number}:role/{account.role}"
            answer = translated(self._make(session, "sts").assume_role, RoleArn=arn, RoleSessionName="watchbill")
            given = answer["Credentials"]
            session = boto3.session.Session(
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )
        found = translated(self._make(session, "sts").get_caller_identity)["Account"]
        if found != account.number:
            raise ProviderError(
                f"account `{account.name}` is declared as {account.number}, but the credentials reach {found}",
                "correct the account's number or role in the team file, or the credentials",
            )
        return session

    def _make(self, session: Any, service: str, region: str = _HOME) -> Any:
        client = session.client(service, endpoint_url=self._endpoint, region_name=region, config=_CONFIG)
        if service in _PACED and (pace := self._pace) is not None:
            # Each try is a call, those that boto3 makes again too.
            client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", _paced(pace))
        return client


def _paced(pace: Pace) -> Callable[..., None]:
    def before_send(**_: Any) -> None:
        pace.wait()

    return before_send


def translated(call: Callable[..., Any], **parameters: Any) -> Any:
    """Make a call; whatever boto3 raises becomes a ProviderError that names the operation and AWS's own words."""
    try:
        return call(**parameters)
    except (NoCredentialsError, PartialCredentialsError) as error:
        hint = "give boto3 credentials: a profile (AWS_PROFILE), the environment, or a role; or try `watchbill demo`"
        raise ProviderError(f"no AWS credentials: {error}", hint) from error
    except (BotoCoreError, ClientError) as error:
        raise ProviderError(str(error)) from error
