"""How a frozen user is denied everything: by what there is room for, known before it is needed."""

from dataclasses import replace

import msgspec
import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY, team

from watchbill.access.apply import apply
from watchbill.access.documents import deny_all, freeze_document, frozen_by
from watchbill.access.effective import answers
from watchbill.access.limits import DEFAULTS
from watchbill.access.model import FREEZE_POLICY, QUARANTINE, Call, Freeze, Phase, State, UserState
from watchbill.access.plan import make_plan
from watchbill.access.quarantine import DENY_ALL, Form, form_for, form_of
from watchbill.policy.model import Effect


TEAM = team()
PRODUCTION = TEAM.accounts["production"]
ARN = f"arn:aws:iam::111111111111:policy/watchbill/{FREEZE_POLICY}"
SLOTS = frozenset(f"arn:aws:iam::aws:policy/Own{n}" for n in range(DEFAULTS["AttachedPoliciesPerUserQuota"]))
LONG = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "x" * 1960}]}
USER = UserState("james", "arn:aws:iam::111111111111:user/james", "/")
FROZEN = Freeze("F-1", "james", MONDAY, None, None)
OTHER = Freeze("F-2", "rick", MONDAY, None, None)


def planned(cloud, *freezes, at=MONDAY):
    """Plan in production alone, and apply it; give the changes."""
    plan = make_plan(TEAM, {"production": cloud.observe(PRODUCTION)}, at, freezes)
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, by(TEAM, cloud)))
    return plan.changes


@pytest.mark.parametrize(
    ("user", "quotas", "form"),
    [
        (USER, {}, Form.ATTACHED),
        (replace(USER, attached=SLOTS), {}, Form.INLINE),
        (replace(USER, attached=SLOTS), {"AttachedPoliciesPerUserQuota": 11}, Form.ATTACHED),
        (replace(USER, attached=SLOTS, inline={"own": LONG}), {}, Form.BOUNDARY),
        (replace(USER, attached=SLOTS, inline={"own": LONG}), {"UserPolicySizeQuota": 4096}, Form.INLINE),
        (replace(USER, inline={QUARANTINE: LONG}), {"AttachedPoliciesPerUserQuota": 0}, Form.INLINE),
    ],
)
def test_the_best_form_that_there_is_room_for(user, quotas, form):
    """By the account's real limits; what is refused all the same is left out, and the boundary always works."""
    assert form_for(user, quotas) is form
    assert form_for(user, quotas, list(Form)) is Form.BOUNDARY


def test_which_form_it_is_in():
    """An inline policy of the right name that says something else is none."""
    assert form_of(USER) is None
    assert form_of(replace(USER, attached=frozenset([DENY_ALL]))) is Form.ATTACHED
    assert form_of(replace(USER, inline={QUARANTINE: deny_all()})) is Form.INLINE
    assert form_of(replace(USER, inline={QUARANTINE: LONG})) is None
    assert form_of(replace(USER, boundary=DENY_ALL)) is Form.BOUNDARY


def test_whoever_has_no_room_for_a_freeze_is_told_of_beforehand():
    """In each plan, long before anybody is frozen."""
    cloud = MemoryCloud()
    planned(cloud)
    state = cloud.observe(PRODUCTION)
    full = replace(state.users["james"], attached=SLOTS, inline={"own": LONG})
    cloud.states["production"] = replace(state, users={**state.users, "james": full})
    plan = make_plan(TEAM, {"production": cloud.observe(PRODUCTION)}, MONDAY)
    (warning,) = [each for each in plan.warnings if each.code == "no-room-to-freeze"]
    assert "`james` in account `production` would replace their permissions boundary" in warning.message


def test_the_freeze_policy_lies_on_every_role_and_names_nobody():
    """Before anybody is frozen: a freeze is then one call for all roles of an account."""
    cloud = MemoryCloud()
    planned(cloud)
    state = cloud.observe(PRODUCTION)
    assert all(ARN in role.attached for role in state.roles.values())
    assert frozen_by(state.policies[ARN].document) == frozenset()
    before = answers(state, "james", "rds:RebootDBInstance", "*", MONDAY.replace(hour=20), MFA)
    assert any(path.effect is Effect.ALLOWED for path in before)


MFA = {"aws:MultiFactorAuthPresent": "true"}


def test_who_comes_into_it_comes_first_and_who_leaves_it_last():
    """James is freed and Rick frozen by one plan: never is either let through who should not be."""
    cloud = MemoryCloud()
    planned(cloud, FROZEN)
    changes = planned(cloud, replace(FROZEN, end=MONDAY.replace(hour=1)), OTHER, at=MONDAY.replace(hour=2))
    written = [c for c in changes if c.call.parameters.get("PolicyArn") == ARN and "Version" in c.call.operation]
    assert [change.phase for change in written] == [Phase.FENCE, Phase.UNFENCE]
    assert frozen_by(cloud.observe(PRODUCTION).policies[ARN].document) == {"rick"}


def test_what_others_wrote_into_it_stays():
    """A deny may be somebody's brake, and a name of whom no freeze is known is not watchbill's to lift."""
    cloud = MemoryCloud()
    planned(cloud)
    brake = {"Sid": "Brake", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    given = {"PolicyArn": ARN, "PolicyDocument": _text(freeze_document(["zoe"], [brake])), "SetAsDefault": True}
    cloud.perform(PRODUCTION, Call("CreatePolicyVersion", given))
    planned(cloud, FROZEN)
    document = cloud.observe(PRODUCTION).policies[ARN].document
    assert frozen_by(document) == {"james", "zoe"}
    assert brake in document["Statement"]
    plan = make_plan(TEAM, {"production": cloud.observe(PRODUCTION)}, MONDAY, [FROZEN])
    assert not plan.changes
    assert any("watchbill-freeze denies what watchbill did not write" in drift.what for drift in plan.drift)


def _text(document):
    return msgspec.json.encode(document).decode()


def test_a_name_counts_where_both_statements_have_it():
    """One that is in one of them alone is not frozen by either of its names."""
    document = freeze_document(["james"])
    half = {**document, "Statement": document["Statement"][:1]}
    assert frozen_by(document) == {"james"}
    assert frozen_by(half) == frozenset()
    assert frozen_by({"Statement": {"Sid": "FrozenSource", "Effect": "Deny"}}) == frozenset()
