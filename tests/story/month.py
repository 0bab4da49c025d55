"""A simulated month, and small scenarios, of made-up teams: made once each, and audited the way the product does it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache

from tests.unit.sim.staffs import AROUND, SPAN, START, Staff, staff

from watchbill.access.history import History, Revision, declared
from watchbill.alerts.audit import audit
from watchbill.alerts.model import Audit
from watchbill.detect.sigma import LoadedRules
from watchbill.errors import Location
from watchbill.sim.model import TrailFile
from watchbill.sim.month import Casting, Month, everything, make_month
from watchbill.sim.scenario import MOST_DAYS, make_scenario
from watchbill.team.model import Access, Group, PermissionSet, Team
from watchbill.trail.model import Reading
from watchbill.trail.read import combine, read_file


HERE = Location("watchbill.yaml", 1)
SIZE = 40
NO_RULES = LoadedRules((), ())


@cache
def month(seed: int, casting: Casting | None = (), size: int = SIZE) -> Month:
    """Make the month of a seed: an ordinary one, or with every misuse where the casting is None."""
    told = everything() if casting is None else casting
    return make_month(staff(size, seed).chapters, staff(size, seed).shifts, SPAN, seed, told)


@cache
def scenario(seed: int) -> tuple[Staff, Month]:
    """Make the scenario of a seed; there are four teams of each of four sizes."""
    size, number = (12, 16, 24, 40)[seed % 4], seed // 4 % 4
    team = staff(size, number, changes=False, length=timedelta(days=MOST_DAYS))
    return team, make_scenario(team.chapters, team.shifts, START, seed)


def history(team: Staff) -> History:
    """Give what was in force when, as a state would have kept it."""
    revisions = [
        Revision(chapter.team.digest, chapter.since or START - AROUND, text)
        for chapter, text in zip(team.chapters, team.texts, strict=True)
    ]
    return declared(revisions, team.chapters[-1].team, SPAN)


def everybody_may(seed: int, size: int = SIZE) -> Team:
    """Give a team of the same people in which everybody may do everything at any time: no entitlement says anything."""
    team = max((each.team for each in staff(size, seed).chapters), key=lambda each: len(each.people))
    access = (Access("everything", tuple(team.accounts), HERE),)
    held = {"all": Group("all", tuple(team.people), (), access, HERE)}
    sets = {**team.permission_sets, "everything": PermissionSet("everything", "", ("*",), (), None, HERE)}
    return replace(team, groups=held, permission_sets=sets, grants=())


def reading_of(files: Sequence[TrailFile]) -> Reading:
    """Read files as they were delivered."""
    return combine([read_file(file.key, file.body) for file in files])


def audited(files: Sequence[TrailFile], by: Team | History, rules: LoadedRules = NO_RULES) -> Audit:
    """Audit files by a team file or a history of them: the one place that knows how the product is asked."""
    return audit(reading_of(files), by, rules)
