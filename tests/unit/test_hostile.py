"""Strings that strangers chose come out inert, from every field they may stand in, in every output there is.

A text is hostile if it makes what shows it do something: a terminal move or hide, a page run or load, Slack call people, a
spreadsheet compute, a log begin another line. Inert is what stands there as characters and nothing else.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.hostile import HOSTILE, hidden
from tests.trails import after, document, record, root, session, user
from tests.unit.alerts.export.samples import AT, case, kept
from tests.unit.alerts.export.test_syslog import read as read_syslog
from tests.unit.alerts.records import failed, usual

from watchbill.alerts.export.asff import asff, size
from watchbill.alerts.export.flat import flat, json_line
from watchbill.alerts.export.model import state_id
from watchbill.alerts.export.ocsf import ocsf
from watchbill.alerts.export.prometheus import Figures, prometheus
from watchbill.alerts.export.syslog import UDP_MOST, framed, message
from watchbill.alerts.view import AddendView, AuditView, OthersView, PersonView, SigmaView, TallyView
from watchbill.cli import main
from watchbill.cli.commands import export
from watchbill.cli.commands.cases import show_case
from watchbill.cli.main import cli
from watchbill.cli.output import Output
from watchbill.errors import Problem
from watchbill.inert import inert, inert_cell, inert_json, inert_markdown, inert_slack, shortened
from watchbill.intervals import iso
from watchbill.respond.ask import question
from watchbill.siem.webhook import Delivery, _headers
from watchbill.sim.stand_in import StandIn
from watchbill.web.report import render


MINUTE = timedelta(minutes=1)


def texts(found: object) -> Iterator[str]:
    """Give every text in a document, the names too."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for name, value in found.items():
            yield from texts(name)
            yield from texts(value)
    elif isinstance(found, list):
        for each in found:
            yield from texts(each)


def poisoned(found, text, path=()):
    """Put a hostile text into every field of a case that holds one; times and what a field may be stay."""
    if is_dataclass(found) and not isinstance(found, type):
        changed = {
            each.name: poisoned(getattr(found, each.name), text, (*path, each.name))
            for each in fields(found)
            if each.name not in ("first", "last", "at", "start", "end", "severity", "kind", "hypotheses")
        }
        return replace(found, **changed)
    if isinstance(found, list):
        return [poisoned(each, text, path) for each in found]
    if isinstance(found, dict):
        return {text: text}
    return text if isinstance(found, str) else found


class Page(HTMLParser):
    """Gathers what a page has besides text."""

    def __init__(self):
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        self.elements.add(tag)
        self.attributes.update(attrs)

    def handle_data(self, data):
        """Note a text."""
        self.text.append(data)


@pytest.fixture(params=list(HOSTILE), ids=str)
def hostile(request):
    """Give each hostile text."""
    return HOSTILE[request.param]


@pytest.fixture
def poison(hostile):
    """Give a case that is hostile in every field."""
    return replace(kept(status=hostile, note=hostile), case=poisoned(case(), hostile))


def test_a_poisoned_case_is_poisoned_everywhere():
    """The tests below would show nothing otherwise."""
    found = poisoned(case(), "ZQ")
    assert {found.person, found.sentence, found.account, found.evidence[0].ip, found.evidence[0].event_id} == {"ZQ"}
    assert (found.whence[0].device, found.session[0].what, found.openings[0].by) == ("ZQ", "ZQ", "ZQ")
    assert found.shift.on_call == ["ZQ"]


# --- a medium each -------------------------------------------------------------------------------------------------


def test_in_a_terminal_all_is_seen(hostile):
    """As long as it was, and nothing of it acts."""
    assert not hidden(inert(hostile))
    assert "\n" not in inert(hostile)


@given(st.text(st.characters(codec=None)))
def test_what_is_harmless_is_left_as_it_is(text):
    """And what is inert stays so when it is made inert again."""
    shown = inert(text)
    assert inert(shown) == shown
    if not hidden(text) and "\n" not in text:
        assert shown == text


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_json_says_the_same_and_shows_nothing_else(document):
    """A program reads what was there; whoever looks at it sees no more than characters."""
    for indent in (None, 1):
        written = inert_json(json.dumps(document, ensure_ascii=False, indent=indent))
        assert json.loads(written) == document
        assert not hidden(written)
        assert not set("<>&") & set(written)


def test_slack_calls_nobody(hostile):
    """What Slack takes for markup stands between angle brackets, or is an address."""
    shown = inert_slack(hostile)
    assert not hidden(shown)
    assert "<" not in shown
    assert ">" not in shown
    assert re.fullmatch(r"(?:[^&]|&amp;|&lt;|&gt;)*", shown)
    assert "://" not in shown


def test_a_cell_computes_nothing(hostile):
    """Through a writer and a reader of CSV, on one line of one cell."""
    csv.field_size_limit(10_000_000)
    written = io.StringIO()
    csv.writer(written).writerow([inert_cell(hostile), "b"])
    ((cell, other),) = csv.reader(io.StringIO(written.getvalue()))
    assert other == "b"
    assert cell.lstrip()[:1] not in set("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
    assert not hidden(cell)
    assert inert_cell("a=b") == "a=b"


def test_markdown_is_only_text(hostile):
    """Every mark of it is escaped, and no address is whole."""
    shown = inert_markdown(hostile)
    assert not hidden(shown)
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", shown)
    assert not re.search(r"[!-/:-@\[-`{-~]", bare)
    assert "://" not in shown


def test_what_is_short_says_that_it_is(hostile):
    """Of any text, no more than so many characters, inert."""
    shown = shortened(hostile, 60)
    assert len(shown) <= 60
    assert not hidden(shown)
    assert (inert(hostile) == shown) == (len(inert(hostile)) <= 60) or len(hostile) > 60
    assert inert(hostile) == shown or shown.endswith(f"({len(hostile)} characters)")


# --- a document each -----------------------------------------------------------------------------------------------


def test_json_lines_are_inert(poison):
    """One line; its texts are inert for whoever shows them, and of bounded length."""
    line = json_line(flat(poison))
    assert len(line.splitlines()) == 1
    assert not hidden(line)
    assert "<" not in line
    for text in texts(json.loads(line)):
        assert not hidden(text)
        assert "\n" not in text
        assert len(text) <= 1300
    assert len(line) < 200_000


def test_ocsf_is_inert(poison):
    """The same."""
    line = json_line(ocsf(poison, "0.1.0"))
    assert not hidden(line)
    for text in texts(json.loads(line)):
        assert not hidden(text)
        assert "\n" not in text
        assert len(text) <= 2048
    assert len(line) < 200_000


def test_findings_for_security_hub_are_inert(poison):
    """The same; names of fields are ours alone."""
    finding = asff(poison, "111111111111", "eu-west-1")
    assert size(finding) <= 240_000
    for text in texts(json.loads(json_line(finding))):
        assert not hidden(text)
        assert "\n" not in text
        assert len(text) <= 2048
    for name in finding["ProductFields"]:
        assert re.fullmatch(r"watchbill/[a-z/0-9-]+", name), name


def test_a_message_of_syslog_is_one_message(poison):
    """Nothing ends it, begins another, or adds structured data."""
    for most in (UDP_MOST, 8192):
        data = message(poison, "host", most)
        assert len(data) <= most
        _, name, params, text = read_syslog(data)
        assert name == "watchbill@32473"
        assert not hidden(text)
        assert not any(hidden(value) for value in params.values())
        assert data.count(b"\n") == 0
        assert framed(data).startswith(b"%d <" % len(data))


def test_headers_of_a_webhook_are_ours_alone(poison):
    """Nothing that a stranger chose stands in one."""
    found = _headers((b"k" * 24,), Delivery(poison.case.id, state_id(poison), b"{}"), 1)
    assert set(found) == {"Content-Type", "User-Agent", "webhook-id", "webhook-timestamp", "webhook-signature"}
    for value in found.values():
        assert re.fullmatch(r"[A-Za-z0-9 .,/+=-]+", value), value


def test_a_case_on_a_terminal_is_seen(poison):
    """Every field of it, with colours, where the terminal has them."""
    shown = io.StringIO()
    with redirect_stdout(shown):
        show_case(Output("case", AT, as_json=False, colour=True), poison.case, every=True)
    assert not hidden(shown.getvalue())
    assert len(shown.getvalue()) > 500


def test_a_question_calls_nobody(poison):
    """It is one line, and in Slack no more than text."""
    # Ids of cases are ours.
    asked = question(replace(poison.case, id="C-1a2b3c"))
    assert not hidden(asked)
    assert "\n" not in asked
    shown = inert_slack(asked)
    assert not {"<", ">"} & set(shown)
    assert "://" not in shown


def on_page(each, said):
    """Draw the report of a case."""
    tally = TallyView(1, 1, 1, 0, 0, 0, 0)
    people, others = [PersonView(each.subject, 1, {"off shift": 1}, 0, {"IAM user": 1})], [OthersView(said, 1)]
    audit = AuditView(said, tally, None, None, people, others, [each], [SigmaView(said, 1)], [])
    written = render(audit, AT, [Problem("x", said, said)], [said], {}, [said])
    page = Page()
    page.feed(written)
    return written, page


def test_a_case_on_a_page_is_seen():
    """Every field of it that people or strangers fill; what is a word of ours is none of them."""
    for text in SHORT.values():
        found = poisoned(case(), text)
        ours = {"id": "C-1", "shift": replace(found.shift, watch="ended")}
        events = [replace(event, right="off shift", outcome="allowed") for event in found.evidence]
        actions = [replace(action, kind="ask") for action in found.actions]
        stories = [replace(story, addends=[AddendView("habit", text, 1)]) for story in found.hypotheses]
        written, _ = on_page(replace(found, evidence=events, actions=actions, hypotheses=stories, **ours), text)
        assert not hidden(written)


def test_a_case_on_a_page_is_text(hostile):
    """Every field of it: elements and attributes are those of any case."""
    _, plain = on_page(case(), "x")
    _, page = on_page(poisoned(case(), hostile), hostile)
    assert page.elements == plain.elements
    assert {name for name, _ in page.attributes} == {name for name, _ in plain.attributes}
    assert inert(hostile)[:200] in "".join(page.text)


def test_labels_of_prometheus_are_ours_alone(poison, hostile):
    """Words of a vocabulary, or what is harmless in the title of a rule."""
    text = prometheus([poison], AT, Figures({hostile: 1}, {hostile: 2}))
    assert not hidden(text)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert all(re.fullmatch(r"[a-z0-9 -]{1,60}", value) for value in sample.labels.values()), sample.labels


# --- commands ------------------------------------------------------------------------------------------------------

SHORT = {name: text for name, text in HOSTILE.items() if len(text) < 1000}
FILE_NAME = "ZQ\x1b[31m\u202e<script>\n=1+1'\".json"
RULE = """\
title: {text}
id: {id}
description: {text}
author: {text}
falsepositives: [{text}]
level: high
logsource: {{product: aws, service: cloudtrail}}
detection: {{s: {{eventName: CreateAccessKey}}, condition: s}}
"""


def records(text, number):
    """Make what somebody who chooses every field they can leaves in a trail: hours apart from the next."""
    at = after(5 * number)
    agent = {"userAgent": text, "sourceIPAddress": "192.0.2.77"}
    made = {
        "requestParameters": {"userName": text, text: text},
        "responseElements": {"accessKey": {"accessKeyId": text}},
    }
    yield record("iam:CreateAccessKey", user("rick", key="ASIARICKXXXXXXXXXXXX"), at, **agent | made)
    for n in range(8):
        yield failed(text, at + n * MINUTE, "192.0.2.78", agent=text, errorMessage=text)
    someone = session("admin", text, "ASIASOMEONEXXXXXXXXX", source_identity=text)
    odd = {"sourceIPAddress": text, "awsRegion": text, "eventID": f"{text}{number}", "requestID": text}
    yield record("iam:CreateUser", someone, at, **agent | odd)
    yield record("cloudtrail:StopLogging", user(text, key=text[:100]), at, **agent)
    yield record("ec2:StopInstances", user("james"), at, error=text, **agent | {"errorMessage": text})
    names = {"eventName": text, "eventSource": text, "eventType": text, "recipientAccountId": text}
    yield record("ec2:StopInstances", {"type": text, "principalId": text, "invokedBy": text}, at, **names)
    yield record("ec2:StopInstances", user("rick"), at, eventName=text, eventSource=text)
    yield record("iam:GetUser", root(), at, **agent)


def yaml_text(text):
    """Write a text for YAML, every character but letters by its number."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'


@dataclass
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    def seen(self):
        """Take it that it went well, and that all it printed is seen; give what it printed."""
        assert self.code == 0, self.err
        assert not hidden(self.out), self.out
        assert not hidden(self.err), self.err
        assert "\x1b" not in self.out + self.err
        return self.out


class World:
    """A folder with a team file, rules and a trail, in which command lines are run as a lead."""

    def __init__(self, folder: Path):
        self.folder = folder

    def run(self, *arguments: object) -> Ran:
        """Run a command line in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def json(self, *arguments: object) -> Any:
        """Run a command line that answers with one object, and give its result."""
        ran = self.run(*arguments, "--json")
        assert ran.code == 0, ran.out + ran.err
        return json.loads(ran.out)["result"]


@contextmanager
def world_of(folder, trail, rules=()):
    """Make a world of records by the name of their file, and of rules."""
    with pytest.MonkeyPatch.context() as patch, StandIn() as stand_in:
        patch.chdir(folder)
        for name in ("WATCHBILL_TEAM", "WATCHBILL_STATE", "NO_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("WATCHBILL_AT", iso(after(24 * 7)))
        patch.setenv("WATCHBILL_ACTOR", "sofia")
        patch.setenv("AWS_ENDPOINT_URL", stand_in.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "any")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        for command in export.COMMANDS:
            patch.setitem(cli.commands, str(command.name), command)
        team = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
        (folder / "watchbill.yaml").write_text(team, "utf-8")
        (folder / "rules").mkdir()
        (folder / "trail").mkdir()
        for name, records_of_file in trail.items():
            (folder / "trail" / name).write_bytes(document(*records_of_file))
        for number, text in enumerate(rules):
            rule = RULE.format(text=yaml_text(text), id=uuid5(NAMESPACE_URL, str(number)))
            (folder / f"rules/{number}.yml").write_text(rule, "ascii")
        yield World(folder)


def ordinary_days():
    """Make the days before, so that there is something usual."""
    return [*usual("rick", after(0), "203.0.113.40", days=9), *usual("james", after(0), "203.0.113.20", days=9)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give a world that is hostile everywhere, its cases kept and its trail in the lake."""
    everything = [each for number, text in enumerate(SHORT.values()) for each in records(text, number)]
    trail = {"usual.json": ordinary_days(), FILE_NAME: everything}
    with world_of(tmp_path_factory.mktemp("hostile"), trail, SHORT.values()) as made:
        assert made.run("run", "--trail", "trail", "--rules", "rules").code == 0
        assert made.run("trail", "ingest", "trail").code == 0
        yield made


@pytest.mark.parametrize(
    "command",
    [
        "audit --trail trail --rules rules",
        "audit --trail trail --no-team",
        "cases",
        "trail read trail",
        "trail timeline rick",
        "rules list rules",
        "ledger show",
        "send cases --syslog udp://127.0.0.1:9 --dry-run",
        "export cases --format jsonl",
        "export cases --format ocsf",
        "export cases --format asff --account production",
        "export cases --format prometheus",
    ],
)
def test_what_commands_print_is_seen(world, command):
    """Whatever stands in a trail, in the names of its files, and in rules."""
    world.run(*command.split()).seen()


def test_every_case_is_shown(world):
    """Each field that strangers chose is there to be read, and none acts."""
    every = world.json("cases")
    shown = [world.run("case", each["id"], "--all").seen() for each in every[:: max(len(every) // 8, 1)]]
    assert any("ZQ" in text for text in shown)
    assert len(every) > 20


def test_json_for_programs_is_seen(world):
    """A program reads exactly what was there; a person who looks sees no more than characters."""
    for command in ("cases", "trail timeline rick", "rules list rules", "audit --trail trail --rules rules"):
        ran = world.run(*command.split(), "--json")
        assert "ZQ" in ran.seen()
        assert json.loads(ran.out)["result"]


def test_questions_call_nobody(world):
    """What is asked is sent to a channel, as text there."""
    every = [each for each in world.json("cases") if each["subject"] == "rick"]
    for each in every[:4]:
        asked = world.json("ask", each["id"])["question"]["text"]
        assert not hidden(asked)
        assert "\n" not in asked
        shown = inert_slack(asked)
        assert not {"<", ">"} & set(shown)


def test_the_report_runs_and_loads_nothing(world):
    """Its elements and attributes are ours, and what strangers wrote is text of it."""
    world.run("report", "--trail", "trail", "--rules", "rules", "-o", "report.html").seen()
    written = (world.folder / "report.html").read_text("utf-8")
    assert not hidden(written)
    page = Page()
    page.feed(written)
    assert not page.elements & {"script", "img", "iframe", "object", "link", "base", "form", "a", "b"}
    for name, value in page.attributes:
        assert not name.startswith("on"), name
        assert name not in ("href", "src", "action", "srcdoc"), (name, value)
        assert name in ("content", "aria-label", "id") or "ZQ" not in (value or ""), (name, value)
    text = "".join(page.text)
    assert "ZQ<script>alert(1)</script>" in text
    assert "ZQ{{ 7*191 }}" in text
    assert "1337" not in text


def test_a_table_of_the_lake_computes_nothing(world):
    """Events as CSV, for a spreadsheet."""
    csv.field_size_limit(10_000_000)
    world.run("trail", "export", "events.csv").seen()
    with (world.folder / "events.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) > 400
    for row in rows:
        for cell in row:
            assert not hidden(cell)
            assert cell.lstrip()[:1] not in set("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def test_lines_of_the_lake_are_one_event_each(world):
    """Events as JSON lines, exactly as they were."""
    world.run("trail", "export", "events.jsonl").seen()
    lines = (world.folder / "events.jsonl").read_text("utf-8").split("\n")[:-1]
    assert not any(hidden(line) for line in lines)
    agents = {json.loads(line)["record"].get("userAgent") for line in lines}
    assert set(SHORT.values()) - {"ZQ\ud83d"} <= agents


def test_half_a_character_in_a_rule(tmp_path):
    """It is no text, and no JSON of it can be written: nothing of it goes beyond what reads rules."""
    trail = {"trail.json": [*ordinary_days(), *records("ZQ", 1)]}
    with world_of(tmp_path, trail, ["ZQ\ud83d"]) as made:
        assert made.run("audit", "--trail", "trail", "--rules", "rules", "--json").code == 0
        made.run("run", "--trail", "trail", "--rules", "rules").seen()


@pytest.mark.slow
def test_a_megabyte_in_every_field_leaves_bounded(tmp_path):
    """Documents that leave are no larger than of any case."""
    long = HOSTILE["a text of a megabyte"]
    with world_of(tmp_path, {"usual.json": ordinary_days(), "long.json": list(records(long, 1))[-4:]}) as made:
        made.run("run", "--trail", "trail").seen()
        for form in ("jsonl", "ocsf", "asff"):
            ran = made.run("export", "cases", "--format", form, "--account", "production")
            assert len(ran.seen()) < 300_000 * len(made.json("cases"))


def test_what_people_are_shown_is_bounded(tmp_path):
    """Nobody reads a name of a hundred thousand characters; a screen that scrolls for minutes hides what matters."""
    trail = {"usual.json": ordinary_days(), "long.json": list(records("ZQ" + "A\u202e" * 50_000, 1))[-4:]}
    with world_of(tmp_path, trail) as made:
        assert len(made.run("audit", "--trail", "trail", "--html", "report.html").seen()) < 100_000
        assert len((tmp_path / "report.html").read_text("utf-8")) < 400_000


LOG = "Mar 27 13:09:37 web1 sudo:    james : TTY=pts/0 ; PWD=/home/{text} ; USER=root ; COMMAND=/bin/sh -c {text}\n"


def test_what_hosts_logged_is_seen(world, tmp_path):
    """A command under sudo is anybody's choice who has an account."""
    lines = [LOG.format(text=text.replace("\n", " ").replace("\r", " ")) for text in SHORT.values()]
    (tmp_path / "auth\x1b[31m\u202e.log").write_text("".join(lines), "utf-8", "replace")
    ran = world.run("trail", "hosts", tmp_path, "--zone", "Europe/London")
    assert "sudo" in ran.seen()


@pytest.mark.parametrize("where", ["team", "person", "key"])
def test_a_team_file_is_seen_too(world, tmp_path, where):
    """Whether it is taken or refused: names that people write, and where a mistake is."""
    team = (world.folder / "watchbill.yaml").read_text("utf-8")
    for number, text in enumerate(SHORT.values()):
        name = yaml_text(text)
        changed = {
            "team": team.replace("team: orders", f"team: {name}"),
            "person": team.replace("name: Rick Olsen", f"name: {name}"),
            "key": team.replace("team: orders", f"team: orders\n{name}: {name}"),
        }[where]
        path = tmp_path / f"{number}\u202e.yaml"
        path.write_text(changed, "utf-8")
        for command in ("validate", "oncall"):
            ran = world.run(command, "--team", path)
            assert not hidden(ran.out), ran.out
            assert not hidden(ran.err), ran.err
