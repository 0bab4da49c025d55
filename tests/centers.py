"""An organization with Identity Center on the stand-in, for tests of access that people have by way of it."""

import json
from dataclasses import replace

from tests.teams import HERE, team

from watchbill.access.apply import apply
from watchbill.access.center.state import PLACE, is_reserved_for
from watchbill.access.documents import CENTER_USER
from watchbill.access.model import State
from watchbill.access.modes import NOTHING_HELD
from watchbill.access.plan import make_plan
from watchbill.aws.identity_center import Center
from watchbill.errors import ProviderError
from watchbill.intervals import iso
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.team.model import Access, Account, By, IdentityCenter


REGION = "eu-west-1"
HOME = "identity"
"""The account that Identity Center is run from."""


class Org:
    """An organization: a management account, one from which Identity Center is run, and accounts of the team."""

    def __init__(self, app, accounts=1):
        self.app = app
        made = app.accounts.client(Account("root", "123456789012", "", None, HERE), "organizations")
        self.organizations = made
        self.management = made.create_organization(FeatureSet="ALL")["Organization"]["MasterAccountId"]
        self.accounts = {}
        for number in range(1, accounts + 1):
            self.join(f"a{number:02}")
        self.root = Account(HOME, self.management, "management", None, HERE)
        self.admin = app.accounts.client(self.root, "sso-admin", REGION)
        self.store = app.accounts.client(self.root, "identitystore", REGION)
        found = self.admin.list_instances()["Instances"][0]
        self.instance, self.id = found["InstanceArn"], found["IdentityStoreId"]
        self.users = {}

    def join(self, name):
        """Have one more account in the organization."""
        asked = self.organizations.create_account(Email=f"{name}@example.com", AccountName=name)
        number = asked["CreateAccountStatus"]["AccountId"]
        self.accounts[name] = Account(name, number, "production", "OrganizationAccountAccessRole", HERE)
        return self.accounts[name]

    def people(self, of):
        """Make a user of everybody in a team, under their address."""
        for person in of.people.values():
            self.users[person.name] = self.store.create_user(
                IdentityStoreId=self.id,
                UserName=person.email,
                DisplayName=person.full_name,
                Name={"GivenName": person.name, "FamilyName": "X"},
                Emails=[{"Value": person.email, "Type": "work", "Primary": True}],
            )["UserId"]

    def center(self, fed_by=None):
        """Give the part of a team file that names it."""
        return IdentityCenter(HOME, REGION, self.id, self.instance, None, fed_by, HERE)

    def team(self, fed_by=None):
        """Give the usual team, its accounts those of the organization."""
        accounts = {HOME: self.root, **self.accounts}
        return replace(team(), accounts=accounts, identity_center=self.center(fed_by))

    def set(self, name, description="by hand", inline=None):
        """Make a permission set of others."""
        made = self.admin.create_permission_set(InstanceArn=self.instance, Name=name, Description=description)
        arn = made["PermissionSet"]["PermissionSetArn"]
        if inline is not None:
            self.admin.put_inline_policy_to_permission_set(
                InstanceArn=self.instance, PermissionSetArn=arn, InlinePolicy=json.dumps(inline)
            )
        return arn

    def assign(self, arn, kind, principal, account):
        """Give a permission set in an account."""
        return self.admin.create_account_assignment(
            InstanceArn=self.instance,
            TargetId=account.number,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=arn,
            PrincipalType=kind,
            PrincipalId=principal,
        )["AccountAssignmentCreationStatus"]

    def group(self, name, *people, description="by hand"):
        """Make a group of others."""
        made = self.store.create_group(IdentityStoreId=self.id, DisplayName=name, Description=description)["GroupId"]
        for person in people:
            member = {"UserId": self.users[person]}
            self.store.create_group_membership(IdentityStoreId=self.id, GroupId=made, MemberId=member)
        return made


def by_center(of, accounts):
    """Give a team whose rota, and the job role of its developers, are delivered by Identity Center in some accounts."""
    names = tuple(accounts)
    rota = replace(of.rotas["platform"], accounts=names, by=By.CENTER)
    developers = replace(of.groups["developers"], access=(Access("read-only", names, HERE, By.CENTER),))
    return replace(of, rotas={"platform": rota}, groups={"developers": developers})


class Bench:
    """Plans and applies a team against the stand-in, each step by real boto3 over HTTP."""

    def __init__(self, org, center=None, lanes=1):
        self.org, self.lanes = org, lanes
        self.center = center or Center(org.app.accounts, lambda _: None)
        self.made = []
        """Every call that was made, with where it was."""
        self.refused = ()
        """Where and what AWS refuses."""

    def observe(self, of):
        """Read everything."""
        return self.org.app.observe(of), self.center.observe(of.identity_center, self.org.root, of.people.values())

    def plan(self, of, at, freezes=(), applied=None, held=NOTHING_HELD):
        """Make a plan."""
        accounts, found = self.observe(of)
        return make_plan(of, accounts, at, freezes, applied, held, found)

    def perform(self, of):
        """Give what makes a change."""

        def make(change):
            self.made.append((change.account, change.call.operation))
            if self.made[-1] == self.refused:
                raise ProviderError("AccessDenied: by a policy of the organization")
            if change.account == PLACE:
                self.center.perform(of.identity_center, self.org.root, change.call)
            else:
                self.org.app.cloud.perform(of.accounts[change.account], change.call)

        return make

    def apply(self, of, plan):
        """Carry a plan out; give what failed."""
        outcomes = list(apply(plan.changes, self.perform(of), together=True, lanes=self.lanes))
        return [f"{o.change.call}: {o.error}" for o in outcomes if o.state is not State.DONE]

    def settle(self, of, at, freezes=()):
        """Plan and apply; a plan after it is empty."""
        plan = self.plan(of, at, freezes)
        assert [p.message for p in plan.problems if p.code != "coverage-gap"] == []
        assert self.apply(of, plan) == []
        assert [str(change.call) for change in self.plan(of, at, freezes).changes] == []
        return plan


def sessions_of(state, permission_set):
    """Give the documents of the role that Identity Center made of a set in an account; None where there is none."""
    for role in state.roles.values():
        if is_reserved_for(role.name, role.path, permission_set):
            return [state.policies[arn].document for arn in sorted(role.attached)]
    return None


def may(documents, user, action, at):
    """Tell whether a session of a user of Identity Center may do something, by the documents of its role."""
    policies = [parse_policy(document, str(number)) for number, document in enumerate(documents)]
    context = {
        CENTER_USER: user,
        "aws:CurrentTime": iso(at),
        "aws:userid": "AROA:someone@example.com",
        "aws:MultiFactorAuthPresent": "false",
    }
    request = Request(action, "*", context, absent=frozenset({"aws:username"}))
    decision = evaluate(request, identity=policies)
    return decision.effect is Effect.ALLOWED
