"""Objects in S3: where CloudTrail delivers, and where the demo puts its week.

A bucket is listed by the days of the folders that trails deliver to, as far as they are found: a bucket of years has
millions of keys, of which a day's are few. Folders are found by walking down the layout, one level a call.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.aws.accounts import Accounts, translated
from watchbill.errors import ProviderError
from watchbill.trail.sources import EVENTS, Folder, Kind, Listed, is_account, is_organization, prefixes_to_list


SIDE_BY_SIDE = 8
"""Prefixes that are listed at the same time."""

_DEEPEST = 6
"""How many folders deep the prefix of a trail is looked for. What lies deeper is said to lie elsewhere."""

_MOST = 2000
"""Folders that are looked into on the way, at most, so that a bucket of anything else ends in time."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on the way down a bucket."""

    folders: tuple[Folder, ...]
    """Where trails deliver, in order."""
    elsewhere: tuple[str, ...]
    """Prefixes that were not looked into or hold objects of another layout: nothing of them is in `folders`."""


def list_objects(accounts: Accounts, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield key and ETag of every object under a prefix, in order of key; a change of either is another object."""
    for page in _pages(accounts, bucket, prefix):
        for found in page.get("Contents", ()):
            yield found["Key"], found["ETag"].strip('"')


def list_prefixes(accounts: Accounts, bucket: str, prefixes: Iterable[str]) -> Iterator[Listed]:
    """Yield every object under some prefixes, which are listed side by side; in the order of the prefixes, then of key.

    Give `trail.sources.prefixes_to_list`, the days of folders. One that does not exist has no objects. Raises
    ProviderError for the first that cannot be listed: a list that is not whole is none.
    """

    def listed(prefix: str) -> list[Listed]:
        return [
            Listed(bucket, found["Key"], found["ETag"].strip('"'), found["Size"], found["LastModified"])
            for page in _pages(accounts, bucket, prefix)
            for found in page.get("Contents", ())
        ]

    accounts.bucket_client()
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        for objects in pool.map(listed, prefixes):
            yield from objects


def list_trail(
    accounts: Accounts,
    bucket: str,
    prefix: str = "",
    days: Iterable[date] | None = None,
    kinds: Iterable[Kind] = EVENTS,
) -> Iterator[Listed]:
    """Yield the files of every trail under a prefix: those of some days, or all; each kind of file that holds events.

    Where no folder of a trail is found, every object under the prefix is yielded, whatever its layout is. What lies
    beside the folders of trails is not: `find_folders` tells of it.
    """
    folders = find_folders(accounts, bucket, prefix, kinds).folders
    if not folders:
        return list_prefixes(accounts, bucket, [prefix])
    if days is None:
        return list_prefixes(accounts, bucket, [folder.path for folder in folders])
    return list_prefixes(accounts, bucket, prefixes_to_list(folders, days))


def find_folders(accounts: Accounts, bucket: str, prefix: str = "", kinds: Iterable[Kind] = tuple(Kind)) -> Found:
    """Find where trails deliver under a prefix, which ends between two folders: several trails may share a bucket.

    Folders of other services under `AWSLogs` are passed over. Where nothing is found, the prefix may end inside of a
    folder: then it must be listed as a whole.
    """
    wanted = frozenset(kinds)
    above, logs, _ = prefix.rpartition("AWSLogs/")
    if logs and (not above or above.endswith("/")):
        inside = _in_logs(accounts, bucket, above, wanted)
        return Found(tuple(sorted(each for each in inside if each.path.startswith(prefix))), ())
    folders: list[Folder] = []
    elsewhere: list[str] = []
    looked = 0
    left = [(prefix, 0)]
    while left:
        here, depth = left.pop()
        if depth > _DEEPEST or looked >= _MOST:
            elsewhere.append(here)
            continue
        looked += 1
        below, has_objects = _below(accounts, bucket, here)
        if has_objects:
            elsewhere.append(here)
        for child in below:
            if child == "AWSLogs":
                folders += _in_logs(accounts, bucket, here, wanted)
            else:
                left.append((f"{here}{child}/", depth + 1))
    return Found(tuple(sorted(folders)), tuple(sorted(elsewhere)))


def _in_logs(accounts: Accounts, bucket: str, prefix: str, kinds: frozenset[Kind]) -> Iterator[Folder]:
    """Yield the folders of one trail, or of several with the same prefix."""
    root = f"{prefix}AWSLogs/"
    owners: list[tuple[str, str]] = []
    for name in _below(accounts, bucket, root)[0]:
        if is_account(name):
            owners.append(("", name))
        elif is_organization(name):
            owners += [(name, each) for each in _below(accounts, bucket, f"{root}{name}/")[0] if is_account(each)]
    for organization, account in owners:
        path = f"{root}{organization}/{account}/" if organization else f"{root}{account}/"
        for kind in sorted(kinds.intersection(_below(accounts, bucket, path)[0])):
            for region in _below(accounts, bucket, f"{path}{kind}/")[0]:
                yield Folder(prefix, organization, account, Kind(kind), region)


def _below(accounts: Accounts, bucket: str, prefix: str) -> tuple[list[str], bool]:
    """Give the names of the folders right below a prefix, and whether objects lie right there."""
    names: list[str] = []
    has_objects = False
    for page in _pages(accounts, bucket, prefix, Delimiter="/"):
        names += [found["Prefix"].removeprefix(prefix).rstrip("/") for found in page.get("CommonPrefixes", ())]
        # A folder made by hand in the console is an empty object that has its name.
        has_objects = has_objects or any(found["Key"] != prefix for found in page.get("Contents", ()))
    return names, has_objects


def _pages(accounts: Accounts, bucket: str, prefix: str, **more: str) -> Iterator[Any]:
    """Yield the pages of a listing; what boto3 raises on the way becomes a ProviderError."""
    try:
        yield from (
            accounts.bucket_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **more)
        )
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
