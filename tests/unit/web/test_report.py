"""The report: self-contained, inert, complete, and readable without a mouse or colour."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

from tests.story.weeks import audited
from tests.teams import rota, team

from watchbill.alerts.plain import audit_view
from watchbill.errors import Problem
from watchbill.intervals import Interval, iso
from watchbill.team.model import Leave, Rotation
from watchbill.web.report import Standing, render, timeline, watch


AT = datetime(2026, 1, 19, tzinfo=UTC)
VOID = {"meta", "br", "line", "rect"}


class Outline(HTMLParser):
    """Takes a page apart: what is open, its text, and every attribute; a tag closed out of turn is an error."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Note a tag that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Close a tag."""
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data):
        """Note text."""
        self.text.append(data)


def outline(html):
    """Take a page apart, and hold it to be well-formed."""
    found = Outline()
    found.feed(html)
    found.close()
    assert found.open == []
    return found


def result():
    """Give the audit of the told week."""
    return audit_view(audited(0), "orders")


def test_the_report_is_self_contained():
    """Nothing is loaded from anywhere and no script runs, by its own policy and by what is in it."""
    html = render(result(), AT, team=team())
    page = outline(html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object", "form", "base"} == set()
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "action")], tag
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert not re.search(r"url\((?!#)|@import", html)


def test_everything_is_in_the_report():
    """The account adds up on the page; each case has its sentence, evidence, stories, and where it stands."""
    found = result()
    html = render(
        found,
        AT,
        [Problem("x", "broken record", "a.json", 3)],
        ["james gains x"],
        {found.cases[0].id: Standing("frozen", "by ada")},
    )
    text = " ".join("".join(outline(html).text).split())
    assert f"{found.tally.records} records in {found.tally.files} files = {found.tally.distinct} events" in text
    assert "a.json:3 broken record" in text
    assert "james gains x" in text
    assert "Stands: frozen: by ada" in text
    for case in found.cases:
        assert " ".join(case.sentence.split()) in text
        assert all(event.event_id in text for event in case.evidence)
        assert all(action.target in text for action in case.actions)
        assert all(story.story in text for story in case.hypotheses)
    for person in found.people:
        assert person.person in text


def test_hostile_strings_are_inert_in_the_report():
    """Markup, quotes, control and direction-changing characters from a trail are shown, not obeyed."""
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>\u202e\x1b[31m"
    case = result().cases[0]
    evidence = [
        replace(event, what=hostile, ip=hostile, file=hostile, event_id=hostile, note=hostile)
        for event in case.evidence
    ]
    evil = replace(
        case, person=hostile, sentence=hostile, how_known=hostile, account=hostile, question=hostile, evidence=evidence
    )
    page = outline(
        render(replace(result(), team=hostile, cases=[evil]), AT, [Problem("x", hostile, hostile)], [hostile])
    )
    assert {tag for tag, _ in page.tags} & {"script", "img"} == set()
    text = "".join(page.text)
    assert hostile[:25] in text
    assert not {"\u202e", "\x1b"} & set(text)


def test_a_picture_is_never_the_only_way():
    """Each drawing has words for who cannot see it; severities are words; tables have headings."""
    page = outline(render(result(), AT, team=team()))
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if tag == "th":
            assert attributes.get("scope") == "col"
    assert ("html", {"lang": "en"}) in page.tags
    assert {"critical", "high", "medium", "low"} <= set("".join(page.text).split())


def test_marks_lie_on_the_line():
    """Every event of a case has one mark, inside the drawing, in order of time."""
    for case in result().cases:
        marks = timeline(case)
        assert len(marks) == len(case.evidence)
        assert [mark.x for mark in marks] == sorted(mark.x for mark in marks)
        assert all(0 <= mark.x <= 720 for mark in marks)
        assert {mark.lane for mark in marks} <= {"theirs", "not theirs", "failed", "not judged"}


def test_an_empty_audit_is_a_report_too():
    """Nothing found is said, and that nobody was judged."""
    empty = replace(result(), team=None, cases=[], people=[], others=[])
    text = "".join(outline(render(empty, AT)).text)
    assert "No cases." in text
    assert "nobody was judged" in text


def test_the_week_around_the_report_shows_who_is_on_watch():
    """Three days before its own and three after, drawn and in a table, of every rota; a gap is said in words."""
    at = datetime(2026, 1, 14, 13, 37, tzinfo=UTC)
    away = Interval(datetime(2026, 1, 15, 18, tzinfo=UTC), datetime(2026, 1, 15, 20, tzinfo=UTC))
    lacking = replace(rota(leave=(Leave("james", away, rota().where),)), name="second")
    both = replace(team(), rotas={"platform": rota(), "second": lacking})
    found = watch(both, at)
    assert found.shifts[0].interval.start == datetime(2026, 1, 11, tzinfo=UTC)
    assert max(shift.interval.end for shift in found.shifts) == datetime(2026, 1, 18, tzinfo=UTC)
    assert [(gap.interval, gap.rota) for gap in found.gaps] == [(away, "second")]
    page = outline(render(result(), at, team=both))
    assert [attributes["aria-label"] for tag, attributes in page.tags if attributes.get("class") == "watch"] == [
        "Who is on watch, Sun 11 Jan to Sat 17 Jan 2026, time zone UTC"
    ]
    text = " ".join(" ".join(page.text).split())
    assert "too few people on call in 1 span, which the table names" in text
    assert f"{iso(away.start)} {iso(away.end)} too few primary rota second needs 1" in text
    for shift in found.shifts:
        span = shift.interval
        assert f"{iso(span.start)} {iso(span.end)} {shift.person} {shift.kind} {shift.why}" in text
    assert "now, Wed 14 Jan 13:37" in text


def test_without_a_rota_there_is_no_watch_to_show():
    """A report of a team without rotas, or without a team, has no such section."""
    for nobody in (None, replace(team(), rotas={})):
        page = outline(render(result(), AT, team=nobody))
        assert "Who is on watch" not in "".join(page.text)


def test_hostile_names_are_inert_among_who_is_on_watch():
    """What a team file calls people and rotas is shown, not obeyed, in the picture and in the table."""
    hostile = "</title></svg><script>alert(1)</script>\"'><img src=x onerror=y>\u202e\x1b[31m"
    (layer, *_) = rota().layers
    assert isinstance(layer.pattern, Rotation)
    roster = replace(layer.pattern.rosters[0], members=(hostile,), first=hostile)
    pattern = replace(layer.pattern, rosters=(roster,))
    evil = replace(rota(replace(layer, name=hostile, members=(hostile,), pattern=pattern)), name=hostile)
    page = outline(render(result(), AT, team=replace(team(), rotas={hostile: evil})))
    assert {tag for tag, _ in page.tags} & {"script", "img"} == set()
    text = "".join(page.text)
    assert text.count(hostile[:40]) > 10
    assert not {"\u202e", "\x1b"} & set(text)
