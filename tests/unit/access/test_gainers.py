"""Whom drift is about: of a user, a group, a role and a policy, by what the cloud has and by what the file gives."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY, team

from watchbill.access.apply import apply
from watchbill.access.model import Drift
from watchbill.access.plan import Applied, make_plan
from watchbill.access.recertification import OUTSIDE, rows_of


NOON = MONDAY + timedelta(hours=12)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
DEVELOPERS = ("ada", "james", "rick")


@pytest.mark.parametrize(
    ("call", "given", "people"),
    [
        ("AttachUserPolicy", {"UserName": "james", "PolicyArn": ADMIN}, ("james",)),
        ("AttachGroupPolicy", {"GroupName": "job-developers", "PolicyArn": ADMIN}, DEVELOPERS),
        (
            "AttachRolePolicy",
            {"RoleName": "oncall-platform", "PolicyArn": ADMIN},
            ("ada", "james", "lee", "priya", "rick"),
        ),
        ("AddUserToGroup", {"GroupName": "job-developers", "UserName": "priya"}, ("priya",)),
    ],
)
def test_drift_names_whom_it_is_about(call, given, people):
    """Whoever has a part in what others attached something to."""
    of, cloud = team(), MemoryCloud()
    of = replace(
        of, groups={n: replace(g, members=DEVELOPERS) if n == "developers" else g for n, g in of.groups.items()}
    )
    observed = {name: cloud.observe(each) for name, each in of.accounts.items()}
    list(apply(make_plan(of, observed, NOON).changes, by(of, cloud)))
    state = cloud.observe(of.accounts["production"])
    cloud.states["production"] = getattr(cloud, f"_{call}")(state, **given)
    observed = {name: cloud.observe(each) for name, each in of.accounts.items()}
    drift = make_plan(of, observed, NOON, applied=Applied(of, NOON)).drift
    (found,) = [each for each in drift if each.other in (ADMIN, "job-developers")]
    assert found.people == people


def test_who_has_a_part_in_drift_does_not_review_it():
    """Another lead does, where a group's policy is about the first one too."""
    of = replace(team(), leads=("sofia", "ada"))
    arn = "arn:aws:iam::111111111111:group/watchbill/job-developers"
    for people, reviewer in (((), "sofia"), (("james", "sofia"), "ada")):
        rows = rows_of(of, NOON, [Drift("production", arn, "a policy was attached", ADMIN, people=people)])
        assert [row.reviewer for row in rows if row.through == OUTSIDE] == [reviewer]
