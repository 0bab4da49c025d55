"""Which actions were asked for in a trail, by whom and how often: in bulk, and one by one where names do not tell.

A holder is a person, or a role of watchbill's for those of its sessions of whom it is not known whose they are: whoever
it was, it was somebody who holds what the role has. A workload is one by what says that it is it (`Actor.why`). Every
request counts, whatever AWS made of it: one that failed was made by somebody who had a reason to, and one that was
denied says nothing of what the set allows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.access.model import PATH
from watchbill.judge.columns import texts_with
from watchbill.policy.actions import prefix_of
from watchbill.policy.recorded import Shown
from watchbill.policy.requests import requests_of_record
from watchbill.policy.shapes import ALWAYS, Shape, shape_of
from watchbill.trail.codes import codes_of, together
from watchbill.trail.model import Method
from watchbill.trail.table import instant, record_of, rows_of


Rows = npt.NDArray[np.int64]

ROLE, MACHINE = "role/", "machine/"
"""How the name of a holder begins that is a role, and a workload; no name of a person has a slash in it."""

_OURS = f":role{PATH}"


@dataclass(slots=True)
class Count:
    """How often something was asked for, and when."""

    events: int = 0
    first_ms: int = np.iinfo(np.int64).max
    last_ms: int = np.iinfo(np.int64).min

    def add(self, times: npt.NDArray[np.int64]) -> None:
        """Count events at some times."""
        self.events += len(times)
        self.first_ms = min(self.first_ms, int(times.min()))
        self.last_ms = max(self.last_ms, int(times.max()))

    @property
    def first(self) -> datetime:
        """Give the instant of the first."""
        return instant(self.first_ms)

    @property
    def last(self) -> datetime:
        """Give the instant of the last."""
        return instant(self.last_ms)


@dataclass(slots=True)
class _Account:
    counted: Count = field(default_factory=Count)
    reads: bool = False
    services: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Used:
    """What a trail shows of the use of actions. Accounts are numbers of twelve digits."""

    actions: dict[tuple[str, str], dict[str, Count]] = field(default_factory=dict)
    """By holder and account the actions, as AWS writes them, that were asked for."""
    _accounts: dict[str, _Account] = field(default_factory=dict)

    def learn(self, batch: pa.RecordBatch) -> None:
        """Count the events of a batch of `trail.table.SCHEMA`."""
        of_call = ("account", "source", "name", "type", "category", "read_only", "region")
        kinds = ("person", "issuer_arn", "method", "why", *of_call)
        group, found = together([codes_of(batch.column(name)) for name in kinds])
        times = batch.column("time_ms").to_numpy()
        order = np.argsort(group, kind="stable")
        edges = np.searchsorted(group[order], np.arange(len(found) + 1))
        for number, (person, issuer, method, why, *call) in enumerate(found):
            account, source, name, kind, category, read_only, region = call
            rows = order[edges[number] : edges[number + 1]]
            if not len(rows) or account is None or source is None or name is None:
                continue
            self._account(account, source, region, times[rows], reads=read_only is True and category != "Data")
            holder = person or (f"{MACHINE}{why}" if method == Method.WORKLOAD else _role_of(issuer))
            if holder is not None:
                self._held((holder, account), batch, rows, shape_of(source, name, kind))

    def shown(self, account: str) -> Shown:
        """Give what the trail shows of itself in an account."""
        found = self._accounts.get(account, _Account())
        return Shown(found.reads, frozenset(found.services))

    def counted(self, account: str) -> Count | None:
        """Give how many events there are of an account at all; None where there is none."""
        found = self._accounts.get(account)
        return None if found is None else found.counted

    def regions(self, account: str) -> frozenset[str]:
        """Give the regions of which there is any event."""
        found = self._accounts.get(account)
        return frozenset() if found is None else frozenset(found.regions)

    def _account(self, account: str, source: str, region: str | None, times: Rows, *, reads: bool) -> None:
        found = self._accounts.setdefault(account, _Account())
        found.counted.add(times)
        found.reads = found.reads or reads
        found.services.add(prefix_of(source))
        if region:
            found.regions.add(region)

    def _held(self, key: tuple[str, str], batch: pa.RecordBatch, rows: Rows, shape: Shape) -> None:
        counts = self.actions.setdefault(key, {})
        times = batch.column("time_ms").to_numpy()
        worded = rows if shape.words == ALWAYS else rows[_has_words(batch, rows, shape.words)]
        plain = rows[~np.isin(rows, worded)]
        for action in shape.actions if len(plain) else ():
            counts.setdefault(action, Count()).add(times[plain])
        for row, at in _read(batch, worded):
            for request in requests_of_record(record_of(row)).requests:
                counts.setdefault(request.action, Count()).add(at)


def _role_of(issuer: str | None) -> str | None:
    """Give the holder that a role of watchbill's is; None for any other role."""
    return None if issuer is None or _OURS not in issuer else f"{ROLE}{issuer.rpartition('/')[2]}"


def _has_words(batch: pa.RecordBatch, rows: Rows, words: str | None) -> npt.NDArray[np.bool_]:
    if words is None:
        return np.zeros(len(rows), np.bool_)
    return texts_with(batch.column("request_parameters").take(pa.array(rows)), words)


def _read(batch: pa.RecordBatch, rows: Rows) -> Iterator[tuple[Mapping[str, object], npt.NDArray[np.int64]]]:
    if len(rows):
        for row in rows_of(batch.take(pa.array(rows))):
            yield row, np.array([row["time_ms"]], np.int64)
