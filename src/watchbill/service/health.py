"""Whether an instance is well, over HTTP: for systemd, Kubernetes, load balancers and Prometheus.

Nothing here needs a secret or gives one, and nothing tells of a case or a person: codes, names of jobs and of sources,
and counts. What else comes in over HTTP, such as Slack's clicks, may be served beside it.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from watchbill.errors import ProviderError, WatchbillError
from watchbill.garbage import set_apart
from watchbill.intervals import iso
from watchbill.service.serve import Instance


Routes = Sequence[BaseRoute]
"""What else is served beside the pages."""

_PATIENCE = 10.0
"""Seconds in which it begins to listen, and in which answers that are under way may end."""

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class JobView:
    """Where a job of the leader stands."""

    done_at: str | None
    fresh: bool
    error: str | None
    """The code of what it failed with since."""
    stale: list[str]
    """What could not be read the last time."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an instance can do what it is there for: to lead, or to stand by for one that does."""

    ready: bool
    instance: str
    leader: str | None
    state: str
    """`reachable`, or the code of why it is not."""
    stops: bool
    jobs: dict[str, JobView]
    """Of the leader."""


def readiness(instance: Instance) -> Readiness:
    """Tell whether an instance is ready.

    It is, where it reaches the state, is not about to stop, and leads with each job done lately, or stands by while
    another leads. Sources that could not be read are told, and keep none from being ready: no other could read them.
    """
    try:
        leader, state = instance.lead.leader(), "reachable"
    except WatchbillError as error:
        leader, state = None, error.code
    jobs = _jobs(instance)
    does = all(job.fresh for job in jobs.values()) if jobs else leader is not None
    ready = state == "reachable" and not instance.stops and does
    return Readiness(ready, instance.lead.holder, leader, state, instance.stops, jobs)


def _jobs(instance: Instance) -> dict[str, JobView]:
    since, now = instance.board.leads_since, instance.clock.now()
    if since is None:
        return {}
    found = {}
    standings = instance.board.standings()
    for job in instance.jobs:
        at = standings[job.name]
        fresh = now - max(at.done_at or since, since) <= job.fresh
        done = iso(at.done_at) if at.done_at else None
        found[job.name] = JobView(done, fresh, at.error, list(at.stale))
    return found


def pages(instance: Instance, metrics: Callable[[], str] = lambda: "", others: Sequence[BaseRoute] = ()) -> Starlette:
    """Make the pages of an instance; `metrics` gives what else is counted, `others` are served beside."""

    def healthz(_: Request) -> Response:
        lives = instance.lives()
        return PlainTextResponse("lives\n" if lives else "a thread has ended\n", 200 if lives else 503)

    def readyz(_: Request) -> Response:
        found = readiness(instance)
        return Response(msgspec.json.encode(found), 200 if found.ready else 503, media_type="application/json")

    def counts(_: Request) -> Response:
        try:
            more = metrics()
        except WatchbillError:
            # What the instance counts itself is there though the state is not.
            more = ""
        return Response(instance.board.metrics() + more, media_type=_TEXT)

    own = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", counts)]
    return Starlette(routes=[*own, *others])


class Listening:
    """Serves pages inside its `with` block; port 0 takes a free one. What was loaded before is there for good."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=int(_PATIENCE),
        )
        self._server = uvicorn.Server(config)
        self._host, self._asked = host, port
        self._thread = Thread(target=self._run, name="http", daemon=True)
        self._socket: socket.socket | None = None
        self.port = port

    def __enter__(self) -> Self:
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            self._socket = socket.create_server((self._host, self._asked), family=family)
        except OSError as error:
            message = f"could not listen on {self._host} port {self._asked}: {error.strerror or error}"
            raise ProviderError(message, "give another --listen") from error
        self.port = self._socket.getsockname()[1]
        self._thread.start()
        until = time.monotonic() + _PATIENCE
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(2 * _PATIENCE)
        if self._socket is not None:
            self._socket.close()

    def _run(self) -> None:
        assert self._socket is not None
        with set_apart():
            self._server.run(sockets=[self._socket])
