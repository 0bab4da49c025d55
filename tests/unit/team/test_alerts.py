"""How loud it is, by the team file: suppressions with a reason and an end, quiet hours, stages, security leads."""

import json
from datetime import date, time

import jsonschema
import pytest
from ruamel.yaml import YAML

from watchbill.errors import FileError, Location
from watchbill.team.files import parse
from watchbill.team.model import Alerts, QuietHours, Restriction, Stage, Suppression
from watchbill.team.schema import team_schema


LOUD = """\
team: small
accounts:
  production: {number: "111111111111", environment: production}
people:
  ana: {name: Ana, email: ana@example.com}
  bo: {name: Bo, email: bo@example.com}
  cy: {name: Cy, email: cy@example.com}
leads: [ana]
security_leads: [cy]
alerts:
  suppress:
    - {rule: A rule, person: bo, network: 192.0.2.0/24, account: production, until: 2026-03-01, reason: " a job "}
    - action: "iam:List*"
      until: 2026-04-01
      reason: the inventory
  quiet_hours: {time_zone: Europe/London, from: "22:00", to: "07:00", days: [mon, sun], below: critical}
  stage:
    A rule: live
    0f06a3a5-6a09-413f-8743-e6cf35561297: staged
"""
BARE = LOUD[: LOUD.index("security_leads")]


def parsed(text):
    """Read a team file."""
    return parse(text, "watchbill.yaml")


def problems_of(text):
    """Read one that is wrong, and give what is."""
    with pytest.raises(FileError) as caught:
        parsed(text)
    return [str(problem) for problem in caught.value.problems]


def at(line, col):
    """Give a place in the file."""
    return Location("watchbill.yaml", line, col)


def test_all_of_it_is_read():
    """With the place of each, for what is said of it later."""
    team = parsed(LOUD)
    assert team.security_leads == ("cy",)
    first = Suppression("A rule", "bo", "192.0.2.0/24", "production", None, date(2026, 3, 1), "a job", at(12, 7))
    second = Suppression(None, None, None, None, "iam:List*", date(2026, 4, 1), "the inventory", at(13, 7))
    hours = Restriction(frozenset({0, 6}), time(22), time(7))
    stages = (
        Stage("A rule", live=True, where=at(18, 5)),
        Stage("0f06a3a5-6a09-413f-8743-e6cf35561297", live=False, where=at(19, 5)),
    )
    assert team.alerts == Alerts((first, second), QuietHours("Europe/London", hours, "critical"), stages)


def test_a_file_that_says_nothing_of_it_suppresses_nothing():
    """Nobody is a security lead, and no hour is quiet."""
    team = parsed(BARE)
    assert (team.security_leads, team.alerts) == ((), Alerts((), None, ()))


def test_quiet_hours_are_of_all_days_and_below_high_unless_it_says_else():
    """What a file leaves out."""
    text = LOUD.replace(", days: [mon, sun], below: critical", "")
    quiet = parsed(text).alerts.quiet_hours
    assert (quiet.hours.days, quiet.below) == (frozenset(range(7)), "high")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("security_leads: [cy]", "security_leads: [cyy]", "9:18 unknown person `cyy` (did you mean `cy`?)"),
        ("person: bo", "person: bob", "12:30 unknown person `bob` (did you mean `bo`?)"),
        ("account: production", "account: staging", "12:66 unknown account `staging`"),
        ("person: bo", "person: ana", "12:30 `ana` is a lead, and what leads do is never suppressed"),
        ("person: bo", "person: cy", "12:30 `cy` is a lead, and what leads do is never suppressed"),
        ("192.0.2.0/24", "192.0.2.1/24", "12:43 `192.0.2.1/24` is no CIDR block: 192.0.2.1/24 has host bits set"),
        ("192.0.2.0/24", "0.0.0.0/0", "12:43 `0.0.0.0/0` is every network"),
        ("192.0.2.0/24", "'::/0'", "12:43 `::/0` is every network"),
        (" until: 2026-03-01,", "", "12:7 `until` is missing"),
        ("until: 2026-03-01", "until: 2026-02-30", "12:85 `2026-02-30` is no date of the calendar"),
        ("until: 2026-03-01", "until: 2226-02-28", "12:85 `2226-02-28` is no date of the calendar"),
        ("until: 2026-03-01", "until: soon", "12:85 `soon` is no valid until; write a date: 2026-03-01"),
        ("until: 2026-03-01", "until: never", "12:85 `never` is no valid until; write a date: 2026-03-01"),
        ('" a job "', '"  "', "12:105 `reason` must not be empty; say why"),
        ("      reason: the inventory\n", "", "13:7 `reason` is missing"),
        (
            '- action: "iam:List*"\n      until',
            "- until",
            "13:7 a suppression says of what: rule, person, network, account or action",
        ),
        (
            '"iam:List*"',
            '"*"',
            "13:15 `*` is no valid call; write what was called as a case writes it: iam:CreateAccessKey",
        ),
        (
            '"iam:List*"',
            '"*:List*"',
            "13:15 `*:List*` is no valid call; write what was called as a case writes it: iam:CreateAccessKey",
        ),
        ('action: "iam:List*"', "acton: x", "13:7 unknown key `acton` (did you mean `action`?)"),
        ("Europe/London", "Europe/Londn", "16:28 unknown time zone `Europe/Londn` (did you mean `Europe/London`?)"),
        ('"22:00"', '"24:00"', '16:49 `24:00` is no valid from; write a time of day in quotes: "09:00"'),
        ("below: critical", "below: info", "16:96 `info` must be 'low', 'medium', 'high' or 'critical'"),
        (
            "days: [mon, sun]",
            "days: [mon, son]",
            "16:83 `son` must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'",
        ),
        (
            'to: "07:00", days: [mon, sun]',
            'to: "22:00"',
            "16:62 quiet hours from 22:00 to 22:00 on all days have no end",
        ),
        (
            'to: "07:00", days: [mon, sun]',
            'to: "22:00", days: [sun, sat, fri, thu, wed, tue, mon]',
            "16:62 quiet hours from 22:00 to 22:00 on all days have no end",
        ),
        ("A rule: live", "A rule: loud", "18:13 `loud` must be 'staged' or 'live'"),
        ("A rule: live", '"": live', "18:5 `` must not be empty"),
    ],
)
def test_a_mistake_is_said_at_its_place(old, new, expected):
    """And it is the only thing said."""
    assert old in LOUD
    assert problems_of(LOUD.replace(old, new, 1)) == [f"watchbill.yaml:{expected}"]


def test_whole_days_may_be_quiet_where_others_are_not():
    """A weekend has an end."""
    text = LOUD.replace('from: "22:00", to: "07:00", days: [mon, sun]', 'from: "00:00", to: "00:00", days: [sat, sun]')
    assert parsed(text).alerts.quiet_hours.hours == Restriction(frozenset({5, 6}), time(), time())


def test_the_schema_takes_and_refuses_what_the_reader_does():
    """An independent validator agrees."""
    schema = team_schema()

    def document():
        return json.loads(json.dumps(YAML(typ="safe").load(LOUD), default=str))

    jsonschema.validate(document(), schema)
    for part, key, value in (
        (("alerts", "suppress", 0), "until", "soon"),
        (("alerts", "suppress", 1), "action", "*"),
        (("alerts", "suppress", 1), "why", "x"),
        (("alerts", "quiet_hours"), "below", "info"),
        (("alerts", "stage"), "A rule", "loud"),
    ):
        found = made = document()
        for step in part:
            found = found[step]
        found[key] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(made, schema)
    without = document()
    del without["alerts"]["suppress"][0]["reason"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(without, schema)
