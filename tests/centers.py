"""An organization with Identity Center on the stand-in, for tests of access that people have by way of it."""

import json
from dataclasses import replace

from tests.teams import HERE, team

from watchbill.team.model import Account, IdentityCenter


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
