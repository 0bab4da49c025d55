"""What is usual for whom: learnt from earlier days, or declared by the team file.

Learnt is, for each person and never for a session of theirs, on which days they were seen in which network
(`networks`), with which device (`devices`), doing what (`ec2.amazonaws.com:RunInstances`), in which account, on what
kind of target (`resources`), and in which hours of the week by their own clock. Of each value three questions are
asked: is it new for the person, for their job role (whoever shares a group of the team file with them, themselves
included), for the company?

1. Only earlier days count, never the day of the event itself, and of these the last `WINDOW`: what was not seen for so
   long is new again.
2. Usual is what was seen on one such day; a network, on two. Declared networks are usual from the start.
3. New is only said where there is something to be new against: of a person who was seen on `HISTORY_DAYS` of these
   days; of a role or the company with `HISTORY_DAYS` days and `HISTORY_PEOPLE` people. Else the answer is None: not
   enough history. `place` and `device`, which open no case, ask for less: see `ACQUAINTED_DAYS`.
4. What failed teaches nothing, and neither does what lies in a span that was judged hostile.
5. A day with absurdly many values teaches nothing of that kind, and is told of (`flooded`).
6. What is usual for a person is so for their role, and what is usual for a role is so for the company.

Learning from events one by one, and from batches in any order, gives the same baseline.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.detect.days import FIRST, LAST, NOBODY, NOTHING, WINDOW, Days, Ints, count
from watchbill.detect.devices import device_of
from watchbill.detect.networks import Block, Networks, Origin, address_of, network_of
from watchbill.detect.resources import short
from watchbill.detect.values import KINDS, Kind, Values, distinct, value_of, values_of, whole, words_of, written_out
from watchbill.intervals import Interval
from watchbill.team.model import Team
from watchbill.trail.model import Attributed, Outcome
from watchbill.trail.table import milliseconds


__all__ = ["KINDS", "WINDOW", "Baseline", "Flood", "Kind", "Newness", "Seen", "device_of", "learn", "network_of"]

NETWORK_DAYS = 2
"""Earlier days on which a network must have been seen to be usual: one is a journey, or a thief."""

HISTORY_DAYS = 7
"""Earlier days on which a person must have been seen before anything can be new for them: a week of work, in which most
of what somebody does by habit comes up once. Less, and the first weeks of everybody would be news."""

HISTORY_PEOPLE = 3
"""People of a role, or of the company, who must have been seen: two say little of what a third would do."""

ACQUAINTED_DAYS = 2
"""Earlier days after which `place` and `device` say `new`; `place` at once where the team file declares networks. They
only weigh in a case that something else opened, where saying nothing until the second week costs more than a word too
early. Rules, which open cases, go by `HISTORY_DAYS`: a home that nobody declared is no news in a trail's first days."""

Hostile = Sequence[tuple[str, Interval]]
"""People with spans in which it was not they who acted under their name."""


@dataclass(frozen=True, slots=True)
class Newness:
    """Whether a value was new; None where there was not enough history to tell, or no value."""

    person: bool | None
    role: bool | None
    company: bool | None


class Seen(NamedTuple):
    """That a person was seen with a value on a day."""

    kind: Kind
    person: str
    value: str
    day: date


@dataclass(frozen=True, slots=True, order=True)
class Flood:
    """A day on which a person was seen with too many values of a kind to learn from."""

    person: str
    kind: Kind
    day: date


_NO = pa.scalar(False)  # noqa: FBT003 - a value
_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000


class Baseline:
    """What was seen of whom on which days. It can be pickled, and takes little: see `size`.

    `networks` says what an address stands for; it must be the same wherever baselines are merged.
    """

    def __init__(self, team: Team | None, networks: Networks | None = None, hostile: Hostile = ()) -> None:
        self.people = {} if team is None else {name: number for number, name in enumerate(team.people)}
        """People by number, those of the team file first."""
        self.words: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS}
        """Values by number."""
        self.tables = {kind: Days() for kind in KINDS}
        self.present = Days()
        """On which days people were seen at all."""
        self._networks = networks or Networks()
        self._hostile = [
            (person, milliseconds(_up(span.start)), milliseconds(_up(span.end))) for person, span in hostile
        ]
        self._declared = _Declared(team)
        people = {} if team is None else team.people
        self._zones = {name: person.time_zone for name, person in people.items()}
        self._circles = _circles(team)
        self._of_roles: dict[Kind, Days] = {}
        self._of_all: dict[Kind, Days] = {}
        self._histories: dict[int, _History] = {}
        self._answers: dict[tuple[Any, ...], Newness] = {}

    # --- learning ---

    def learn(self, events: Iterable[Attributed]) -> None:
        """Learn from events, in any order."""
        seen: dict[Kind, set[tuple[int, str, int]]] = {kind: set() for kind in KINDS}
        for each in events:
            time_ms, person = milliseconds(each.event.at), each.actor.person
            if person is None or each.event.outcome is not Outcome.ALLOWED or self._is_hostile(person, time_ms):
                continue
            who, day = self._person(person), time_ms // _DAY_MS
            for kind in KINDS:
                # None is kept too: that somebody was seen at all counts as well.
                seen[kind].add((who, self._value(kind, each) or "", day))
        for kind, found in seen.items():
            rows = list(found)
            people = np.array([who for who, _, _ in rows], np.int64)
            days = np.array([day for _, _, day in rows], np.int64)
            self._learn_present(people, days)
            self._learn(kind, people, np.arange(len(rows)), [value for _, value, _ in rows], days)

    def learn_batch(self, batch: pa.RecordBatch, kinds: Sequence[Kind] = KINDS) -> None:
        """Learn from a batch of `trail.table.SCHEMA`, or of its columns that `kinds` need with person and day.

        Where there is no `outcome`, all of it was allowed; where there is no `time_ms`, spans that were judged hostile
        cannot be told and must not be in it.
        """
        rows = self._teaching(batch)
        people, who = words_of(rows.column("person"))
        zones = [self.zone_of(name) for name in people]
        persons = np.array([self._person(name) for name in people], np.int64)[who]
        days = whole(rows.column("day").cast(pa.int32()))
        used, _ = distinct(persons, days)
        self._learn_present(persons[used], days[used])
        for kind in kinds:
            table = values_of(kind, rows, self._networks, zones, who)
            used, _ = distinct(persons, table.codes, days)
            self._learn(kind, persons[used], table.codes[used], table.words, days[used])

    def merge(self, other: "Baseline") -> None:
        """Learn all that another baseline of the same team and networks has learnt."""
        owners = np.full(max([*other.people.values(), 0]) + 1, NOBODY, np.int64)
        for name, number in other.people.items():
            owners[number] = self._person(name)
        nothing = np.zeros(1, np.int64)
        self.present.merge(other.present.renumbered(owners, nothing))
        for kind in KINDS:
            values = np.zeros(max([*other.words[kind].values(), 0]) + 1, np.int64)
            for word, number in other.words[kind].items():
                values[number] = self.words[kind].setdefault(word, len(self.words[kind]))
            self.tables[kind].merge(other.tables[kind].renumbered(owners, values))
            self._forget_unused(kind)
        self._forget_answers()

    def _person(self, name: str) -> int:
        return self.people.setdefault(name, len(self.people)) if len(self.people) < NOBODY else NOBODY

    def _learn_present(self, persons: Ints, days: Ints) -> None:
        there = self.present.teaches(persons, days) & (persons != NOBODY)
        if self.present.add(persons[there], np.zeros(np.count_nonzero(there), np.int64), days[there]):
            self.present.settle()
        self._forget_answers()

    def _learn(self, kind: Kind, persons: Ints, codes: Ints, words: Sequence[str | None], days: Ints) -> None:
        """Learn values of one kind, where there are any: `words` by `codes`."""
        table, known = self.tables[kind], self.words[kind]
        rows = np.flatnonzero(table.teaches(persons, days) & (persons != NOBODY))
        of_code = np.full(len(words), NOTHING, np.int64)
        for code in np.unique(codes[rows]).tolist():
            if word := words[code]:
                of_code[code] = known.setdefault(short(word), len(known))
        numbers = of_code[codes[rows]]
        rows, numbers = rows[numbers != NOTHING], numbers[numbers != NOTHING]
        if table.add(persons[rows], numbers, days[rows]) and table.settle():
            self._forget_unused(kind)

    def _forget_unused(self, kind: Kind) -> None:
        """Drop the words of days that were given up."""
        used = self.tables[kind].values()
        if len(used) == len(self.words[kind]):
            return
        words = list(self.words[kind])
        renumbered = np.zeros(len(words), np.int64)
        renumbered[used] = np.arange(len(used))
        self.words[kind] = {words[number]: place for place, number in enumerate(used)}
        self.tables[kind] = self.tables[kind].renumbered(np.arange(len(self.people)), renumbered)

    def _teaching(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give the rows of people whose calls were allowed, outside of hostile spans."""
        fine = batch.column("person").is_valid()
        if "outcome" in batch.schema.names:
            fine = pc.and_(
                fine, pc.fill_null(pc.equal(written_out(batch.column("outcome")), str(Outcome.ALLOWED)), _NO)
            )
        if self._hostile and "time_ms" in batch.schema.names:
            persons, times = written_out(batch.column("person")), batch.column("time_ms")
            for person, start, end in self._hostile:
                inside = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
                fine = pc.and_(fine, pc.invert(pc.fill_null(pc.and_(pc.equal(persons, person), inside), _NO)))
        return batch.filter(fine)

    def _is_hostile(self, person: str, time_ms: int) -> bool:
        return any(who == person and start <= time_ms < end for who, start, end in self._hostile)

    # --- asking about one event ---

    def newness(self, kind: Kind, attributed: Attributed) -> Newness:
        """Say of one event whether its value of a kind was new for the person, for their role, for the company."""
        event = attributed.event
        value = self._value(kind, attributed)
        address = event.ip if kind is Kind.NETWORK else None
        return self._asked(kind, attributed.actor.person, value, milliseconds(event.at) // _DAY_MS, address)

    def place(self, person: str, ip: str | None, at: datetime) -> str:
        """Say whether an address was usual, known to others, new or unknown for a person before the day of `at`."""
        day = milliseconds(at) // _DAY_MS
        found = self._asked(Kind.NETWORK, person, self._networks.network(ip), day, ip, opens=False)
        if found.person is not False and found.company is False:
            return "known to others"
        return _SAID[found.person]

    def origin(self, ip: str | None) -> Origin:
        """Give all that is known of an address: its network, whose that is, and in which country."""
        return self._networks.origin(ip)

    def place_for_anyone(self, ip: str | None) -> str:
        """Say whether an address belongs to a network the team declares or anyone of it uses, whenever."""
        network = self._networks.network(ip)
        if network is None:
            return "unknown"
        number = self.words[Kind.NETWORK].get(short(network), NOTHING)
        used = self._company(Kind.NETWORK).ever(0, number) >= NETWORK_DAYS
        if used or self._declared.anyone(ip):
            return "usual"
        known = self._declared.any_at_all or self.present.most_ever() >= ACQUAINTED_DAYS
        return "new" if known else "unknown"

    def device(self, person: str, user_agent: str | None, at: datetime) -> str:
        """Say whether a user agent's family was usual, new or unknown for a person before the day of `at`."""
        day = milliseconds(at) // _DAY_MS
        return _SAID[self._asked(Kind.DEVICE, person, device_of(user_agent), day, None, opens=False).person]

    def _asked(
        self, kind: Kind, person: str | None, value: str | None, day: int, ip: str | None, *, opens: bool = True
    ) -> Newness:
        """Answer, or give the answer of before: the events of a case ask the same again and again.

        `opens` tells whether the answer may open a case, so that there must be history.
        """
        if not value:
            return Newness(None, None, None)
        asked = (kind, person, value, day, ip, opens)
        if asked not in self._answers:
            if len(self._answers) >= _ANSWERS_KEPT:
                self._answers = {}
            self._answers[asked] = self._answer(kind, person, value, day, ip, opens=opens)
        return self._answers[asked]

    def _answer(self, kind: Kind, person: str | None, value: str, day: int, ip: str | None, *, opens: bool) -> Newness:
        number = self.words[kind].get(short(value), NOTHING)
        who = NOBODY if person is None else self.people.get(person, NOBODY)
        least = NETWORK_DAYS if kind is Kind.NETWORK else 1
        state = self._history(day)
        network, declared = kind is Kind.NETWORK, self._declared
        history, by_file = (HISTORY_DAYS, False) if opens else (ACQUAINTED_DAYS, network)

        def answer(table: Days, owners: Iterable[int], said: bool, known: bool) -> bool | None:  # noqa: FBT001 - facts
            if said or _days_of(table, owners, number, day) >= least:
                return False
            return True if known else None

        circle = self._circles.of(person)
        mine = None
        if person is not None:
            known = state.seen(who) >= history or (by_file and declared.any_for((person,)))
            mine = answer(self.tables[kind], (who,), network and declared.usual((person,), ip), known)
        role = None
        if circle is not None:
            known = state.of_circle(circle) or (by_file and declared.any_for(circle.people))
            said = network and declared.usual(circle.people, ip)
            role = answer(self._roles(kind), circle.groups, said, known)
        known = state.company or (by_file and declared.any_at_all)
        return Newness(mine, role, answer(self._company(kind), (0,), network and declared.anyone(ip), known))

    def _value(self, kind: Kind, attributed: Attributed) -> str | None:
        return value_of(kind, attributed, self._networks, self.zone_of(attributed.actor.person))

    def zone_of(self, person: str | None) -> str:
        """Give the zone whose clock a person lives by; UTC where the team file does not say."""
        return self._zones.get(person or "", "UTC")

    # --- asking about a batch ---

    def newness_columns(self, batch: pa.RecordBatch, kinds: Sequence[Kind] = KINDS) -> dict[str, pa.Array]:
        """Say of each row of a batch what `newness` says of its event.

        Gives columns of booleans with nulls by name: `wb.first_seen.network` for the person,
        `wb.first_seen.role.network` and `wb.first_seen.company.network`, and so for each kind.
        """
        people, who = words_of(batch.column("person"))
        people = [*people, None]
        who = np.where(who < 0, len(people) - 1, who)
        zones = [self.zone_of(name) for name in people]
        days = whole(batch.column("day").cast(pa.int32()))
        columns = {}
        for kind in kinds:
            table = values_of(kind, batch, self._networks, zones, who)
            used, of_row = distinct(who, table.codes, days)
            facts = self._facts(kind, people, who[used], table, used, days[used])
            for level, fact in zip(("", "role.", "company."), facts, strict=True):
                spread = fact[of_row]
                columns[f"wb.first_seen.{level}{kind}"] = pa.array(spread == _NEW, mask=spread == _UNKNOWN)
        return columns

    def _facts(
        self, kind: Kind, people: Sequence[str | None], who: Ints, table: Values, used: Ints, days: Ints
    ) -> tuple["_Facts", "_Facts", "_Facts"]:
        """Answer for combinations of a person, a value and a day."""
        known, least = self.words[kind], NETWORK_DAYS if kind is Kind.NETWORK else 1
        of_code = [known.get(short(word), NOTHING) if word else -1 for word in table.words]
        numbers = np.array(of_code, np.int64)[table.codes[used]]
        valid, numbers = numbers >= 0, np.maximum(numbers, 0)
        owners = np.array([NOBODY if name is None else self.people.get(name, NOBODY) for name in people])
        circles = [self._circles.of(name) for name in people]
        named = np.array([name is not None for name in people])[who]
        grouped = np.array([circle is not None for circle in circles])[who]
        enough = _Enough(self, people, owners, circles, who, days)
        said = [np.zeros(len(used), bool) for _ in range(3)]
        if kind is Kind.NETWORK:
            self._add_declared(people, circles, who, table.codes[used], table.raw, said)
        usual = said[0] | (count(self.tables[kind].within(owners[who], numbers, days)) >= least)
        mine = _fact(usual, enough.person, valid & named)
        # What is usual for the person is so for the role, and for the company: the rest is asked.
        shared = said[1] | (usual & named)
        rest = np.flatnonzero(grouped & valid & ~shared)
        shared[rest] |= self._in_circle(kind, circles, who[rest], numbers[rest], days[rest]) >= least
        role = _fact(shared, enough.role, valid & grouped)
        common = said[2] | (usual & named) | (shared & grouped)
        rest = np.flatnonzero(valid & ~common)
        nobody = np.zeros(len(rest), np.int64)
        common[rest] |= count(self._company(kind).within(nobody, numbers[rest], days[rest])) >= least
        return mine, role, _fact(common, enough.company, valid)

    def _in_circle(self, kind: Kind, circles: Sequence["_Circle | None"], who: Ints, numbers: Ints, days: Ints) -> Ints:
        """Count on how many days the groups of people had values, each day once."""
        table = self._roles(kind)
        groups = [() if circle is None else circle.groups for circle in circles]
        found = table.within(np.full(len(who), NOBODY), numbers, days)
        for place in range(max((len(each) for each in groups), default=0)):
            group = np.array([each[place] if place < len(each) else NOBODY for each in groups])
            found |= table.within(group[who], numbers, days)
        return count(found)

    def _add_declared(
        self,
        people: Sequence[str | None],
        circles: Sequence["_Circle | None"],
        who: Ints,
        codes: Ints,
        addresses: Sequence[str | None],
        said: Sequence[npt.NDArray[np.bool_]],
    ) -> None:
        """Add what the team file declares of networks: which are usual."""
        declared = self._declared
        if not declared.any_at_all:
            return
        first, of_row = distinct(who, codes)
        found = np.zeros((len(first), 3), np.bool_)
        for place, (number, code) in enumerate(zip(who[first].tolist(), codes[first].tolist(), strict=True)):
            ip, person, circle = addresses[code], people[number], circles[number]
            if ip is not None:
                found[place] = (
                    person is not None and declared.usual((person,), ip),
                    circle is not None and declared.usual(circle.people, ip),
                    declared.anyone(ip),
                )
        for level in range(3):
            said[level][:] |= found[of_row, level]

    # --- what is worked out once and kept until more is learnt ---

    def _forget_answers(self) -> None:
        self._of_roles, self._of_all, self._histories, self._answers = {}, {}, {}, {}

    def _roles(self, kind: Kind) -> Days:
        """Give the table of groups: what any member was seen with."""
        if kind not in self._of_roles:
            pairs = sorted(
                (self.people[name], group) for group, names in enumerate(self._circles.groups) for name in names
            )
            members, groups = np.array(pairs, np.int64).reshape(-1, 2).T
            self._of_roles[kind] = self.tables[kind].by_owner(members, groups)
        return self._of_roles[kind]

    def _company(self, kind: Kind) -> Days:
        """Give the table of all: what anybody was seen with."""
        if kind not in self._of_all:
            owners = self.tables[kind].owners()
            self._of_all[kind] = self.tables[kind].by_owner(owners, np.zeros(len(owners), np.int64))
        return self._of_all[kind]

    def _history(self, day: int) -> "_History":
        """Give who had been seen how often before a day."""
        day = _clipped(day)
        if day not in self._histories:
            if len(self._histories) >= _DAYS_KEPT:
                self._histories = {}
            everyone = np.arange(len(self.people) + 1)
            everyone[-1] = NOBODY
            within = self.present.within(everyone, np.zeros_like(everyone), np.full_like(everyone, day))
            self._histories[day] = _History(within, self.people)
        return self._histories[day]

    def seen(self) -> Iterator[Seen]:
        """Give all that was learnt of people, in no order."""
        names = list(self.people)
        for kind in KINDS:
            words = list(self.words[kind])
            for owner, value, day in self.tables[kind].rows():
                yield Seen(kind, names[owner], words[value], _date_of(day))

    @property
    def flooded(self) -> tuple[Flood, ...]:
        """Days that taught nothing of a kind, since there were too many values of it."""
        names, found = list(self.people), []
        for kind, table in self.tables.items():
            if table.settle():
                self._forget_unused(kind)
            found += [Flood(names[owner], kind, _date_of(day)) for owner, day in self.tables[kind].flooded]
        return tuple(sorted(found))

    @property
    def size(self) -> int:
        """Bytes that it takes, about: of the tables and the words in them, not of what is worked out from them."""
        words = sum(len(word) + 150 for each in self.words.values() for word in each)
        return words + sum(table.size for table in (self.present, *self.tables.values()))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_of_roles": {}, "_of_all": {}, "_histories": {}, "_answers": {}}


def learn(
    events: Iterable[Attributed], team: Team | None, networks: Networks | None = None, hostile: Hostile = ()
) -> Baseline:
    """Build the baseline of events; what failed teaches nothing."""
    baseline = Baseline(team, networks, hostile)
    baseline.learn(events)
    return baseline


_SAID = {False: "usual", True: "new", None: "unknown"}
_DAYS_KEPT = 64
_ANSWERS_KEPT = 4096


# --- who belongs to whom -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Circle:
    """The job role of a person: the groups they are in, and everyone in these."""

    groups: tuple[int, ...]
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Circles:
    """Groups by number with their members, and the circle of each person."""

    groups: tuple[tuple[str, ...], ...]
    people: dict[str, _Circle]

    def of(self, person: str | None) -> _Circle | None:
        """Give somebody's circle; None for who is in no group."""
        return None if person is None else self.people.get(person)


def _circles(team: Team | None) -> _Circles:
    """Find who shares a group with whom. A group of everybody is no job role, unless it is the only one of somebody."""
    if team is None:
        return _Circles((), {})
    groups = tuple(tuple(name for name in team.members(group) if name in team.people) for group in team.groups)
    held = {name: [number for number, names in enumerate(groups) if name in names] for name in team.people}
    known: dict[tuple[int, ...], _Circle] = {}
    people = {}
    for name, numbers in held.items():
        narrow = tuple(number for number in numbers if len(groups[number]) < len(team.people)) or tuple(numbers)
        if narrow and narrow not in known:
            known[narrow] = _Circle(narrow, tuple(sorted({each for number in narrow for each in groups[number]})))
        if narrow:
            people[name] = known[narrow]
    return _Circles(groups, people)


class _Declared:
    """The networks that the team file declares."""

    def __init__(self, team: Team | None) -> None:
        self._common: tuple[Block, ...] = tuple(ipaddress.ip_network(net) for net in (team.networks if team else ()))
        people = team.people.values() if team else ()
        found = {p.name: tuple(ipaddress.ip_network(net) for net in p.networks) for p in people}
        self._personal: dict[str, tuple[Block, ...]] = {name: nets for name, nets in found.items() if nets}
        self._known: dict[tuple[str, ...], tuple[Block, ...]] = {}
        self._all = self._of(tuple(self._personal))
        self.any_at_all = bool(self._all)

    def usual(self, people: tuple[str, ...], ip: str | None) -> bool:
        """Tell whether an address lies in everyone's networks or in those of one of some people."""
        return _lies_in(ip, self._of(people))

    def anyone(self, ip: str | None) -> bool:
        """Tell whether an address lies in anybody's networks."""
        return _lies_in(ip, self._all)

    def any_for(self, people: tuple[str, ...]) -> bool:
        """Tell whether any network is declared for everyone or for one of some people."""
        return bool(self._of(people))

    def _of(self, people: tuple[str, ...]) -> tuple[Block, ...]:
        """Give the networks of some people, worked out once: people of one role have one circle."""
        mine = tuple(person for person in people if person in self._personal) if len(people) == 1 else people
        if mine not in self._known:
            personal = (net for person in mine for net in self._personal.get(person, ()))
            self._known[mine] = tuple(dict.fromkeys((*self._common, *personal)))
        return self._known[mine]


def _lies_in(ip: str | None, networks: Sequence[Block]) -> bool:
    address = address_of(ip)
    return address is not None and any(address in network for network in networks)


# --- whether there is enough history -------------------------------------------------------------


class _History:
    """Who had been seen on how many days before one day."""

    def __init__(self, within: npt.NDArray[np.uint64], people: dict[str, int]) -> None:
        self._within, self._people = within, people
        self.counts = count(within)
        self._circles: dict[tuple[int, ...], bool] = {}
        self.company = self._enough(slice(None))

    def seen(self, person: int) -> int:
        """Give on how many days a person had been seen."""
        return int(self.counts[min(person, len(self.counts) - 1)])

    def of_circle(self, circle: _Circle) -> bool:
        """Tell whether a role had been seen enough."""
        if circle.groups not in self._circles:
            members = np.array([self._people[name] for name in circle.people], np.int64)
            self._circles[circle.groups] = self._enough(members)
        return self._circles[circle.groups]

    def _enough(self, of: slice | Ints) -> bool:
        several = np.count_nonzero(self.counts[of]) >= HISTORY_PEOPLE
        return bool(several and count(np.bitwise_or.reduce(self._within[of], axis=0)) >= HISTORY_DAYS)


class _Enough:
    """Whether there is enough history, for each of many combinations."""

    def __init__(
        self,
        baseline: Baseline,
        people: Sequence[str | None],
        owners: Ints,
        circles: Sequence[_Circle | None],
        who: Ints,
        days: Ints,
    ) -> None:
        self.person, self.role, self.company = (np.zeros(len(who), bool) for _ in range(3))
        days = np.clip(days, FIRST - 1, LAST + 2)
        for day in np.unique(days):
            state = baseline._history(int(day))  # noqa: SLF001 - a part of it
            rows = days == day
            self.person[rows] = np.array([state.seen(owner) >= HISTORY_DAYS for owner in owners])[who[rows]]
            of_role = [circle is not None and state.of_circle(circle) for circle in circles]
            self.role[rows] = np.array(of_role, bool)[who[rows]]
            self.company[rows] = state.company


def _days_of(table: Days, owners: Iterable[int], number: int, day: int) -> int:
    """Count on how many earlier days any of some owners had a value."""
    asked = np.array(list(owners), np.int64)
    within = table.within(asked, np.full_like(asked, number), np.full_like(asked, _clipped(day)))
    return int(count(np.bitwise_or.reduce(within, axis=0)))


_Facts = npt.NDArray[np.int8]
_USUAL, _NEW, _UNKNOWN = 0, 1, 2


def _fact(usual: npt.NDArray[np.bool_], enough: npt.NDArray[np.bool_], valid: npt.NDArray[np.bool_]) -> _Facts:
    found = np.where(usual, _USUAL, np.where(enough, _NEW, _UNKNOWN))
    return np.where(valid, found, _UNKNOWN).astype(np.int8)


def _clipped(day: int) -> int:
    """Give a day that the table can be asked of; before 1970, and after 2149, there is nothing to know."""
    return min(max(day, FIRST - 1), LAST + 2)


def _up(at: datetime) -> datetime:
    """Give the first whole millisecond that is not before an instant."""
    return at + timedelta(microseconds=-at.microsecond % 1000)


def _date_of(day: int) -> date:
    return date.fromordinal(_EPOCH.toordinal() + day)
