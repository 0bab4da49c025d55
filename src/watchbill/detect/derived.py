"""Derived fields: what rules may ask of an event that no record says, as columns `wb.*` beside those of the table.

Who it was by the team file, what the judge said, where it lay against the shifts, what was new for whom, and whether
watchbill did it itself. Only those that some rule asks for are made.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from watchbill.detect.baseline import Baseline, Kind
from watchbill.team.model import Team
from watchbill.trail.codes import codes_of, together
from watchbill.trail.model import Method


FIRST_SEEN = "wb.first_seen."

_ACTORS = {str(Method.SERVICE): "service", str(Method.WORKLOAD): "workload", str(Method.ROOT): "root"}


class Deriver:
    """Makes the derived fields of batches."""

    def __init__(self, team: Team | None, baseline: Baseline, wanted: Collection[str]) -> None:
        """Take the names that are `wanted`; others are not made."""
        self._team = team
        self._baseline = baseline
        self._wanted = frozenset(wanted)
        self._kinds = [kind for kind in Kind if any(_kind_of(name) == kind for name in wanted)]

    def __call__(self, batch: pa.RecordBatch, judged: pa.RecordBatch) -> pa.RecordBatch:
        """Give a batch of `trail.table.SCHEMA` with the derived fields, by its judgements (`judge.bulk.JUDGED`)."""
        made: dict[str, pa.Array] = {}
        for name, make in _PLAIN.items():
            if name in self._wanted:
                made[name] = make(batch, judged)
        if "wb.ours" in self._wanted:
            made["wb.ours"] = self._of_callers(batch, self._is_ours, pa.bool_())
        if "wb.environment" in self._wanted:
            made["wb.environment"] = self._environment(batch)
        if self._kinds:
            made |= self._baseline.newness_columns(batch, self._kinds)
        names = [*batch.schema.names, *made]
        return pa.RecordBatch.from_arrays([*batch.columns, *made.values()], names)

    def _environment(self, batch: pa.RecordBatch) -> pa.Array:
        def environment(number: str | None) -> str | None:
            account = self._team.account_of(number or "") if self._team else None
            return account.environment if account else None

        codes, values = codes_of(batch.column("account"))
        return pa.array([environment(value) for value in values], pa.string()).take(pa.array(codes))

    def _of_callers(self, batch: pa.RecordBatch, say: Callable[..., Any], kind: pa.DataType) -> pa.Array:
        columns = [codes_of(batch.column(name)) for name in ("issuer_arn", "arn", "identity_account", "account")]
        codes, callers = together(columns)
        return pa.array([say(*caller) for caller in callers], kind).take(pa.array(codes))

    def _is_ours(self, issuer: str | None, arn: str | None, home: str | None, account: str | None) -> bool:
        return is_ours(self._team, issuer or arn or "", home or account or "")


def is_ours(team: Team | None, arn: str, account: str) -> bool:
    """Tell whether watchbill did it: by a user or role of the team's accounts, not by what a session is called."""
    if team is None or team.account_of(account) is None:
        return False
    return arn.split("/")[1 if ":assumed-role/" in arn else -1] in team.managed_by


def _kind_of(name: str) -> str:
    return name.rpartition(".")[2] if name.startswith(FIRST_SEEN) else ""


def _actor(batch: pa.RecordBatch, _: pa.RecordBatch) -> pa.Array:
    codes, methods = codes_of(batch.column("method"))
    by_method = pa.array([_ACTORS.get(method or "", "unknown") for method in methods]).take(pa.array(codes))
    return pc.if_else(batch.column("person").is_valid(), "person", by_method)


def _after_end(_: pa.RecordBatch, judged: pa.RecordBatch) -> pa.Array:
    ended = pc.equal(judged.column("watch"), "ended")
    return pc.if_else(ended, judged.column("minutes"), pa.scalar(None, pa.int64()))


def _began(_: pa.RecordBatch, judged: pa.RecordBatch) -> pa.Array:
    began = judged.column("started_on_shift")
    return pc.if_else(began, "yes", "no")


_PLAIN: Mapping[str, Callable[[pa.RecordBatch, pa.RecordBatch], pa.Array]] = {
    "wb.person": lambda batch, _: batch.column("person"),
    "wb.actor": _actor,
    "wb.method": lambda batch, _: batch.column("method"),
    "wb.confidence": lambda batch, _: batch.column("confidence"),
    "wb.right": lambda _, judged: judged.column("right"),
    "wb.entitled": lambda _, judged: judged.column("entitled"),
    "wb.outcome": lambda batch, _: batch.column("outcome"),
    "wb.shift.state": lambda _, judged: judged.column("watch"),
    "wb.shift.minutes_after_end": _after_end,
    "wb.session.started_on_shift": _began,
}
