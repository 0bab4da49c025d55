"""Other products' schedules: the same rotation in each of their forms gives the same shifts, and nothing is guessed."""
# ruff: noqa: D103 - the names of the tests say what holds

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.errors import WatchbillError
from watchbill.intervals import Interval, iso
from watchbill.schedule.imported import matched
from watchbill.schedule.oncall import shifts
from watchbill.schedule.outside import definition, read_outside
from watchbill.schedule.vendors import reading
from watchbill.team.files import parse
from watchbill.team.model import FORMS, Kind


DATA = Path(__file__).parents[2] / "data/schedules"
PEOPLE = {"ada": "Ada Osei", "james": "James Hill", "priya": "Priya Nair", "lee": "Lee Park"}
YEAR = Interval(datetime(2026, 1, 12, tzinfo=UTC), datetime(2027, 1, 12, tzinfo=UTC))
SPAN = Interval(datetime(2026, 3, 23, 9, tzinfo=UTC), datetime(2026, 4, 13, 8, tzinfo=UTC))
SAMPLES = {
    "pagerduty-v2.json": "pagerduty",
    "pagerduty-v3.json": "pagerduty",
    "goalert.json": "goalert",
    "goalert-subscription.json": "goalert",
    "opsgenie.json": "opsgenie",
    "grafana.json": "grafana",
    "shifts.csv": "csv",
    "calendar.ics": "ics",
}
DEFINED = ("pagerduty-v2.json", "pagerduty-v3.json", "goalert.json")


def team_of(layers, overrides):
    """Put layers and overrides into a team file and read it; JSON is YAML too."""
    people = {name: {"name": full, "email": f"{name}@example.com"} for name, full in PEOPLE.items()}
    document = {
        "team": "platform",
        "accounts": {"production": {"number": "111111111111", "environment": "production"}},
        "people": people,
        "permission_sets": {"prod-oncall": {"allow": ["ec2:*"]}},
        "rotas": {
            "platform": {
                "accounts": ["production"],
                "entitlement": {"primary": "prod-oncall"},
                "layers": list(layers),
                "overrides": list(overrides),
            }
        },
    }
    return parse(json.dumps(document), "watchbill.yaml")


def on_call(team, within):
    """Give each shift as its start, its end and who has it."""
    return [(iso(s.interval.start), iso(s.interval.end), s.person) for s in shifts(team.rotas["platform"], within)]


def compiled(form, document, within=YEAR):
    """Give the shifts of what a product defines, people called by their real names; and the problems' codes."""
    found = definition(form, json.dumps(document).encode(), "export.json")
    return on_call(team_of(found.layers, found.overrides), within), [problem.code for problem in found.problems]


# --- shifts


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_form_of_the_same_schedule_gives_the_same_shifts(sample):
    team = parse((DATA / "platform.yaml").read_bytes(), "platform.yaml")
    imported = read_outside(SAMPLES[sample], (DATA / sample).read_bytes(), SPAN, sample, "UTC")
    kept, unknown = matched(imported, team.people, tuple(PEOPLE), sample)
    found = [(iso(entry.interval.start), iso(entry.interval.end), person) for entry, person in kept]
    assert found == on_call(team, SPAN)
    assert len(found) == 5
    assert imported.problems == unknown == ()
    assert imported.name in ("Platform", "")


def test_there_is_a_sample_of_every_form():
    assert set(SAMPLES.values()) == set(FORMS)


@pytest.mark.parametrize(
    ("sample", "answered"),
    [
        ("goalert-subscription.json", SPAN),
        ("goalert.json", SPAN),
        ("opsgenie.json", SPAN),
        ("pagerduty-v2.json", None),
        ("grafana.json", None),
        ("shifts.csv", None),
    ],
)
def test_the_span_a_source_answers_for_is_as_it_says(sample, answered):
    imported = read_outside(SAMPLES[sample], (DATA / sample).read_bytes(), SPAN, sample, "UTC")
    assert imported.complete_to == answered


@pytest.mark.parametrize("sample", SAMPLES)
def test_entries_are_those_that_share_an_instant_with_the_span_asked_for_each_whole(sample):
    night = Interval(datetime(2026, 3, 29, 6, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC))
    (entry,) = read_outside(SAMPLES[sample], (DATA / sample).read_bytes(), night, sample, "UTC").entries
    assert str(entry.interval) == "2026-03-29T06:00:00Z - 2026-03-30T08:00:00Z"


def read(form, document, within=SPAN):
    """Read a document that is made here."""
    data = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    return read_outside(form, data, within, "export", "UTC")


def v2_entries(*entries):
    return {"schedule": {"name": "S", "final_schedule": {"rendered_schedule_entries": list(entries)}}}


def test_a_bad_entry_is_a_problem_that_names_it_and_the_rest_is_kept():
    good = {"start": "2026-03-24T09:00:00Z", "end": "2026-03-25T09:00:00Z", "user": {"id": "P1", "summary": "Ada"}}
    found = read(
        "pagerduty",
        v2_entries(
            {**good, "start": "2026-03-24T09:00:00"}, {**good, "end": good["start"]}, {**good, "user": None}, 7, good
        ),
    )
    assert [entry.names for entry in found.entries] == [("P1", "Ada")]
    assert [(p.code, p.message.partition(":")[0], p.file) for p in found.problems] == [
        ("bad-time", "rendered_schedule_entries[0]", "export"),
        ("bad-time", "rendered_schedule_entries[1]", "export"),
        ("nobody", "rendered_schedule_entries[2]", "export"),
        ("bad-time", "rendered_schedule_entries[3]", "export"),
    ]
    assert "`2026-03-24T09:00:00` is no time with its zone" in found.problems[0].message


def test_several_people_of_pagerduty_v3_are_on_call_at_once():
    span = {"start_time": "2026-03-24T09:00:00Z", "end_time": "2026-03-25T09:00:00Z"}
    members = [
        {"type": "user_member", "user_id": "P1"},
        {"type": "user_member", "user_id": "P2"},
        {"type": "empty_member"},
    ]
    computed = [{**span, "member": member, "source": {"rotation_id": "R1"}} for member in members]
    found = read("pagerduty", {"schedule": {"final_schedule": {"computed_shift_assignments": computed}}})
    assert [entry.names for entry in found.entries] == [("P1",), ("P2",)]
    assert found.problems == ()


def test_addresses_come_before_ids_and_those_before_names():
    user = {"id": "P1", "summary": "Ada Osei", "email": "ada@example.com"}
    found = read(
        "pagerduty", v2_entries({"start": "2026-03-24T09:00:00Z", "end": "2026-03-25T09:00:00Z", "user": user})
    )
    assert found.entries[0].names == ("ada@example.com", "P1", "Ada Osei")


def test_an_opsgenie_team_is_no_person_unless_its_people_are_listed():
    team = {"type": "team", "id": "t1", "name": "sre"}
    period = {"startDate": "2026-03-24T09:00:00Z", "endDate": "2026-03-25T09:00:00Z", "recipient": team}
    flat = {**period, "flattenedRecipients": [{"type": "user", "id": "u1", "name": "ada@example.com"}]}
    found = read("opsgenie", {"data": {"finalTimeline": {"rotations": [{"id": "r", "periods": [period, flat]}]}}})
    assert [entry.names for entry in found.entries] == [("ada@example.com", "u1")]
    assert [problem.code for problem in found.problems] == ["not-a-person"]


def test_a_deleted_rotation_of_opsgenie_puts_nobody_on_call():
    document = json.loads((DATA / "opsgenie.json").read_text("utf-8"))
    document["data"]["finalTimeline"]["rotations"][0]["deleted"] = True
    assert read("opsgenie", document).entries == ()


def test_a_page_of_several_of_grafana_is_a_problem():
    document = json.loads((DATA / "grafana.json").read_text("utf-8"))
    document["next"] = "https://oncall.example.com/api/v1/schedules/S1/final_shifts?page=2"
    assert [problem.code for problem in read("grafana", document).problems] == ["more-pages"]


@pytest.mark.parametrize(
    "table",
    [
        "start,end,person\n2026-03-24T09:00:00Z,2026-03-25T09:00:00Z,ada\n",
        "\ufeffperson;end;start\r\nada;2026-03-25T09:00:00Z;2026-03-24T09:00:00Z\r\n",
        'Name\tnote\tStart\tEnd\n"ada"\t"a, b; c"\t2026-03-24T10:00:00+01:00\t2026-03-25T09:00:00Z',
    ],
)
def test_a_table_may_be_separated_by_commas_semicolons_or_tabs(table):
    found = read("csv", table)
    assert [(entry.names, str(entry.interval)) for entry in found.entries] == [
        (("ada",), "2026-03-24T09:00:00Z - 2026-03-25T09:00:00Z")
    ]
    assert found.problems == ()


def test_rows_of_a_table_that_say_what_is_not_known_are_problems():
    found = read(
        "csv",
        "start,end,email,kind,uid\n"
        "2026-03-24T09:00:00Z,2026-03-25T09:00:00Z,ada@example.com,Secondary,s1\n"
        "2026-03-24T09:00,2026-03-25T09:00:00Z,ada@example.com,,s2\n"
        "2026-03-24T09:00:00Z,2026-03-25T09:00:00Z,ada@example.com,boss,s3\n"
        "2026-03-24T09:00:00Z,2026-03-25T09:00:00Z,,,s4\n"
        "2026-03-24T09:00:00Z,2026-03-25T09:00:00Z,a,b,c,d\n",
    )
    assert [(entry.kind, entry.uid) for entry in found.entries] == [(Kind.SECONDARY, "s1")]
    assert [(p.code, p.message.partition(":")[0]) for p in found.problems] == [
        ("bad-time", "line 3"),
        ("bad-kind", "line 4"),
        ("nobody", "line 5"),
        ("bad-row", "line 6"),
    ]


@pytest.mark.parametrize(
    ("form", "data", "expected"),
    [
        ("pagerduty", "", "it is empty"),
        ("pagerduty", "<!doctype html>", "it is a web page or XML"),
        ("goalert", "BEGIN:VCALENDAR\r\nEND:VCALENDAR", "it is a calendar, of form `ics`"),
        ("grafana", '{"results": [', "it is JSON that is cut off or damaged"),
        ("opsgenie", "start,end,person", "it is something else that begins with `start,end,person`"),
        ("opsgenie", "[" * 100_000, "it is JSON that is cut off or damaged"),
        ("pagerduty", '{"error": {"message": "Not Found", "code": 2100}}', "an error, `Not Found`"),
        ("goalert", '{"data": null, "errors": [{"message": "unauthorized"}]}', "an error, `unauthorized`"),
        ("grafana", '{"detail": "Invalid token."}', "an error, `Invalid token.`"),
        ("grafana", '{"results": [{"id": "S1", "name": "demo"}]}', "it seems to be Grafana OnCall's page of results"),
        ("pagerduty", '{"data": {"finalTimeline": {}}}', "it seems to be Opsgenie's timeline"),
        ("opsgenie", '{"schedule": {"schedule_layers": []}}', "PagerDuty's schedule without its final shifts"),
        ("pagerduty", '{"schedules": []}', "PagerDuty's list of schedules"),
        ("opsgenie", '{"Shifts": []}', "GoAlert's calendar subscription"),
        ("goalert", '{"Type": "calendar-subscription/v2", "Shifts": []}', "GoAlert's calendar subscription"),
        ("goalert", "[]", "a JSON list"),
        ("goalert", '{"a\\u202eb": 1}', "JSON with `a\\u202eb` in it"),
        ("csv", "", "is no table of shifts: it is empty"),
        ("csv", "<html>", "it is a web page or XML"),
        ("csv", "start,until,person\n", "has no column `end`"),
        ("csv", "start,end,person,start\n", "has the column `start` twice"),
        ("ics", "{}", "JSON"),
    ],
)
def test_a_wrong_document_is_refused_with_what_it_seems_to_be(form, data, expected):
    with pytest.raises(WatchbillError) as caught:
        read(form, data)
    assert expected in str(caught.value)
    assert caught.value.hint


def test_a_table_in_another_encoding_is_refused():
    with pytest.raises(WatchbillError, match="no UTF-8"):
        read_outside("csv", "start,end,person\n".encode("utf-16"), SPAN, "export", "UTC")


@pytest.mark.parametrize("form", ["pagerduty", "goalert", "csv"])
def test_what_is_larger_than_any_schedule_is_refused(form):
    with pytest.raises(WatchbillError, match="larger than 20 MB"):
        read_outside(form, b" " * (reading.MAX_BYTES + 1), SPAN, "export", "UTC")


def test_more_shifts_than_any_schedule_has_are_refused():
    row = "2026-03-24T09:00:00Z,2026-03-25T09:00:00Z,ada\n"
    with pytest.raises(WatchbillError, match="more than 100,000 shifts"):
        read("csv", "start,end,person\n" + row * (reading.MAX_ENTRIES + 1))


def test_problems_that_nobody_would_read_are_counted():
    found = read("csv", "start,end,person\n" + "x,y,ada\n" * (reading.MAX_PROBLEMS + 5))
    assert len(found.problems) == reading.MAX_PROBLEMS + 1
    assert found.problems[-1].message == "5 more problems are not shown"


def test_what_stands_in_a_document_is_shown_and_not_obeyed():
    user = {"id": "P\u202e1", "summary": "Ada\nOsei \ud800"}
    entry = {"start": "2026-03-24T09:00:00Z", "end": "2026-03-25T09:00:00Z", "user": user}
    found = read("pagerduty", v2_entries(entry, {**entry, "start": "\x1b[2J"}, {**entry, "start": [[]]}))
    assert found.entries[0].names == ("P\\u202e1", "Ada\\u000aOsei \\ud800")
    assert "`\\u001b[2J`" in found.problems[0].message
    assert "a list" in found.problems[1].message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("2026-03-24T09:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def spoilt(document, draw):
    """Put something else into one place of a document."""
    if not isinstance(document, dict | list) or not document or draw(st.integers(0, 5)) == 0:
        return draw(JSON)
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = draw(st.sampled_from(keys))
    changed = document.copy()
    changed[key] = spoilt(document[key], draw)
    return changed


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_document_it_is_read_or_refused(data):
    sample = data.draw(st.sampled_from([name for name in SAMPLES if name.endswith(".json")]))
    document = spoilt(json.loads((DATA / sample).read_text("utf-8")), data.draw)
    form, text = SAMPLES[sample], json.dumps(document).encode()
    try:
        found = read_outside(form, text, SPAN, sample, "UTC")
        assert list(found.entries) == sorted(found.entries, key=lambda entry: entry.interval)
    except WatchbillError:
        pass
    if sample in DEFINED:
        try:
            made = definition(form, text, sample)
        except WatchbillError:
            return
        people = {someone.name: {"name": "X", "email": f"{n}@example.com"} for n, someone in enumerate(made.people)}
        rota = {"accounts": ["a"], "entitlement": {}, "layers": made.layers, "overrides": made.overrides}
        team = {"team": "t", "accounts": {"a": {"number": "111111111111", "environment": "x"}}, "people": people}
        parse(json.dumps({**team, "rotas": {"r": rota}}, default=list), "watchbill.yaml")


# --- definitions: the same rotation in four forms


ZONES = ("Europe/London", "America/New_York")
OFFSETS = {"Europe/London": "+00:00", "America/New_York": "-05:00"}


def own(turn, time, *, day="2026-01-05", restrict=None):
    """Write the rotation in our own form."""
    layer: dict[str, Any] = {
        "name": "ours",
        "members": ["ada", "james", "priya"],
        "turn": turn,
        "handoff": {"time": time},
        "anchor": {"date": day, "member": "ada"},
    }
    return {**layer, "restrict": restrict} if restrict else layer


def v2(seconds, time, *restrictions):
    """Write it as PagerDuty's layers."""
    start = f"2026-01-05T{time}:00"
    users = [{"user": {"id": name}} for name in ("ada", "james", "priya")]
    return {
        "name": "L",
        "start": start,
        "rotation_virtual_start": start,
        "rotation_turn_length_seconds": seconds,
        "users": users,
        "restrictions": list(restrictions),
    }


def v3(start, end, rule, each=1):
    """Write it as PagerDuty's event."""
    members = [{"type": "user_member", "user_id": name} for name in ("ada", "james", "priya")]
    strategy = {"type": "rotating_member_assignment_strategy", "shifts_per_member": each, "members": members}
    return {
        "name": "E",
        "start_time": start,
        "end_time": end,
        "effective_since": start,
        "recurrence": [f"RRULE:{rule}"],
        "assignment_strategy": strategy,
    }


def goalert(kind, length, time, *rules):
    """Write it as GoAlert's rotation and rules; the second of its list is on call, and the third takes over next."""
    rotation = {
        "id": "r",
        "type": kind,
        "shiftLength": length,
        "start": f"2025-12-15T{time}:00",
        "userIDs": ["priya", "ada", "james"],
    }
    return rotation, [{"start": start, "end": end, "weekdayFilter": list(days)} for start, end, days in rules]


EVERY = [True] * 7
WEEKDAYS = [False, *[True] * 5, False]
DAILY = {"type": "daily_restriction", "start_time_of_day": "18:00:00", "duration_seconds": 28800}
CASES = {
    "weeks": (
        own("1w", "09:00"),
        v2(604800, "09:00"),
        v3("2026-01-05T09:00:00", "2026-01-12T09:00:00", "FREQ=WEEKLY"),
        goalert("weekly", 1, "09:00", ("00:00", "00:00", EVERY)),
        "2026-01-12T09:00:00",
    ),
    "two days": (
        own("2d", "00:30"),
        v2(172800, "00:30"),
        v3("2026-01-05T00:30:00", "2026-01-07T00:30:00", "FREQ=DAILY;INTERVAL=2"),
        goalert("daily", 2, "00:30", ("08:00", "08:00", EVERY)),
        "2026-01-07T00:30:00",
    ),
    "nights": (
        own("1w", "18:00", restrict=[{"days": "all", "from": "18:00", "to": "02:00"}]),
        v2(604800, "18:00", DAILY),
        v3("2026-01-05T18:00:00", "2026-01-06T02:00:00", "FREQ=DAILY", 7),
        goalert("weekly", 1, "18:00", ("18:00", "02:00", EVERY)),
        "2026-01-12T18:00:00",
    ),
    "weekdays": (
        own("1w", "09:00", restrict=[{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]),
        v2(
            604800,
            "09:00",
            *(
                {
                    "type": "weekly_restriction",
                    "start_day_of_week": day,
                    "start_time_of_day": "09:00:00",
                    "duration_seconds": 28800,
                }
                for day in range(1, 6)
            ),
        ),
        v3("2026-01-05T09:00:00", "2026-01-05T17:00:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", 5),
        goalert("weekly", 1, "09:00", ("09:00", "17:00", WEEKDAYS)),
        "2026-01-12T09:00:00",
    ),
    "half days": (
        own("12h", "09:00"),
        v2(43200, "09:00"),
        v3("2026-01-05T09:00:00", "2026-01-05T21:00:00", "FREQ=DAILY;BYHOUR=9,21"),
        goalert("hourly", 12, "09:00", ("00:00", "00:00", EVERY)),
        "2026-01-05T21:00:00",
    ),
}
NIGHTS = {
    "Europe/London": ("2026-03-29T00:15:00Z", "2026-03-29T00:45:00Z"),
    "America/New_York": ("2026-11-01T05:10:00Z", "2026-11-01T06:40:00Z"),
}
"""A span for an override, in the night in which the clocks change."""


def holder(team, at):
    """Tell who is on call at an instant; nobody is None."""
    moment = datetime.fromisoformat(at)
    found = on_call(team, Interval(moment, moment + timedelta(seconds=1)))
    return found[0][2] if found else None


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", CASES)
def test_the_same_rotation_in_every_form_has_exactly_the_same_shifts(case, zone):
    ours, layer, event, (rotation, rules), handoff = CASES[case]
    offset = OFFSETS[zone]
    bare = team_of([{**ours, "time_zone": zone}], [])
    start, end = NIGHTS[zone]
    if holder(bare, start) is None:
        start, end = "2026-04-01T15:00:00Z", "2026-04-01T15:30:00Z"
    old = holder(bare, start)
    assert old is not None
    night = {"name": "cover", "from": start, "to": end, "reason": "cover", "by": "lee"}
    expected = on_call(team_of([{**ours, "time_zone": zone}], [{**night, "add": "lee", "remove": old}]), YEAR)
    assert (start, end, "lee") in expected

    started = {key: layer[key] + offset for key in ("start", "rotation_virtual_start")}
    of_v2 = {
        "schedule": {
            "name": "S",
            "time_zone": zone,
            "schedule_layers": [{**layer, **started}],
            "overrides_subschedule": {
                "rendered_schedule_entries": [{"start": start, "end": end, "user": {"id": "lee"}}]
            },
        }
    }
    member = {"type": "user_member", "user_id": old}
    cover = {"rotation_id": "R", "start_time": start, "end_time": end, "overridden_member": member}
    times = {key: {"date_time": event[key] + offset, "time_zone": zone} for key in ("start_time", "end_time")}
    since = {"effective_since": event["effective_since"] + offset}
    of_v3 = {
        "schedule": {
            "name": "S",
            "time_zone": zone,
            "rotations": [{"id": "R", "events": [{**event, **times, **since}]}],
        },
        "overrides": [{**cover, "overriding_member": {"type": "user_member", "user_id": "lee"}}],
    }
    state = {"timeZone": zone, "activeUserIndex": 1, "nextHandoffTimes": [handoff + offset]}
    of_goalert = {
        "data": {
            "schedule": {
                "name": "S",
                "timeZone": zone,
                "targets": [{"target": {"id": "r", "type": "rotation"}, "rules": rules}],
            },
            "rotations": {"nodes": [{**rotation, "start": rotation["start"] + offset, **state}]},
            "userOverrides": {"nodes": [{"start": start, "end": end, "addUserID": "lee", "removeUserID": old}]},
        }
    }
    by_hours = ["clock-change"] if case == "half days" else []
    assert compiled("pagerduty", of_v2) == (expected, [*by_hours, "unknown-author"])
    assert compiled("pagerduty", of_v3) == (expected, ["unknown-author"])
    assert compiled("goalert", of_goalert) == (expected, [*by_hours, "unknown-author"])


@pytest.mark.parametrize("sample", DEFINED)
def test_a_definition_agrees_with_the_rendered_shifts_of_the_same_document(sample):
    form, data = SAMPLES[sample], (DATA / sample).read_bytes()
    found = definition(form, data, sample)
    names = {someone.id: someone.name for someone in found.people}
    people = {s.name: {"name": s.full_name, "email": s.email or f"{s.name}@example.com"} for s in found.people}
    rota = {"accounts": ["a"], "entitlement": {}, "layers": found.layers, "overrides": found.overrides}
    team = {"team": "t", "accounts": {"a": {"number": "111111111111", "environment": "x"}}, "people": people}
    made = parse(json.dumps({**team, "rotas": {"platform": rota}}, default=list), "watchbill.yaml")
    entries = read_outside(form, data, SPAN, sample, "UTC").entries
    rendered = [
        (iso(e.interval.start), iso(e.interval.end), names[next(n for n in e.names if n in names)]) for e in entries
    ]
    assert on_call(made, SPAN) == rendered
    assert len(rendered) == 5


def test_people_are_given_as_the_source_has_them_with_short_names():
    found = definition("pagerduty", (DATA / "pagerduty-v2.json").read_bytes(), "v2")
    first = found.people[0]
    assert (first.name, first.full_name, first.email, first.id) == ("ada-osei", "Ada Osei", "", "PADA")
    found = definition("goalert", (DATA / "goalert.json").read_bytes(), "goalert")
    assert [s.name for s in found.people] == ["ada", "james", "priya", "lee"]
    assert (found.name, found.people[3].email) == ("Platform", "lee@example.com")


def test_two_people_of_one_name_have_two_short_names():
    users = [{"user": {"id": number, "summary": "Zoë Ångström"}} for number in ("P1", "P2")]
    layer = {**v2(604800, "09:00"), "rotation_virtual_start": "2026-01-05T09:00:00Z", "start": None, "users": users}
    found = definition(
        "pagerduty", json.dumps({"schedule": {"time_zone": "UTC", "schedule_layers": [layer]}}).encode(), "x"
    )
    assert [someone.name for someone in found.people] == ["zoe-angstrom", "zoe-angstrom-2"]
    assert found.layers[0]["members"] == ["zoe-angstrom", "zoe-angstrom-2"]


# --- definitions: PagerDuty's layers


def utc_layer(**changes):
    """Write a layer of ada's weeks in UTC with changes."""
    start = "2026-01-05T09:00:00Z"
    return {
        **v2(604800, "09:00"),
        "users": [{"user": {"id": "ada"}}],
        "start": start,
        "rotation_virtual_start": start,
        **changes,
    }


def layered(*layers, zone="UTC"):
    return {"schedule": {"name": "S", "time_zone": zone, "schedule_layers": list(layers)}}


def test_the_top_layer_of_pagerduty_wins():
    hours = {"type": "daily_restriction", "start_time_of_day": "10:00:00", "duration_seconds": 7200}
    top = utc_layer(users=[{"user": {"id": "lee"}}], restrictions=[hours])
    day = Interval(datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC))
    found, problems = compiled("pagerduty", layered(top, utc_layer()), day)
    assert [(start[11:16], person) for start, _, person in found] == [
        ("00:00", "ada"),
        ("10:00", "lee"),
        ("12:00", "ada"),
    ]
    assert problems == []


def test_a_layer_is_in_force_from_its_start_to_its_end():
    layer = utc_layer(start="2026-01-14T12:00:00Z", end="2026-01-15T12:00:00Z")
    assert compiled("pagerduty", layered(layer))[0] == [("2026-01-14T12:00:00Z", "2026-01-15T12:00:00Z", "ada")]


def test_an_override_of_pagerduty_wins_over_all_and_fills_what_is_empty():
    document = layered(utc_layer(end="2026-01-13T00:00:00Z"))
    entry = {"start": "2026-01-12T20:00:00Z", "end": "2026-01-13T08:00:00Z", "user": {"id": "lee"}}
    document["schedule"]["overrides_subschedule"] = {"rendered_schedule_entries": [entry]}
    found, _ = compiled("pagerduty", document)
    assert found[-1] == ("2026-01-12T20:00:00Z", "2026-01-13T08:00:00Z", "lee")
    assert found[-2][1] == "2026-01-12T20:00:00Z"


def test_a_weekly_restriction_may_last_for_days():
    weekend = {
        "type": "weekly_restriction",
        "start_day_of_week": 5,
        "start_time_of_day": "17:00:00",
        "duration_seconds": 63 * 3600,
    }
    found, problems = compiled("pagerduty", layered(utc_layer(restrictions=[weekend])))
    # The turn begins on Monday at 09:00, after the weekend's hours end.
    assert found[0] == ("2026-01-12T00:00:00Z", "2026-01-12T08:00:00Z", "ada")
    assert found[1] == ("2026-01-16T17:00:00Z", "2026-01-19T08:00:00Z", "ada")
    assert problems == []


def test_a_user_may_have_several_turns_of_a_round():
    users = [{"user": {"id": name}} for name in ("ada", "james", "ada", "priya")]
    found, _ = compiled("pagerduty", layered(utc_layer(users=users, rotation_turn_length_seconds=86400)))
    assert [person for _, _, person in found[:5]] == ["ada", "priya", "ada", "james", "ada"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rotation_turn_length_seconds": 5400}, "a turn of 1:30:00 is not in whole hours"),
        ({"rotation_turn_length_seconds": "1w"}, "`1w` is no length in seconds"),
        ({"rotation_virtual_start": "2026-01-05T09:25:42Z"}, "09:25:42 is no whole minute"),
        ({"rotation_virtual_start": "2026-01-05T09:00:00"}, "is no time with its zone"),
        ({"users": []}, "it has no users"),
        ({"users": [{"user": {}}]}, "somebody in it has no id"),
        ({"end": "2026-01-05T09:00:00Z"}, "it is never in force"),
        ({"restrictions": [{**DAILY, "duration_seconds": 32101}]}, "02:55:01 is no whole minute"),
        ({"restrictions": [{**DAILY, "type": "yearly_restriction"}]}, "of type `yearly_restriction`"),
        ({"restrictions": [{**DAILY, "type": "weekly_restriction", "start_day_of_week": 0}]}, "from day `0`"),
        ({"restrictions": [{**DAILY, "start_time_of_day": "6pm"}]}, "`6pm` is no time of day"),
    ],
)
def test_a_layer_without_an_equivalent_is_left_out_and_said(changes, expected):
    found = definition("pagerduty", json.dumps(layered(utc_layer(**changes))).encode(), "x")
    assert found.layers == ()
    (problem,) = found.problems
    assert problem.code == "no-equivalent"
    assert problem.message.startswith("layer `L` is left out: ")
    assert expected in problem.message


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(WatchbillError, match="`Mars` is no IANA time zone"):
        definition("pagerduty", json.dumps(layered(utc_layer(), zone="Mars")).encode(), "x")


@pytest.mark.parametrize("form", ["ics", "csv", "opsgenie", "grafana"])
def test_of_other_forms_no_definition_is_read(form):
    with pytest.raises(WatchbillError, match="only shifts can be read"):
        definition(form, b"{}", "x")


@pytest.mark.parametrize(("form", "document"), [("pagerduty", v2_entries()), ("goalert", {"Shifts": []})])
def test_shifts_alone_are_no_definition(form, document):
    with pytest.raises(WatchbillError, match=r"has no schedule as .* defines one: it seems to be"):
        definition(form, json.dumps(document).encode(), "x")


# --- definitions: PagerDuty's shifts


def utc_event(*members, strategy="rotating_member_assignment_strategy", **changes):
    """Write an event of nine to five in UTC, every day."""
    found = [{"type": "user_member", "user_id": name} for name in members]
    return {
        **v3("2026-01-05T09:00:00Z", "2026-01-05T17:00:00Z", "FREQ=DAILY"),
        "assignment_strategy": {"type": strategy, "shifts_per_member": 1, "members": found},
        **changes,
    }


def rotating(*events, **more):
    rotations = [{"id": f"R{number}", "events": [event]} for number, event in enumerate(events)]
    return {"schedule": {"name": "S", "time_zone": "UTC", "rotations": rotations}, **more}


DAY = Interval(datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC))


def test_rotations_of_pagerduty_add_to_each_other():
    everyone = utc_event("ada", "james", strategy="every_member_assignment_strategy")
    found, problems = compiled("pagerduty", rotating(everyone, utc_event("priya")), DAY)
    assert sorted(person for _, _, person in found) == ["ada", "james", "priya"]
    assert problems == []


def test_a_custom_shift_adds_and_an_override_relieves():
    span = {"start_time": "2026-01-14T10:00:00Z", "end_time": "2026-01-14T11:00:00Z"}
    ada = {"type": "user_member", "user_id": "ada"}
    shift = {"id": "C", **span, "assignments": [{"member": {"type": "user_member", "user_id": "lee"}}]}
    relief = {
        "id": "O",
        "rotation_id": "R0",
        **span,
        "overridden_member": ada,
        "overriding_member": {"type": "empty_member"},
    }
    found, _ = compiled("pagerduty", rotating(utc_event("ada"), custom_shifts=[shift], overrides=[relief]), DAY)
    assert [(start[11:16], end[11:16], person) for start, end, person in found] == [
        ("09:00", "10:00", "ada"),
        ("10:00", "11:00", "lee"),
        ("11:00", "17:00", "ada"),
    ]


def test_a_custom_shift_takes_nothing_from_anybody():
    span = {"start_time": "2026-01-14T16:00:00Z", "end_time": "2026-01-14T18:00:00Z"}
    shift = {"id": "C", **span, "assignments": [{"member": {"type": "user_member", "user_id": "lee"}}]}
    found, _ = compiled("pagerduty", rotating(utc_event("ada"), custom_shifts=[shift]), DAY)
    assert hours(found) == ["09:00-17:00 ada", "16:00-18:00 lee"]


def test_an_override_of_a_rotation_gives_what_the_relieved_holds_and_no_more():
    ada, lee = ({"type": "user_member", "user_id": name} for name in ("ada", "lee"))
    span = {"start_time": "2026-01-14T16:00:00Z", "end_time": "2026-01-14T20:00:00Z"}
    relief = {"id": "O", "rotation_id": "R0", **span, "overridden_member": ada, "overriding_member": lee}
    found, _ = compiled("pagerduty", rotating(utc_event("ada"), utc_event("priya"), overrides=[relief]), DAY)
    assert hours(found) == ["09:00-16:00 ada", "09:00-17:00 priya", "16:00-17:00 lee"]


def test_an_override_of_somebody_in_several_rotations_is_left_out():
    ada, lee = ({"type": "user_member", "user_id": name} for name in ("ada", "lee"))
    span = {"start_time": "2026-01-14T10:00:00Z", "end_time": "2026-01-14T11:00:00Z"}
    relief = {"id": "O", "rotation_id": "R0", **span, "overridden_member": ada, "overriding_member": lee}
    document = rotating(utc_event("ada"), utc_event("ada", "james"), overrides=[relief])
    found = definition("pagerduty", json.dumps(document).encode(), "x")
    assert found.overrides == ()
    assert "`ada` is in other rotations too" in found.problems[-1].message


def test_shifts_left_out_and_added_are_local_starts():
    rule = [
        "RRULE:FREQ=DAILY;UNTIL=20260116T090000Z",
        "EXDATE:20260114T090000Z",
        "RDATE;TZID=America/New_York:20260120T040000",
    ]
    found, problems = compiled("pagerduty", rotating(utc_event("ada", recurrence=rule)))
    assert [start for start, _, _ in found] == [f"2026-01-{day}T09:00:00Z" for day in (12, 13, 15, 16, 20)]
    assert problems == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"effective_since": "2026-01-06T08:00:00Z"}, []),
        ({"effective_since": "2026-01-05T12:00:00Z"}, ["cut"]),
        ({"effective_since": "2026-01-06T09:00:00Z"}, ["whose-turn"]),
        ({"effective_until": "2026-01-07T16:00:00Z"}, ["cut"]),
        ({"effective_until": "2026-01-07T17:00:00Z"}, []),
        ({"recurrence": ["RRULE:FREQ=DAILY", "EXDATE:20260114T090000Z"]}, ["whose-turn"]),
    ],
)
def test_what_pagerduty_leaves_open_about_an_event_is_said(changes, code):
    found = definition("pagerduty", json.dumps(rotating(utc_event("ada", "james", **changes))).encode(), "x")
    assert [problem.code for problem in found.problems] == code
    assert len(found.layers) == 1


def strategy(kind, *members, **more):
    found = [{"type": "user_member", "user_id": name} if name else {"type": "empty_member"} for name in members]
    return {"assignment_strategy": {"type": f"{kind}_assignment_strategy", "members": found, **more}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recurrence": []}, "it has 0 recurrence rules"),
        ({"recurrence": ["RRULE:FREQ=MINUTELY"]}, "FREQ must be one of"),
        (
            {"recurrence": ["RRULE:FREQ=DAILY", "DTSTART:20260105T090000Z"]},
            "neither a rule nor starts left out or added",
        ),
        ({"recurrence": ["RRULE:FREQ=DAILY", "EXDATE:20261399T090000Z"]}, "`20261399T090000Z` is no start of a shift"),
        ({"recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=TU"]}, "its first start is none of its rule's"),
        ({"end_time": "2026-01-05T09:00:00Z"}, "is not in whole minutes, or ends before it begins"),
        ({"start_time": {"date_time": "2026-01-05T09:00:00Z", "time_zone": "Mars"}}, "`Mars` is no IANA time zone"),
        ({"start_time": {"date_time": "2026-01-05T09:00:00Z", "time_zone": "Asia/Tokyo"}}, "ends by that of UTC"),
        (strategy("rotating_member", "ada", ""), "no turn of nobody"),
        (strategy("rotating_member", "ada", "james", "ada"), "several turns of a round"),
        (strategy("rotating_member", "ada", shifts_per_member=0), "`0` is no number of shifts"),
        (strategy("every_member", ""), "it has no members"),
        (strategy("user", "ada"), "`user_assignment_strategy` is not known"),
    ],
)
def test_an_event_without_an_equivalent_is_left_out_and_said(changes, expected):
    found = definition("pagerduty", json.dumps(rotating(utc_event("ada", **changes))).encode(), "x")
    assert found.layers == ()
    (problem,) = found.problems
    assert problem.message.startswith("event `E` is left out: ")
    assert expected in problem.message


# --- definitions: GoAlert


def target(number, *rules, kind="rotation"):
    found = [{"start": start, "end": end, "weekdayFilter": days} for start, end, days in rules]
    return {"target": {"id": number, "name": number, "type": kind}, "rules": found}


def rotation(number, *users, **changes):
    """Write a rotation by days in UTC, of which the first of its list is on call on January 14th."""
    made = {
        "id": number,
        "type": "daily",
        "shiftLength": 1,
        "start": "2025-12-01T00:00:00Z",
        "timeZone": "UTC",
        "userIDs": list(users),
        "activeUserIndex": 0,
        "nextHandoffTimes": ["2026-01-15T00:00:00Z"],
    }
    return {**made, **changes}


def scheduled(*targets, rotations=(), overrides=(), temporary=(), zone="UTC"):
    schedule = {"name": "S", "timeZone": zone, "targets": list(targets), "temporarySchedules": list(temporary)}
    return {"schedule": schedule, "rotations": list(rotations), "userOverrides": list(overrides)}


def hours(found):
    """Write shifts of one day shortly."""
    return [f"{start[11:16]}-{end[11:16]} {person}" for start, end, person in found]


def test_rules_of_goalert_add_to_each_other_and_overrides_change_them():
    document = scheduled(
        target("r", ("00:00", "00:00", EVERY)),
        target("priya", ("09:00", "12:00", WEEKDAYS), ("14:00", "15:00", WEEKDAYS), kind="user"),
        rotations=[rotation("r", "ada", "james")],
        overrides=[
            {"start": "2026-01-14T13:00:00Z", "end": "2026-01-14T14:10:00Z", "addUserID": "priya"},
            {"start": "2026-01-14T20:00:00Z", "end": "2026-01-14T21:00:00Z", "addUser": {"id": "lee"}},
            {
                "start": "2026-01-14T11:00:00Z",
                "end": "2026-01-14T14:30:00Z",
                "removeUserID": "priya",
                "addUserID": "lee",
            },
            {"start": "2026-01-14T22:00:00Z", "end": "2026-01-14T23:00:00Z", "removeUserID": "ada"},
        ],
    )
    found, problems = compiled("goalert", document, DAY)
    assert hours(found) == [
        "00:00-22:00 ada",
        "09:00-11:00 priya",
        "11:00-12:00 lee",
        "13:00-14:10 priya",
        "14:00-14:30 lee",
        "14:30-15:00 priya",
        "20:00-21:00 lee",
        "23:00-00:00 ada",
    ]
    assert problems == ["unknown-author"]


def test_a_temporary_schedule_of_goalert_replaces_rules_and_overrides():
    span = {"start": "2026-01-14T10:00:00Z", "end": "2026-01-14T12:00:00Z"}
    shift = {"userID": "priya", "start": "2026-01-14T09:00:00Z", "end": "2026-01-14T11:00:00Z"}
    document = scheduled(
        target("ada", ("00:00", "00:00", EVERY), kind="user"),
        temporary=[{**span, "shifts": [shift]}],
        overrides=[{**span, "addUserID": "lee"}],
    )
    found, _ = compiled("goalert", document, DAY)
    assert hours(found) == ["00:00-10:00 ada", "10:00-11:00 priya", "12:00-00:00 ada"]


def test_hours_around_the_clock_are_no_restriction():
    made = rotation("r", "ada", timeZone="Asia/Tokyo")
    document = scheduled(target("r", ("08:00", "08:00", EVERY)), rotations=[made])
    found = definition("goalert", json.dumps(document).encode(), "x")
    assert found.problems == ()
    assert "restrict" not in found.layers[0]


def test_what_one_place_says_of_a_person_is_not_hidden_by_another():
    named = {"id": "u1", "name": "Ada Osei"}
    document = scheduled(target("r", ("08:00", "08:00", EVERY)), rotations=[rotation("r", "u1", users=[named])])
    document["users"] = {"nodes": [{"id": "u1", "email": "ada@example.com"}]}
    (person,) = definition("goalert", json.dumps(document).encode(), "x").people
    assert (person.name, person.full_name, person.email) == ("ada", "Ada Osei", "ada@example.com")


def test_a_rule_that_is_never_active_and_a_target_without_rules_are_nothing():
    document = scheduled(target("ada", ("09:00", "10:00", [False] * 7), kind="user"), target("lee", kind="user"))
    found = definition("goalert", json.dumps(document).encode(), "x")
    assert (found.layers, found.problems) == ((), ())


def test_one_user_by_rules_is_not_cut_in_the_middle_of_a_shift():
    document = scheduled(target("ada", ("22:00", "06:00", WEEKDAYS), kind="user"))
    found, _ = compiled("goalert", document, Interval(YEAR.start, YEAR.start + timedelta(days=7)))
    assert len(found) == 5
    assert found[0][:2] == ("2026-01-12T22:00:00Z", "2026-01-13T06:00:00Z")


def test_months_of_goalert_are_months():
    changes = {"type": "monthly", "start": "2025-12-07T00:00:00Z", "nextHandoffTimes": ["2026-02-07T00:00:00Z"]}
    document = scheduled(target("r", ("00:00", "00:00", EVERY)), rotations=[rotation("r", "ada", "james", **changes)])
    found, problems = compiled("goalert", document)
    assert found[:2] == [
        ("2026-01-12T00:00:00Z", "2026-02-07T00:00:00Z", "ada"),
        ("2026-02-07T00:00:00Z", "2026-03-07T00:00:00Z", "james"),
    ]
    assert problems == []


def test_a_next_handoff_moved_by_a_skipped_hour_does_not_move_the_others():
    # 02:30 is skipped on March 8th in New York: GoAlert hands off at 03:30 then, and at 02:30 on other days.
    changes = {
        "timeZone": "America/New_York",
        "start": "2025-12-01T02:30:00-05:00",
        "nextHandoffTimes": ["2026-03-08T03:30:00-04:00"],
    }
    document = scheduled(target("r", ("00:00", "00:00", EVERY)), rotations=[rotation("r", "ada", "james", **changes)])
    layer = definition("goalert", json.dumps(document).encode(), "x").layers[0]
    assert layer["handoff"] == {"time": "02:30"}
    assert layer["anchor"] == {"date": "2026-03-08", "member": "james"}


@pytest.mark.parametrize("missing", ["activeUserIndex", "nextHandoffTimes"])
def test_without_its_state_it_is_said_whose_turn_is_assumed(missing):
    made = rotation("r", "ada", "james")
    del made[missing]
    document = scheduled(target("r", ("00:00", "00:00", EVERY)), rotations=[made])
    found = definition("goalert", json.dumps(document).encode(), "x")
    assert [problem.code for problem in found.problems] == ["whose-turn"]
    assert found.layers[0]["anchor"] == {"date": "2025-12-01", "member": "ada"}


@pytest.mark.parametrize(
    ("zone", "end", "is_said"),
    [("Europe/London", "01:30", True), ("Europe/London", "02:00", False), ("UTC", "01:30", False)],
)
def test_a_rule_that_ends_in_the_hour_that_happens_twice_is_said(zone, end, is_said):
    document = scheduled(target("ada", ("18:00", end, EVERY), kind="user"), zone=zone)
    found = definition("goalert", json.dumps(document).encode(), "x")
    assert [problem.code for problem in found.problems] == (["clock-change"] if is_said else [])


def test_overrides_of_goalert_that_relieve_each_other_are_said():
    span = {"start": "2026-01-14T10:00:00Z", "end": "2026-01-14T12:00:00Z"}
    document = scheduled(
        target("ada", ("00:00", "00:00", EVERY), kind="user"),
        overrides=[
            {**span, "removeUserID": "ada", "addUserID": "james"},
            {**span, "removeUserID": "james", "addUserID": "lee"},
        ],
    )
    assert "order" in [problem.code for problem in definition("goalert", json.dumps(document).encode(), "x").problems]


@pytest.mark.parametrize(
    ("made", "rules", "expected"),
    [
        (rotation("other", "ada"), [("00:00", "00:00", EVERY)], "its `rotation` `r` is not in the document"),
        (rotation("r"), [("00:00", "00:00", EVERY)], "its rotation has no users"),
        (rotation("r", "ada", type="yearly"), [("00:00", "00:00", EVERY)], "1 times `yearly` is not known"),
        (rotation("r", "ada", shiftLength=0), [("00:00", "00:00", EVERY)], "is no number of hours"),
        (rotation("r", "ada", type="hourly", shiftLength=8999), [("00:00", "00:00", EVERY)], "is not in whole hours"),
        (
            rotation("r", "ada", type="monthly", start="2025-12-31T00:00:00Z"),
            [("00:00", "00:00", EVERY)],
            "begin on day 31",
        ),
        (
            rotation("r", "ada", timeZone="Asia/Tokyo"),
            [("09:00", "17:00", EVERY)],
            "its turns go by the clock of Asia/Tokyo",
        ),
        (rotation("r", "ada"), [("9", "17:00", EVERY)], "`9` is no time of day"),
        (rotation("r", "ada"), [("09:00", "17:00", [True])], "is no weekdayFilter of seven days"),
    ],
)
def test_a_target_without_an_equivalent_is_left_out_and_said(made, rules, expected):
    document = scheduled(target("r", *rules), rotations=[made])
    found = definition("goalert", json.dumps(document).encode(), "x")
    assert found.layers == ()
    (problem,) = found.problems
    assert problem.message.startswith("target `r` is left out: ")
    assert expected in problem.message
