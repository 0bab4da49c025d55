"""Which reader a file is for: CloudTrail's, an identity provider's, or, where the caller says so, a host's."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from watchbill.trail.envelopes import logged, may_be
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.idp.read import listed_records, read_idp_file
from watchbill.trail.read import INFLATED_LIMIT, FileReading, enveloped, inflate, raw_records, read_file


@dataclass(frozen=True, slots=True)
class Hosts:
    """That files are logs of hosts, and what those leave open."""

    at: datetime
    """The time to take for that of a file which has none of its own."""
    host: str | None = None
    """Whose they are, where their lines do not say."""
    zone: tzinfo = UTC
    """The zone of times that have none."""


def read_any(
    name: str, data: bytes, modified: datetime | None = None, hosts: Hosts | None = None, limit: int = INFLATED_LIMIT
) -> FileReading:
    """Read one file: as a host's log where `hosts` is given, else as CloudTrail's or an identity provider's.

    `modified` is when it was last written, by which a host's log is dated that has no years. Never raises for what is
    in the bytes. What no reader takes is said in CloudTrail's words.
    """
    if hosts is not None:
        lines = _logged(data, limit)
        data = data if lines is None else lines
        found = read_host_file(name, data, host=hosts.host, zone=hosts.zone, at=modified or hosts.at, limit=limit)
        return replace(found, problems=(*found.problems, *found.assumed))
    trail = read_file(name, data, limit)
    if trail.events:
        return trail
    other = read_idp_file(name, data, limit)
    return other if other.readable and other.events else trail


_HEAD = 4096
"""Bytes in which an envelope says that it is one."""


def _logged(data: bytes, limit: int) -> bytes | None:
    """Give the lines that lie in envelopes of CloudWatch Logs, each at its place; None where there are no envelopes."""
    head, _ = inflate(data, _HEAD)
    raws = enveloped(inflate(data, limit)[0]) if may_be(head[:_HEAD]) else None
    return None if raws is None else "\n".join(logged(raws)).encode("utf-8", "replace")


def raw_record(data: bytes, record: int, limit: int = INFLATED_LIMIT) -> bytes:
    """Give the bytes of one record of a file, by its position: what CloudTrail or a provider listed, or a line.

    Raises IndexError where the file has no such record.
    """
    return records_of(data, limit)[record]


def records_of(data: bytes, limit: int = INFLATED_LIMIT) -> list[bytes]:
    """Give the bytes of every record of a file, in the order of `Place.index`."""
    text, _ = inflate(data, limit)
    raws = listed_records(text) or raw_records(text)
    return raws if raws is not None else text.split(b"\n")
