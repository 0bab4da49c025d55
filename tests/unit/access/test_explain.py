"""Explanations: down to the statement and the line of the file, with the next window right to the second."""

from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import DAY, HERE, MONDAY, grant, group, layer, rota, team, with_rota
from tests.unit.access.drawn import ACTIONS, LEDGER, MFA, OFFICE, instants, teams

from watchbill.access.compile import compile_account
from watchbill.access.effective import answers
from watchbill.access.entitlements import windows
from watchbill.access.explain import explain_ways
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.intervals import Interval, iso
from watchbill.policy.model import Effect, Request
from watchbill.team.files import parse
from watchbill.team.model import Kind, PermissionSet


T = team()
NOON = MONDAY + timedelta(hours=12)
SECOND = timedelta(seconds=1)
ON_CALL = "role oncall-platform"
REBOOT = "rds:RebootDBInstance"
WITH_MFA = {MFA: "true"}
TEXT = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
SAMPLE = parse(TEXT, "watchbill.yaml")


def compiled(of, at, account="production"):
    """Compile an account."""
    return compile_account(of, of.accounts[account], at).state


def explain(who, action, at=NOON, of=T, *, account="production", resource="*", context=None):
    """Explain every way of somebody, by its name; their own user's is `user`."""
    asked = Request(action, resource, WITH_MFA if context is None else context, some="*" in resource)
    found = explain_ways(of, who, compiled(of, at, account), of.people[who].iam_user, asked, at)
    return {"user" if each.way.startswith("user ") else each.way: each for each in found}


def with_audit(*statements):
    """Give sofia, always, what statements say."""
    made = PermissionSet("audit", "", (), (), {"Version": "2012-10-17", "Statement": list(statements)}, HERE)
    return replace(T, permission_sets={**T.permission_sets, "audit": made})


def line_of(because):
    """Read the line of the sample file that a reason names."""
    _, line, col = because.rsplit("(", 1)[1].rstrip(")").split(":")
    return TEXT.splitlines()[int(line) - 1][int(col) - 1 :]


def test_what_a_group_gives_is_traced_to_its_line():
    """The statement and its words, the group, and the place in the file."""
    found = explain("rick", "lambda:InvokeFunction", of=SAMPLE, account="staging")["user"]
    assert found.effect is Effect.ALLOWED
    (step,) = found.steps
    (said,) = step.statements
    assert said.startswith("arn:aws:iam::222222222222:policy/watchbill/set-developer#Allow: Allow ec2:*, rds:*")
    assert said.endswith(" on *")
    (because,) = found.because
    assert because.startswith("group developers gives developer in staging (watchbill.yaml:")
    assert line_of(because).startswith("{permission_set: developer") or line_of(because).startswith("developer")
    assert found.would_change == ()


def test_what_a_watch_gives_is_traced_through_the_role():
    """First the taking of the role, then what it does; the layer and its line; until when."""
    found = explain("rick", REBOOT, of=SAMPLE)[ON_CALL]
    assert found.effect is Effect.ALLOWED
    taking, use = found.steps
    assert taking.request == "sts:AssumeRole on arn:aws:iam::111111111111:role/watchbill/oncall-platform"
    assert taking.statements[0].startswith("role/oncall-platform/trust#OnWatch: Allow ")
    assert f"{MFA} is true" in taking.statements[0]
    assert taking.statements[1].partition("#")[2].startswith("Take: Allow sts:AssumeRole, sts:SetSourceIdentity on ")
    assert use.statements[0].startswith("arn:aws:iam::111111111111:policy/watchbill/set-prod-oncall#Allow: ")
    (because,) = found.because
    assert because.startswith(
        "rota platform, layer emea-day gives prod-oncall in production, until 2026-01-12T18:00:00Z"
    )
    assert line_of(because).startswith("name: emea-day")


def test_what_a_grant_gives_is_traced_to_it():
    """Its reason, who approved it, and its whole span."""
    of = replace(T, grants=(grant("g1", "sofia", (0, 24 * 30)),))
    found = explain("sofia", "s3:PutObject", of=of)["user"]
    assert found.effect is Effect.ALLOWED
    (because,) = found.because
    assert because.startswith("grant g1: migration, approved by sofia gives developer in production")
    assert "until 2026-02-11T00:00:00Z" in because


@pytest.mark.parametrize("at", [MONDAY - DAY, MONDAY + 31 * DAY])
def test_a_grant_that_does_not_hold_gives_nothing(at):
    """Neither before nor after its span is it a reason."""
    of = replace(T, grants=(grant("g1", "sofia", (0, 24 * 30)),))
    found = explain("sofia", "s3:PutObject", at, of)["user"]
    assert found.effect is Effect.IMPLICITLY_DENIED
    assert found.because == ()


def test_a_reason_is_of_the_role_it_is_about():
    """Rotas whose names begin alike, and kinds of one rota, are not taken for each other."""
    alike = {
        "db": replace(rota(layer("a", "UTC", 0, 12, ("rick",))), name="db"),
        "db-eu": replace(
            rota(layer("b", "UTC", 0, 12, ("rick",))), name="db-eu", entitlement={Kind.PRIMARY: "support"}
        ),
    }
    found = explain("rick", "ec2:DescribeInstances", MONDAY + timedelta(hours=6), replace(T, rotas=alike))
    assert [each.startswith("rota db, layer a") for each in found["role oncall-db"].because] == [True]
    assert [each.startswith("rota db-eu, layer b") for each in found["role oncall-db-eu"].because] == [True]


def test_what_denies_is_said_in_words():
    """Whose Deny it is, and that an Allow more would not help."""
    found = explain("priya", "ec2:TerminateInstances")["user"]
    assert found.effect is Effect.EXPLICITLY_DENIED
    (said,) = found.steps[0].statements
    assert said.lower().endswith("support#deny: deny ec2:terminateinstances on *")
    assert [each.split(" (")[0] for each in found.because] == ["group support gives support in production"]
    assert found.would_change == ()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"NotAction": ["iam:*"], "Resource": "*"}, "allow all but iam:* on *"),
        ({"Action": "s3:*", "NotResource": "arn:aws:s3:::a/*"}, "allow s3:* on all but arn:aws:s3:::a/*"),
        (
            {"Action": [f"s3:Get{n}*" for n in range(9)] + ["s3:GetObject"], "Resource": "*"},
            f"allow {', '.join(f's3:get{n}*' for n in range(8))} and 2 more on *",
        ),
    ],
)
def test_a_statement_is_said_in_words(statement, words):
    """What it excepts, and how many more there are than are written out."""
    of = with_audit({"Sid": "S", "Effect": "Allow", **statement})
    (said,) = explain("sofia", "s3:GetObject", of=of, resource=LEDGER)["user"].steps[0].statements
    assert said.lower().endswith(f"audit#s: {words}")


def test_a_condition_that_is_not_known_would_change_it():
    """The key and what it must be; given, the answer is sure."""
    office = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    of = with_audit({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": office})
    found = explain("sofia", "s3:GetObject", of=of)["user"]
    assert (found.effect, found.would_change) == (Effect.DEPENDS, ("if aws:SourceIp is in 192.0.2.0/24",))
    found = explain("sofia", "s3:GetObject", of=of, context={"aws:SourceIp": OFFICE})["user"]
    assert (found.effect, found.would_change) == (Effect.ALLOWED, ())
    assert explain("rick", REBOOT, context={})[ON_CALL].would_change == (f"if {MFA} is true",)


def test_permission_sets_that_would_give_it_are_named():
    """Each of them does when somebody gets it by a group; none that is left out does."""
    for action in ("ec2:TerminateInstances", REBOOT, "iam:GetUser", "organizations:LeaveOrganization"):
        said = next(iter(explain("sofia", action)["user"].would_change), "")
        named = set(said.removeprefix("a group, a rota or a grant that gives ").split(" or ")) if said else set()
        if explain("sofia", action)["user"].effect is Effect.ALLOWED:
            continue
        helps = set()
        for name in T.permission_sets:
            of = replace(T, groups={**T.groups, "more": group("more", ("sofia",), (name, "production"))})
            told = answers(compiled(of, NOON), "sofia", action, "*", NOON, WITH_MFA)
            helps |= {name} if told[0].effect is Effect.ALLOWED else set()
        assert named == helps, action


@examples(15, 60)
@given(st.sampled_from(("ada", "james", "lee", "priya", "rick")), instants())
def test_the_next_window_is_right_to_the_second(who, at):
    """By the schedule itself, by who_can, and by point answers on both sides of each edge."""
    found = explain(who, REBOOT, at)
    if found[ON_CALL].effect is Effect.ALLOWED:
        return
    reach = Interval(at, at + 14 * DAY)
    (said,) = [each for each in found[ON_CALL].would_change if "it is allowed from" in each]
    mine = [each.interval for each in windows(T, reach) if each.person == who and each.interval is not None]
    first = min(mine)
    state = compiled(T, at)
    (holder,) = [each for each in who_can(Ways(state).only(who), Request(REBOOT, "*", WITH_MFA, some=True), reach) if each.way == ON_CALL]  # fmt: skip
    assert holder.parts[0].interval == first
    assert f"from {iso(first.start)} to {iso(first.end)}" in said
    edges = ((first.start - SECOND, False), (first.start, True), (first.end - SECOND, True), (first.end, False))
    for instant, expected in edges:
        told = {each.path: each.effect for each in answers(state, who, REBOOT, "*", instant, WITH_MFA)}
        assert (told[ON_CALL] is Effect.ALLOWED) is expected


def test_nothing_is_promised_that_never_comes():
    """Without a watch ahead there is no next window."""
    of = with_rota(T, rota(layer("x", "UTC", 0, 0, ("rick",))))
    assert ON_CALL not in explain("james", REBOOT, of=of)
    denied = explain("rick", "iam:CreateUser", of=of)[ON_CALL]
    assert denied.effect is Effect.EXPLICITLY_DENIED
    assert not any("allowed from" in each for each in denied.would_change)


@settings(max_examples=25)
@given(teams(), st.sampled_from(("ana", "bo", "cy")), st.sampled_from(ACTIONS), instants(), st.booleans())
def test_an_explanation_answers_as_can_does(of, who, action, at, known):
    """The same ways with the same answers, and nothing would change what is allowed."""
    context = {MFA: "true", "aws:SourceIp": OFFICE} if known else {}
    found = explain(who, action, at, of, resource=LEDGER, context=context)
    told = answers(compiled(of, at), who, action, LEDGER, at, context, complete=False)
    assert [each.effect for each in found.values()] == [each.effect for each in told]
    for each, path in zip(found.values(), told, strict=True):
        assert each.steps[-1].decision == path.decision
        assert each.effect is not Effect.ALLOWED or each.would_change == ()
        assert each.effect is not Effect.DEPENDS or each.would_change


def test_who_has_no_user_has_no_ways():
    """Nothing is made up for somebody who is not in the account."""
    assert explain("priya", REBOOT, account="staging") == {}


def test_a_set_of_aws_policies_alone_is_named_as_what_would_give_it():
    """What a managed policy says is known, and is part of what a set gives."""
    base = team()
    backup = replace(base.permission_sets["audit"], name="backup", allow=(), managed=("AWSBackupFullAccess",))
    of = replace(base, permission_sets={**base.permission_sets, "backup": backup})
    found = explain("james", "backup:ListBackupPlans", of=of)["user"]
    assert any("gives backup" in each for each in found.would_change)
