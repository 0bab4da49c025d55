"""The report for auditors: it agrees with what commands say, holds all of a span, loads nothing, and obeys nobody."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import msgspec
import pytest
from tests.hostile import HOSTILE, hidden
from tests.lakes import log
from tests.trails import after, record, user
from tests.unit.respond.test_ask import late
from tests.unit.web.test_report import outline

from watchbill.access.recertification import Decided
from watchbill.bootstrap import make_app
from watchbill.files.team_file import read_team
from watchbill.intervals import Interval, parse_instant
from watchbill.ledger.model import Kind
from watchbill.schedule.oncall import shifts
from watchbill.service.access_view import Filters, cell_view, cells_of, then
from watchbill.service.casework import Casework
from watchbill.service.recertification import digest_for, draft, find, open_review, sign
from watchbill.store.database import open_store
from watchbill.store.rows import CaseRow


AT, SINCE, UNTIL = "2026-01-16T00:00:00Z", "2026-01-12T00:00:00Z", "2026-01-15T20:00:00Z"
HARMLESS = [text for name, text in HOSTILE.items() if name not in ("half a character", "a text of a megabyte")]
NAME = 'Lee <b>"Tanaka"</b>'


class Tables(HTMLParser):
    """Takes the tables of a page apart: rows of texts, by the beginning of their caption."""

    def __init__(self, html):
        super().__init__()
        self.tables, self._rows, self._caption, self._into = {}, [], "", None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Begin a table, a row or a cell."""
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            self._into = "cell"
        elif tag == "caption":
            self._into = "caption"

    def handle_endtag(self, tag):
        """End one."""
        if tag == "table":
            self.tables[self._caption] = self._rows
        elif tag in ("td", "th", "caption"):
            self._into = None

    def handle_data(self, data):
        """Note text."""
        if self._into == "cell":
            self._rows[-1][-1] += data
        elif self._into == "caption":
            self._caption += data

    def of(self, words):
        """Give the rows of the table whose caption has some words."""
        (found,) = [rows for caption, rows in self.tables.items() if words in caption]
        return [[" ".join(cell.split()) for cell in row] for row in found]


@pytest.fixture
def written(watchbill, sample, tmp_path):
    """Take a trail in, with strangers' strings in it, and write the report; give its text."""
    sample.write_text(sample.read_text("utf-8").replace("name: Lee Tanaka", f"name: {NAME!r}"), "utf-8")
    found = [record("rds:DeleteDBInstance", user("james"), after(n), event_id=f"e-{n}") for n in range(60)]
    for number, text in enumerate(HARMLESS):
        odd = record("ec2:DescribeInstances", user("lee"), after(number), event_id=f"odd-{number}")
        found.append({**odd, "eventName": text, "eventSource": text, "sourceIPAddress": text})
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json.gz").write_bytes(log(found))
    assert watchbill("trail", "ingest", tmp_path / "logs", watchbill_at=AT).code == 0
    ran = watchbill(
        "report", "--html", "whole.html", "--since", SINCE, "--until", UNTIL, "--time-zone", "Europe/London",
        watchbill_actor="ada",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "report for auditors written to whole.html" in ran.out
    return (tmp_path / "whole.html").read_text("utf-8")


def test_it_loads_nothing_and_runs_nothing(written):
    """By its own policy and by what is in it; what leads somewhere leads to a place in it, and is small."""
    page = outline(written)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object", "form", "base"} == set()
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "action")], tag
        if "href" in attributes:
            assert attributes["href"].removeprefix("#") in ids
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert not re.search(r"url\((?!#)|@import", written)
    assert len(written) < 1_000_000
    assert "<details>" not in written


def test_strings_of_strangers_are_inert_in_it(written):
    """None becomes an element, and nothing hides or turns around what is read."""
    page = outline(written)
    assert hidden("".join(page.text)) - set("\u00a0") == set()
    assert NAME in "".join(page.text)
    assert "alert(1)" in written
    assert not {tag for tag, _ in page.tags} & {"b", "img"}


def test_access_at_its_end_is_what_programs_are_told(written, tmp_path):
    """Cell by cell of the matrix, no more and no less."""
    team = read_team(tmp_path / "watchbill.yaml")
    with open_store(tmp_path / ".watchbill") as store:
        work = Casework(make_app(), store, team, parse_instant(AT), "ada")
        cells = cells_of(then(work, parse_instant(UNTIL)), Filters())
    told = {place: cell_view(cell, None) for place, cell in cells.items()}
    rows = Tables(written).of("permission sets that they have")
    spans = [(name, len([s for a, s in sorted({place[1:] for place in told}) if a == name])) for name in rows[0][1:]]
    columns = [name for name, count in spans for _ in range(count)]
    shown = {
        (row[0].split()[0], account, each): cell
        for row in rows[2:]
        for account, each, cell in zip(columns, rows[1], row[1:], strict=True)
    }
    assert {row[0].split()[0] for row in rows[2:]} == set(team.people)
    for place, cell in told.items():
        words = shown.pop(place)
        assert [by in words for by in cell.by] == [True] * len(cell.by)
        assert ("off watch" in words) == (cell.standing == "off watch")
    assert set(shown.values()) == {"no"}
    held = [place.person for place, cell in told.items() if cell.standing == "held" and "on call" in cell.by]
    assert held == ["james"]


def test_everything_of_the_span_is_in_it(written, tmp_path):
    """Who was on watch as the schedule says, what people did against it, the ledger, and what is not known."""
    tables, text = Tables(written), " ".join("".join(outline(written).text).split())
    team = read_team(tmp_path / "watchbill.yaml")
    span = Interval(parse_instant(SINCE), parse_instant(UNTIL))
    on_call = [shift for rota in team.rotas.values() for shift in shifts(rota, span)]
    assert len(tables.of(f"{len(on_call)} shifts")) == len(on_call) + 1
    held = [row for row in tables.of("one unbroken while") if row[2] == "prod-oncall"]
    assert [row[0] for row in held].count("james") == len([s for s in on_call if s.person == "james"])
    assert "times by Europe/London" in text
    assert "4 events of james that were outside of their right, of 44" in text
    outside = tables.tables["What was outside of their right, or could not be judged"]
    assert len(outside) > 1
    assert "no revision of the team file is recorded" in text
    assert "It has no entry yet" in text
    assert "gaps: something should be there" in text or "No gap" in text
    assert "Nothing is recorded of" in text


def test_who_left_and_who_is_nobody_are_in_it(watchbill, sample, tmp_path):
    """Somebody of the file that was in force then, whom the file has no more; and a user whom no file ever had."""
    now = sample.read_text("utf-8")
    zoe = "  zoe: {name: Zoe Gone, email: zoe@example.com, iam_user: zoe, time_zone: UTC}\n"
    sample.write_text(now.replace("people:\n", f"people:\n{zoe}", 1), "utf-8")
    keep(sample, tmp_path)
    (tmp_path / "logs").mkdir()
    found = [
        record("rds:DeleteDBInstance", user(name), after(1), event_id=f"e-{name}") for name in ("zoe", "nobody-we")
    ]
    (tmp_path / "logs" / "a.json.gz").write_bytes(log(found))
    assert watchbill("trail", "ingest", tmp_path / "logs", watchbill_at=AT).code == 0
    sample.write_text(now, "utf-8")
    assert watchbill("report", "--html", "x.html", "--since", SINCE, "--until", UNTIL, watchbill_at=AT).code == 0
    written = (tmp_path / "x.html").read_text("utf-8")
    assert "Zoe Gone" in written
    assert "rds:DeleteDBInstance" in [row[2] for row in Tables(written).of("What was outside of their right")[1:]]
    (nobody,) = Tables(written).of("is nobody we know")[1:]
    assert ("nobody-we" in nobody[0], nobody[2]) == (True, "1")


def test_what_could_not_be_judged_is_listed_or_counted(watchbill, sample, tmp_path):
    """The file that was in force then can be read no more: nothing of it is left out in silence."""
    with open_store(tmp_path / ".watchbill") as store:
        store.revisions.add("gone", parse_instant("2026-01-01T00:00:00Z"), "team: [", "ada")
    keep(sample, tmp_path, "2026-01-15T18:00:00Z")
    (tmp_path / "logs").mkdir()
    found = [record("rds:DeleteDBInstance", user("james"), after(n), event_id=f"e-{n}") for n in range(60)]
    (tmp_path / "logs" / "a.json.gz").write_bytes(log(found))
    assert watchbill("trail", "ingest", tmp_path / "logs", watchbill_at=AT).code == 0
    ran = watchbill("report", "--html", "x.html", "--since", SINCE, "--until", UNTIL, watchbill_at=AT)
    assert ran.code == 0
    rows = Tables((tmp_path / "x.html").read_text("utf-8")).of("What was outside of their right")[1:]
    assert {row[1] for row in rows} == {"not judged"}
    assert f"{60 - len(rows)} events of james that could not be judged, of 60" in ran.out


def test_where_the_file_of_its_end_is_unreadable_that_is_said_and_the_rest_shown(watchbill, sample, tmp_path):
    """Who has access then is not known; what people did, and all else, is in it."""
    keep(sample, tmp_path)
    with open_store(tmp_path / ".watchbill") as store:
        store.revisions.add("gone", parse_instant("2026-01-15T19:00:00Z"), "team: [", "ada")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json.gz").write_bytes(log([record("rds:DeleteDBInstance", user("james"), after(1))]))
    assert watchbill("trail", "ingest", tmp_path / "logs", watchbill_at=AT).code == 0
    ran = watchbill("report", "--html", "x.html", "--since", SINCE, "--until", UNTIL, watchbill_at=AT)
    assert ran.code == 0, ran.out
    text = "".join(outline((tmp_path / "x.html").read_text("utf-8")).text)
    assert "Who has access at the end is not known: revision gone of the team file can be read no more" in text
    assert "rds:DeleteDBInstance" in text
    assert "Nobody has anything." not in text


@pytest.mark.parametrize("more", [("--trail", "logs"), ("--rules", "rules"), ("-o", "other.html")])
def test_what_it_would_pass_over_is_refused(watchbill, sample, tmp_path, more):
    """It is of the state and the lake, and goes to one file."""
    keep(sample, tmp_path)
    ran = watchbill("report", "--html", "x.html", *more, watchbill_at=AT)
    assert (ran.code, "leave out --trail" in ran.err) == (64, True), ran.err
    assert not (tmp_path / "x.html").exists()


def keep(sample, folder, since="2026-01-01T00:00:00Z"):
    """Keep a team file as the one that was in force from then on."""
    team = read_team(sample)
    with open_store(folder / ".watchbill") as store:
        store.revisions.add(team.digest, parse_instant(since), team.text, "ada")


def test_the_ledger_is_verified_for_it(watchbill, sample, tmp_path):
    """Its head is that of `ledger verify`, and its entries of the span are counted."""
    with open_store(tmp_path / ".watchbill") as store:
        for at in (SINCE, UNTIL):
            store.ledger.record(at=parse_instant(at), kind=Kind.CASE_RAISED, actor="watchbill", subject="C-1", facts={})
    head = watchbill("ledger", "verify", "--json", watchbill_at=AT).json["result"]["head"]
    assert watchbill("report", "--html", "x.html", "--since", SINCE, "--until", UNTIL, "--json").code == 0
    written = (tmp_path / "x.html").read_text("utf-8")
    assert f"<code>{head}</code>" in written
    assert "It is intact" in written
    assert Tables(written).of("Entries of this span")[1:] == [[str(Kind.CASE_RAISED), "1"]]
    assert "There is no trail" in written


def test_cases_are_in_it_unfolded(watchbill, sample, tmp_path):
    """With what they rest on and where they stand: a printer prints no fold. Those of another time are not in it."""
    case, at = replace(late(), id="C-late"), parse_instant(UNTIL)
    with open_store(tmp_path / ".watchbill") as store:
        payload = msgspec.json.encode(case).decode()
        store.cases.put(CaseRow(case.id, at, at, "escalated", case.severity, case.person, "he says yes", payload))
    assert watchbill("report", "--html", "x.html", "--since", SINCE, "--until", UNTIL, watchbill_at=AT).code == 0
    written = (tmp_path / "x.html").read_text("utf-8")
    text = " ".join("".join(outline(written).text).split())
    assert case.sentence in text
    assert "Stands: escalated: he says yes." in text
    assert all(event.event_id in text for event in case.evidence)
    assert "<details open>" in written
    assert "<details>" not in written
    assert watchbill("report", "--html", "y.html", "--since", "2026-01-02", "--until", "2026-01-03").code == 0
    assert "C-late" not in (tmp_path / "y.html").read_text("utf-8")


def test_reviews_are_in_it_with_what_is_signed(watchbill, sample, tmp_path):
    """What was decided and by whom, with the entry of the ledger; a draft is called one."""
    team, at = read_team(sample), parse_instant("2026-01-13T10:00:00Z")
    with open_store(tmp_path / ".watchbill") as store:

        def as_(actor):
            return Casework(make_app(), store, team, at, actor)

        review = open_review(as_("ada"), at + timedelta(days=7))
        theirs = review.to_sign("ada", team)
        decided = {row.number: Decided(keeps=True, reason="") for row in theirs}
        decided[theirs[0].number] = Decided(keeps=False, reason="<b>moved</b> on")
        draft(as_("ada"), review.id, decided)
        sign(as_("ada"), review.id, digest_for(find(store, review.id), "ada", team), {})
        others = find(store, review.id).to_sign("sofia", team)
        draft(as_("sofia"), review.id, {others[0].number: Decided(keeps=True, reason="")})
    assert watchbill("report", "--html", "x.html", "--since", SINCE, "--until", UNTIL, watchbill_at=AT).code == 0
    written = (tmp_path / "x.html").read_text("utf-8")
    rows = Tables(written).of(f"What {review.id} is of")[1:]
    assert len(rows) == len(review.frozen.rows)
    said = [row[6] for row in rows]
    assert (said.count("remove, signed"), said.count("keep, a draft")) == (1, 1)
    assert said.count("keep, signed") == len(theirs) - 1
    assert ["<b>moved</b> on" in row[7] for row in rows].count(True) == 1
    assert "<b>moved" not in written
    assert "Signed by ada" in written
    assert watchbill("report", "--html", "y.html", "--since", "2026-01-14", "--until", UNTIL).code == 0
    assert "None was opened or signed in this span" in (tmp_path / "y.html").read_text("utf-8")


def test_a_span_that_is_none_is_refused(watchbill, sample):
    """One that ends before it begins, that is too long, and that has not come to its end."""
    for since, until in ((UNTIL, SINCE), ("2020-01-01", SINCE)):
        ran = watchbill("report", "--html", "x.html", "--since", since, "--until", until, watchbill_at=AT)
        assert (ran.code, "a report is of a span of up to" in ran.err) == (64, True)
    ran = watchbill("report", "--html", "x.html", "--until", "2026-01-17", watchbill_at=AT)
    assert (ran.code, "ends no later than now" in ran.err) == (1, True)
    ran = watchbill("report", "--since", SINCE)
    assert (ran.code, "give --html FILE too" in ran.err) == (64, True)
