"""`oncall`: who is on call, calendars, swaps; each as people and as programs read it."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.cli.scenes import hijacked, on_stage, trail_of

from watchbill.intervals import Interval, iso, parse_instant
from watchbill.schedule.calendars.read import read_calendar


AT = {"watchbill_at": "2026-01-13T12:00:00Z", "watchbill_actor": "ada"}


def test_who_is_on_call_at_an_instant_is_given_whole(watchbill, sample):
    """The shift is not cut to the instant asked about."""
    (found,) = watchbill("oncall", "--at", "2026-01-14T03:00:00Z", "--json", **AT).json["result"]["shifts"]
    assert (found["person"], found["why"]) == ("priya", "rota platform, layer amer")
    assert found["interval"] == {"start": "2026-01-14T02:00:00Z", "end": "2026-01-14T11:00:00Z"}


def test_a_gap_is_said_and_is_an_error(watchbill, sample):
    """In the weeks between two changes of the clocks an hour is held by nobody."""
    ran = watchbill("oncall", "--at", "2026-03-10T01:30:00Z", **AT)
    assert (ran.code, "priya" in ran.out) == (0, True)
    assert watchbill("oncall", "--at", "2026-03-10T10:30:00Z", **AT).code == 1
    ran = watchbill("oncall", "show", "--from", "2026-03-08", "--to", "2026-03-30", **AT)
    assert ran.code == 1
    assert "platform has no primary from 2026-03-09T10:00:00Z - 2026-03-09T11:00:00Z" in ran.out


def test_a_calendar_has_a_row_for_each_person(watchbill, sample):
    """Read without colour: letters say in what capacity."""
    ran = watchbill("oncall", "show", "--from", "2026-01-12", "--to", "2026-01-19", **AT)
    assert ran.code == 0
    rows = {line.split()[0]: line for line in ran.out.splitlines() if "P" in line}
    assert {"ada", "james", "priya", "rick"} <= set(rows)
    assert "lee" not in rows


def test_an_export_reads_back_as_the_shifts(watchbill, sample, tmp_path):
    """The file, the printed text and the list are of the same shifts, whole."""
    ran = watchbill("oncall", "export", "--person", "james", "--to", "2026-01-20", "--out", "james.ics", **AT)
    assert ran.code == 0
    written = (tmp_path / "james.ics").read_bytes()
    within = Interval(parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-03-01T00:00:00Z"))
    entries = read_calendar(written, within, "james.ics", "UTC").entries
    listed = watchbill("oncall", "--days", "7", "--json", **AT).json["result"]["shifts"]
    starts = [shift["interval"]["start"] for shift in listed if shift["person"] == "james"]
    assert [f"{entry.interval.start:%Y-%m-%dT%H:%M:%SZ}" for entry in entries] == starts
    assert all("james@example.com" in entry.names for entry in entries)
    again = watchbill("oncall", "export", "--person", "james", "--to", "2026-01-20", **AT)
    assert again.out.encode() == written


def test_a_picture_is_one_file_that_stands_alone(watchbill, sample):
    """Nothing in it is fetched from anywhere."""
    ran = watchbill("oncall", "export", "--form", "svg", "--to", "2026-01-20", **AT)
    assert ran.out.lstrip().startswith("<svg")
    assert "href" not in ran.out
    assert "priya" in ran.out


SWAP = ("oncall", "swap", "james", "rick", "--from", "2026-01-13", "--to", "2026-01-15", "--reason", "wedding")


def test_a_swap_says_what_changes_and_is_written(watchbill, sample):
    """Two lines more in the file, comments and all; who holds what in AWS follows."""
    before = sample.read_text("utf-8")
    ran = watchbill(*SWAP, "--yes", **AT)
    assert ran.code == 0
    assert "+ rick: prod-oncall in production from 2026-01-13T18:00:00Z - 2026-01-14T02:00:00Z" in ran.out
    assert "- james: prod-oncall in production from 2026-01-13T18:00:00Z - 2026-01-14T02:00:00Z" in ran.out
    after = sample.read_text("utf-8")
    assert after.startswith(before)
    assert len(after.splitlines()) == len(before.splitlines()) + 2
    (found,) = watchbill("oncall", "--at", "2026-01-13T20:00:00Z", "--json").json["result"]["shifts"]
    assert (found["person"], found["why"]) == ("rick", "rota platform, override swap-1")


def test_a_swap_is_not_written_without_a_yes(watchbill, sample, monkeypatch):
    """Neither where nobody can be asked, nor for programs that only look."""
    before = sample.read_text("utf-8")
    monkeypatch.setattr("sys.stdin", StringIO())
    assert watchbill(*SWAP, **AT).code == 1
    answer = watchbill(*SWAP, "--json", **AT).json["result"]
    assert (answer["written"], answer["override"]) == (False, "swap-1")
    assert answer["gains"]
    assert sample.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"james": "jamse"}, "no person `jamse`"),
        ({"rick": "sofia"}, "rotas that both james and sofia are on: none"),
        ({"2026-01-15": "2026-01-12"}, "--to must be later than --from"),
        ({"2026-01-13": "soon"}, "soon"),
        ({"wedding": " "}, "--reason must say why"),
        ({"2026-01-13": "2026-01-12T05:00:00Z", "2026-01-15": "2026-01-12T06:00:00Z"}, "nothing would change"),
    ],
)
def test_a_swap_that_makes_no_sense_says_why(watchbill, sample, changed, expected):
    """And the file stays as it was."""
    before = sample.read_text("utf-8")
    ran = watchbill(*(changed.get(each, each) for each in SWAP), "--yes", **AT)
    assert ran.code in (1, 64)
    assert expected in ran.err
    assert sample.read_text("utf-8") == before


def test_a_swap_is_arranged_by_somebody_of_the_team(watchbill, sample):
    """Who is at the keyboard may be called otherwise there."""
    ran = watchbill(*SWAP, "--yes", watchbill_at=AT["watchbill_at"], watchbill_actor="root")
    assert (ran.code, "no person `root`" in ran.err, "--by" in ran.err) == (1, True, True)
    assert watchbill(*SWAP, "--yes", "--by", "ada").code == 0


def test_an_option_before_the_command_is_not_passed_over(watchbill, sample):
    """It would be of another file than is shown."""
    ran = watchbill("oncall", "--team", "other.yaml", "show", **AT)
    assert ran.code == 64
    assert "put --team after `show`" in ran.err


SCHEDULES = Path(__file__).parent.parent / "data/schedules"


def test_a_check_says_what_to_mend_and_who_carries_how_much(watchbill, sample):
    """What comes back day after day is one line; a gap is an error."""
    ran = watchbill("oncall", "check", "--days", "80", **AT)
    assert ran.code == 1
    gap = (
        "gap: rota platform has no primary from 2026-03-08T10:00:00Z - 2026-03-08T11:00:00Z; 21 times until 2026-03-28"
    )
    assert gap in ran.out
    found = watchbill("oncall", "check", "--days", "80", "--json", **AT).json["result"]
    assert sum(each["code"] == "gap" for each in found["findings"]) == 21
    assert sum(each["share"] for each in found["loads"]) == pytest.approx(1, abs=0.001)
    assert {each["person"] for each in found["loads"]} == {"ada", "james", "lee", "priya", "rick"}
    soon = watchbill("oncall", "check", "--days", "1", "--detailed-exitcode", **AT)
    assert soon.code == 2
    assert "never-on-call" in soon.out


@pytest.mark.parametrize(
    ("form", "file"), [("pagerduty", "pagerduty-v2.json"), ("pagerduty", "pagerduty-v3.json"), ("goalert", "goalert.json")]
)  # fmt: skip
def test_what_another_product_defines_becomes_a_rota(watchbill, sample, tmp_path, form, file):
    """What is printed goes into a team file as it is, and gives the shifts that the product has."""
    imported = watchbill("oncall", "import", form, SCHEDULES / file, "--rota", "moved", "--json", **AT).json["result"]
    printed = watchbill("oncall", "import", form, SCHEDULES / file, "--rota", "moved", **AT).out
    document = YAML(typ="safe").load(printed)
    assert document == imported["document"]
    whole = YAML(typ="safe").load(sample.read_text("utf-8"))
    whole["people"] |= document.get("people", {})
    whole["rotas"]["moved"] = {**document["rotas"]["moved"], "entitlement": {"primary": "prod-oncall"}, "required": []}
    with (tmp_path / "moved.yaml").open("w") as out:
        YAML(typ="safe").dump(whole, out)
    span = ("--from", "2026-03-23T09:00:00Z", "--to", "2026-03-30T08:00:00Z")
    shown = watchbill("oncall", "show", *span, "--rota", "moved", "--team", "moved.yaml", "--json", **AT).json
    # The outside list is of those weeks; both say of each hour who has it.
    ours = {(s["interval"]["start"], s["interval"]["end"]): s["person"] for s in shown["result"]["shifts"]}
    theirs = [s["interval"] for s in imported["shifts"]]
    inside = [(s["start"], s["end"]) for s in theirs if span[1] <= s["start"] and s["end"] <= span[3]]
    assert inside
    assert set(inside) <= set(ours)


def test_a_list_of_shifts_becomes_a_layer_that_follows_the_file(watchbill, sample, tmp_path):
    """Once a lead has accepted the copy, its members are on call by it, and only they."""
    (tmp_path / "shifts.csv").write_bytes((SCHEDULES / "shifts.csv").read_bytes())
    printed = watchbill("oncall", "import", "csv", "shifts.csv", "--rota", "moved", **AT).out
    document = YAML(typ="safe").load(printed)
    text = sample.read_text("utf-8")
    layers = json.dumps(document["rotas"]["moved"]["layers"])
    sample.write_text(f"{text}  moved: {{accounts: [staging], entitlement: {{}}, required: [], layers: {layers}}}\n")
    at = {**AT, "watchbill_at": "2026-03-24T12:00:00Z"}
    assert watchbill("oncall", "--at", "2026-03-24T12:00:00Z", **at).out.count("rota moved") == 0
    first = watchbill("oncall", "fetch", **at)
    assert (first.code, "waits for sofia, ada" in first.out) == (1, True)
    refused = watchbill("oncall", "fetch", "--accept", "moved/outside", watchbill_actor="rick")
    assert (refused.code, "no lead" in refused.err) == (1, True)
    assert watchbill("oncall", "fetch", "--accept", "moved/outside", **at).code == 0
    shown = watchbill("oncall", "--at", "2026-03-24T12:00:00Z", **at).out
    assert "rota moved, layer outside, entry" in shown
    assert "lead" not in watchbill("oncall", "fetch", **at).out
    (tmp_path / "shifts.csv").write_text("<html>log in</html>")
    broken = watchbill("oncall", "fetch", watchbill_at="2026-03-24T13:00:00Z")
    assert broken.code == 1
    assert "failing since 2026-03-24T13:00:00Z" in broken.out
    still = watchbill("oncall", "--at", "2026-03-24T12:00:00Z")
    assert "rota moved, layer outside, entry" in still.out
    assert "the copy of 2026-03-24T12:00:00Z is in force, failing since 2026-03-24T13:00:00Z" in still.err


def test_a_pass_fetches_what_is_followed(watchbill, aws, tmp_path):
    """What waits for a lead is said in each pass, and keeps nothing else from being done."""
    stage = on_stage(aws, tmp_path)
    at = {"watchbill_at": stage.clock.now().isoformat(), "watchbill_actor": "ada"}
    assert watchbill("apply", "--yes", **at).code == 0
    (tmp_path / "shifts.csv").write_bytes((SCHEDULES / "shifts.csv").read_bytes())
    layer = "{name: outside, time_zone: UTC, members: [ada, james], feed: {form: csv, file: shifts.csv}}"
    with (tmp_path / "watchbill.yaml").open("a") as file:
        file.write(f"  moved: {{accounts: [staging], entitlement: {{}}, required: [], layers: [{layer}]}}\n")
    ran = watchbill("run", **at)
    assert "moved/outside nobody is on call by it; the copy of" in ran.err
    assert "waits for a lead: watchbill oncall fetch --accept moved/outside" in ran.err
    assert "is `priya`, who is no member of the layer" in ran.err
    assert "applied" in ran.out
    assert watchbill("oncall", "fetch", "--accept", "moved/outside", **at).code == 0
    assert "waits for" not in watchbill("run", **at).err


def test_the_page_says_since_when_a_schedule_fails(watchbill, aws, tmp_path):
    """The last good copy stays in force, and whoever reads the report sees of when it is."""
    stage = on_stage(aws, tmp_path)
    watchbill("apply", "--yes", watchbill_at=stage.clock.now().isoformat(), watchbill_actor="ada")
    hijacked(stage)
    where, now = trail_of(stage, tmp_path), stage.clock.now()
    (tmp_path / "shifts.csv").write_bytes((SCHEDULES / "shifts.csv").read_bytes())
    layer = "{name: outside, time_zone: UTC, members: [ada, james], feed: {form: csv, file: shifts.csv}}"
    with (tmp_path / "watchbill.yaml").open("a") as file:
        file.write(f"  moved: {{accounts: [staging], entitlement: {{}}, required: [], layers: [{layer}]}}\n")
    at = {"watchbill_at": now.isoformat(), "watchbill_actor": "ada"}
    watchbill("oncall", "fetch", **at)
    assert watchbill("oncall", "fetch", "--accept", "moved/outside", **at).code == 0
    (tmp_path / "shifts.csv").write_text("<html><script>alert(1)</script>")
    later = {"watchbill_at": (now + timedelta(hours=1)).isoformat()}
    assert watchbill("oncall", "fetch", **later).code == 1
    assert watchbill("report", "--trail", where, **later).code == 0
    page = (tmp_path / "watchbill-report.html").read_text("utf-8")
    since = f"the copy of {iso(now)} is in force, failing since {iso(now + timedelta(hours=1))}"
    assert since in page
    assert "<script" not in page
    assert "Who is on watch" in page
