"""An organization that was read is known to answers that ask nothing of AWS: read over HTTP from moto, kept on disk."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.centers import HOME, Org, by_center
from tests.contract.test_organizations import PRODUCTION, World
from tests.teams import MONDAY

from watchbill.access.apply import apply
from watchbill.access.center.declared import declared_state
from watchbill.access.effective import answers
from watchbill.access.model import State
from watchbill.access.organization import RCP, SCP, Organization, under
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import make_app
from watchbill.intervals import Interval
from watchbill.ledger.model import Kind
from watchbill.policy.model import Effect
from watchbill.service.as_read import NOTHING_READ, as_read, judged_by
from watchbill.service.casework import Casework
from watchbill.service.grounds import stamp_of
from watchbill.service.reconcile import reconcile
from watchbill.service.seen import Trail
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import open_store


AT = MONDAY + timedelta(hours=12)
HOUR = timedelta(hours=1)
ASKED = (
    ("ec2:DescribeInstances", "*"),
    ("rds:RebootDBInstance", "*"),
    ("rds:DescribeDBInstances", "*"),
    ("s3:GetObject", "arn:aws:s3:::orders/a"),
    ("iam:ListUsers", "*"),
)


class Applied(World):
    """An organization whose accounts have what the team file gives, and nothing else."""

    def __init__(self, app, store):
        super().__init__(app)
        self.store = store
        for account in self.team.accounts.values():
            iam = app.accounts.client(account, "iam")
            iam.delete_user_policy(UserName="james", PolicyName="all")
            iam.delete_user(UserName="james")
        plan = make_plan(self.team, app.observe(self.team), AT)
        perform = self.at(AT).perform
        assert {each.state for each in apply(plan.changes, perform, lambda _: None)} == {State.DONE}

    def at(self, at):
        """Work at an instant."""
        return Casework(self.app, self.store, self.team, at, "watchbill")

    def by_the_file(self, at=AT, team=None):
        """Give the accounts as the file says, with what was read of the organization by an instant."""
        of = team or self.team
        read = as_read(self.store, of, at)
        return under(of, {n: declared_state(of, each, AT) for n, each in of.accounts.items()}, read.organization)


@pytest.fixture
def world(tmp_path):
    """Give an organization whose accounts have what the file gives."""
    with StandIn() as stand_in, open_store(tmp_path) as store:
        yield Applied(make_app(endpoint=stand_in.endpoint, keys=("any", "any")), store)


def said(states, team):
    """Ask much of everyone in every account: what each way answers, and which layer and policy of the organization."""
    found = {}
    for name, state in states.items():
        for person in team.people.values():
            for action, resource in ASKED:
                for each in answers(state, person.iam_user, action, resource, AT, {}, complete=False):
                    steps = [step for step in (each.taking, each.decision) if step is not None]
                    by = [str(o) for step in steps if step.layer in ("scp", "rcp") for o in step.deciding]
                    found[name, person.name, action, each.path] = (each.effect, by, each.withheld)
    return found


def test_the_file_with_what_was_kept_answers_as_aws_does(world):
    """Where nothing drifted, whatever the organization says, wherever it is attached: way by way, and by what."""
    effects = set()
    for change in (
        lambda: None,
        lambda: world.policy(SCP, "Deny", "rds:*", on=world.live),
        lambda: world.policy(SCP, "Deny", "iam:*", "s3:*", on=world.root, name="more"),
        lambda: world.policy(RCP, "Deny", "s3:GetObject", on=world.work, name="shared"),
        lambda: world.policy(SCP, "Allow", "ec2:*", "sts:*", on=world.number, name="some"),
        lambda: world.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=world.number),
        lambda: world.client.move_account(
            AccountId=world.number, SourceParentId=world.live, DestinationParentId=world.root
        ),
        lambda: world.client.disable_policy_type(RootId=world.root, PolicyType=SCP),
    ):
        change()
        live = said(world.at(AT).observe(world.team), world.team)
        assert said(world.by_the_file(), world.team) == live
        effects |= {(effect, bool(by), bool(withheld)) for effect, by, withheld in live.values()}
    assert {(Effect.ALLOWED, False, False), (Effect.EXPLICITLY_DENIED, True, False)} < effects
    assert (Effect.IMPLICITLY_DENIED, False, True) in effects


def test_what_was_never_read_is_not_known(world):
    """What the file allows depends, and what it denies is denied: no policy of an organization gives anything."""
    bare = said(world.by_the_file(team=replace(world.team, organization=None)), world.team)
    found = said(world.by_the_file(), world.team)
    open_ones = {key for key, (effect, _, _) in bare.items() if effect is Effect.ALLOWED}
    assert open_ones
    assert {key for key in open_ones if found[key][0] is Effect.DEPENDS} == open_ones
    assert {k: v for k, v in found.items() if k not in open_ones} == {
        k: v for k, v in bare.items() if k not in open_ones
    }
    (why,) = world.by_the_file()["staging"].unread_bounds
    assert why.startswith("organization policies: they were never read")
    assert world.by_the_file(team=replace(world.team, organization=None))["staging"].lineage is None


def test_each_that_differs_is_kept_with_when_it_was_read(world):
    """At any instant it is the last that was read by then; before the first, and of what may not be read, it is not known."""
    world.at(AT).plan()
    world.at(AT + HOUR).plan()
    world.policy(SCP, "Deny", "rds:*", on=world.root)
    world.at(AT + 2 * HOUR).plan()
    about = f"organization of {PRODUCTION.number}"
    rows = [(row.since, row.seen_at, row.by) for row in world.store.readings.all(about)]
    assert rows == [(AT, AT + HOUR, "watchbill"), (AT + 2 * HOUR, AT + 2 * HOUR, "watchbill")]
    kinds = [entry.kind for entry in world.store.ledger.entries()]
    assert kinds.count(Kind.ORGANIZATION_SEEN) == 2
    assert "not read before" in str(as_read(world.store, world.team, AT - HOUR).organization)
    first, second = (as_read(world.store, world.team, AT + n * HOUR) for n in (1, 2))
    policies = [each.organization.policies for each in (first, second) if isinstance(each.organization, Organization)]
    assert [len(each) for each in policies] == [len(policies[0]), len(policies[0]) + 1]
    assert first.said == (
        "organization policies are taken as read, first so at 2026-01-12T12:00:00Z, "
        "last at 2026-01-12T13:00:00Z by watchbill",
    )
    # What was read by another account is not what this one's is.
    lost = replace(world.team.accounts["production"], role="nobody", number="999999999999")
    gone = replace(world.team, accounts={**world.team.accounts, "production": lost})
    assert str(as_read(world.store, gone, AT + 2 * HOUR).organization).startswith("they were never read")


def test_it_is_said_as_of_when_what_judges_a_span_was_read(world):
    """The last that counts in it, and that it was another before; nothing of a span before the first."""
    world.at(AT).plan()
    world.at(AT + HOUR).plan()
    world.policy(SCP, "Deny", "rds:*", on=world.root)
    world.at(AT + 2 * HOUR).plan()

    def said(first, last, of=world.team):
        return judged_by(world.store, of, Interval(AT + first * HOUR, AT + last * HOUR))

    words = "organization policies are taken as read, first so at 2026-01-12T"
    assert said(-2, 0) == ()
    assert said(-2, 1) == said(1, 2) == (f"{words}12:00:00Z, last at 2026-01-12T13:00:00Z by watchbill",)
    assert said(2, 9) == (f"{words}14:00:00Z, last at 2026-01-12T14:00:00Z by watchbill",)
    assert said(1, 9) == (f"{said(2, 9)[0]}; before that, and from 2026-01-12T12:00:00Z on, as it was read then",)
    assert said(1, 9, replace(world.team, organization=None)) == ()


def test_one_that_was_read_before_does_not_come_after(world):
    """Of two plans at once the later reading counts."""
    world.at(AT + HOUR).plan()
    world.policy(SCP, "Deny", "rds:*", on=world.root)
    world.at(AT).plan()
    (row,) = world.store.readings.all(f"organization of {PRODUCTION.number}")
    assert row.since == AT + HOUR


EC2 = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}


def test_what_others_gave_in_identity_center_is_known_as_it_was_read(tmp_path):
    """What the file delivers by it, and what others assigned: the file with what a plan read answers as AWS does."""
    with StandIn() as stand_in, open_store(tmp_path) as store:
        org = Org(make_app(None, stand_in.endpoint, ("any", "any")))
        org.people(org.team())
        (account,) = org.accounts.values()
        of = replace(by_center(org.team(), org.accounts), organization=HOME)
        work = Casework(org.app, store, of, AT, "watchbill")

        def by_the_file():
            read = as_read(store, of, AT)
            accounts = {"a01": declared_state(of, account, AT, (), read.center)}
            return said(under(of, accounts, read.organization), of), read.said

        _, before = by_the_file()
        assert before[-1] == "what others gave in Identity Center is not known: no plan had read it by then"
        org.assign(org.set("own", inline=EC2), "USER", org.users["lee"], account)
        org.assign(org.set("shared", inline=EC2), "GROUP", org.group("devs", "rick"), account)
        outcomes = list(apply(work.plan().changes, work.perform, lambda _: None))
        assert {each.state for each in outcomes} == {State.DONE}
        assert not work.plan().changes
        states = {"a01": org.app.observe(of)["a01"]}
        live = said(org.app.entered(of, states), of)
        found, words = by_the_file()
        assert found == live
        assert words[-1].startswith("what others gave in Identity Center is taken as read, first so at 2026-01-12T12:0")
        kinds = {(name, path) for _, name, _, path in live}
        assert {("lee", "permission set own"), ("rick", "permission set shared")} < kinds
        assert any(path.startswith("permission set watchbill-") for _, path in kinds)
        assert live["a01", "lee", "ec2:DescribeInstances", "permission set own"][0] is Effect.ALLOWED
        free = replace(of, organization=None)
        assert as_read(store, free, AT) == NOTHING_READ
        assert len(store.readings.all(f"identity center {org.instance}")) == 1


def test_an_account_that_the_file_does_not_have_makes_no_other(world):
    """Somebody makes one every day; what is kept knows it all the same, for the file that comes to have it."""
    world.at(AT).plan()
    made = world.client.create_account(Email="new@example.com", AccountName="new")["CreateAccountStatus"]["AccountId"]
    world.at(AT + HOUR).plan()
    (row,) = world.store.readings.all(f"organization of {PRODUCTION.number}")
    assert (row.since, row.seen_at) == (AT, AT + HOUR)
    found = as_read(world.store, world.team, AT + HOUR).organization
    assert isinstance(found, Organization)
    assert made in found.targets


def test_files_with_more_accounts_or_fewer_make_no_other(world):
    """A plan by somebody's branch beside passes; and what bounds an account of the file in force is never lost by it."""
    world.store.revisions.add(world.team.digest, AT, world.team.text, "watchbill")
    of = {name: each for name, each in world.team.accounts.items() if name == "production"}
    branch = replace(world.team, accounts=of)
    about = f"organization of {PRODUCTION.number}"
    for hour in range(3):
        world.at(AT + hour * HOUR).observe(world.team)
        world.at(AT + hour * HOUR).observe(branch)
    assert [(row.since, row.seen_at) for row in world.store.readings.all(about)] == [(AT, AT + 2 * HOUR)]
    (other,) = [each.number for name, each in world.team.accounts.items() if name not in of]
    world.policy(SCP, "Deny", "rds:*", on=other)
    world.at(AT + 3 * HOUR).observe(branch)
    assert [row.since for row in world.store.readings.all(about)] == [AT, AT + 3 * HOUR]


def test_what_a_person_did_is_judged_anew_once_another_is_read(world, tmp_path):
    """Pages keep what they judged; none is shown that was judged by what was known before."""
    trail, day = Trail(tmp_path / "lake"), Interval(AT, AT + timedelta(days=1))

    def history():
        work = world.at(AT + 5 * HOUR)
        return trail.history(work, day, stamp_of(work))

    never = history()
    assert "they were never read" in never.assumed[-1]
    world.at(AT + HOUR).observe(world.team)
    first = history()
    assert first.assumed[-1] == (
        "what policies of the organization deny is not known: they were not read before 2026-01-12T13:00:00Z; "
        "what AWS allowed then is taken to be allowed by them"
    )
    world.at(AT + 2 * HOUR).observe(world.team)
    assert history() is first
    world.policy(SCP, "Deny", "rds:*", on=world.root)
    world.at(AT + 3 * HOUR).observe(world.team)
    assert [each.since for each in history().organizations[PRODUCTION.number]] == [AT + HOUR, AT + 3 * HOUR]


def test_each_pass_keeps_it(world):
    """Without a plan of anybody's; one that AWS refuses to answer for leaves what there is."""
    reconcile(world.at(AT), None)
    (row,) = world.store.readings.all(f"organization of {PRODUCTION.number}")
    assert (row.since, row.by) == (AT, "watchbill")
    refused = replace(world.team.accounts["production"], role="nobody")
    world.team = replace(world.team, accounts={**world.team.accounts, "production": refused})
    silent = replace(world.app, accounts=Accounts("http://127.0.0.1:9", ("any", "any")))
    assert isinstance(silent.organization(world.team), str)
    world.app = silent
    reconcile(world.at(AT + HOUR), None)
    assert [each.seen_at for each in world.store.readings.all(f"organization of {PRODUCTION.number}")] == [AT]
    assert isinstance(as_read(world.store, world.team, AT + HOUR).organization, Organization)
