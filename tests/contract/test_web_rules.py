"""The rules over HTTP: all that are loaded, what they found in kept cases, and how much of it was noise."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from textwrap import dedent

import msgspec
import pytest
from tests.hostile import HOSTILE
from tests.pages import BASE, pages
from tests.teams import HERE
from tests.unit.service.desk import CASES, NOW

from watchbill.detect.sigma import load_all
from watchbill.intervals import iso
from watchbill.respond.model import Verdict
from watchbill.service.asking import decide
from watchbill.service.rules_view import Rulebook
from watchbill.store.rows import CaseRow
from watchbill.team.model import Stage


def rule(title, live="live"):
    """Write a rule."""
    return dedent(f"""
        title: {title}
        level: high
        description: What {title} sees.
        logsource: {{product: aws, service: cloudtrail}}
        detection: {{selection: {{eventName: {title}}}, condition: selection}}
        watchbill: {{stage: {live}}}
    """)


LOADED = load_all([(rule("CreateKey"), "one.yml"), (rule("GetKey", "staged"), "two.yml"), ("title: 1", "bad.yml")])


def put(store, case_id, rules, person="james", notes=()):
    """Keep a case that some rules opened."""
    seen = CASES["late"].evidence[0]
    found = [replace(seen, note=note, at=iso(NOW - timedelta(hours=n))) for n, note in enumerate(notes)]
    made = replace(CASES["late"], id=case_id, person=person, rules=rules, evidence=found)
    payload = msgspec.json.encode(made).decode()
    store.cases.put(CaseRow(case_id, NOW, NOW, "open", made.severity, person, "", payload))


@pytest.fixture
def site(tmp_path):
    """Serve the pages, with cases of some rules."""
    with pages(tmp_path, rules=Rulebook(LOADED)) as served:
        store = served.office.store
        for each in CASES.values():
            put(store, each.id, [])
        put(store, "C-1", ["CreateKey"], notes=["CreateKey; outside: off shift", "CreateKey", "rule: GetKey", ""])
        put(store, "C-2", ["CreateKey", "burst"], person="rick", notes=["CreateKey"])
        put(store, "C-3", ["CreateKey"])
        put(store, "C-4", ["gone"])
        yield served


def cells(shown):
    """Give the cells of each row by what stands in the first one."""
    rows = {}
    for row in shown.text.split("<tr>")[1:]:
        texts = [part.rpartition("<td>")[2] if "<td>" in part else part for part in row.split("</td>")]
        name = texts[0].partition("<summary>")[2].partition("<")[0] or texts[0].rpartition(">")[2]
        rows[name] = texts[1:]
    return rows


def test_each_rule_with_what_it_found(site):
    """Level, stage, hits, cases, closed; what is not loaded any more, and what could not be."""
    shown = site.sign_in("lee").open(BASE + "/rules")
    rows = cells(shown)
    assert rows["CreateKey"][:5] == ["high", "live", "3", "3", "0"]
    assert rows["GetKey"][:5] == ["high", "staged", "1", "0", "0"]
    assert rows["gone"][:2] == ["1", "0"]
    assert rows["burst"][:2] == ["1", "0"]
    assert "What CreateKey sees." in shown.text
    assert "bad.yml" in shown.text.partition('id="failed"')[2]
    counted = Counter(
        name for row in site.office.store.cases.all() for name in set(msgspec.json.decode(row.payload)["rules"])
    )
    assert int(rows["CreateKey"][3]) == counted["CreateKey"]


def test_noise_is_told_to_those_who_may_know_what_was_concluded(site):
    """A security lead sees how many were misuse and how many harmless; others how many are closed."""
    for case_id, verdict in {"C-1": Verdict.MISTAKE, "C-2": Verdict.INSIDER, "C-3": Verdict.CONTROL_GAP}.items():
        decide(site.office.as_("sofia"), case_id, verdict, "we spoke")
    shown = site.sign_in("lee").open(BASE + "/rules")
    assert cells(shown)["CreateKey"][3:5] == ["3", "3"]
    assert "misuse</th>" not in shown.text
    site.office.team = replace(site.office.team, security_leads=("lee",))
    shown = site.sign_in("lee").open(BASE + "/rules")
    assert cells(shown)["CreateKey"][3:7] == ["3", "3", "1", "1"]


def test_cases_about_whoever_reads_do_not_count(site):
    """That there is one would tell them of it."""
    assert cells(site.sign_in("rick").open(BASE + "/rules"))["CreateKey"][2:4] == ["2", "2"]


def test_the_stage_is_the_one_of_the_team_file(site):
    """As it is now."""
    alerts = site.office.team.alerts
    staged = replace(alerts, stages=(Stage("CreateKey", live=False, where=HERE),))
    site.office.team = replace(site.office.team, alerts=staged, digest="another")
    assert cells(site.sign_in("lee").open(BASE + "/rules"))["CreateKey"][1] == "staged"


def test_without_rules_it_says_how_to_load_some(tmp_path):
    """An instance that loads none."""
    with pages(tmp_path) as served:
        shown = served.sign_in("lee").open(BASE + "/rules")
    assert "watchbill serve --rules FOLDER" in shown.text


def test_strings_are_inert(tmp_path):
    """Titles and descriptions of rules, and what cases name."""
    loaded = load_all([(rule("x"), "x.yml")])
    (one,) = loaded.rules
    titles = [words for name, words in HOSTILE.items() if "half" not in name]
    made = tuple(replace(one, title=words, description=words, falsepositives=(words,), level=words) for words in titles)
    with pages(tmp_path, rules=Rulebook(replace(loaded, rules=made))) as served:
        for number, words in enumerate(titles):
            put(served.office.store, f"C-{number}", [words, f"{words} gone"], notes=[words])
        shown = served.sign_in("lee").open(BASE + "/rules")
    assert shown.status == 200
    assert not {tag for tag, _ in shown.parsed().tags} & {"script", "style", "img", "iframe", "b"}
    assert not set(shown.text) & set("\x00\x01\x07\x08\x1b\x7f\x9b\u202e\u2066\u200b\u2028\ufeff\u3164")
