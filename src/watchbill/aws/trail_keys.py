"""What AWS keeps of the integrity of a trail: the public keys of its digests, and the signatures beside them."""

from collections.abc import Callable, Iterable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from watchbill.aws.accounts import Accounts, translated
from watchbill.errors import Problem, ProviderError
from watchbill.intervals import Interval
from watchbill.trail.digest import KEY_SLACK, Key, Signed, signed_by


_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, user_agent_extra="watchbill")


def cloudtrail(endpoint: str | None = None, credentials: tuple[str, str] | None = None) -> Callable[[str], Any]:
    """Give what makes clients of CloudTrail by region, on AWS or on a stand-in; credentials are boto3's business."""
    key, secret = credentials or (None, None)
    session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret)
    return lambda region: session.client("cloudtrail", endpoint_url=endpoint, region_name=region, config=_CONFIG)


def list_keys(
    client_in: Callable[[str], Any], regions: Iterable[str], span: Interval
) -> tuple[tuple[Key, ...], tuple[Problem, ...]]:
    """Ask each region for the public keys that signed its digests of a span, and give the regions that gave none.

    Each region has keys of its own. The span is taken two hours wider at both ends: about the time at which keys are
    changed, a digest may be signed by either. Which account asks does not matter.
    """
    keys: list[Key] = []
    problems: list[Problem] = []
    for region in sorted(set(regions)):
        try:
            keys += _keys_of(client_in(region), region, span)
        except ProviderError as error:
            problems.append(Problem("no-public-keys", f"region {region} gave no public keys: {error}"))
    return tuple(keys), tuple(problems)


def _keys_of(client: Any, region: str, span: Interval) -> list[Key]:
    asked = {"StartTime": span.start - KEY_SLACK, "EndTime": span.end + KEY_SLACK}
    found: list[Key] = []
    seen: set[str] = set()
    while True:
        answer = translated(client.list_public_keys, **asked)
        for key in answer.get("PublicKeyList", ()):
            start, end = key["ValidityStartTime"], key["ValidityEndTime"]
            found.append(Key(key["Fingerprint"], key["Value"], start, end, region))
        token = answer.get("NextToken")
        if not token:
            return found
        if token in seen:
            raise ProviderError("ListPublicKeys gives the same page again and again")
        seen.add(token)
        asked["NextToken"] = token


def read_signed_object(accounts: Accounts, bucket: str, key: str) -> tuple[bytes, Signed | None]:
    """Give the bytes of a digest and what its metadata says; None where it says nothing of a signature."""
    try:
        answer = accounts.bucket_client().get_object(Bucket=bucket, Key=key)
        body: bytes = answer["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ProviderError(f"could not read s3://{bucket}/{key}: {error}") from error
    signed = signed_by(answer.get("Metadata", {}))
    return body, signed if signed.signature else None
