"""The plan over HTTP: the last one that the instance has made, with the sentences and facts of the command."""

import gc
import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.hostile import HOSTILE
from tests.pages import BASE, pages
from tests.unit.service.desk import NOW

from watchbill.access.model import Drift, Outcome, State
from watchbill.errors import Problem
from watchbill.service.board import Standing
from watchbill.service.plan_view import effect_lines, plan_view
from watchbill.service.plans import PASSES, Plans, kept_of


@pytest.fixture
def site(tmp_path):
    """Serve the pages of an instance that has made no plan yet; `asked` has when one was asked for."""
    asked = []
    with pages(tmp_path, plans=Plans(), replan=lambda: asked.append("now")) as served:
        served.asked = asked
        yield served


def part(shown, name):
    """Give a part of the page."""
    return shown.text.partition(f'id="{name}"')[2].partition("<h2")[0]


def test_it_shows_what_the_command_says(site):
    """Each sentence, each call with what of a policy goes and comes, warnings, limits; as JSON the same facts."""
    plan = site.office.as_("lee").plan()
    assert len(plan.changes) > 10
    site.site.plans.keep(plan, ())
    browser = site.sign_in("lee")
    shown = browser.open(BASE + "/plan")
    effects, calls = part(shown, "effects"), part(shown, "calls")
    lines = list(effect_lines(plan.effects))
    assert lines
    assert effects.count("<li") == len(lines)
    assert all(line.replace("&", "&amp;").strip() in effects for line in lines)
    assert calls.count("<details>") == len(plan.changes)
    assert "made <time datetime=" in shown.text
    assert f"Not applied</strong>: {len(plan.changes)} changes" in shown.text
    assert len(part(shown, "capacity").split("<tr>")) - 2 == min(10, len(plan.capacity))
    assert json.loads(browser.open(BASE + "/plan.json").text) == msgspec.to_builtins(plan_view(plan))


def test_it_says_what_became_of_it(site):
    """Applied whole, in part, or kept from it; nothing to change; and that the team file is another by now."""
    plan, browser = site.office.as_("lee").plan(), site.sign_in("lee")

    def shown(made, outcomes=()):
        site.site.plans.keep(made, outcomes)
        return browser.open(BASE + "/plan").text

    done = tuple(Outcome(n, change, State.DONE, None) for n, change in enumerate(plan.changes))
    assert "all" in shown(plan, done).partition("Applied</strong>")[2]
    failed = (*done[:-1], replace(done[-1], state=State.FAILED, error="denied"))
    assert f"1 of {len(done)} changes is not made" in shown(plan, failed)
    stopped = replace(plan, problems=(Problem("uncovered", "nobody is on call on Monday"),))
    assert "nobody is on call on Monday" in shown(stopped).partition('id="problems"')[2]
    assert "No changes" in shown(replace(plan, changes=(), effects=()))
    assert "The team file has changed since" in shown(replace(plan, team_digest="another"))
    assert "The team file has changed since" not in shown(plan)


def test_drift_says_whether_it_is_undone(site):
    """What denies is left for a person."""
    plan = site.office.as_("lee").plan()
    found = tuple(Drift("production", "arn", f"what {n}", None, healed=bool(n)) for n in range(2))
    site.site.plans.keep(replace(plan, drift=found), ())
    rows = part(site.sign_in("lee").open(BASE + "/plan"), "drift").split("<tr>")[2:]
    assert ["a person decides" in row for row in rows] == [True, False]


def test_an_older_plan_does_not_come_after_a_newer_one(site):
    """Two threads make them; where AWS could not be read the last one stays."""
    plan, plans = site.office.as_("lee").plan(), site.site.plans
    plans.keep(plan, ())
    plans.keep(replace(plan, id="old", made_at=plan.made_at - timedelta(minutes=1)), ())
    plans.keep(None, ())
    assert plans.last().id == plan.id


def looked_over(kept):
    """Count the objects below something among which circles are looked for."""
    seen, left = {}, [kept]
    while left:
        each = left.pop()
        if gc.is_tracked(each) and not isinstance(each, type) and id(each) not in seen:
            seen[id(each)] = each
            left += gc.get_referents(each)
    return len(seen)


def test_a_larger_plan_is_no_more_to_look_over_for_circles(site):
    """Every page waits while that is done, and a plan may be of tens of thousands of changes."""
    plan = site.office.as_("lee").plan()
    larger = replace(plan, effects=plan.effects * 9, changes=plan.changes * 9)
    assert looked_over(kept_of(larger, ())) == looked_over(kept_of(plan, ())) < looked_over(plan)


def test_it_is_made_anew_on_a_press(site):
    """By an auditor, and by a press alone: opening the page does nothing."""
    browser = site.sign_in("lee")
    shown = browser.open(BASE + "/plan")
    assert "has made no plan yet" in shown.text
    assert browser.once("GET", BASE + "/plan.json").status == 404
    assert site.asked == []
    assert [form.action for form in shown.parsed().forms if form.method == "POST"] == ["/sign-out", "/plan"]
    shown = browser.post(BASE + "/plan", {})
    assert site.asked == ["now"]
    assert "It was asked for" in shown.text
    assert site.sign_in("ada").post(BASE + "/plan", {}).status == 403
    assert site.asked == ["now"]


def test_it_says_that_aws_could_not_be_read(tmp_path):
    """Then what is shown is from before."""
    with pages(tmp_path, jobs=lambda: {PASSES: Standing(NOW, "bug", ("aws",))}) as served:
        shown = served.sign_in("lee").open(BASE + "/plan").text
    assert "AWS could not be read" in shown
    assert "The last pass failed</strong>: bug" in shown


def test_strings_are_inert(site):
    """What others put into AWS, and what a team file says."""
    plan = site.office.as_("lee").plan()
    words = [each for name, each in HOSTILE.items() if "half" not in name]
    effects = tuple(replace(plan.effects[0], person=each, why=each) for each in words)
    changes = tuple(replace(plan.changes[0], account=each, why=each, diff=(each,)) for each in words)
    drift = tuple(Drift(each, each, each, each) for each in words)
    warnings = tuple(Problem("x", each) for each in words)
    site.site.plans.keep(
        replace(plan, effects=effects, changes=changes, drift=drift, warnings=warnings, problems=warnings), ()
    )
    browser = site.sign_in("lee")
    for path in ("/plan", "/plan.json"):
        shown = browser.open(BASE + path)
        assert shown.status == 200
        assert not {tag for tag, _ in shown.parsed().tags} & {"script", "style", "img", "iframe", "b"}
        assert not set(shown.text) & set("\x00\x01\x07\x08\x1b\x7f\x9b\u202e\u2066\u200b\u2028\ufeff\u3164")
