"""Security Hub: findings go in by BatchImportFindings, and each that AWS does not take is a problem of its case.

A call takes 100 findings and 6 MB, a finding 240 KB (Security Hub User Guide, "BatchImportFindings for finding
providers"). The role that calls needs `securityhub:BatchImportFindings` on the default product of its account.

Run against a stand-in on loopback that keeps findings but checks few of these rules, not against AWS.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from watchbill.alerts.export.asff import size
from watchbill.aws.accounts import translated
from watchbill.errors import Problem, ProviderError
from watchbill.inert import inert
from watchbill.team.model import Account


MOST = 100
"""Findings of one call."""
BATCH_MOST = 5_500_000
"""Bytes of one call; AWS takes 6 MB, and the call has something around its findings."""

_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, user_agent_extra="watchbill")

Finding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of findings: each is taken, or is a problem that names its case."""

    taken: tuple[str, ...]
    """Cases."""
    problems: tuple[Problem, ...]


def hub(account: Account, region: str, endpoint: str | None = None, credentials: tuple[str, str] | None = None) -> Any:
    """Give a client of Security Hub in an account and region; an account that is not the declared one is refused.

    By the account's role where it has one, as `Accounts` does, which knows one region alone.
    """
    key, secret = credentials or (None, None)
    session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    if account.role is not None:
        arn = f"arn:aws:iam::{account.number}:role/{account.role}"
        token = _client(session, "sts", endpoint)
        given = translated(token.assume_role, RoleArn=arn, RoleSessionName="watchbill")["Credentials"]
        session = boto3.session.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            region_name=region,
        )
    found = translated(_client(session, "sts", endpoint).get_caller_identity)["Account"]
    if found != account.number:
        raise ProviderError(
            f"account `{account.name}` is declared as {account.number}, but the credentials reach {found}",
            "correct the account's number or role in the team file, or the credentials",
        )
    return _client(session, "securityhub", endpoint)


def import_findings(client: Any, findings: Iterable[tuple[str, Finding]]) -> Imported:
    """Send findings, each with the id of its case, in as few calls as AWS allows.

    A call that fails as a whole is a problem of each case in it, and the next one is made all the same.
    """
    taken: list[str] = []
    problems: list[Problem] = []
    for batch in batches(findings):
        try:
            answer = translated(client.batch_import_findings, Findings=[finding for _, finding in batch])
        except ProviderError as error:
            problems += [_problem(case, inert(error)) for case, _ in batch]
            continue
        failed = {str(each.get("Id")): each for each in answer.get("FailedFindings", ())}
        for case, finding in batch:
            each = failed.get(str(finding["Id"]))
            if each is None:
                taken.append(case)
            else:
                problems.append(_problem(case, inert(f"{each.get('ErrorCode')}: {each.get('ErrorMessage')}")))
    return Imported(tuple(taken), tuple(problems))


def batches(findings: Iterable[tuple[str, Finding]]) -> Iterator[Sequence[tuple[str, Finding]]]:
    """Put findings into calls, in their order."""
    batch: list[tuple[str, Finding]] = []
    weight = 0
    for case, finding in findings:
        more = size(finding)
        if batch and (len(batch) >= MOST or weight + more > BATCH_MOST):
            yield batch
            batch, weight = [], 0
        batch.append((case, finding))
        weight += more
    if batch:
        yield batch


def _problem(case: str, why: str) -> Problem:
    return Problem("security-hub", f"case `{case}` was not taken by Security Hub: {why}")


def _client(session: Any, service: str, endpoint: str | None) -> Any:
    return session.client(service, endpoint_url=endpoint, config=_CONFIG)
