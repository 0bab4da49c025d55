"""The team file: what is wrong with it is said at once, at its place, and nothing is built from it."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from watchbill.errors import FileError, Location
from watchbill.team.files import parse
from watchbill.team.model import (
    BreakGlass,
    Claim,
    Feed,
    Kind,
    Recurrence,
    Required,
    Restriction,
    Roster,
    Rotation,
    Turn,
)
from watchbill.team.schema import team_schema


ROOT = Path(__file__).parents[3]
SAMPLE = (ROOT / "src/watchbill/demo/watchbill.yaml").read_text("utf-8")
SMALL = """\
team: small
accounts:
  production: {number: "111111111111", environment: production}
people:
  ana: {name: Ana, email: ana@example.com}
  bo: {name: Bo, email: bo@example.com}
permission_sets:
  look: {allow: ["ec2:Describe*"]}
groups:
  ops:
    members: [ana]
    access: [{permission_set: look, accounts: [production]}]
"""


def problems_of(text):
    """Parse and give what is wrong."""
    with pytest.raises(FileError) as caught:
        parse(text, "watchbill.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_the_sample_parses():
    """The sample of the demo is a team of eight with a rota around the clock."""
    team = parse(SAMPLE, "watchbill.yaml")
    assert len(team.people) == 8
    assert team.members("developers") == ("ada", "james", "lee", "rick")
    assert str(team.rotas["platform"].where).startswith("watchbill.yaml:")
    assert len(team.digest) == 64


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("members: [ana]", "members: [anna]", "watchbill.yaml:11:15 unknown person `anna` (did you mean `ana`?)"),
        ("set: look,", "set: lok,", "watchbill.yaml:12:31 unknown permission set `lok` (did you mean `look`?)"),
        ("[production]}", "[prod]}", "watchbill.yaml:12:48 unknown account `prod`"),
        ("groups:", "grups:", "watchbill.yaml:9:1 unknown key `grups` (did you mean `groups`?)"),
        ("    members", "    membrs", "watchbill.yaml:11:5 unknown key `membrs` (did you mean `members`?)"),
        (
            "    members",
            "    layers: []\n    members",
            "watchbill.yaml:11:5 unknown key `layers`; here may be: access, includes, members, reviewer",
        ),
        (
            "[{permission",
            "[{time_zone: UTC, permission",
            "watchbill.yaml:12:15 unknown key `time_zone`; here may be: accounts, by, permission_set",
        ),
        ("team: small\n", "", "watchbill.yaml:1:1 `team` is missing"),
        (
            "111111111111",
            "11111111111",
            'watchbill.yaml:3:24 `11111111111` is no valid number; an account number has twelve digits: "111111111111"',
        ),
        ('"111111111111"', "111111111111", "watchbill.yaml:3:24 `111111111111` must be a text; put it in quotes"),
        (
            "bo@example.com",
            "ana@example.com",
            "watchbill.yaml:6:25 email `ana@example.com` is given twice, first in line 5",
        ),
        (
            "ec2:Describe*",
            "ec2Describe",
            "watchbill.yaml:8:18 `ec2Describe` is no valid allow; an action is a service and a name: ec2:Describe*",
        ),
        ("  bo:", "  ana:", "watchbill.yaml:6:3 key `ana` is given twice"),
        ("    members: [ana]", "    includes: [ops]", "watchbill.yaml:11:15 groups include each other: ops -> ops"),
        (
            "ana@example.com}",
            "ana@example.com, time_zone: Mars/Base}",
            "watchbill.yaml:5:55 unknown time zone `Mars/Base`",
        ),
        (
            "ana@example.com}",
            "ana@example.com, networks: [300.1.1.1/8]}",
            "watchbill.yaml:5:55 `300.1.1.1/8` is no CIDR block: '300.1.1.1/8' does not appear to be an IPv4 or IPv6 network",
        ),
    ],
)
def test_a_mistake_is_said_at_its_place(old, new, expected):
    """Line and column are those of the value, and close names are offered."""
    assert expected in [problem.replace("\n", " ") for problem in problems_of(SMALL.replace(old, new, 1))]


def test_every_mistake_is_reported_at_once():
    """Three mistakes are three problems, in the order of the file."""
    text = (
        SMALL.replace("[ana]", "[anna]")
        .replace("set: look", "set: lok")
        .replace("Bo, email", "Bo, networks: [x], email")
    )
    assert [problem.split()[0] for problem in problems_of(text)] == [
        "watchbill.yaml:6:29",
        "watchbill.yaml:11:15",
        "watchbill.yaml:12:31",
    ]


def test_mistakes_of_shape_and_of_names_are_reported_together():
    """A wrong type, a misspelt key and names that refer to nothing come in one report, in the order of the file."""
    text = SAMPLE
    for old, new in (
        ("\nleads: [sofia, ada]", "\nleads: [sofia, adaa, 7]"),
        ("omar: {name: Omar Haddad, email", "omar: {name: Omar Haddad, emial"),
        ("members: [rick, ada]", "members: [rik, 7, ada]"),
        ('handoff: {time: "11:00"}', "handoff: {time: 18}"),
        ("member: james}", "member: jams}"),
        ("members: [priya, lee]", "members: [priya, le]"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    lines = text.splitlines()
    said = [
        (lines[int(line) - 1][int(col) - 1 :].split(",")[0].rstrip("]}"), message)
        for line, col, message in (
            (*problem.removeprefix("watchbill.yaml:").split(" ", 1)[0].split(":"), problem.split(" ", 1)[1])
            for problem in problems_of(text)
        )
    ]
    assert said == [
        ("adaa", "unknown person `adaa` (did you mean `ada`?)"),
        ("7", "`7` must be a text; put it in quotes"),
        ("{name: Omar Haddad", "`email` is missing"),
        ("emial: omar@example.com", "unknown key `emial` (did you mean `email`?)"),
        ("rik", "unknown person `rik` (did you mean `rick`?)"),
        ("7", "`7` must be a text; put it in quotes"),
        ("18", "`18` must be a text; put it in quotes"),
        ("jams", "`jams` is no member of layer `emea` (did you mean `james`?)"),
        ("le", "unknown person `le` (did you mean `lee`?)"),
    ]


def test_a_misspelt_section_makes_no_name_wrong():
    """What a section declares cannot be known when its key is misspelt; the key alone is said."""
    assert problems_of(SMALL.replace("people:", "peple:")) == [
        "watchbill.yaml:4:1 unknown key `peple` (did you mean `people`?)"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    horizon: 14d", "    horizon: 5x"),
        ("date: 2026-01-12, member: rick", "date: 12 January, member: rick"),
        # Whose IAM user it is cannot be known, so it is nobody's twice.
        (
            "  rick: {name",
            "  mo: {iam_user: rick, name: Mo, email: mo@example.com}\n  rick: {iam_user: a b, name",
        ),
    ],
)
def test_a_text_in_the_wrong_form_is_one_mistake(old, new):
    """What has the wrong form is not read further."""
    assert len(problems_of(SAMPLE.replace(old, new, 1))) == 1


def _spoilt(document):
    """Give the document once for every value in it, that value in a shape no key takes."""
    paths = []

    def walk(value, path):
        if path:
            paths.append(path)
        for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            walk(value[step], (*path, step))

    walk(document, ())
    for path in paths:
        copy = json.loads(json.dumps(document))
        holder = copy
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = 7.5
        yield path, copy


def test_a_wrong_shape_makes_no_name_wrong():
    """Whatever single value of the sample has a wrong shape, that is the only kind of mistake said."""
    document = json.loads(json.dumps(YAML(typ="safe").load(SAMPLE), default=str))
    document["rotas"]["platform"]["overrides"] = [
        {
            "name": "s",
            "from": "2026-01-12T09:00:00Z",
            "to": "2026-01-13T09:00:00Z",
            "add": "lee",
            "reason": "r",
            "by": "ada",
        }
    ]
    document["rotas"]["platform"]["leave"] = [
        {"person": "ada", "from": "2026-01-12T09:00:00Z", "to": "2026-01-13T09:00:00Z"}
    ]
    spoilt = list(_spoilt(document))
    assert len(spoilt) > 200
    for path, text in ((path, json.dumps(copy)) for path, copy in spoilt):
        with pytest.raises(FileError) as caught:
            parse(text, "watchbill.yaml")
        assert {problem.code for problem in caught.value.problems} == {"bad-shape"}, path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "anchor: {date: 2026-01-12, member: rick}",
            "anchor: {date: 2026-01-12, member: lee}",
            "`lee` is no member of layer `emea-day`",
        ),
        ("date: 2026-01-12, member: rick", "date: 2026-02-30, member: rick", "`2026-02-30` is no date of the calendar"),
        ("    horizon: 14d", "    horizon: 1h", "a horizon is at least a day"),
        (
            "    layers:",
            "    overrides: [{name: s, from: 2026-01-12T09:00:00, to: 2026-01-13T09:00:00Z, reason: r, by: ada}]\n    layers:",
            "names no time zone",
        ),
        (
            "    layers:",
            "    overrides: [{name: s, from: 2026-01-12T09:00:00Z, to: 2026-01-13T09:00:00Z, reason: r, by: ada}]\n    layers:",
            "has neither `add` nor `remove`",
        ),
        (
            "rotas:\n",
            "leave: [{person: ada, from: 2026-01-14T09:00:00Z, to: 2026-01-13T09:00:00Z}]\nrotas:\n",
            "`to` must be later than `from`",
        ),
        (
            "rotas:\n",
            "grants: [{name: g, person: ada, permission_set: support, accounts: [staging], from: 2026-01-14T09:00:00Z,"
            " to: 2026-01-15T09:00:00Z, reason: r, approver: ada}]\nrotas:\n",
            "`ada` cannot approve their own grant",
        ),
    ],
)
def test_what_makes_no_sense_is_said(old, new, expected):
    """Names may all be right and the file still not mean anything."""
    assert any(expected in problem for problem in problems_of(SAMPLE.replace(old, new, 1)))


def test_what_is_to_be_delivered_by_an_identity_center_needs_one():
    """A rota and a job role say by what they are delivered; the file has to name it."""
    by = "by: identity center"
    text = ROTAS.replace("accounts: [production]", f"accounts: [production]\n    {by}", 1)
    assert any("names no `identity_center` to deliver it by" in problem for problem in problems_of(text))
    assert not any("identity_center" in problem for problem in problems_of(ROTAS))
    grant = "{name: g, person: ada, permission_set: support, accounts: [staging], from: 2026-01-14T09:00:00Z, to: 2026-01-15T09:00:00Z, reason: r, approver: james, by: identity center}"
    text = SAMPLE.replace("rotas:\n", f"grants: [{grant}]\nrotas:\n", 1)
    assert any("names no `identity_center` to deliver it by" in problem for problem in problems_of(text))


ROTAS = """\
rotas:
  platform:
    accounts: [production]
    entitlement: {primary: look}
    required: [primary]
    layers:
      - name: weeks
        time_zone: Europe/London
        members: [ana, bo]
        turn: 1w
        handoff: {day: mon, time: "09:00"}
        anchor: {date: 2026-01-12, member: ana}
        rosters: [{from: 2026-02-02, members: [bo, ana], first: ana}, {from: 2026-03-02, members: [bo]}]
        beside: false
        from: 2026-01-01T00:00:00Z
        to: 2027-01-01T00:00:00Z
      - name: weekends
        time_zone: Europe/London
        members: [ana, bo]
        recurs: {start: 2026-01-10T09:00, length: 12h, rule: "FREQ=WEEKLY;BYDAY=SA,SU", without: [2026-01-11T09:00], also: [2026-01-14T09:00], each: 2}
      - name: outside
        time_zone: UTC
        members: [bo]
        feed: {form: csv, secret: PLATFORM_FEED, most_change: 0.5}
    overrides:
      - {name: one, from: 2026-01-12T09:00:00Z, to: 2026-01-13T09:00:00Z, swap: [ana, bo], reason: r, by: ana}
      - name: two
        from: 2026-01-12T09:00:00Z
        to: 2026-01-13T09:00:00Z
        instead: [{person: bo, from: 2026-01-12T09:00:00Z, to: 2026-01-12T10:00:00Z}]
        reason: r
        by: ana
      - {name: three, from: 2026-01-12T09:00:00Z, to: 2026-01-13T09:00:00Z, add: bo, beside: true, reason: r, by: ana}
leave:
  - {person: ana, from: 2026-01-20, to: 2026-01-22}
"""
FULL = (
    SMALL.replace("email: ana@example.com}", "email: ana@example.com, time_zone: America/New_York, holidays: US-NY}")
    + ROTAS
)


def test_every_form_of_a_rota_is_read():
    """Turns with rosters, recurring shifts, an outside schedule, each override, coverage, rest, leave by dates."""
    text = FULL.replace(
        "    required: [primary]",
        "    rest: 12h\n    required: [secondary, {people: 2, time_zone: Asia/Kolkata, hours: "
        '[{days: [mon, tue], from: "22:00", to: "06:00"}]}]',
    )
    rota = parse(text, "watchbill.yaml").rotas["platform"]
    weeks, weekends, outside = rota.layers
    assert weeks.pattern == Rotation(
        Turn(1, "w"),
        time(9),
        date(2026, 1, 12),
        (
            Roster(date(2026, 1, 12), ("ana", "bo"), "ana"),
            Roster(date(2026, 2, 2), ("bo", "ana"), "ana"),
            Roster(date(2026, 3, 2), ("bo",), None),
        ),
    )
    assert (weeks.since, weeks.until) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    local = [datetime.fromisoformat(f"2026-01-{day}T09:00") for day in (10, 11, 14)]
    assert weekends.pattern == Recurrence(
        local[0], timedelta(hours=12), "FREQ=WEEKLY;BYDAY=SA,SU", frozenset({local[1]}), (local[2],), 2
    )
    assert outside.pattern == Feed("csv", "PLATFORM_FEED", "", 0.5)
    assert rota.required == (
        Required(Kind.SECONDARY, 1, (), "UTC"),
        Required(Kind.PRIMARY, 2, (Restriction(frozenset({0, 1}), time(22), time(6)),), "Asia/Kolkata"),
    )
    assert rota.rest == timedelta(hours=12)
    one, two, three = rota.overrides
    assert (one.swap, one.instead, one.beside) == (("ana", "bo"), None, False)
    assert two.instead is not None
    assert [(stint.person, stint.interval.length) for stint in two.instead] == [("bo", timedelta(hours=1))]
    assert (three.add, three.beside) == ("bo", True)
    # Dates are midnights where Ana lives, in New York.
    assert [str(leave.interval) for leave in rota.leave] == ["2026-01-20T05:00:00Z - 2026-01-22T05:00:00Z"]
    assert rota.holidays == {"ana": ("US-NY", "America/New_York")}
    assert rota.people == ("ana", "bo")


def test_a_rota_has_the_leave_and_holidays_of_its_own_people():
    """Cy is away, has the holidays of Scotland, and takes part in nothing."""
    text = FULL.replace("  bo:", "  cy: {name: Cy, email: cy@example.com, holidays: GB-SCT}\n  bo:", 1)
    rota = parse(text + "  - {person: cy, from: 2026-01-20, to: 2026-01-22}\n", "watchbill.yaml").rotas["platform"]
    assert [leave.person for leave in rota.leave] == ["ana"]
    assert set(rota.holidays) == {"ana"}


def test_members_of_every_roster_are_members_of_the_layer():
    """Whoever takes part from some date on may come on call; everyone at once is a form of each."""
    text = FULL.replace("members: [bo]}]", "members: [cy]}]").replace("each: 2", "each: everyone")
    text = text.replace("  bo:", "  cy: {name: Cy, email: cy@example.com}\n  bo:", 1)
    weeks, weekends, _ = parse(text, "watchbill.yaml").rotas["platform"].layers
    assert weeks.members == ("ana", "bo", "cy")
    assert isinstance(weekends.pattern, Recurrence)
    assert weekends.pattern.each is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("US-NY", "^US-ZZ", "the public holidays of `US-ZZ` are not known here"),
        ("US-NY", "^XX", "the public holidays of `XX` are not known here"),
        ("US-NY", "^usa", "`usa` is no valid holidays; write a country, GB, or a part of one, GB-SCT"),
        # Layers: zones, people and spans.
        ("time_zone: UTC", "time_zone: ^Utc/X", "unknown time zone `Utc/X`"),
        (
            "members: [ana, bo]\n        recurs",
            "members: [^anna, bo]\n        recurs",
            "unknown person `anna` (did you mean `ana`?)",
        ),
        (
            "from: 2026-01-01T00:00:00Z",
            "from: ^2026-01-01T00:00:00",
            "`2026-01-01T00:00:00` names no time zone; write 2026-09-07T08:00:00Z",
        ),
        ("to: 2027-01-01T00:00:00Z", "to: ^2025-01-01T00:00:00Z", "`to` must be later than `from`"),
        ("name: outside", "name: ^weeks", "layer of rota `platform` `weeks` is given twice, first in line 19"),
        # One pattern each.
        (
            "      - name: outside",
            "      - ^name: outside\n        turn: 1w",
            "a layer has turns, `recurs` or `feed`: not turn and feed",
        ),
        (
            "      - name: outside",
            "      - ^name: outside\n        rosters: [{from: 2026-01-12, members: [bo]}]",
            "a layer has turns, `recurs` or `feed`: not rosters and feed",
        ),
        (
            "      - name: weekends",
            "      - ^name: weekends\n        feed: {secret: X}",
            "a layer has turns, `recurs` or `feed`: not recurs and feed",
        ),
        (
            "      - name: weeks\n",
            "      - ^name: weeks\n        feed: {secret: X}\n",
            "a layer has turns, `recurs` or `feed`: not turn and handoff and anchor and rosters and feed",
        ),
        (
            "      - name: weeks\n        time_zone: Europe/London\n        members: [ana, bo]\n        turn: 1w\n",
            "      - ^name: weeks\n        time_zone: Europe/London\n        members: [ana, bo]\n",
            "`turn` is missing",
        ),
        ('        handoff: {day: mon, time: "09:00"}\n', "", None),
        # Turns and rosters.
        ("anchor: {date: 2026-01-12", "anchor: {date: ^2026-01-13", "2026-01-13 is a tue, and turns begin on mon"),
        ("anchor: {date: 2026-01-12", "anchor: {date: ^2026-02-30", "`2026-02-30` is no date of the calendar"),
        ("anchor: {date: 2026-01-12", "anchor: {date: ^0001-01-01", "`0001-01-01` is no date of the calendar"),
        ("member: ana}", "member: ^anna}", "`anna` is no member of layer `weeks` (did you mean `ana`?)"),
        ("first: ana}", "first: ^cy}", "`cy` is no member of this roster"),
        ("members: [bo, ana], first", "members: [^boo, ana], first", "unknown person `boo` (did you mean `bo`?)"),
        ("{from: 2026-03-02", "{from: ^2026-02-29", "`2026-02-29` is no date of the calendar"),
        ("{from: 2026-03-02", "{from: ^9999-12-31", "`9999-12-31` is no date of the calendar"),
        ("{from: 2026-03-02", "{from: ^2026-02-02", "rosters go on in time: 2026-02-02 is not after 2026-02-02"),
        ("{from: 2026-02-02", "{from: ^2026-01-12", "rosters go on in time: 2026-01-12 is not after 2026-01-12"),
        # Recurring shifts.
        ("start: 2026-01-10T09:00", "start: ^2026-02-30T09:00", "`2026-02-30T09:00` is no time of the calendar"),
        ("start: 2026-01-10T09:00", "start: ^0001-01-06T09:00", "`0001-01-06T09:00` is no time of the calendar"),
        (
            "start: 2026-01-10T09:00",
            "start: ^2026-01-12T09:00",
            "the first shift begins at 2026-01-12T09:00, which does not fit `FREQ=WEEKLY;BYDAY=SA,SU`",
        ),
        ("without: [2026-01-11T09:00", "without: [^2026-01-11T25:00", "`2026-01-11T25:00` is no time of the calendar"),
        ("also: [2026-01-14T09:00", "also: [^2026-13-14T09:00", "`2026-13-14T09:00` is no time of the calendar"),
        ("length: 12h", "length: ^0h", "a shift lasts some time"),
        ("length: 12h", "length: ^12", None),
        (
            '"FREQ=WEEKLY;BYDAY=SA,SU"',
            '^"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"',
            "no day of any year fits `FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30`",
        ),
        ('"FREQ=WEEKLY;BYDAY=SA,SU"', "^FREQ=MINUTELY", "FREQ must be one of HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("each: 2", "each: ^0", None),
        # Outside schedules.
        (
            "feed: {form: csv, secret: PLATFORM_FEED,",
            "feed: ^{form: csv, secret: PLATFORM_FEED, file: a.csv,",
            "a feed has a `secret` or a `file`: one of them",
        ),
        (
            "feed: {form: csv, secret: PLATFORM_FEED,",
            "feed: ^{form: csv,",
            "a feed has a `secret` or a `file`: one of them",
        ),
        (
            "secret: PLATFORM_FEED",
            'secret: ^"https://a.example/x.ics"',
            "`https://a.example/x.ics` is no valid secret; name an environment variable: PLATFORM_FEED",
        ),
        ("form: csv", "form: ^xls", None),
        # Coverage and rest.
        ("required: [primary]", "required: [{people: 2, time_zone: ^Mars/Base}]", "unknown time zone `Mars/Base`"),
        ("required: [primary]", "required: [^boss]", None),
        (
            "required: [primary]",
            "required: [{hours: [{days: [mon, ^7], from: '09:00', to: '17:00'}]}]",
            "`7` must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'",
        ),
        ("required: [primary]", "required: [{people: ^0}]", None),
        ("    required: [primary]", "    rest: ^long", "`long` is no valid rest; write 11h"),
        # Overrides.
        ("swap: [ana, bo]", "swap: [^anna, bo]", "unknown person `anna` (did you mean `ana`?)"),
        ("swap: [ana, bo]", "swap: ^[ana, ana]", "`ana` cannot swap with themselves"),
        ("swap: [ana, bo]", "swap: ^[ana]", None),
        ("- {name: one,", "- ^{name: one, remove: bo,", "override `one` has swap and add or remove; keep one"),
        (
            "      - name: two",
            "      - ^name: two\n        swap: [ana, bo]",
            "override `two` has swap and instead; keep one",
        ),
        ("- {name: one,", "- {name: one, beside: ^true,", "`beside` is about an `add` that removes nobody"),
        (
            "beside: true, reason",
            "beside: ^true, remove: ana, reason",
            "`beside` is about an `add` that removes nobody",
        ),
        ("instead: [{person: bo", "instead: [{person: ^boo", "unknown person `boo` (did you mean `bo`?)"),
        ("to: 2026-01-12T10:00:00Z", "to: ^2026-01-12T09:00:00Z", "`to` must be later than `from`"),
        ("to: 2026-01-12T10:00:00Z", "to: ^tomorrow", None),
        ("name: three", "name: ^one", "override of rota `platform` `one` is given twice, first in line 38"),
        (
            "swap: [ana, bo], reason: r, by: ana",
            "swap: [ana, bo], reason: r, by: ^anna",
            "unknown person `anna` (did you mean `ana`?)",
        ),
        # Leave.
        (
            "person: ana, from: 2026-01-20",
            "person: ^anna, from: 2026-01-20",
            "unknown person `anna` (did you mean `ana`?)",
        ),
        ("to: 2026-01-22", "to: ^2026-01-20", "`to` must be later than `from`"),
        ("from: 2026-01-20", "from: ^2026-01-32", None),
        # One is a date in New York, the other an instant before its midnight.
        ("to: 2026-01-22", "to: ^2026-01-20T04:59:00Z", "`to` must be later than `from`"),
    ],
)
def test_a_mistake_in_a_rota_is_said_at_its_place(old, new, expected):
    """One problem each; `^` marks its place, and no text means that pydantic or Python words it."""
    assert FULL.count(old) >= 1, old
    text = FULL.replace(old, new, 1)
    if "^" not in text:
        assert len(problems_of(text)) == 1
        return
    before = text[: text.index("^")]
    place = f"watchbill.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    [problem] = problems_of(text.replace("^", ""))
    assert problem.startswith(f"{place} ")
    assert expected is None or problem == f"{place} {expected}"


def test_a_layer_without_any_pattern_is_told_what_turns_need():
    """Each key that is missing is a mistake, at the layer."""
    text = FULL.replace("        feed: {form: csv, secret: PLATFORM_FEED, most_change: 0.5}\n", "")
    assert problems_of(text) == [f"watchbill.yaml:33:9 `{key}` is missing" for key in ("turn", "handoff", "anchor")]


def test_all_mistakes_of_a_rota_are_in_one_report():
    """Of layers, rosters, rules, feeds, overrides, coverage and leave, in the order of the file."""
    text = FULL
    mistakes = [
        ("US-NY", "US-ZZ"),
        ("required: [primary]", "required: [{time_zone: Mars/Base}]"),
        ("{day: mon,", "{day: tue,"),
        ("first: ana}", "first: cy}"),
        ("{from: 2026-03-02", "{from: 2026-01-02"),
        ("to: 2027-01-01T00:00:00Z", "to: 2025-01-01T00:00:00Z"),
        ("without: [2026-01-11", "without: [2026-02-30"),
        ("secret: PLATFORM_FEED", "secret: PLATFORM_FEED, file: x"),
        ("swap: [ana, bo]", "swap: [bo, bo]"),
        ("to: 2026-01-12T10:00:00Z", "to: 2026-01-12T08:00:00Z"),
        ("add: bo, beside", "remove: bo, beside"),
        ("to: 2026-01-22", "to: 2026-01-02"),
    ]
    for old, new in mistakes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with pytest.raises(FileError) as caught:
        parse(text, "watchbill.yaml")
    assert [problem.code for problem in caught.value.problems] == [
        *("unknown-place", "unknown-zone", "anchor", "anchor", "rosters", "bad-span", "bad-date", "feed"),
        *("both-forms", "bad-span", "both-forms", "bad-span"),
    ]


def test_a_wrong_shape_in_a_rota_makes_no_name_wrong():
    """Whatever single value of the full file has a wrong shape, that is the only kind of mistake said."""
    document = json.loads(json.dumps(YAML(typ="safe").load(_quoted(FULL)), default=str))
    spoilt = list(_spoilt(document))
    assert len(spoilt) > 100
    for path, copy in spoilt:
        if path[-1] == "most_change":
            continue  # 7.5 has its shape, and is too large
        with pytest.raises(FileError) as caught:
            parse(json.dumps(copy), "watchbill.yaml")
        assert {problem.code for problem in caught.value.problems} == {"bad-shape"}, path


def _quoted(text):
    """Put dates and times in quotes, so that another reader of YAML leaves them as they are."""
    return re.sub(r"\b\d{4}-\d{2}-\d{2}(?:T[0-9:]+Z?)?", lambda found: f'"{found[0]}"', text)


WHOLE = (
    SMALL.replace(
        "permission_sets:\n",
        """\
permission_sets:
  operate:
    allow: ["ssm:StartSession"]
    capabilities: {ec2: [read, list], rds: [write, tagging, permissions]}
    managed: [PowerUserAccess, "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
    may_outlive: [access-keys, snapshots-shared]
""",
    )
    + """\
protected: [root-admin]
break_glass:
  - {iam_user: emergency, accounts: [production]}
ceiling: orders-ceiling
invariants:
  - "ops never ec2:TerminateInstances"
  - " everyone never iam:* in production "
"""
)


def test_what_a_permission_set_is_made_of_is_read():
    """Capabilities by level, managed policies by name and ARN, and what it may leave behind."""
    made = parse(WHOLE, "watchbill.yaml").permission_sets["operate"]
    assert made.allow == ("ssm:StartSession",)
    assert made.capabilities == {"ec2": ("read", "list"), "rds": ("write", "tagging", "permissions")}
    assert made.managed == ("PowerUserAccess", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess")
    assert made.may_outlive == ("access-keys", "snapshots-shared")


def test_a_set_that_says_nothing_of_these_has_none():
    """What earlier files say means what it meant."""
    team = parse(SMALL, "watchbill.yaml")
    look = team.permission_sets["look"]
    assert (look.managed, look.capabilities, look.may_outlive) == ((), {}, ())
    assert (team.break_glass, team.ceiling, team.invariants, team.protected) == ((), None, (), ())


def test_managed_policies_stand_beside_anything():
    """A policy document, actions, or nothing at all."""
    for beside in ("", 'allow: ["s3:GetObject"], ', "capabilities: {s3: [read]}, ", "policy: {Statement: []}, "):
        text = SMALL.replace('look: {allow: ["ec2:Describe*"]}', f"look: {{{beside}managed: [ReadOnlyAccess]}}")
        assert parse(text, "watchbill.yaml").permission_sets["look"].managed == ("ReadOnlyAccess",)


def test_break_glass_and_what_must_hold_are_read_with_their_places():
    """Each is found again in the file; what is said around an invariant is taken off."""
    team = parse(WHOLE, "watchbill.yaml")
    lines = WHOLE.splitlines()
    assert team.ceiling == "orders-ceiling"
    assert team.break_glass == (BreakGlass("emergency", ("production",), Location("watchbill.yaml", 20, 5)),)
    assert lines[19].startswith("  - {iam_user: emergency")
    assert team.invariants == (
        Claim("ops never ec2:TerminateInstances", Location("watchbill.yaml", 23, 5)),
        Claim("everyone never iam:* in production", Location("watchbill.yaml", 24, 5)),
    )
    assert lines[22] == '  - "ops never ec2:TerminateInstances"'


def test_a_break_glass_user_is_protected_too():
    """A freeze refuses them without their being named twice; named in another case they are not named again."""
    assert parse(WHOLE, "watchbill.yaml").protected == ("root-admin", "emergency")
    for user, named in (("emergency", "Emergency"), ("Emergency", "emergency")):
        twice = WHOLE.replace("[root-admin]", f"[root-admin, {named}]").replace(
            "iam_user: emergency", f"iam_user: {user}"
        )
        assert parse(twice, "watchbill.yaml").protected == ("root-admin", named)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "[read, list]",
            "[read, lst]",
            "watchbill.yaml:10:32 `lst` must be 'list', 'read', 'write', 'tagging' or 'permissions'",
        ),
        ("[read, list]", "[read, read]", "watchbill.yaml:10:32 level of `ec2` `read` is given twice, first in line 10"),
        (
            "{ec2: [",
            "{EC2: [",
            "watchbill.yaml:10:20 `EC2` is no valid service; a service is what stands before the colon of an action: ec2",
        ),
        ("[read, list]", "[]", "watchbill.yaml:10:25 list should have at least 1 item after validation, not 0"),
        (
            "capabilities:",
            "capabilites:",
            "watchbill.yaml:10:5 unknown key `capabilites` (did you mean `capabilities`?)",
        ),
        (
            'allow: ["ssm:StartSession"]',
            "policy: {Statement: []}",
            "watchbill.yaml:9:5 `operate` has a policy and capabilities; keep one",
        ),
        (
            "[PowerUserAccess,",
            '["arn:aws:iam::111111111111:policy/mine",',
            "watchbill.yaml:11:15 `arn:aws:iam::111111111111:policy/mine` is no valid managed; name an AWS managed policy, or give its ARN: PowerUserAccess",
        ),
        (
            "[PowerUserAccess,",
            "[ViewOnlyAccess,",
            "watchbill.yaml:11:31 managed policy of `operate` `ViewOnlyAccess` is given twice, first in line 11",
        ),
        (
            "snapshots-shared]",
            "access-keys]",
            "watchbill.yaml:12:32 `may_outlive` of `operate` `access-keys` is given twice, first in line 12",
        ),
        (
            "iam_user: emergency",
            "iam_user: Ana",
            "watchbill.yaml:20:16 `Ana` is the IAM user of `ana`; break-glass is nobody's own",
        ),
        (
            "emergency, accounts: [production]",
            "emergency, accounts: [prodution]",
            "watchbill.yaml:20:38 unknown account `prodution` (did you mean `production`?)",
        ),
        (
            "  - {iam_user: emergency, accounts: [production]}\n",
            "  - {iam_user: emergency, accounts: [production]}\n  - {iam_user: Emergency, accounts: [production]}\n",
            "watchbill.yaml:21:16 break-glass user `emergency` is given twice, first in line 20",
        ),
        ("iam_user: emergency, ", "", "watchbill.yaml:20:5 `iam_user` is missing"),
        (
            "ceiling: orders-ceiling",
            'ceiling: "arn:aws:iam::222222222222:policy/orders-ceiling"',
            "watchbill.yaml:21:10 `arn:aws:iam::222222222222:policy/orders-ceiling` cannot bound roles of account `production`; give the policy's name alone",
        ),
        (
            "ceiling: orders-ceiling",
            "ceiling: two words",
            "watchbill.yaml:21:10 `two words` is no valid ceiling; name a managed policy of each account, or give an ARN",
        ),
        (
            '" everyone never iam:* in production "',
            '"  "',
            "watchbill.yaml:24:5 `invariants` must not be empty; write who may never do what: support never ec2:TerminateInstances",
        ),
        ('" everyone never iam:* in production "', "7", "watchbill.yaml:24:5 `7` must be a text; put it in quotes"),
    ],
)
def test_a_mistake_in_what_sets_are_made_of_is_said_at_its_place(old, new, expected):
    """One mistake is one problem, and no other follows from it."""
    assert WHOLE.count(old) == 1
    assert problems_of(WHOLE.replace(old, new)) == [expected]


@pytest.mark.parametrize(
    "ceiling",
    ["arn:aws:iam::111111111111:policy/teams/orders-ceiling", "arn:aws:iam::aws:policy/PowerUserAccess", "a+=,.@_-1"],
)
def test_a_ceiling_that_every_account_can_have_is_taken(ceiling):
    """A policy of the only account, one of AWS's, or a name."""
    text = WHOLE.replace("ceiling: orders-ceiling", f'ceiling: "{ceiling}"')
    assert parse(text, "watchbill.yaml").ceiling == ceiling


def test_the_schema_takes_and_refuses_what_the_reader_does():
    """An independent validator agrees on the new parts, the keys of capabilities too."""
    schema = json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8"))
    document = json.loads(json.dumps(YAML(typ="safe").load(WHOLE), default=str))
    jsonschema.validate(document, schema)
    document["permission_sets"]["operate"]["capabilities"] = {"EC2": ["read"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "a: &a [*a]",
        "team: [",
        "\x00",
        "team: x\nx: &x {y: *x}",
        b"\xff\xfe",
        "a: &a ["
        + "1," * 20
        + "]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 20)}]\n" for i in range(6)),
        "x: " + "[" * 5000,
    ],
)
def test_what_is_no_team_file_is_said(text):
    """Empty, another type, a cycle, a bomb, no UTF-8: each is a problem with a place, none is a crash."""
    assert all(problem.startswith("watchbill.yaml:") for problem in problems_of(text))


@given(st.text() | st.binary())
def test_any_text_parses_or_is_a_file_error(text):
    """Nothing but FileError ever comes out of arbitrary input."""
    try:
        parse(text, "watchbill.yaml")
    except FileError as error:
        assert error.problems  # noqa: PT017 - either way is fine, a crash is not


@given(st.integers(0, len(SAMPLE) - 1), st.sampled_from(list("\t:{}[]-&*!|>'\"%@`#, x0\n")))
def test_a_damaged_sample_parses_or_is_a_file_error(at, character):
    """One wrong character anywhere is read or reported, never a crash."""
    try:
        parse(SAMPLE[:at] + character + SAMPLE[at + 1 :], "watchbill.yaml")
    except FileError as error:
        assert all(problem.line for problem in error.problems)  # noqa: PT017 - either way is fine, a crash is not


def test_the_committed_schema_is_in_step():
    """What editors use is what the reader checks; `python tools/schemas.py` writes it anew."""
    assert json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8")) == team_schema()


def test_the_sample_is_valid_by_the_schema():
    """An independent validator takes the sample by the committed schema."""
    schema = json.loads((ROOT / "schemas/team.schema.json").read_text("utf-8"))
    document = json.loads(json.dumps(YAML(typ="safe").load(SAMPLE), default=str))
    jsonschema.validate(document, schema)
