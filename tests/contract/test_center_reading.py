"""What there is in Identity Center, read over HTTP from moto with what it lacks added. Not run against AWS."""

from dataclasses import replace

import botocore.session
import pytest
from botocore.exceptions import ClientError
from tests.centers import Org

from watchbill.access.center.state import Assigned, CenterGroup, Holder, Reference, is_reserved_for, mark_of, set_name
from watchbill.aws.identity_center import Center
from watchbill.bootstrap import make_app
from watchbill.sim import center_gaps
from watchbill.sim.stand_in import StandIn


ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}


@pytest.fixture
def org():
    """Give an organization of two accounts, and the team's people."""
    with StandIn() as stand_in:
        made = Org(make_app(None, stand_in.endpoint, ("any", "any")), 2)
        made.people(made.team())
        yield made


def observe(org, of=None):
    """Read it."""
    of = of or org.team()
    return Center(org.app.accounts).observe(of.identity_center, org.root, of.people.values())


def test_people_are_found_by_address_or_by_the_id_that_is_declared(org):
    """A declared id of a user who was deleted is nobody's, and so is an address that nobody has."""
    of = org.team()
    rick, lee = of.people["rick"], of.people["lee"]
    people = {
        **of.people,
        "rick": replace(rick, email="nobody@example.com", identity_center_user=org.users["rick"]),
        "lee": replace(lee, identity_center_user=org.users["lee"]),
        "ada": replace(of.people["ada"], email="gone@example.com"),
    }
    org.store.delete_user(IdentityStoreId=org.id, UserId=org.users["lee"])
    found = observe(org, replace(of, people=people)).people
    assert found == {name: id_ for name, id_ in org.users.items() if name not in ("lee", "ada")}


def test_what_people_hold_by_sets_of_others_is_read(org):
    """By themselves and by a group; a set that nobody of the file holds is known by its name alone."""
    first, second = org.accounts.values()
    own, shared, other = org.set("own", inline=ALL), org.set("shared"), org.set("unused")
    devs = org.group("devs", "rick", "james")
    org.assign(own, "USER", org.users["ada"], first)
    org.assign(shared, "GROUP", devs, second)
    found = observe(org)
    assert found.management == org.management
    assert found.assignments == {
        Assigned(first.number, "own", Holder.USER, org.users["ada"]),
        Assigned(second.number, "shared", Holder.GROUP, "devs"),
    }
    assert (found.sets["own"].inline, found.sets["own"].team, found.sets["own"].arn) == (ALL, None, own)
    assert set(found.sets) == {"own", "shared"}
    assert found.taken == {"unused"}
    assert other.startswith(org.instance)
    assert set(found.groups["devs"].members) == {org.users["rick"], org.users["james"]}
    assert {each.permission_set for each in found.assigned_to(org.users["rick"])} == {"shared"}
    assert {each.permission_set for each in found.assigned_to(org.users["ada"])} == {"own"}
    assert found.assigned_to(org.users["sofia"]) == frozenset()


def test_what_is_watchbills_says_so_in_name_and_description(org):
    """Either alone does not do."""
    for name, description in (("watchbill-a", "mine"), ("b", mark_of("orders")), ("watchbill-c", mark_of("orders"))):
        org.set(name, description)
        org.group(name, description=description)
    found = observe(org)
    assert {name: each.team for name, each in found.sets.items()} == {"watchbill-c": "orders"}
    assert found.taken == {"watchbill-a", "b"}
    assert found.groups == {"watchbill-c": CenterGroup("watchbill-c", found.groups["watchbill-c"].id, "orders")}


def test_names_fit_and_stay_apart():
    """AWS takes 32 characters."""
    long = [set_name(f"oncall-a-rota-with-a-long-name-{n}") for n in range(2)]
    assert set_name("oncall-platform") == "watchbill-oncall-platform"
    assert len({*long}) == 2
    assert all(len(name) <= 32 for name in long)
    assert mark_of("Zürich \n") == "Written by watchbill for team Z_rich _"


def test_an_assignment_makes_a_role_of_the_set_as_it_is(org):
    """A change of the set is stale until it is provisioned; the last assignment takes the role with it."""
    (first, _), arn = org.accounts.values(), org.set("watchbill-x", mark_of("orders"))
    iam = org.app.accounts.client(first, "iam")
    policy = iam.create_policy(
        PolicyName="p",
        Path="/watchbill/",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}',
    )
    where = {"InstanceArn": org.instance, "PermissionSetArn": arn}
    reference = {"Name": "p", "Path": "/watchbill/"}
    assert org.assign(arn, "USER", org.users["ada"], first)["Status"] == "SUCCEEDED"
    org.admin.attach_customer_managed_policy_reference_to_permission_set(
        **where, CustomerManagedPolicyReference=reference
    )
    assert observe(org).sets["watchbill-x"].stale == {first.number}
    org.admin.provision_permission_set(**where, TargetType="ALL_PROVISIONED_ACCOUNTS")
    read = observe(org).sets["watchbill-x"]
    assert (read.stale, read.references) == (frozenset(), {Reference("p", "/watchbill/")})
    assert read.boundary is None
    state = org.app.cloud.observe(first)
    (role,) = (r for r in state.roles.values() if is_reserved_for(r.name, r.path, "watchbill-x"))
    assert role.attached == {policy["Policy"]["Arn"]}
    org.admin.delete_account_assignment(
        **where, TargetId=first.number, TargetType="AWS_ACCOUNT", PrincipalType="USER", PrincipalId=org.users["ada"]
    )
    assert role.name not in org.app.cloud.observe(first).roles


def test_a_policy_that_is_missing_in_an_account_fails_the_assignment(org):
    """As AWS says it: the set was not given."""
    (first, _), arn = org.accounts.values(), org.set("watchbill-x", mark_of("orders"))
    org.admin.put_permissions_boundary_to_permission_set(
        InstanceArn=org.instance,
        PermissionSetArn=arn,
        PermissionsBoundary={"CustomerManagedPolicyReference": {"Name": "ceiling", "Path": "/"}},
    )
    status = org.assign(arn, "USER", org.users["ada"], first)
    assert (status["Status"], "ceiling not found" in status["FailureReason"]) == ("FAILED", True)
    assert observe(org).sets["watchbill-x"].boundary == Reference("ceiling", "/")
    assert not observe(org).assignments


def test_a_set_in_use_is_not_deleted_and_a_name_is_there_once(org):
    """As AWS refuses both."""
    arn = org.set("x")
    org.assign(arn, "USER", org.users["ada"], org.accounts["a01"])
    with pytest.raises(ClientError, match="ConflictException"):
        org.admin.delete_permission_set(InstanceArn=org.instance, PermissionSetArn=arn)
    with pytest.raises(ClientError, match="ConflictException"):
        org.set("x")


def test_what_the_stand_in_adds_is_as_awss_models_say():
    """Each operation is one of the service, and its answer holds members of that operation's alone."""
    model = botocore.session.get_session().get_service_model("sso-admin")
    names = {operation: model.operation_model(operation) for operation in model.operation_names}
    added = ("PutPermissionsBoundaryToPermissionSet", "GetPermissionsBoundaryForPermissionSet")
    assert {"DescribePermissionSetProvisioningStatus", *added} <= set(names)
    for method in vars(center_gaps):
        operation = "".join(part.capitalize() for part in method.split("_"))
        if operation in names:
            assert names[operation].output_shape is not None
