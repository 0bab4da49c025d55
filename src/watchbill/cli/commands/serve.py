"""`serve`: everything that happens without a person, again and again, by the one of several instances that leads."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

import rich_click as click

from watchbill.access.model import State
from watchbill.alerts.export.model import Kept
from watchbill.alerts.export.prometheus import prometheus
from watchbill.cli.commands.lake import LAKE
from watchbill.cli.commands.passes import Passed, Standing, Stop, Told, one_pass, pass_options, seconds_of, told_by
from watchbill.cli.pages import AtHand, links_of, pages_of
from watchbill.cli.people import Channels, Workers, secrets_given
from watchbill.cli.session import Session, clock_of, command, instance_name
from watchbill.clock import SystemClock
from watchbill.errors import Problem
from watchbill.feeds.fetch import fetch
from watchbill.garbage import newest_alone
from watchbill.schedule.copies import sources
from watchbill.service import overrides
from watchbill.service.casework import Casework, view_of
from watchbill.service.feeds import refresh, with_feeds
from watchbill.service.health import Listening, Routes, pages
from watchbill.service.jobs import PRESSES, at_once, due, outbox, presses, slow_presses
from watchbill.service.lead import Lead
from watchbill.service.logs import libraries_heard, lines_of_json
from watchbill.service.plans import PASSES, Plans
from watchbill.service.reconcile import Reconciled, bring_hosts_in_step, bring_in_step
from watchbill.service.rules_view import Rulebook
from watchbill.service.serve import Did, Instance, Job, Turn
from watchbill.service.systemd import Systemd
from watchbill.settings import read_variables
from watchbill.store.database import Store


_MISSED = 3
"""How many passes may be missed before an instance counts as not well."""

_LONGEST = timedelta(minutes=15)
"""How long a pass may take, besides: the first one reads all there is."""

_LOOK = 0.1
"""Seconds between two looks at whether to stop."""

_SHARE = 0.0005
"""Seconds after which a thread that computes lets another go on. For Python's own five milliseconds a press would wait
at each of its dozens of reads and writes, while a pass plans or audits beside it."""

_OLDEST = """\
# HELP watchbill_oldest_notice_age_seconds Since when the oldest notice waits to be told; 0 where none does
# TYPE watchbill_oldest_notice_age_seconds gauge
watchbill_oldest_notice_age_seconds"""

_PLACE = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})", re.ASCII)
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ServedView:
    """What ran, once it has ended."""

    instance: str
    listened: str
    """`HOST:PORT`."""


@command("serve", team=True, state=True)
@pass_options
@click.option("--every", metavar="TIME", default="1m", show_default=True, help="A pass is begun every TIME.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8470",
    show_default=True,
    help="Where it tells whether it is well; port 0 takes a free one.",
)
def serve(session: Session, every: str, listen: str, **given: Any) -> int:
    """Run as a service: pass after pass while this is the instance that leads, until SIGTERM or SIGINT.

    Several instances may run on one state: in a file on one machine, or in the Postgres that WATCHBILL_DATABASE names.
    One leads and the others stand by; when it ends, is killed or is cut off, another goes on, and what the first still
    writes is refused. What was missed meanwhile is made up for by the next pass.

    Each piece of work is a line of JSON on standard error. /healthz, /readyz and /metrics are served over HTTP, to this
    machine alone unless --listen says otherwise: they take no password, and tell of no case and no person.

    The pages that people look at are served there too, where the team file has `web`: people sign in to them, or open a
    link from a mail. `watchbill[web]` installs what they need.

    What was approved, on a request or as a plan, is brought to AWS at once where the team file enforces; and so is what
    an outside schedule says anew when PagerDuty tells of it at /pagerduty/events, signed with
    WATCHBILL_PAGERDUTY_WEBHOOK_SECRET.
    """
    host, port = _place(listen)
    pause = timedelta(seconds=seconds_of(every))
    told = told_by(given, again=True, tells=False)
    clock, name = clock_of(session.settings), instance_name()
    workers, systemd = Workers(session), Systemd(session.settings.notify_socket)
    # Made now, so that no press waits for it when this instance comes to lead.
    workers.app(clock.now())
    sys.setswitchinterval(_SHARE)
    say = lines_of_json(sys.stderr, name, clock, secrets_given(session, workers.team))
    plans = Plans()
    standing = Standing()
    passes = Job(PASSES, pause, _Passes(session, told, workers, plans, standing), _MISSED * pause + _LONGEST)
    with libraries_heard(say), session.store() as store:
        people = Channels(workers, store, say)
        rung = Event()
        beside = at_once(workers.of, partial(_brought, plans=plans), _refreshed, rung)
        pressed = (presses(workers.of, people.desk), slow_presses(workers.of, people.desk))
        jobs = [passes, *pressed, due(workers.of), outbox(workers.of, people.senders, links_of), beside]
        if workers.team.web is not None:
            # For its pages alone, and what judges takes a while to load.
            from watchbill.service.judged import judging  # noqa: PLC0415 - see above

            jobs.append(judging(workers.of, session.settings.state / LAKE))
        instance = Instance(store, clock, Lead(store, name, SystemClock()), jobs, say)
        people.talk.wake = partial(instance.wake, PRESSES)
        at_hand = AtHand(session.settings.state / LAKE, standing.hours, Rulebook(told.rules), plans)
        looked_at = pages_of(workers, instance, at_hand, say, (host, port))
        others = [*people.routes, *_rung_by(rung), *looked_at]
        served = pages(instance, lambda: _counts(store, clock.now()), others)
        with Stop() as stop, Listening(served, host, port) as listening, people.hearing(), instance:
            listened = f"{f'[{host}]' if ':' in host else host}:{listening.port}"
            say.info("listens", place=listened)
            systemd.ready(f"listens on {listened}")
            while not stop.asked:
                instance.wait(_LOOK)
            systemd.stopping()
    session.out.answer(ServedView(name, listened))
    return 0


def _place(listen: str) -> tuple[str, int]:
    found = _PLACE.fullmatch(listen)
    if found is None or int(found[3]) > _LAST_PORT:
        raise click.BadParameter(f"`{listen}` is no place; write 127.0.0.1:8470 or [::1]:8470", param_hint="--listen")
    return found[1] or found[2], int(found[3])


def _counts(store: Store, at: datetime) -> str:
    """Give the counts of cases for Prometheus, and how long the oldest notice has been on its way."""
    rows, since = store.cases.all(), store.outbox.waiting_since()
    cases = prometheus((Kept(view_of(r), r.status, r.note, r.opened_at, r.updated_at) for r in rows), at)
    waits = 0.0 if since is None else max((at - since).total_seconds(), 0.0)
    return f"{cases}{_OLDEST} {waits}\n"


@newest_alone()
def _brought(work: Casework, *, plans: Plans) -> Sequence[Problem]:
    """Bring AWS in step, and then hosts, as a pass does."""
    done = Reconciled()
    step = bring_in_step(work, done)
    plans.keep(done.plan, done.outcomes)
    if step is not None:
        bring_hosts_in_step(work, step, done)
    return done.problems


def _refreshed(work: Casework) -> Casework:
    """Fetch outside schedules, and give the work that goes by them; passes say what is wrong with one."""
    found = sources(work.team)
    if not found:
        return work
    secrets = read_variables(source.feed.secret for source in found)
    refresh(work.team, work.store, fetch, work.at, secrets, work.actor)
    return replace(work, team=with_feeds(work.team, work.store, work.at))


def _rung_by(rung: Event) -> Routes:
    """Give what tells from outside that a schedule has changed, where its secret is set."""
    secret = read_variables([overrides.SECRET]).get(overrides.SECRET)
    return () if secret is None else [overrides.route(secret, rung.set)]


class _Passes:
    """Makes pass after pass, each by what the last one kept."""

    def __init__(self, first: Session, told: Told, workers: Workers, plans: Plans, standing: Standing) -> None:
        self._first, self._told, self._workers, self._plans = first, told, workers, plans
        self._standing = standing

    def __call__(self, turn: Turn) -> Did:
        """Make a pass."""
        session = replace(self._first, at=turn.at, _app=self._workers.app(turn.at), lease=turn.lease)
        with newest_alone():
            return self._made(session)

    def _made(self, session: Session) -> Did:
        passed = one_pass(session, self._told, self._standing)
        self._plans.keep(passed.done.plan, passed.done.outcomes)
        return Did(_facts(passed), passed.problems + passed.done.problems, _stale(passed, self._told), passed.more)


def _facts(passed: Passed) -> Mapping[str, object]:
    done = passed.done
    failed = sum(1 for outcome in done.outcomes if outcome.state is not State.DONE)
    facts: dict[str, object] = {
        "planned": None if done.plan is None else len(done.plan.changes),
        "applied": len(done.outcomes) - failed,
        "failed": failed,
        "objects": None if done.ingested is None else done.ingested.objects,
        "events": None if done.ingested is None else done.ingested.events,
    }
    for what, ids in (("raised", done.raised), ("amended", done.amended), ("escalated", done.escalated)):
        facts[what] = list(ids) or None
    return facts


def _stale(passed: Passed, told: Told) -> list[str]:
    """Name what could not be read."""
    codes = {problem.code for problem in passed.problems}
    found = {
        "aws": passed.done.plan is None,
        "schedules": "feed" in codes,
        "team file": "kept-team-file" in codes,
        "trail": told.reads and passed.done.ingested is None,
    }
    return [name for name, so in found.items() if so]


COMMANDS = (serve,)
