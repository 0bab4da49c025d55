"""A freeze and its end of somebody who comes by Identity Center, against the stand-in: what a restore gives back."""

from dataclasses import replace

from tests.centers import Bench, Org, by_center
from tests.unit.access.test_chain import SAMPLE
from tests.unit.service.world import NOON

from watchbill.access.center.state import PLACE
from watchbill.access.model import Call
from watchbill.aws.identity_center import Center
from watchbill.bootstrap import make_app
from watchbill.respond.freeze import Asked
from watchbill.service import containment, offboarding
from watchbill.service.casework import Casework
from watchbill.sim.clock import SimClock
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import open_store


def test_a_restore_gives_back_what_is_of_others_and_what_the_team_file_gives_now(tmp_path):
    """James was a developer and on the rota; taken out of the developers while frozen, they do not come to be one."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        org = Org(make_app(SimClock(NOON), stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        of = replace(by_center(org.team(), org.accounts), leads=("sofia",))
        Bench(org).settle(of, NOON)
        theirs = org.group("their-group", "james")

        def work(team):
            return Casework(org.app, store, team, NOON, "sofia")

        def groups():
            center = Bench(org).observe(of)[1]
            return center.groups_of(org.users["james"])

        before = groups()
        assert before == {"watchbill-job-developers", "watchbill-oncall-platform", "their-group"}
        frozen = containment.freeze(work(of), containment.planned_for(work(of), "james", Asked(None, "left", "sofia")))
        assert groups() == set()
        members = tuple(name for name in of.groups["developers"].members if name != "james")
        less = replace(of, groups={"developers": replace(of.groups["developers"], members=members)})
        restored = containment.thaw(work(less), frozen.containment.id, acknowledge_drift=True)
        assert groups() == {"watchbill-oncall-platform", "their-group"}
        why = "group watchbill-job-developers in Identity Center: the team file no longer gives it to them"
        assert why in restored.restoration.left_out
        assert theirs


def test_two_instances_do_not_take_each_others_ids(tmp_path):
    """One that was looked at first has a group of the same name."""
    with StandIn() as stand_in:
        org = Org(make_app(None, stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        first = by_center(org.team(), org.accounts)
        center = Center(org.app.accounts, lambda _: None)
        Bench(org, center).settle(first, NOON)
        elsewhere = org.app.accounts.client(org.root, "sso-admin", "us-west-2").list_instances()["Instances"][0]
        found = replace(
            org.center(), region="us-west-2", instance=elsewhere["InstanceArn"], store=elsewhere["IdentityStoreId"]
        )
        assert found.instance != org.instance
        store = org.app.accounts.client(org.root, "identitystore", "us-west-2")
        asked = {"IdentityStoreId": found.store, "DisplayName": "watchbill-oncall-platform"}
        made = Call("CreateGroup", {**asked, "Description": "Written by watchbill for team orders"}, "identitystore")
        center.perform(found, org.root, replace(made, region="us-west-2"))
        user = store.create_user(
            IdentityStoreId=found.store,
            UserName="james",
            DisplayName="James",
            Name={"GivenName": "James", "FamilyName": "X"},
        )["UserId"]
        for where, store_id, who in ((org.center(), org.id, org.users["sofia"]), (found, found.store, user)):
            given = {"IdentityStoreId": store_id, "GroupId": "watchbill-oncall-platform", "MemberId": {"UserId": who}}
            joins = Call("CreateGroupMembership", given, "identitystore", where.region)
            center.perform(where, org.root, joins)
        (group,) = store.list_groups(IdentityStoreId=found.store)["Groups"]
        (member,) = store.list_group_memberships(IdentityStoreId=found.store, GroupId=group["GroupId"])[
            "GroupMemberships"
        ]
        assert member["MemberId"] == {"UserId": user}


def test_a_freeze_takes_what_both_users_have_and_a_restore_gives_it_back(tmp_path):
    """James is found by another user, while the one that they were before stays and has groups and sets of others."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        org = Org(make_app(SimClock(NOON), stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        of = replace(by_center(org.team(), org.accounts), leads=("sofia",))
        Bench(org).settle(of, NOON)
        old = org.users["james"]
        store.center_users.keep(org.id, "james", old, NOON)
        theirs, account = org.set("theirs"), org.accounts["a01"]
        org.group("old-group", "james")
        org.assign(theirs, "USER", old, account)
        moved = replace(of.people["james"], email="james.other@example.com")
        of = replace(of, people={**of.people, "james": moved})
        new = org.users["james"] = org.store.create_user(
            IdentityStoreId=org.id,
            UserName=moved.email,
            DisplayName="James",
            Name={"GivenName": "James", "FamilyName": "X"},
            Emails=[{"Value": moved.email, "Type": "work", "Primary": True}],
        )["UserId"]
        org.group("new-group", "james")

        def work():
            return Casework(org.app, store, of, NOON, "sofia")

        def has(user):
            listed = org.store.list_group_memberships_for_member(IdentityStoreId=org.id, MemberId={"UserId": user})
            groups = {
                org.store.describe_group(IdentityStoreId=org.id, GroupId=each["GroupId"])["DisplayName"]
                for each in listed["GroupMemberships"]
            }
            assigned = org.admin.list_account_assignments(
                InstanceArn=org.instance, AccountId=account.number, PermissionSetArn=theirs
            )["AccountAssignments"]
            return groups, any(each["PrincipalId"] == user for each in assigned)

        ours = {"watchbill-job-developers", "watchbill-oncall-platform"}
        assert (has(old), has(new)) == (({"old-group", *ours}, True), ({"new-group"}, False))
        frozen = containment.freeze(work(), containment.planned_for(work(), "james", Asked(None, "left", "sofia")))
        assert (has(old), has(new)) == ((set(), False), (set(), False))
        asked = {c.call.parameters["UserId"] for c in frozen.containment.changes if c.call.operation == "DisableUser"}
        assert asked == {old, new}
        checks = {check.what for check in frozen.checks if check.holds}
        assert {f"user {old} is in no group", f"user {new} is in no group"} <= checks
        inline = org.admin.get_inline_policy_for_permission_set(InstanceArn=org.instance, PermissionSetArn=theirs)
        assert old in inline["InlinePolicy"]
        restored = containment.thaw(work(), frozen.containment.id, acknowledge_drift=True)
        assert (has(old), has(new)) == (({"old-group"}, True), ({"new-group"}, False))
        assert {line.split(":")[0] for line in restored.restoration.left_out} >= {
            f"group {name} in Identity Center" for name in ours
        }


def test_whoever_leaves_is_listed_by_the_user_that_was_known_too(tmp_path):
    """Beside the one that is found now, and alone where none is; one that is gone is not listed."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        org = Org(make_app(SimClock(NOON), stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        known = org.users["james"]
        store.center_users.keep(org.id, "james", known, NOON)
        of = replace(by_center(org.team(), org.accounts), text=SAMPLE.text)

        def listed(person):
            changed = replace(
                of, people={**of.people, "james": replace(of.people["james"], email=of.people[person].email)}
            )
            found = offboarding.look(Casework(org.app, store, changed, NOON, "sofia"), "james").remains
            return [(each.what, each.by_hand) for each in found if each.place == PLACE]

        before = (f"user {known}, whom they were known by before", True)
        other = (f"user {org.users['lee']}", True)
        assert listed("james") == [(f"user {known}", True)]
        assert listed("lee") == [other, before]
        org.store.delete_user(IdentityStoreId=org.id, UserId=org.users["lee"])
        assert listed("lee") == [before]
        org.store.delete_user(IdentityStoreId=org.id, UserId=known)
        assert listed("lee") == []


def test_a_freeze_takes_what_the_known_user_has_where_nobody_is_found(tmp_path):
    """The address is nobody's any more, and the user that James was stays; once that one is gone, nothing is asked."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        org = Org(make_app(SimClock(NOON), stand_in.endpoint, ("any", "any")), 1)
        org.people(org.team())
        of = replace(by_center(org.team(), org.accounts), leads=("sofia",))
        old = org.users["james"]
        store.center_users.keep(org.id, "james", old, NOON)
        org.group("old-group", "james")
        of = replace(of, people={**of.people, "james": replace(of.people["james"], email="nobody@example.com")})

        def work():
            return Casework(org.app, store, of, NOON, "sofia")

        def groups():
            found = org.store.list_group_memberships_for_member(IdentityStoreId=org.id, MemberId={"UserId": old})
            return len(found["GroupMemberships"])

        frozen = containment.freeze(work(), containment.planned_for(work(), "james", Asked(None, "left", "sofia")))
        assert groups() == 0
        assert f"user {old} is in no group" in {check.what for check in frozen.checks if check.holds}
        containment.thaw(work(), frozen.containment.id, acknowledge_drift=True)
        assert groups() == 1
        org.store.delete_user(IdentityStoreId=org.id, UserId=old)
        planned = containment.planned_for(work(), "james", Asked(None, "left", "sofia"))
        assert {change.account for change in planned.containment.changes} & {PLACE} == set()
