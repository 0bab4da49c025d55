"""The demo told from end to end, as a new user runs it: plan, apply, a week, cases, freeze, restore, report."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.story.weeks import TEAM, week_of

from watchbill.sim.model import Story


def demo(folder, *arguments):
    """Run the demo as a process of its own, in an empty folder."""
    command = [sys.executable, "-m", "watchbill", "demo", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Run it once for programs."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder, "--json")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Run it once for people, and give its report and what it prints."""
    folder = tmp_path_factory.mktemp("demo")
    printed = demo(folder).stdout
    return (folder / "watchbill-report.html").read_bytes(), printed


@pytest.fixture(scope="module")
def result(told):
    """Give its facts."""
    return json.loads(told[1].stdout)["result"]


def case_of(result, person):
    """Give the case about somebody, with where it stands."""
    (found,) = [each for each in result["cases"] if each["case"]["person"] == person]
    return found


def test_the_plan_is_applied_and_then_there_is_nothing_to_do(result):
    """James gains his evening with the reason; a second plan is empty."""
    evening = {"start": "2026-01-12T18:00:00Z", "end": "2026-01-13T02:00:00Z"}
    found = [e for e in result["plan"]["effects"] if e["person"] == "james" and e["interval"] == evening]
    assert [(e["verb"], e["permission_set"], e["why"]) for e in found] == [
        ("gains", "prod-oncall", "rota platform, layer emea")
    ]
    assert result["plan"]["changes"]
    assert (result["second_plan"]["changes"], result["second_plan"]["effects"]) == ([], [])


def test_james_is_asked_and_a_lead_decides(result):
    """His "yes" does not close what was not his; a lead's verdict does, and the drift stays shown until it is gone."""
    james = case_of(result, "james")
    assert james["case"]["first"] == "2026-01-15T03:00:00Z"
    assert james["case"]["shift"]["end"] == "2026-01-15T02:00:00Z"
    assert james["case"]["shift"]["on_call"] == ["priya"]
    assert james["case"]["account"] == "arn:aws:iam::111111111111:user/watchbill/james"
    (opening,) = james["case"]["openings"]
    assert (opening["by"], opening["at"]) == ("arn:aws:iam::111111111111:user/ops-admin", "2026-01-13T03:00:45Z")
    assert (james["question"]["answer"], james["status"]) == ("yes", "closed")
    assert james["note"].startswith("mistake: ")
    drift = [each["run"]["plan"]["drift"] for each in result["passes"]]
    assert all("legacy-prod-admin" in found["what"] for each in drift for found in each)
    assert drift[0]


def test_rick_says_yes_and_is_helped(result):
    """The case closes by itself with what would help, and no freeze was ever offered."""
    rick = case_of(result, "rick")
    assert (rick["question"]["answer"], rick["status"]) == ("yes", "closed")
    assert "password manager" in rick["note"]
    assert "freeze" not in [action["kind"] for action in rick["case"]["actions"]]


def test_the_spray_is_closed_and_nobody_was_frozen_for_it(result):
    """Brute force over many names from a new network."""
    (spray,) = [each for each in result["cases"] if each["case"]["person"] is None and each["case"]["network"]]
    assert spray["case"]["leading"] == "brute force"
    assert (spray["status"], spray["question"]) == ("closed", None)


def test_the_hijacker_is_stopped_and_the_person_gets_everything_back(result):
    """The next call is allowed, then denied, and after the restore the stolen key alone stays off."""
    hijack = next(each for each in week_of(0).truths if each.story is Story.HIJACK)
    case = case_of(result, hijack.person)
    assert case["question"]["answer"] == "no"
    before, frozen, restored = result["next_calls"]
    assert (before["decision"], before["key_active"]) == ("Allowed", True)
    assert (frozen["decision"], frozen["key_active"]) == ("ExplicitlyDenied", False)
    assert (restored["decision"], restored["key_active"]) == ("Allowed", False)
    assert result["freeze"]["holds"]
    assert all(check["holds"] for check in result["freeze"]["checks"])
    assert result["restore"]["differences"] == []
    assert result["restore"]["left_out"] == [f"key {before['key']} in {hijack.account}: marked stolen, it stays off"]
    assert case["case"]["stolen_keys"] == [before["key"]]
    assert case["status"] == "closed"


def test_every_step_is_in_the_ledger(result):
    """Plans, cases, questions, answers, freeze, restore: an unbroken chain."""
    assert result["ledger"]["state"] == "intact"
    assert result["ledger"]["entries"] >= 20


def test_the_report_works_offline(told):
    """One file with every case in it, that loads nothing and runs nothing."""
    folder, done = told
    html = (folder / "watchbill-report.html").read_text("utf-8")
    for case in json.loads(done.stdout)["result"]["cases"]:
        assert case["case"]["id"] in html
    assert not re.search(r"<script|<link|<iframe|\ssrc=|url\((?!#)|@import", html, re.IGNORECASE)
    assert "default-src 'none'" in html


def test_it_is_told_to_people_and_to_programs_alike(told, text):
    """The same report to the byte from another run, and the text for people tells the same cases."""
    folder, first = told
    report, printed = text
    assert report == (folder / "watchbill-report.html").read_bytes()
    for case in json.loads(first.stdout)["result"]["cases"]:
        assert case["case"]["id"] in printed
        assert case["case"]["sentence"] in printed
    assert "james gains prod-oncall in production Mon 12 Jan 18:00 - Tue 13 Jan 02:00 UTC" in printed
    assert "no changes: AWS is as the team file says" in printed


@pytest.mark.slow
def test_it_is_told_the_same_way_every_time(told, tmp_path):
    """Another run prints the same bytes."""
    assert demo(tmp_path, "--json").stdout == told[1].stdout


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
def test_other_weeks_are_told_too(seed, tmp_path):
    """Other people, other hours: frozen, verified, restored, all the same."""
    result = json.loads(demo(tmp_path, "--seed", str(seed), "--json").stdout)["result"]
    told = {each.story: each for each in week_of(seed).truths}
    assert case_of(result, told[Story.OFF_SHIFT_CHANGE].person)["status"] == "closed"
    assert case_of(result, told[Story.HIJACK].person)["question"]["answer"] == "no"
    assert result["freeze"]["person"] == told[Story.HIJACK].person
    assert result["freeze"]["holds"]
    assert result["restore"]["differences"] == []
    assert [call["decision"] for call in result["next_calls"]] == ["Allowed", "ExplicitlyDenied", "Allowed"]
    assert result["freeze"]["person"] in TEAM.people


def test_the_readme_shows_what_the_demo_prints(text):
    """Each line of the README's blocks begins a line of the demo's output."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    lines = [line for block in readme.split("```")[1::2] for line in block.strip().splitlines()]
    printed = text[1].splitlines()
    assert len(lines) >= 8
    for line in lines:
        assert any(each.startswith(line) for each in printed), line
