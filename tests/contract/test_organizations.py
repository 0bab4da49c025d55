"""The organization as it is read over HTTP: from moto, and from a server of ours that refuses."""

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from tests.teams import MONDAY, team

from watchbill.access.effective import answers
from watchbill.access.organization import RCP, SCP
from watchbill.access.plan import make_plan, state_digest
from watchbill.aws.accounts import Accounts
from watchbill.aws.organizations import read_organization
from watchbill.bootstrap import make_app
from watchbill.errors import ProviderError
from watchbill.policy.model import Effect
from watchbill.sim.stand_in import StandIn


TEAM = replace(team(), organization="production")
PRODUCTION = TEAM.accounts["production"]
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ACCOUNT_ROLE = "OrganizationAccountAccessRole"


class World:
    """An organization: its root, the unit Work with Live in it, and in Live the account that the team calls staging."""

    def __init__(self, app):
        self.app, self.client = app, app.accounts.client(PRODUCTION, "organizations")
        self.id = self.client.create_organization(FeatureSet="ALL")["Organization"]["Id"]
        self.root = self.client.list_roots()["Roots"][0]["Id"]
        for kind in (SCP, RCP):
            self.client.enable_policy_type(RootId=self.root, PolicyType=kind)
        self.work, self.live = self.unit("Work", self.root), None
        self.live = self.unit("Live", self.work)
        made = self.client.create_account(Email="live@example.com", AccountName="live")["CreateAccountStatus"]
        self.number = made["AccountId"]
        self.client.move_account(AccountId=self.number, SourceParentId=self.root, DestinationParentId=self.live)
        staging = replace(TEAM.accounts["staging"], number=self.number, role=ACCOUNT_ROLE)
        self.team = replace(TEAM, accounts={"production": PRODUCTION, "staging": staging})
        for account in self.team.accounts.values():
            iam = app.accounts.client(account, "iam")
            iam.create_user(UserName="james")
            iam.put_user_policy(UserName="james", PolicyName="all", PolicyDocument=json.dumps(ALL))

    def unit(self, name, parent):
        """Make an organizational unit; full access comes with it, as AWS has it."""
        return self.client.create_organizational_unit(ParentId=parent, Name=name)["OrganizationalUnit"]["Id"]

    def policy(self, kind, effect, *actions, on=None, name="guard"):
        """Make a policy, and attach it."""
        principal = {"Principal": "*"} if kind == RCP else {}
        said = {"Sid": "Guard", "Effect": effect, "Action": list(actions), "Resource": "*", **principal}
        text = json.dumps({"Version": "2012-10-17", "Statement": [said]})
        made = self.client.create_policy(Content=text, Description="-", Name=name, Type=kind)
        found = made["Policy"]["PolicySummary"]["Id"]
        if on is not None:
            self.client.attach_policy(PolicyId=found, TargetId=on)
        return found

    def ask(self, account, action="ec2:RunInstances", resource="*"):
        """Give what James may do in an account, by what is read of it."""
        state = self.app.observe(self.team)[account]
        return answers(state, "james", action, resource, MONDAY, {})[0]


@pytest.fixture
def app():
    """Give the way to a fresh stand-in."""
    with StandIn() as stand_in:
        yield make_app(endpoint=stand_in.endpoint, keys=("any", "any"))


@pytest.fixture
def world(app):
    """Give an organization."""
    return World(app)


def test_the_tree_is_read_and_what_is_attached_along_it(world):
    """All pages of it: AWS, and moto, give policies a few at a time."""
    for number in range(25):
        world.policy(SCP, "Deny", f"ec2:Made{number}", name=f"many-{number}")
    guard = world.policy(SCP, "Deny", "ec2:RunInstances", on=world.work)
    found = read_organization(world.app.accounts, PRODUCTION)
    assert found is not None
    assert (found.id, found.management) == (world.id, PRODUCTION.number)
    assert {each.name for each in found.targets.values()} == {"Root", "Work", "Live", "live", "master"}
    assert len([each for each in found.policies.values() if each.kind == SCP]) == 27
    line = world.app.observe(world.team)["staging"].lineage
    assert [level.name for level in line.levels] == ["root Root", "OU Work", "OU Live", "account live"]
    assert [[each.id for each in level.scps] for level in line.levels] == [
        ["p-FullAWSAccess"],
        ["p-FullAWSAccess", guard],
        ["p-FullAWSAccess"],
        ["p-FullAWSAccess"],
    ]
    assert all([each.id for each in level.rcps] == ["p-RCPFullAWSAccess"] for level in line.levels)
    assert not line.is_management
    assert (line.has_scps, line.has_rcps) == (True, True)


def test_a_policy_binds_members_and_not_the_management_account(world):
    """It is said by name, by id and by what it is attached to."""
    guard = world.policy(SCP, "Deny", "ec2:*", on=world.root)
    denied = world.ask("staging")
    assert denied.effect is Effect.EXPLICITLY_DENIED
    assert [str(each) for each in denied.decision.deciding] == [f"SCP guard ({guard}) attached to root Root#Guard"]
    assert world.ask("production").effect is Effect.ALLOWED
    assert world.ask("staging", "rds:CreateDBInstance").effect is Effect.ALLOWED


def test_a_list_of_what_is_allowed_takes_the_place_of_full_access(world):
    """At one level is enough: nothing below gives it back."""
    some = world.policy(SCP, "Allow", "s3:*", on=world.live, name="some")
    world.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=world.live)
    assert world.ask("staging", "s3:ListAllMyBuckets").effect is Effect.ALLOWED
    denied = world.ask("staging")
    assert denied.effect is Effect.IMPLICITLY_DENIED
    assert denied.withheld == (f"no statement of SCP some ({some}) attached to OU Live allows it",)


def test_a_type_that_is_not_in_force_is_not_read(world):
    """What is attached of it binds nobody."""
    world.policy(SCP, "Deny", "ec2:*", on=world.root)
    world.client.disable_policy_type(RootId=world.root, PolicyType=SCP)
    assert world.ask("staging").effect is Effect.ALLOWED
    found = read_organization(world.app.accounts, PRODUCTION)
    assert found is not None
    assert found.types == {RCP}


def test_a_plan_knows_that_the_organization_has_moved(world):
    """A policy that says something else, one attached elsewhere, an account in another unit: each is another digest."""
    guard = world.policy(SCP, "Deny", "ec2:*")
    said = [state_digest(world.app.observe(world.team))]
    for move in (
        lambda: world.client.attach_policy(PolicyId=guard, TargetId=world.live),
        lambda: world.client.update_policy(PolicyId=guard, Content=json.dumps(ALL)),
        lambda: world.client.move_account(
            AccountId=world.number, SourceParentId=world.live, DestinationParentId=world.work
        ),
    ):
        move()
        said.append(state_digest(world.app.observe(world.team)))
    assert len(set(said)) == 4
    assert said[-1] == state_digest(world.app.observe(world.team))


def test_without_an_organization_nothing_is_bounded(app):
    """It was asked, and there is none."""
    assert read_organization(app.accounts, PRODUCTION) is None
    observed = app.observe(replace(TEAM, accounts={"production": PRODUCTION}))
    assert observed["production"].lineage.levels == ()
    assert observed["production"].unread_bounds == ()


def test_who_names_no_account_for_it_does_not_read_it(world):
    """Answers are of IAM alone then, as the file wishes."""
    world.team = replace(world.team, organization=None)
    world.policy(SCP, "Deny", "ec2:*", on=world.root)
    assert world.ask("staging").effect is Effect.ALLOWED
    assert world.app.observe(world.team)["staging"].lineage is None


class Refusing:
    """Serves STS, and of Organizations a refusal of one operation and no more."""

    def __init__(self, refused):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
                status, kind = 200, "application/x-amz-json-1.1"
                if not operation:
                    answer = f"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{PRODUCTION.number}"
                    answer += "</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                    assert "GetCallerIdentity" in body
                    kind = "text/xml"
                elif operation == refused:
                    status, answer = 400, json.dumps({"__type": "AccessDeniedException", "message": "not yours"})
                elif operation == "DescribeOrganization":
                    answer = json.dumps({"Organization": {"Id": "o-1", "MasterAccountId": "999999999999"}})
                else:
                    root = {"Id": "r-1", "Name": "Root", "PolicyTypes": [{"Type": SCP, "Status": "ENABLED"}]}
                    policy = {"Id": "p-1", "Name": "odd"}
                    answer = json.dumps(
                        {
                            "Roots": [root],
                            "Accounts": [],
                            "OrganizationalUnits": [],
                            "Policies": [policy],
                            "Policy": {
                                "PolicySummary": policy,
                                "Content": '{"Statement": "no"}' if refused == "none" else json.dumps(ALL),
                            },
                            "Targets": [],
                        }
                    )
                data = answer.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ("DescribeOrganization", "not yours"),
        ("ListRoots", "not yours"),
        ("ListAccountsForParent", "not yours"),
        ("ListOrganizationalUnitsForParent", "not yours"),
        ("ListPolicies", "not yours"),
        ("DescribePolicy", "not yours"),
        ("ListTargetsForPolicy", "not yours"),
        ("none", "policy p-1 of the organization cannot be read"),
    ],
)
def test_what_may_not_be_read_is_said_and_not_guessed(refused, said):
    """Whichever call is refused, and whatever cannot be understood: no half of an organization is taken for all."""
    direct = replace(PRODUCTION, role=None)
    with Refusing(refused) as endpoint, pytest.raises(ProviderError, match=said):
        read_organization(Accounts(endpoint, ("any", "any")), direct)


class Silent:
    """An organization that nobody answers for, once it was found whose credentials to ask it with."""

    def client(self, *_: object) -> Any:
        """Give the client, which is itself."""
        return self

    def describe_organization(self) -> Any:
        """Reach nobody."""
        raise EndpointConnectionError(endpoint_url="https://organizations.us-east-1.amazonaws.com")


def test_an_organization_that_does_not_answer_is_said():
    """It is an error of ours and no crash, so that a plan goes on and says so."""
    accounts: Any = Silent()
    with pytest.raises(ProviderError, match="could not read the organization by account `production`"):
        read_organization(accounts, PRODUCTION)


def test_a_plan_says_that_the_organization_was_not_read(app):
    """By the account; and it can be applied all the same."""
    lost = replace(TEAM, accounts={"production": PRODUCTION})
    observed = app.observe(lost)
    unread = {n: replace(s, lineage=None, unread_bounds=("organization policies: no",)) for n, s in observed.items()}
    plan = make_plan(lost, unread, MONDAY)
    assert "account `production`: organization policies: no" in {each.message for each in plan.warnings}
