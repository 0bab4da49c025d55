"""A first password: after the deny without MFA, seen once, kept nowhere, and given to nobody twice."""

import stat
from dataclasses import replace

import pytest
from tests.unit.service.world import World

from watchbill.access.mfa import MFA_POLICY, mfa_document
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.files.secret import secret_file
from watchbill.ledger.model import Kind
from watchbill.service import offboarding, onboarding
from watchbill.store.database import open_store
from watchbill.team.model import BreakGlass, IdentityCenter


@pytest.fixture
def world(tmp_path):
    """Give a world in which nobody has a password; Sofia and Ada are leads."""
    with open_store(tmp_path) as store:
        made = World(store)
        made.team = replace(made.team, leads=("sofia", "ada"))
        yield made


def onboard(world, person="james", by="sofia"):
    """Give somebody their first password in production."""
    work = world.as_(by)
    return onboarding.onboard(work, onboarding.plan(work, person, "production"))


def test_the_deny_comes_first_and_the_password_is_seen_once(world, tmp_path):
    """It is in no plan, no answer, no state, no journal and no ledger; and the user has both."""
    plan = onboarding.plan(world.as_("sofia"), "james", "production")
    assert [change.call.operation for change in plan.changes] == ["PutUserPolicy", "CreateLoginProfile"]
    assert "Password" not in plan.changes[1].call.parameters
    given = onboard(world)
    assert world.cloud.calls[-1].parameters["Password"] == given.password
    assert world.cloud.calls[-1].parameters["PasswordResetRequired"] is True
    assert world.cloud.states["production"].users["james"].inline[MFA_POLICY] == mfa_document()
    assert given.password not in repr(given)
    kinds = [entry.kind for entry in world.store.ledger.entries()]
    assert kinds[-2:] == [Kind.ONBOARDING_BEGUN, Kind.ONBOARDING_APPLIED]
    with pytest.raises(RefusedError, match="has a password in `production` already"):
        onboard(world)
    world.store.close()
    assert not [path for path in tmp_path.iterdir() if path.is_file() and given.password.encode() in path.read_bytes()]


def test_without_the_deny_no_password_is_given(world):
    """Where it cannot be written nothing is; where the password fails, the deny stays and the next run goes on."""
    perform, failing = world.cloud.perform, ["PutUserPolicy"]

    def fails(account, call):
        if call.operation in failing:
            raise ProviderError(f"AccessDenied: {call.parameters}")
        perform(account, call)

    world.cloud.perform = fails
    with pytest.raises(ProviderError, match="AccessDenied"):
        onboard(world)
    assert ("production", "james") not in world.cloud.passwords
    failing[:] = ["CreateLoginProfile"]
    with pytest.raises(ProviderError) as error:
        onboard(world)
    assert str(error.value).count("***") == 1
    failing.clear()
    assert [outcome.change.call.operation for outcome in onboard(world).outcomes] == ["CreateLoginProfile"]


def test_who_is_refused(world):
    """No lead, oneself, the protected, break-glass, whoever was there before, is frozen, or signs in elsewhere."""
    team = world.team
    with pytest.raises(RefusedError, match="is no lead"):
        onboard(world, by="rick")
    with pytest.raises(RefusedError, match="never decides it"):
        onboard(world, person="sofia")
    with pytest.raises(NotFoundError, match="no person `zoe`"):
        onboard(world, person="zoe")
    where = team.groups["support"].where
    sealed = BreakGlass("james", ("production",), where)
    center = IdentityCenter("production", "eu-west-1", "d-1234567890", "arn", None, "okta", where)
    seated = replace(team.people["james"], identity_center_user="12345678-1234-1234-1234-123456789012")
    for changed, match in (
        ({"protected": ("james",)}, "is protected"),
        ({"break_glass": (sealed,)}, "break-glass user"),
        ({"identity_center": center, "people": {**team.people, "james": seated}}, "signs in by Identity Center"),
    ):
        world.team = replace(team, **changed)
        with pytest.raises(RefusedError, match=match):
            onboard(world)
    world.team = team
    state = world.cloud.states["production"]
    old = replace(state.users["james"], path="/", arn="arn:aws:iam::111111111111:user/james")
    for users, match in (
        ({**state.users, "james": old}, "was there before watchbill"),
        ({name: user for name, user in state.users.items() if name != "james"}, "has no IAM user `james`"),
    ):
        world.cloud.states["production"] = replace(state, users=users)
        with pytest.raises(RefusedError, match=match):
            onboard(world)
    world.cloud.states["production"] = state
    work = world.as_("ada")
    offboarding.begin(work, offboarding.plan(work, "james", "left"), "left")
    with pytest.raises(RefusedError, match="is frozen"):
        onboard(world)
    assert not world.cloud.passwords


def test_a_secret_has_a_file_of_its_own_owner_alone(tmp_path):
    """One that is there, or a link, is refused; where it fails, none is left behind."""
    path = tmp_path / "secret"
    with secret_file(path) as place:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert place > 2
    with pytest.raises(RefusedError, match="could not make"), secret_file(path):
        pass
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError), secret_file(link):
        pass
    other = tmp_path / "other"
    with pytest.raises(KeyError), secret_file(other):
        raise KeyError
    assert not other.exists()
