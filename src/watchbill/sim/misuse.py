"""Casting: who plays in what, when and from where, so that everything told in a month stays apart for each person."""

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.sim.calls import (
    DESCRIBE_INSTANCES,
    LIST_BUCKETS,
    LIST_USERS,
    WHO_AM_I,
)
from watchbill.sim.clerk import Clerk
from watchbill.sim.events import Written
from watchbill.sim.labels import Label, Misuse, Nature, Quirk
from watchbill.sim.ordinary import Company, Desk, desk
from watchbill.sim.people import Spot, spot
from watchbill.sim.rights import Rights
from watchbill.sim.stories import Stage


APART = timedelta(hours=20)
"""How far the tales of one person keep from each other."""

HOURS: Mapping[str, tuple[int, int]] = {"work": (9, 17), "evening": (20, 23), "night": (1, 5), "any": (0, 24)}
"""Hours of the day by a person's own clock."""

STRANGERS_BROWSER = "Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0"
STRANGERS_CLI = (
    "aws-cli/1.36.2 md/Botocore#1.35.61 ua/2.0 os/linux#6.6.9-amd64 md/arch#x86_64 lang/python#3.12.6 "
    "md/pyimpl#CPython cfg/retry-mode#legacy"
)
STRANGERS_SDK = "Boto3/1.34.2 md/Botocore#1.34.2 ua/2.0 os/linux#6.6.9-amd64 lang/python#3.11.8"

LOOKS = (WHO_AM_I, LIST_USERS, LIST_BUCKETS, DESCRIBE_INSTANCES)
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OUTSIDE = "399999999999"
"""An account of nobody's."""


class NoCastError(Exception):
    """Nobody in the team, or no moment of the month, fits a tale."""


@dataclass(frozen=True, slots=True)
class Told:
    """A tale as it comes out."""

    label: Label
    events: tuple[Written, ...]
    quiet: tuple[tuple[str, Interval], ...] = ()
    """When people of the tale do nothing ordinary."""


@dataclass(frozen=True, slots=True)
class More:
    """What else there is to tell of a tale."""

    causes: Sequence[Written] = ()
    """What made it possible."""
    counted: Collection[str] | None = None
    """Ids of the events that are its own, where not all are."""
    at: datetime | None = None
    """The instant it turns on, where that is not its first event."""
    quiet: timedelta = timedelta(hours=1)
    """How long before and after it its people do nothing ordinary."""
    victims: Collection[str] = ()
    principal: str | None = None
    unheard: bool = False


Teller = Callable[["Plot", random.Random, int], Told]


@dataclass(slots=True)
class Plot:
    """The month while tales are placed in it."""

    company: Company
    settled: datetime
    what: Misuse | Quirk = Misuse.ROOT
    variation: int = 0
    _taken: dict[str, list[Interval]] = field(default_factory=dict)
    _stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        self._stage = Stage(self.company.world, self.company.shifts, self.company.span)

    def stranger(self, rng: random.Random) -> Spot:
        """Give an address in a network that nobody of the team and no other tale uses."""
        return spot(rng, self._stage.new_network(rng))

    def people(self, rng: random.Random, *groups: str) -> Iterator[str]:
        """Give people who are there all the month, in a chance order; of some groups where such are named."""
        chapters, team = self.company.chapters, self.company.world.team
        always = set(chapters[0].team.people) & set(chapters[-1].team.people)
        wanted = {name for group in groups for name in team.members(group)} if groups else always
        found = sorted(always & wanted)
        rng.shuffle(found)
        yield from found

    def moment(self, rng: random.Random, person: str | None, when: str = "any", *, off: bool = False) -> datetime:
        """Give an instant for a person, or for nobody, in some hours of their day; NoCastError where there is none.

        With `off` they are on no watch within two hours of it.
        """
        team, first = self.company.world.team, self.settled
        zone = ZoneInfo(team.people[person].time_zone) if person else ZoneInfo("UTC")
        low, high = HOURS[when]
        days = max(1, (self.company.span.end - first).days + 1)
        for _ in range(200):
            day = (first + timedelta(days=rng.randrange(days))).astimezone(zone).date()
            opening = datetime.combine(day, time(low), zone).astimezone(UTC)
            at = opening + timedelta(seconds=rng.randrange((high - low) * 3600))
            if when == "work" and day.weekday() > 4:
                continue
            span = Interval(at, at + timedelta(hours=1))
            if self.fits(person, span) and not (off and person and self.on_watch(person, at)):
                return at
        raise NoCastError

    def fits(self, person: str | None, span: Interval) -> bool:
        """Tell whether a span lies in the told part of the month, and apart from the person's other tales."""
        inside = self.settled <= span.start and span.end + timedelta(hours=1) <= self.company.span.end
        wide = Interval(span.start - APART, span.end + APART)
        return inside and not any(wide.meets(other) for other in self._taken.get(person or "", ()))

    def on_watch(self, person: str, at: datetime, slack: timedelta = timedelta(hours=2)) -> bool:
        """Tell whether somebody is on some watch about an instant."""
        near = Interval(at - slack, at + slack)
        return any(shift.person == person and shift.interval.meets(near) for shift in self.company.shifts)

    def shift(self, rng: random.Random, rota: str, past: timedelta = timedelta()) -> Shift:
        """Give a shift of a rota, whose person has nothing else to do until `past` its end."""
        shifts = [each for each in self.company.shifts if each.rota == rota]
        always = set(self.people(rng))
        rng.shuffle(shifts)
        for shift in shifts:
            end = shift.interval.end
            after = Interval(end, end + past + timedelta(minutes=1))
            more = any(
                other.person == shift.person and other != shift and other.interval.meets(after)
                for other in self.company.shifts
            )
            whole = shift.interval.length > timedelta(hours=4) and shift.person in always
            if whole and not more and self.fits(shift.person, Interval(shift.interval.start, after.end)):
                return shift
        raise NoCastError

    def seat(self, person: str) -> Desk:
        """Give the person at their desk."""
        return desk(self.company, person, "tale", self.what, str(self.variation))

    def clerk(self, rng: random.Random) -> Clerk:
        """Give somebody who writes for whoever is not of the team."""
        return Clerk(self.company.world, rng)

    def rights(self, person: str, account: str, at: datetime) -> Rights:
        """Give what a person may do as their IAM user, grants left out."""
        return self.company.rights(person, account, at)

    def told(
        self,
        events: Sequence[Written],
        nature: Nature,
        person: str | None,
        account: str,
        network: str,
        more: More | None = None,
    ) -> Told:
        """Close a tale."""
        more, events = more or More(), sorted(events, key=lambda event: event.at)
        own = [event for event in events if more.counted is None or event.id in more.counted]
        label = Label(
            self.what,
            self.variation,
            nature,
            person,
            more.at or own[0].at,
            account,
            network,
            tuple(event.id for event in own),
            tuple(event.id for event in more.causes),
            tuple(sorted(more.victims)),
            more.principal,
            more.unheard,
        )
        span = Interval(events[0].at - more.quiet, own[-1].at + more.quiet)
        names = sorted({*label.victims, *([person] if person else [])})
        for name in names:
            self._taken.setdefault(name, []).append(span)
        return Told(label, (*more.causes, *events), tuple((name, span) for name in names))
