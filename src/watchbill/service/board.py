"""What a running instance knows of itself: what each job did last. Its threads write it, the health pages read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands."""

    done_at: datetime | None = None
    """When it was last done to its end."""
    error: str | None = None
    """The code of what it failed with since."""
    stale: Sequence[str] = ()
    """What could not be read the last time it was done."""


class Board:
    """Keeps where each job stands, and counts."""

    def __init__(self, jobs: Sequence[str]) -> None:
        self._lock = Lock()
        self._jobs = dict.fromkeys(jobs, Standing())
        self._leads_since: datetime | None = None
        self._registry = CollectorRegistry()
        self._leads = Gauge("watchbill_leads", "1 where this instance leads", registry=self._registry)
        self._runs = Counter(
            "watchbill_job_runs", "Times that a job was done", ("job", "result"), registry=self._registry
        )
        self._seconds = Histogram(
            "watchbill_job_seconds",
            "How long a job took",
            ("job",),
            registry=self._registry,
            buckets=(0.01, 0.05, 0.2, 1, 5, 20, 60, 300, 1800),
        )
        self._done = Gauge(
            "watchbill_job_done_timestamp_seconds",
            "When a job was last done to its end",
            ("job",),
            registry=self._registry,
        )
        self._stale = Gauge(
            "watchbill_job_stale_sources", "Sources that could not be read", ("job",), registry=self._registry
        )

    def led(self, at: datetime | None) -> None:
        """Write down since when this instance leads; None where it does not."""
        with self._lock:
            self._leads_since = at
        self._leads.set(0 if at is None else 1)

    def done(self, job: str, at: datetime, took: timedelta, stale: Sequence[str] = ()) -> None:
        """Write down that a job was done to its end."""
        with self._lock:
            self._jobs[job] = Standing(at, None, tuple(stale))
        self._runs.labels(job, "done").inc()
        self._seconds.labels(job).observe(took.total_seconds())
        self._done.labels(job).set(at.timestamp())
        self._stale.labels(job).set(len(stale))

    def failed(self, job: str, code: str) -> None:
        """Write down that a job could not be done to its end."""
        with self._lock:
            self._jobs[job] = replace(self._jobs[job], error=code)
        self._runs.labels(job, "failed").inc()

    @property
    def leads_since(self) -> datetime | None:
        """Since when this instance leads; None where it does not."""
        with self._lock:
            return self._leads_since

    def standings(self) -> Mapping[str, Standing]:
        """Give where each job stands."""
        with self._lock:
            return dict(self._jobs)

    def metrics(self) -> str:
        """Give what was counted, in the text format that Prometheus reads."""
        return generate_latest(self._registry).decode()
