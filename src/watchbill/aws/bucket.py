"""Objects in S3: where CloudTrail delivers, and where the demo puts its week."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.aws.accounts import Accounts, translated
from watchbill.errors import ProviderError


def list_objects(accounts: Accounts, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield key and ETag of every object under a prefix, in order of key; a change of either is another object."""
    try:
        for page in accounts.bucket_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"], found["ETag"].strip('"')
    except (BotoCoreError, ClientError) as error:
        raise ProviderError(f"could not list s3://{bucket}/{prefix}: {error}") from error


def read_object(accounts: Accounts, bucket: str, key: str) -> bytes:
    """Give the bytes of one object. Several may be read side by side."""
    try:
        body: bytes = accounts.bucket_client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ProviderError(f"could not read s3://{bucket}/{key}: {error}") from error
    return body


def make_bucket(accounts: Accounts, bucket: str) -> None:
    """Make a bucket; one that exists is left as it is."""
    translated(accounts.bucket_client().create_bucket, Bucket=bucket)


def write_object(accounts: Accounts, bucket: str, key: str, body: bytes) -> None:
    """Put one object."""
    translated(accounts.bucket_client().put_object, Bucket=bucket, Key=key, Body=body)
