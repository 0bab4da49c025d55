"""Who can do what by Identity Center, as it is read over HTTP from moto with what it lacks added."""

import json
from dataclasses import replace

import pytest
from tests.centers import HOME, Org
from tests.teams import MONDAY

from watchbill.access.effective import answers
from watchbill.access.organization import SCP
from watchbill.bootstrap import make_app
from watchbill.policy.model import Effect
from watchbill.sim.stand_in import StandIn


ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}


@pytest.fixture
def org():
    """Give an organization of one account, and the team's people; Ada has a set herself, Rick another by a group."""
    with StandIn() as stand_in:
        made = Org(make_app(None, stand_in.endpoint, ("any", "any")))
        made.people(made.team())
        (account,) = made.accounts.values()
        made.assign(made.set("own", inline=ALL), "USER", made.users["ada"], account)
        made.assign(made.set("shared", inline=ALL), "GROUP", made.group("devs", "rick"), account)
        yield made


def ask(org, who):
    """Give what each way of somebody answers in the account."""
    of = replace(org.team(), organization=HOME)
    state = org.app.entered(of, org.app.observe(of))["a01"]
    found = answers(state, of.people[who].iam_user, "ec2:RunInstances", "*", MONDAY, {}, complete=False)
    return {each.path: (each.effect, *map(str, each.decision.deciding)) for each in found}


def test_people_can_what_their_sets_give_within_what_the_organization_allows(org):
    """None of them has an IAM user. A policy of the organization denies it by its name."""
    assert ask(org, "ada") == {"permission set own": (Effect.ALLOWED, "permission set own/AwsSSOInlinePolicy#0")}
    assert ask(org, "rick") == {"permission set shared": (Effect.ALLOWED, "permission set shared/AwsSSOInlinePolicy#0")}
    assert ask(org, "lee") == {}
    root = org.organizations.list_roots()["Roots"][0]["Id"]
    org.organizations.enable_policy_type(RootId=root, PolicyType=SCP)
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]}
    asked = {"Content": json.dumps(deny), "Name": "guard", "Description": "-", "Type": SCP}
    policy = org.organizations.create_policy(**asked)["Policy"]["PolicySummary"]["Id"]
    org.organizations.attach_policy(PolicyId=policy, TargetId=root)
    denied = (Effect.EXPLICITLY_DENIED, f"SCP guard ({policy}) attached to root Root#0")
    assert ask(org, "ada") == {"permission set own": denied}


def test_the_role_that_was_provisioned_counts(org):
    """What somebody put onto it, or what it has not yet, outranks what the set says."""
    (account,) = org.accounts.values()
    iam = org.app.accounts.client(account, "iam")
    path = "/aws-reserved/sso.amazonaws.com/"
    (role,) = (e for e in iam.list_roles(PathPrefix=path)["Roles"] if e["RoleName"].startswith("AWSReservedSSO_own_"))
    iam.delete_role_policy(RoleName=role["RoleName"], PolicyName="AwsSSOInlinePolicy")
    assert ask(org, "ada") == {"permission set own": (Effect.IMPLICITLY_DENIED,)}
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="by-hand", PolicyDocument=json.dumps(ALL))
    assert ask(org, "ada") == {"permission set own": (Effect.ALLOWED, "permission set own/by-hand#0")}
