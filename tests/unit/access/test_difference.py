"""Differences between team files: each edit gives its own lines to the second, and they are true at every instant."""

import re
from dataclasses import replace
from datetime import time, timedelta
from itertools import chain, product
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import DAY, HERE, MONDAY, grant, group, layer, permission_set, person, rota, team, with_rota
from tests.unit.access.drawn import ACTIONS, LEDGER, MFA, OFFICE, WEEK, allowed, instants, statements, teams

from watchbill.access.compile import compile_account
from watchbill.access.difference import differences
from watchbill.access.outlive import kept_out
from watchbill.access.ways import Ways
from watchbill.intervals import Interval, iso
from watchbill.policy.actions import actions_matching
from watchbill.policy.model import Request
from watchbill.policy.patterns import glob, matches
from watchbill.policy.statements import PolicyError
from watchbill.team.model import Account, Kind, Leave, Override, PermissionSet


T = team()
SPAN = Interval(MONDAY, MONDAY + 2 * DAY)
WITH_MFA = ("if aws:MultiFactorAuthPresent is true",)
WITHOUT_MFA = ("unless aws:MultiFactorAuthPresent is true",)

TAKING = "sts:AssumeRole"


def hours(*spans):
    """Write spans in hours after Monday's midnight."""
    return tuple(Interval(MONDAY + timedelta(hours=start), MONDAY + timedelta(hours=end)) for start, end in spans)


def expanded(patterns):
    """Give the listed actions that patterns speak of; a pattern that none is of as it is."""
    return {action for pattern in patterns for action in actions_matching(pattern) or (pattern,)}


def lines(old, new, within=SPAN):
    """Give each change but that of taking a role itself, which comes with what the role gives."""
    found = {}
    for change in differences(old, new, within):
        actions = expanded(change.actions) - {TAKING}
        if actions:
            key = (change.account, change.person, "gains" if change.gained else "loses", change.resource)
            found[(*key, change.intervals, change.conditions)] = actions
    return found


def line(account, who, verb, spans, conditions=(), resource="*"):
    """Write what a line is told by."""
    return (account, who, verb, resource, spans, conditions)


ALWAYS = (SPAN,)
KEPT_OUT = expanded(action for each in kept_out(()) for action in each.actions)
"""What no role does on call, since it can outlive the shift."""
ON_CALL = expanded(T.permission_sets["prod-oncall"].allow) - KEPT_OUT
ANYWAY = expanded(T.permission_sets["read-only"].allow)
"""What developers may do in production without being on call."""


def with_sets(*made, of=T):
    """Put permission sets into a team, in the place of those of the same name."""
    return replace(of, permission_sets={**of.permission_sets, **{each.name: each for each in made}})


def with_group(name, members, of=T, **more):
    """Give a group other members."""
    changed = replace(of.groups[name], members=tuple(members), **more)
    return replace(of, groups={**of.groups, name: changed})


def written(name, *of):
    """Make a permission set of statements."""
    return PermissionSet(name, "", (), (), {"Version": "2012-10-17", "Statement": list(of)}, HERE)


def audit(*of):
    """Give sofia, always and everywhere, what statements say; in both accounts."""
    return with_sets(written("audit", *of))


# --- one edit, its lines ---


def test_the_same_team_is_no_difference():
    """Also when the file is written in another order, and has names that give nothing."""
    assert differences(T, T, SPAN) == ()
    turned = replace(
        T,
        people=dict(reversed(list(T.people.items()))),
        groups=dict(reversed(list(T.groups.items()))),
        permission_sets={"unused": permission_set("unused", allow=("*",)), **T.permission_sets},
        accounts=dict(reversed(list(T.accounts.items()))),
    )
    assert differences(T, turned, SPAN) == ()


def test_who_joins_a_group_gains_what_it_gives():
    """In the accounts of the group alone; what its Deny takes she did not have."""
    found = lines(T, with_group("support", ("lee", "priya", "sofia")))
    assert found == {line("production", "sofia", "gains", ALWAYS): expanded(["ec2:Describe*"])}


def test_who_leaves_a_group_loses_what_it_gave():
    """What being on call gives stays."""
    found = lines(T, with_group("developers", ("ada", "james")))
    assert found == {
        line("staging", "rick", "loses", ALWAYS): expanded(("ec2:*", "s3:*", "lambda:*")),
        line("production", "rick", "loses", ALWAYS): ANYWAY,
        # What he held anyway he has now while on call.
        line("production", "rick", "gains", hours((11, 18), (35, 42)), WITH_MFA): ANYWAY - KEPT_OUT,
    }


def test_a_group_in_a_group_brings_its_members():
    """Membership is not what is written under `members` alone."""
    found = lines(T, with_group("support", ("lee", "priya"), includes=("security",)))
    assert found == {line("production", "sofia", "gains", ALWAYS): expanded(["ec2:Describe*"])}


def test_a_deny_that_comes_with_a_group_takes_away():
    """Somebody who joins support can no longer terminate what others may."""
    before = with_sets(permission_set("audit", allow=("ec2:*",)))
    found = lines(before, with_group("support", ("lee", "priya", "sofia"), before))
    assert found == {line("production", "sofia", "loses", ALWAYS): {"ec2:TerminateInstances"}}


@pytest.mark.slow
def test_a_swap_moves_an_evening():
    """To the second, and nobody else's."""
    swap = Override("swap", Kind.PRIMARY, hours((18, 22))[0], "rick", "james", "cinema", "ada", HERE)
    found = lines(T, with_rota(T, rota(overrides=(swap,))))
    assert found == {
        line("production", "james", "loses", hours((18, 22)), WITH_MFA): ON_CALL - ANYWAY,
        line("production", "rick", "gains", hours((18, 22)), WITH_MFA): ON_CALL - ANYWAY,
    }


@pytest.mark.slow
def test_a_leave_takes_a_watch_away():
    """Nobody gains it: it is a gap."""
    away = Leave("james", Interval(MONDAY, MONDAY + DAY), HERE)
    found = lines(T, with_rota(T, rota(leave=(away,))))
    assert found == {line("production", "james", "loses", hours((18, 24)), WITH_MFA): ON_CALL - ANYWAY}


@pytest.mark.slow
def test_a_layer_in_another_time_zone_moves_its_edges():
    """Berlin's evening begins an hour before London's: what overlaps stays, the edges change hands."""
    layers = list(rota().layers)
    layers[1] = replace(layers[1], time_zone="Europe/Berlin")
    found = lines(T, with_rota(T, rota(*layers)))
    earlier, later = hours((17, 18), (41, 42)), hours((1, 2), (25, 26))
    assert found == {
        line("production", "james", "gains", earlier, WITH_MFA): ON_CALL - ANYWAY,
        line("production", "rick", "loses", earlier, WITH_MFA): ON_CALL - ANYWAY,
        line("production", "ada", "loses", later[:1], WITH_MFA): ON_CALL - ANYWAY,
        line("production", "james", "loses", later[1:], WITH_MFA): ON_CALL - ANYWAY,
    }


@pytest.mark.slow
def test_a_rota_that_gives_more_gives_it_in_each_watch():
    """One action more of the permission set, to whoever is on call, while they are."""
    more = permission_set("prod-oncall", allow=("ec2:*", "rds:*", "s3:*", "sqs:SendMessage"), deny=("iam:*", "cloudtrail:*"))  # fmt: skip
    found = lines(T, with_sets(more))
    assert set(map(frozenset, found.values())) == {frozenset({"sqs:SendMessage"})}
    assert {key[1]: key[4] for key in found} == {
        "ada": hours((0, 2)),
        "james": hours((18, 26), (42, 48)),
        "lee": hours((2, 11)),
        "priya": hours((26, 35)),
        "rick": hours((11, 18), (35, 42)),
    }
    assert {(key[0], key[2], key[5]) for key in found} == {("production", "gains", WITH_MFA)}


def test_a_permission_set_that_changes_does_so_for_all_who_hold_it():
    """Added and removed actions are told by person and account."""
    changed = permission_set("developer", allow=("ec2:*", "lambda:*", "sqs:*"), deny=("ec2:TerminateInstances",))
    found = lines(T, with_sets(changed))
    expected = {}
    for who in ("ada", "james", "rick"):
        expected[line("staging", who, "gains", ALWAYS)] = expanded(["sqs:*"])
        expected[line("staging", who, "loses", ALWAYS)] = expanded(["ec2:TerminateInstances", "s3:*"])
    assert found == expected


def test_a_new_account_is_gained_and_one_that_is_gone_lost():
    """Whoever has access there."""
    sandbox = Account("sandbox", "333333333333", "sandbox", None, HERE)
    access = (*T.groups["developers"].access, *group("g", (), ("developer", "sandbox")).access)
    new = with_group("developers", T.groups["developers"].members, access=access)
    new = replace(new, accounts={**T.accounts, "sandbox": sandbox})
    expected = {
        line("sandbox", who, "gains", ALWAYS): expanded(("ec2:*", "s3:*", "lambda:*"))
        for who in ("ada", "james", "rick")
    }
    assert lines(T, new) == expected
    assert lines(new, T) == {(*key[:2], "loses", *key[3:]): actions for key, actions in expected.items()}


def test_a_grant_is_gained_for_its_span():
    """Without a condition, and cut where what is compared ends."""
    granted = replace(T, grants=(grant("g1", "sofia", (20, 30)),))
    assert lines(T, granted) == {
        line("production", "sofia", "gains", hours((20, 30))): expanded(("ec2:*", "s3:*", "lambda:*"))
    }
    granted = replace(T, grants=(grant("g1", "sofia", (40, 90)),))
    assert set(lines(T, granted)) == {line("production", "sofia", "gains", hours((40, 48)))}
    ended = replace(T, grants=(grant("g1", "sofia", (-20, -10)),))
    assert lines(T, ended) == {}


def test_what_begins_after_the_span_is_no_difference_within_it():
    """The question is about a span."""
    later = replace(T, grants=(grant("g1", "sofia", (48, 50)),))
    assert lines(T, later) == {}
    assert lines(T, later, Interval(MONDAY, MONDAY + 3 * DAY)) != {}


def test_a_person_who_is_gone_loses_all():
    """By the name that the old file has for them."""
    people = {name: each for name, each in T.people.items() if name != "sofia"}
    gone = replace(with_group("security", ()), people=people)
    found = lines(T, gone)
    assert {key[:3] for key in found} == {("production", "sofia", "loses"), ("staging", "sofia", "loses")}
    come = replace(with_group("security", ("nina",)), people={**people, "nina": person("nina")})
    assert {key[1:3] for key in lines(T, come)} == {("sofia", "loses"), ("nina", "gains")}


def test_a_condition_that_comes_or_goes_is_told():
    """What may be done only from the office is lost without it, and gained with it."""
    always = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    office = {**always, "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
    found = lines(audit(always), audit(office))
    at_office = ("if aws:SourceIp is in 192.0.2.0/24",)
    assert found[line("staging", "sofia", "loses", ALWAYS)] == expanded(["sqs:*"])
    assert found[line("staging", "sofia", "gains", ALWAYS, at_office)] == expanded(["sqs:*"])
    assert len(found) == 4


# --- what may be done is compared, not the text ---


READ = ["ec2:Describe*", "s3:Get*"]
ALL = {"Effect": "Allow", "Action": READ, "Resource": "*"}
SAME = [
    ([ALL], [{**ALL, "Action": "ec2:describe*"}, {**ALL, "Action": ["S3:GET*", "s3:GetObject"], "Sid": "Why"}]),
    ([ALL], [{**ALL, "Action": [*READ, "s3:GetObjec?"]}]),
    ([ALL], [{"Effect": "Allow", "Action": ["ec2:*", "s3:Get*"], "Resource": "*"}, {"Effect": "Deny", "Action": [each for each in actions_matching("ec2:*") if not each.startswith("ec2:Describe")], "Resource": "*"}]),
    ([ALL], [{**ALL, "Resource": ["*", "arn:aws:s3:::ledger/*"]}]),
    ([ALL], [ALL, {**ALL, "Resource": "arn:aws:s3:::ledger/*"}]),
    ([ALL], [ALL, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_same_rights_in_other_words_are_no_difference(old, new):
    """Statements split, spelled, ordered, repeated and denied to no effect."""
    assert differences(audit(*old), audit(*new), SPAN) == ()
    assert differences(audit(*new), audit(*old), SPAN) == ()


OFFICES = ["192.0.2.0/24", "198.51.100.0/24"]
IN = {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "IpAddress": {"aws:SourceIp": OFFICES}}
GUARDED: dict[str, Any] = {
    "Effect": "Allow",
    "Action": ["sqs:Send*", "sqs:Get*"],
    "Resource": ["arn:aws:sqs:*:*:a", "arn:aws:sqs:*:*:b"],
    "Condition": IN,
}
GUARDED_TOO = {**GUARDED, "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}
REORDERED = {
    "conditions": ([GUARDED], [{**GUARDED, "Condition": dict(reversed(IN.items()))}]),
    "values": ([GUARDED], [{**GUARDED, "Condition": {**IN, "IpAddress": {"aws:SourceIp": OFFICES[::-1]}}}]),
    "actions": ([GUARDED], [{**GUARDED, "Action": GUARDED["Action"][::-1]}]),
    "resources": ([GUARDED], [{**GUARDED, "Resource": GUARDED["Resource"][::-1]}]),
    "elements": ([GUARDED], [dict(reversed(GUARDED.items()))]),
    "statements": ([GUARDED, GUARDED_TOO], [GUARDED_TOO, GUARDED]),
    "named statements": ([GUARDED, GUARDED_TOO], [{**GUARDED_TOO, "Sid": "A"}, {**GUARDED, "Sid": "B"}]),
    "a list of one": ([GUARDED, GUARDED_TOO], [{**GUARDED_TOO, "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}, GUARDED]),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), REORDERED.values(), ids=REORDERED)
def test_another_order_is_no_difference(old, new):
    """Not beside an edit of the same statements either, of which only that edit is told."""
    assert differences(audit(*old), audit(*new), SPAN) == ()
    edited = [{**each, "Action": [*each["Action"], "sqs:PurgeQueue"]} for each in new]
    found = differences(audit(*old), audit(*edited), SPAN)
    assert {(change.gained, change.actions) for change in found} == {(True, ("sqs:PurgeQueue",))}


def test_a_permission_set_in_another_order_is_no_difference():
    """Lists of allowed and denied actions."""
    old = permission_set("audit", allow=("iam:Get*", "iam:List*", "sqs:*"), deny=("sqs:PurgeQueue", "sqs:DeleteQueue"))
    turned = replace(old, allow=old.allow[::-1], deny=old.deny[::-1])
    assert differences(with_sets(old), with_sets(turned), SPAN) == ()


def test_a_malformed_policy_is_refused_by_the_place_it_has_in_the_file():
    """Though statements are compared in an order of their own."""
    wrong = {"Effect": "Perhaps", "Action": "a4b:*", "Resource": "*"}
    with pytest.raises(PolicyError, match="audit: statement 1: Effect"):
        differences(T, audit(GUARDED, wrong), SPAN)


def test_the_same_rights_by_another_group_are_no_difference():
    """What someone holds twice they do not lose with one of the two."""
    twice = replace(T, groups={**T.groups, "again": group("again", ("sofia",), ("audit", "production"))})
    assert differences(T, twice, SPAN) == ()
    assert differences(twice, T, SPAN) == ()


# --- resources ---


def on(resource, effect="Allow", action="s3:*"):
    """Write a statement of some resources."""
    return {"Effect": effect, "Action": action, "Resource": resource}


def told(old, new, resource):
    """Tell what the lines about an S3 resource say: those of its own pattern, or of all but others."""
    found = set()
    for change in differences(audit(*old), audit(*new), SPAN):
        pattern, _, but = change.resource.partition("but ")
        pattern = "*" if pattern in ("all ", "*") else pattern.strip()
        excepted = any(matches(glob(each), resource) for each in but.split(", ") if each)
        if change.account == "staging" and matches(glob(pattern), resource) and not excepted:
            found.add("gains" if change.gained else "loses")
    return found


def test_resources_that_are_gained_are_named():
    """By the pattern that the file has."""
    found = lines(audit(on("arn:aws:s3:::a/*")), audit(on(["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"])))
    assert found == {
        line(account, "sofia", "gains", ALWAYS, resource="arn:aws:s3:::b/*"): expanded(["s3:*"])
        for account in ("production", "staging")
    }


LEDGERS = "arn:aws:s3:::ledger/*"
NARROWER = [
    ([on("*")], [on(LEDGERS)], "arn:aws:s3:::other/a"),
    ([on(LEDGERS)], [on("arn:aws:s3:::ledger/logs/*")], LEDGER),
    ([on("*")], [on("*"), on(LEDGERS, "Deny")], LEDGER),
    ([on("*")], [{"Effect": "Allow", "Action": "s3:*", "NotResource": LEDGERS}], LEDGER),
    ([{"Effect": "Allow", "Action": "s3:*", "NotResource": LEDGERS}], [on("arn:aws:s3:::other/*")], "arn:aws:s3:::third/a"),
    ([on("arn:aws:s3:::*/a")], [on("arn:aws:s3:::l*/a")], "arn:aws:s3:::other/a"),
]  # fmt: skip


@pytest.mark.parametrize(("wide", "narrow", "lost"), NARROWER)
def test_some_resources_that_are_lost_or_gained_are_told(wide, narrow, lost):
    """A permission set that is narrowed takes something away, though some of it is left."""
    assert told(wide, narrow, lost) == {"loses"}
    assert told(narrow, wide, lost) == {"gains"}


def test_resources_written_another_way_are_no_difference():
    """`NotResource` is an Allow of all with a Deny of those."""
    but = {"Effect": "Allow", "Action": "s3:*", "NotResource": LEDGERS}
    assert differences(audit(but), audit(on("*"), on(LEDGERS, "Deny")), SPAN) == ()
    several = on(["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"])
    assert differences(audit(several), audit(on("arn:aws:s3:::b/*"), on("arn:aws:s3:::a/*")), SPAN) == ()


def test_actions_that_take_no_resource_are_not_told_of_one():
    """`s3:CreateJob` is not held by a statement about a bucket, and does not hide what is."""
    both = ["s3:CreateJob", "s3:GetObject"]
    found = lines(audit(on("arn:aws:s3:::a/*", action=both)), audit(on("arn:aws:s3:::b/*", action=both)))
    assert {(key[1:4], frozenset(actions)) for key, actions in found.items()} == {
        (("sofia", "loses", "arn:aws:s3:::a/*"), frozenset({"s3:GetObject"})),
        (("sofia", "gains", "arn:aws:s3:::b/*"), frozenset({"s3:GetObject"})),
    }


# --- roles ---


@pytest.mark.slow
def test_who_can_no_longer_take_a_role_loses_what_it_gives():
    """A Deny of `sts:AssumeRole` in what they hold by their group takes their watches away."""
    denied = permission_set("read-only", allow=T.permission_sets["read-only"].allow, deny=("sts:AssumeRole",))
    found = lines(T, with_sets(denied))
    assert {key[1]: key[4] for key in found if key[2] == "loses"} == {
        "ada": hours((0, 2)),
        "james": hours((18, 26), (42, 48)),
        "rick": hours((11, 18), (35, 42)),
    }
    assert set(map(frozenset, found.values())) == {frozenset(ON_CALL - ANYWAY)}


@pytest.mark.slow
def test_a_statement_that_a_role_has_only_now_is_a_change():
    """Though the users who take it have long had the same one in their own policies."""
    two = with_rota(T, rota(layer("amer", "America/Los_Angeles", 18, 17, ("priya", "lee"))))
    may = {"Effect": "Allow", "Action": ["ec2:*", "rds:*"], "Resource": "*"}
    deny = {"Effect": "Deny", "Action": ["ec2:TerminateInstances"], "Resource": "*"}
    old, new = (with_sets(written("prod-oncall", *each), of=two) for each in ([may], [may, deny]))
    found = lines(old, new)
    assert {key[1] for key in found} == {"lee", "priya"}
    assert set(map(frozenset, found.values())) == {frozenset({"ec2:TerminateInstances"})}


STAGED = replace(rota(layer("x", "UTC", 0, 0, ("rick",))), accounts=("staging",), entitlement={Kind.PRIMARY: "developer"})  # fmt: skip


@pytest.mark.slow
def test_what_is_held_anyway_is_neither_gained_nor_lost():
    """A rota that gives developers in staging what they have there by their group changes nothing."""
    assert lines(replace(T, rotas={}), with_rota(T, STAGED)) == {}
    assert lines(with_rota(T, STAGED), replace(T, rotas={})) == {}


# --- actions ---


@pytest.mark.parametrize("action", ["quantum:foo", "quantum:*", "iam:shinynew"])
def test_an_action_that_is_not_listed_is_told(action):
    """It may be newer than our data."""
    more = permission_set("audit", allow=(*T.permission_sets["audit"].allow, action))
    found = lines(T, with_sets(more))
    assert {(key[1], key[2]): actions for key, actions in found.items()} == {("sofia", "gains"): {action}}


def test_an_action_that_is_not_listed_goes_with_the_watch():
    """Though the statements that come and go with it speak of `*`."""
    held = with_sets(permission_set("prod-oncall", allow=("quantum:foo",)))
    away = Leave("james", Interval(MONDAY, MONDAY + DAY), HERE)
    found = lines(held, with_rota(held, rota(leave=(away,))))
    assert found == {line("production", "james", "loses", hours((18, 24)), WITH_MFA): {"quantum:foo"}}


@pytest.mark.parametrize(
    ("allow", "deny", "lost"),
    [("quantum:foo", "quantum:*", "quantum:foo"), ("quantum:*", "quantum:foo", "quantum:foo"), ("ec2:*", "ec2:shinynew", "ec2:shinynew"), ("ec2:shinynew", "ec2:*", "ec2:shinynew")],
)  # fmt: skip
def test_an_action_that_is_not_listed_is_denied(allow, deny, lost):
    """By its name or by a pattern around it."""
    old = with_sets(permission_set("audit", allow=(allow,)))
    found = differences(old, with_sets(permission_set("audit", allow=(allow,), deny=(deny,))), SPAN)
    assert {(change.gained, change.actions) for change in found} == {(False, (lost,))}


def test_what_is_allowed_to_all_is_not_gained():
    """`sts:GetCallerIdentity` needs no permission."""
    more = permission_set("audit", allow=(*T.permission_sets["audit"].allow, "sts:Get*"))
    found = differences(T, with_sets(more), SPAN)
    told_of = {each for change in found for pattern in change.actions for each in actions_matching(pattern)}
    assert told_of == set(actions_matching("sts:Get*")) - {"sts:GetCallerIdentity"}


NOTHING = with_sets(permission_set("audit"))
WORDS = [
    (("ec2:*",), (), "ec2:*"),
    (("ec2:Describe*", "s3:GetObject"), (), "ec2:Describe*, s3:GetObject"),
    (("ec2:*",), ("ec2:DescribeInstances",), "ec2:* but ec2:DescribeInstances"),
    (("ec2:*", "lambda:*"), ("ec2:Describe*", "ec2:RunInstances"), "ec2:* but ec2:Describe*, ec2:RunInstances; lambda:*"),
    (("ec2:Describe*",), ("ec2:DescribeInstances",), "ec2:Describe* but ec2:DescribeInstances"),
    (("ec2:*", "ec2:shinynew"), (), "ec2:*"),
    (("ec2:*",), ("ec2:shinynew",), "ec2:* but ec2:shinynew"),
    (("quantum:foo", "quantum:bar"), (), "quantum:bar, quantum:foo"),
    (("*",), ("iam:*", "kms:*", "sts:*"), "* but iam:*, kms:*, sts:*"),
    (("sts:Get*",), (), "sts:Get* but sts:GetCallerIdentity"),
    (("kms:Re*",), (), "kms:ReEncryptFrom, kms:ReEncryptTo, kms:ReplicateKey, kms:RetireGrant, kms:RevokeGrant"),
]  # fmt: skip


@pytest.mark.parametrize(("allow", "deny", "words"), WORDS)
def test_actions_are_said_in_few_words(allow, deny, words):
    """What is held anyway, or denied, is said to be left out where that is shorter than what is left."""
    found = differences(NOTHING, with_sets(permission_set("audit", allow=allow, deny=deny)), SPAN)
    assert {change.words for change in found} == {words}


def test_what_is_held_anyway_is_left_out():
    """Somebody who may describe some things gains the rest."""
    held = permission_set("audit", allow=("ec2:DescribeInstances", "ec2:DescribeTags"))
    (first, second) = differences(with_sets(held), with_sets(replace(held, allow=("ec2:*",))), SPAN)
    assert first.words == second.words == "ec2:* but ec2:DescribeInstances, ec2:DescribeTags"
    # What programs are told has no exceptions.
    assert expanded(first.actions) == expanded(["ec2:*"]) - {"ec2:DescribeInstances", "ec2:DescribeTags"}


def meant(words):
    """Read words back: the actions that they speak of."""
    found = set()
    for each in words.split("; ") if " but " in words else words.split(", "):
        pattern, _, excepted = each.partition(" but ")
        found |= expanded([pattern]) - expanded(excepted.split(", ") if excepted else ())
    return found


PATTERNS = ["ec2:*", "ec2:Describe*", "ec2:DescribeInst*", "ec2:TerminateInstances", "s3:*", "s3:Get*", "s3:GetObject", "s3:*Object", "kms:*", "kms:List*", "sqs:*", "sqs:S*", "logs:*", "execute-api:*", "a4b:*"]  # fmt: skip


@examples(6, 25)
@given(
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True),
)
def test_patterns_say_exactly_what_changed(allow, deny):
    """`ec2:Describe*` stands only for all that it matches, and nothing is left out; nor is it in fewer words."""
    new = with_sets(permission_set("audit", allow=tuple(allow), deny=tuple(deny)))
    of_staging = [change for change in differences(NOTHING, new, SPAN) if change.account == "staging"]
    assert all(change.gained for change in of_staging)
    said = expanded(chain.from_iterable(change.actions for change in of_staging))
    assert said == expanded(allow) - expanded(deny)
    for change in of_staging:
        assert meant(change.words) == expanded(change.actions)
        assert len(re.split("[;,] | but ", change.words)) <= len(change.actions)
        covered = [expanded([pattern]) for pattern in change.actions]
        assert sum(map(len, covered)) == len(set().union(*covered)), "one action is said twice"


@pytest.mark.slow
def test_a_span_of_another_time_is_compiled_as_of_its_start():
    """A handoff at another hour, months ahead, is told then; `time` of day and horizon do not keep it out."""
    ahead = Interval(MONDAY + 120 * DAY, MONDAY + 121 * DAY)
    layers = list(rota().layers)
    layers[0] = replace(layers[0], restrictions=(replace(layers[0].restrictions[0], start=time(12)),))
    found = lines(T, with_rota(T, rota(*layers)), ahead)
    assert {key[2] for key in found} == {"loses"}
    (spans,) = {key[4] for key in found}
    # British Summer Time: London's noon is 11:00 in UTC.
    assert [(iso(each.start), iso(each.end)) for each in spans] == [("2026-05-12T10:00:00Z", "2026-05-12T11:00:00Z")]


# --- at every instant ---


def held(of, within):
    """Give what tells who may do what at an instant with MFA or without, by the documents of a team."""
    ways = Ways(compile_account(of, of.accounts["production"], within.start).state)
    found = {user: list(ways.of(user)) for user in ways.users}

    def ask(who, action, at, mfa):
        context = {"aws:CurrentTime": iso(at), MFA: mfa, "aws:SourceIp": OFFICE}
        asked = Request(action, LEDGER, context, complete=True)
        return any(allowed(way, asked) for way in found.get(who, ()))

    return ask


SIMPLE = statements(({"Resource": "*"},), ({}, {"Bool": {MFA: "true"}}, {"DateLessThan": {"aws:CurrentTime": "2026-01-14T00:00:00Z"}}, {"StringEquals": {"aws:username": "ana"}}))  # fmt: skip


@examples(5, 25)
@given(teams(SIMPLE), teams(SIMPLE), st.lists(instants(), min_size=4, max_size=8))
def test_point_answers_differ_where_a_change_says_so(old, new, times):
    """Who may do something only before loses it, who may only after gains it: at every instant, with MFA and without."""
    found = differences(old, new, WEEK)
    before, after = held(old, WEEK), held(new, WEEK)
    by_action = {action: [change for change in found if action in expanded(change.actions)] for action in ACTIONS}
    for at, action, who, mfa in product(times, ACTIONS, old.people, ("true", "false")):
        had, has = before(who, action, at, mfa), after(who, action, at, mfa)
        said = {
            change.gained
            for change in by_action[action]
            if change.person == who and any(at in each for each in change.intervals)
            if not change.conditions or change.conditions == (WITH_MFA if mfa == "true" else WITHOUT_MFA)
        }
        event(f"{had} {has}")
        if had is not has:
            assert has in said, (at, action, who, mfa)
        # What is said to be gained is there then, and what is lost was; by some way under the same conditions.
        assert True not in said or has
        assert False not in said or had
