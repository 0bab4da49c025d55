"""The demo served: a world, its stand-ins and its pages, in one process, on this machine alone."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from socket import create_server
from threading import Event, Timer
from typing import Final

from watchbill.clock import SystemClock
from watchbill.demo.chat import CHANNEL, Chat
from watchbill.demo.door import Door, groups_of
from watchbill.demo.play import EVERY, Read, World, auditor_of, passes
from watchbill.demo.stage import Stage
from watchbill.detect.sigma import LoadedRules
from watchbill.errors import Problem, ProviderError
from watchbill.lake.place import Lake
from watchbill.service import eviction, requests
from watchbill.service.casework import Casework
from watchbill.service.clicks import Desk
from watchbill.service.health import Listening
from watchbill.service.health import pages as health
from watchbill.service.jobs import at_once, due, freeze, outbox, presses, preview_of, restore, slow_presses
from watchbill.service.lead import Lead
from watchbill.service.links import Links
from watchbill.service.logs import Say
from watchbill.service.outbox import SLACK
from watchbill.service.plans import Plans
from watchbill.service.reconcile import Reconciled, apply_plan, bring_in_step
from watchbill.service.rules_view import Rulebook
from watchbill.service.seen import Trail
from watchbill.service.serve import Instance, Turn
from watchbill.service.talking import Talk
from watchbill.sim.model import Story
from watchbill.sim.slack import SlackStandIn
from watchbill.sim.slack.model import APP_TOKEN, BOT_TOKEN
from watchbill.sim.stand_in import StandIn
from watchbill.slack.connect import Connection, SlackSettings, connect
from watchbill.store.database import Store, open_store
from watchbill.team.files import parse
from watchbill.team.model import Team
from watchbill.web.app import PAGES, routes_of
from watchbill.web.pages.demo import DemoPages
from watchbill.web.pages.live import live_of
from watchbill.web.site import Site


HOST: Final = "127.0.0.1"
TEAM_FILE: Final = "watchbill.yaml"

_MORE = """
# What `watchbill demo --serve` adds: where people are asked, and where its pages are.
slack: {{channel: {channel}, respond: freeze}}
web:
  base: {base}
  sign_in:
    issuer: {base}/demo
    client: watchbill
    secret: WATCHBILL_DEMO_SIGN_IN
    roles: {{viewer: [team], auditor: [auditors], lead: [leads]}}
"""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that lets somebody in once."""

    person: str
    part: str
    url: str


@dataclass(frozen=True, slots=True)
class Served:
    """The demo, as it is served."""

    base: str
    invitations: tuple[Invitation, ...]
    world: World


def free_port(port: int) -> int:
    """Give a port that nothing listens on: this one, or any where it is 0; ProviderError where something does."""
    try:
        with create_server((HOST, port)) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        raise ProviderError(
            f"could not listen on {HOST} port {port}: {error.strerror}", "give another --port"
        ) from error


@contextmanager
def served(
    seed: int, port: int, folder: Path, rules: LoadedRules, say: Say, every: timedelta = EVERY
) -> Iterator[Served]:
    """Serve the demo inside the block, its state in a folder; the clock stands at the beginning of the week."""
    base = f"http://{HOST}:{free_port(port)}"
    team = _team(base, folder)
    with StandIn(seed) as aws, open_store(folder) as store, closing(Lake(folder / "lake")) as lake:
        stage = Stage(aws.endpoint, team, seed)
        stage.begin()
        work = Casework(stage.app, store, team, stage.clock.now(), "watchbill")
        apply_plan(work, work.plan())
        stage.give_keys()
        with SlackStandIn(stage.clock.now) as slack:
            chat = Chat(slack, team)
            with _Wired(stage, store, Read(lake, rules, every), say).playing(slack, chat, base, folder) as found:
                yield found


def _team(base: str, folder: Path) -> Team:
    """Write the team file of the demo into its folder, and read it."""
    text = resources.files("watchbill.demo").joinpath(TEAM_FILE).read_text("utf-8")
    text += _MORE.format(channel=CHANNEL, base=base)
    place = folder / TEAM_FILE
    place.write_text(text, "utf-8")
    return parse(text, str(place))


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class _Wired:
    """Puts the service together over the stand-ins, as `serve` does over what they stand for."""

    stage: Stage
    store: Store
    read: Read
    say: Say

    @contextmanager
    def playing(self, slack: SlackStandIn, chat: Chat, base: str, folder: Path) -> Iterator[Served]:
        """Play, and serve the pages."""
        plans, now = Plans(), self.stage.clock.now
        talk = Talk(self.store, self._works, now, wishes=requests.WISHES)
        with self._connected(slack, talk) as connection:
            instance = self._instance(talk, connection, plans, base)
            team = self.stage.team
            door = Door(base, team, groups_of(team, [auditor_of(self.stage)]), _secret)
            with World(self.stage, instance, chat, door, folder) as world:
                talk.wake = world.wake
                pages = DemoPages(world)
                site = Site(base, self.store, partial(self._works, self.store), now, _secret, self.say, door)
                site = replace(site, trail=Trail(folder / "lake"), jobs=instance.board.standings, wake=world.wake)
                site = replace(site, rules=Rulebook(self.read.rules), plans=plans, replan=world.ask_for_pass)
                site = replace(site, above=pages.above, beside=world.stand)
                leaving = Event()
                site = replace(site, live=live_of(site, leaving.is_set))
                routes = routes_of(site, (*PAGES, *pages.table()))
                port = int(base.rpartition(":")[2])
                with Listening(health(instance, others=routes), HOST, port):
                    try:
                        yield Served(base, tuple(_invitations(self.stage, door)), world)
                    finally:
                        leaving.set()

    def _works(self, store: Store, at: datetime, actor: str) -> Casework:
        return Casework(self.stage.app, store, self.stage.team, at, actor)

    def _of(self, turn: Turn) -> Casework:
        return self._works(turn.store, turn.at, "watchbill")

    @contextmanager
    def _connected(self, slack: SlackStandIn, talk: Talk) -> Iterator[Connection]:
        settings, now = SlackSettings(BOT_TOKEN, APP_TOKEN, None, slack.url), self.stage.clock.now
        team = self.stage.team
        made = connect(settings, team, talk.take, talk.handle, leads=talk.leads, pin=talk.pin, now=now, slack_now=now)
        talk.chat = made
        made.start()
        try:
            yield made
        finally:
            # Its client looks up from its socket every few seconds, or when it is closed at the other end.
            hanging_up = Timer(0.05, slack.hang_up)
            hanging_up.start()
            made.stop()
            hanging_up.join()

    def _instance(self, talk: Talk, connection: Connection, plans: Plans, base: str) -> Instance:
        """Give the jobs of the service; they are done by the world's clock, and not by threads of their own."""

        def desk(work: Casework) -> Desk:
            others = {"request": requests.press, "evict": eviction.press}
            return Desk(freeze, restore, preview_of(work), connection.look_up, talk.say, others)

        def brought(work: Casework) -> list[Problem]:
            done = Reconciled()
            bring_in_step(work, done)
            plans.keep(done.plan, done.outcomes)
            return done.problems

        jobs = [
            presses(self._of, desk),
            slow_presses(self._of, desk),
            due(self._of),
            outbox(self._of, lambda _: {SLACK: connection.sender}, lambda _: Links(base, _secret)),
            at_once(self._of, brought, lambda work: work, Event()),
            passes(self._of, self.stage, self.read, plans),
        ]
        lead = Lead(self.store, "demo", SystemClock(), recorded=False)
        return Instance(self.store, self.stage.clock, lead, jobs, self.say)


def _invitations(stage: Stage, door: Door) -> Iterator[Invitation]:
    """Make links for the roles worth trying: a lead who is in no story, who is asked first, and the auditor."""
    truths = [truth for truth in stage.week.truths if truth.person is not None]
    lead = next((name for name in stage.team.leads if all(truth.person != name for truth in truths)), None)
    asked = next((truth.person for truth in truths if truth.story is Story.OFF_SHIFT_CHANGE), None)
    auditor = auditor_of(stage)
    for name, part in (
        (lead, "a lead, who decides"),
        (asked, "who is asked about a change"),
        (auditor, "an auditor, who looks"),
    ):
        if name is not None:
            yield Invitation(name, part, door.link(name))
