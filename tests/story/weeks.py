"""Simulated weeks of the sample team, audited by the way `audit` and `run` take; each made once."""

from functools import cache
from importlib import resources

from tests.unit.alerts.records import pack

from watchbill.alerts.audit import audit
from watchbill.demo.stage import START
from watchbill.intervals import Interval
from watchbill.schedule.oncall import shifts
from watchbill.sim.model import ALL
from watchbill.sim.week import LENGTH, make_week
from watchbill.team.files import parse
from watchbill.trail.read import combine, read_file


TEAM = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")
WEEK = Interval(START, START + LENGTH)
SHIFTS = [
    shift
    for rota in TEAM.rotas.values()
    for shift in shifts(rota, Interval(START - LENGTH / 7, START + LENGTH + LENGTH / 7))
]


@cache
def week_of(seed, stories=ALL):
    """Make the week of a seed."""
    return make_week(TEAM, SHIFTS, START, seed, stories)


@cache
def audited(seed, stories=ALL):
    """Read the week's files and audit them, knowing nothing of what the simulation knows."""
    files = [read_file(file.key, file.body) for file in week_of(seed, stories).files]
    return audit(combine(files), TEAM, pack())
