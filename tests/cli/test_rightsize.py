"""`rightsize` as a user runs it, on the trail of a simulated week."""

import json
import shutil
import subprocess
from datetime import timedelta
from importlib import resources

import jsonschema
import pytest
from tests.cli.test_answers import SCHEMAS

from watchbill.demo.stage import START
from watchbill.intervals import Interval
from watchbill.schedule.oncall import shifts
from watchbill.sim.week import LENGTH, make_week
from watchbill.team.files import parse


END = {"watchbill_at": "2026-01-19T00:05:00Z"}


@pytest.fixture
def trail(tmp_path, sample):
    """Write the trail of the week's last three days to a folder: fewer are faster."""
    team = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")
    span = Interval(START, START + LENGTH)
    on_watch = [shift for rota in team.rotas.values() for shift in shifts(rota, span)]
    for file in make_week(team, on_watch, START, 0, ()).files:
        if file.delivered < START + timedelta(days=4):
            continue
        path = tmp_path / "trail" / file.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.body)
    return tmp_path / "trail"


def test_a_diff_is_proposed_with_what_it_rests_on(watchbill, sample, trail):
    """It applies as `patch` takes it, to a file without mistakes, of which nothing more is to be said."""
    ran = watchbill("rightsize", "--trail", trail, "--days", "2", "-o", "narrower.diff", **END)
    assert ran.code == 0, ran.err
    assert "support         narrower  " in ran.out
    assert "  omar in production through group support: " in ran.out
    assert "actions not known: no call is recorded under its name" in ran.out
    assert '-    allow: ["ec2:Describe*"]' in ran.out
    assert "no revision of the team file is recorded" in ran.err
    diff = sample.with_name("narrower.diff")
    if shutil.which("patch"):
        subprocess.run(["patch", "-s", "-p0", "-i", diff], cwd=sample.parent, check=True)
        assert watchbill("validate").code == 0
        told = json.loads(watchbill("rightsize", "--trail", trail, "--days", "2", "--json", **END).out)
        jsonschema.validate(told, json.loads((SCHEMAS / "rightsize.schema.json").read_text("utf-8")))
        again = told["result"]
        assert again["diff"] == ""
        assert {each["verdict"] for each in again["sets"]} == {"as it is"}


def test_nothing_is_proposed_where_the_trail_does_not_reach(watchbill, sample, trail):
    """A trail of days says nothing of three months, and a lake that is not there nothing at all."""
    found = json.loads(watchbill("rightsize", "--trail", trail, "--json", **END).out)["result"]
    assert {each["verdict"] for each in found["sets"]} == {"not said"}
    assert found["diff"] == ""
    assert all("begins at" in each["nothing_said"][0] for each in found["sets"])
    assert watchbill("rightsize", **END).code == 1
