"""Whatever a person may do and how: a freeze ends all of it, and its restore gives back exactly that."""

from datetime import timedelta
from fnmatch import fnmatchcase

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.respond.frozen import NOON, TEAM, before, by_hand, carry_out, frozen, observe, read, seen
from tests.unit.respond.states import clouds, copied

from watchbill.access.model import AccessKey
from watchbill.access.quarantine import DENY_ALL
from watchbill.intervals import iso
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.respond.freeze import mended, needed
from watchbill.respond.reach import lifted, reached
from watchbill.respond.restore import differences, plan_restore
from watchbill.respond.verify import verify_frozen


ACTIONS = ("s3:GetObject", "iam:CreateAccessKey", "sts:AssumeRole", "ec2:TerminateInstances")
LATER = NOON + timedelta(hours=1)


def denied(documents, action, context):
    """Tell whether documents deny something outright: the obvious way, by itself, for what a freeze writes alone."""
    for document in documents:
        for statement in document["Statement"]:
            actions = statement.get("Action", ())
            matches = any(fnmatchcase(action, each) for each in ([actions] if isinstance(actions, str) else actions))
            if (
                statement["Effect"] == "Deny"
                and matches
                and statement.get("Resource") == "*"
                and _meets(statement, context)
            ):
                return True
    return False


def _meets(statement, context):
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            held, wanted = context.get(key), [values] if isinstance(values, str) else values
            if held is None:
                return False
            if operator == "StringEquals" and held not in wanted:
                return False
            if operator == "StringLike" and not any(fnmatchcase(held, each) for each in wanted):
                return False
            if operator == "DateLessThan" and not any(held < each for each in wanted):
                return False
            if operator not in ("StringEquals", "StringLike", "DateLessThan"):
                return False
    return True


def documents_of(state, holder):
    """Give what is attached to a user or a role and written into it; of AWS's own the one that denies all."""
    deny_all = {"Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": "*"}]}
    arns = [*holder.attached, *([holder.boundary] if holder.boundary == DENY_ALL else [])]
    found = [
        deny_all if arn == DENY_ALL else state.policies[arn].document
        for arn in arns
        if arn == DENY_ALL or arn in state.policies
    ]
    return [*found, *holder.inline.values()]


def sessions(state, role, each):
    """Give the sessions that James may have had of a role before he was frozen."""
    assert role.name == each.role
    named = {"aws:userid": "AROA:james"}
    yield {**named, "aws:SourceIdentity": "james"}
    yield {"aws:userid": "AROA:passed-on", "aws:SourceIdentity": "james"}
    if each.named:
        yield named
    else:
        for seconds in (-3600, 0, 30):
            yield {"aws:userid": "AROA:any", "aws:TokenIssueTime": iso(NOON + timedelta(seconds=seconds))}


def is_denied(documents, action, context):
    """Ask both evaluators; they must agree."""
    obvious = denied(documents, action, context)
    policies = [parse_policy(document, str(n)) for n, document in enumerate(documents)]
    ours = evaluate(Request(action, "*", {**context, "aws:CurrentTime": iso(LATER)}, complete=True), identity=policies)
    assert obvious is (ours.effect is Effect.EXPLICITLY_DENIED)
    return obvious


@settings(max_examples=60)
@given(clouds())
def test_nothing_is_allowed_by_any_path_there_was(cloud):
    """By the user in each account, by each role in reach, live sessions, passed-on ones, and those without his name."""
    paths = reached("james", read(cloud))
    found = frozen(cloud)
    carry_out(found.changes, cloud)
    for state in read(cloud).values():
        for action in ACTIONS:
            assert is_denied(documents_of(state, state.users["james"]), action, {"aws:username": "james"})
    for each in paths:
        state = read(cloud)[each.account]
        role = state.roles[each.role]
        for context in sessions(state, role, each):
            for action in ACTIONS:
                assert is_denied(documents_of(state, role), action, context), (each, context)
    assert reached("james", read(cloud)) == ()
    checks = verify_frozen(found, seen(cloud), before(cloud).observed, LATER)
    assert [check for check in checks if not check.holds] == []
    assert not any(key.active for keys in cloud.keys.values() for key in keys)
    assert not any(door.active for doors in cloud.doors.values() for door in doors)
    assert list(needed(found, seen(cloud))) == []


@settings(max_examples=60)
@given(clouds())
def test_what_is_restored_is_what_there_was(cloud):
    """To the letter, where no key is stolen, the schedule has not moved and nobody else did anything."""
    was, credentials = observe(cloud), {n: seen(cloud).credentials[n] for n in TEAM.accounts}
    untouched, found = before(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    back = plan_restore(found, was, seen(cloud), untouched, ())
    carry_out(back.changes, cloud)
    assert observe(cloud) == was
    assert seen(cloud).credentials == credentials
    assert (back.drift, back.left_out, differences(found, was, observe(cloud))) == ((), (), ())


@settings(max_examples=40)
@given(clouds(), st.data())
def test_what_is_not_as_it_was_is_what_the_plan_says(cloud, data):
    """Keys that were stolen, groups that the file gives no more, and what others did: each is named, nothing else is."""
    was, untouched = observe(cloud), before(cloud)
    keys = {(account, key.id) for account, held in untouched.credentials.items() for key in held.keys if key.active}
    stolen = data.draw(st.frozensets(st.sampled_from(sorted(keys)))) if keys else frozenset()
    found = frozen(cloud)
    carry_out(found.changes, cloud)
    gone = data.draw(st.frozensets(st.sampled_from(sorted(found.groups)))) if found.groups else frozenset()
    desired = {
        name: type(state)(name, state.number, _without(state.users, name, gone), {}, {}, {})
        for name, state in was.items()
    }
    hand = data.draw(st.booleans())
    if hand:
        by_hand(cloud, "PutUserPolicy", UserName="james", PolicyName="hand", PolicyDocument='{"Statement":[]}')
        cloud.keys["production", "james"].append(AccessKey("AKIAHAND", active=False))
    back = plan_restore(found, desired, seen(cloud), untouched, {key for _, key in stolen})
    carry_out(back.changes, cloud)
    assert sorted(back.left_out) == sorted(
        [f"key {key} in {account}: marked stolen, it stays off" for account, key in stolen]
        + [f"group {group} in {account}: the team file no longer gives it to james" for account, group in gone]
    )
    assert [drift.what for drift in back.drift] == (
        ["inline policy hand was added since the freeze", "key AKIAHAND was made since the freeze"] if hand else []
    )
    for account, state in observe(cloud).items():
        user, before_ = state.users["james"], was[account].users["james"]
        assert before_.groups - user.groups == {group for name, group in gone if name == account}
        assert user.groups <= before_.groups
        assert user.attached == before_.attached
        assert user.boundary == before_.boundary
        assert {k: v for k, v in user.inline.items() if k != "hand"} == before_.inline
        off = {key.id for key in untouched.credentials[account].keys if key.active} - {
            key.id for key in cloud.keys[account, "james"] if key.active
        }
        assert off == {key for name, key in stolen if name == account}


def _without(users, account, gone):
    james = users["james"]
    left = james.groups - {group for name, group in gone if name == account}
    return {"james": type(james)("james", james.arn, james.path, frozenset(left))}


@settings(max_examples=40)
@given(clouds(), st.data())
def test_whatever_part_was_undone_is_mended(cloud, data):
    """Any steps left out or taken back, in any state: the next look finds it, and mends it with those steps alone."""
    was, untouched, found = observe(cloud), before(cloud), frozen(cloud)
    whole = copied(cloud)
    carry_out(found.changes, whole)
    skipped = data.draw(st.frozensets(st.integers(0, len(found.changes) - 1)))
    carry_out([change for n, change in enumerate(found.changes) if n not in skipped], cloud)
    now = mended(found, seen(cloud), untouched.observed)
    assert len(now.changes) == len(skipped)
    carry_out(now.changes, cloud)
    assert observe(cloud) == observe(whole)
    assert seen(cloud) == seen(whole) or skipped
    again = {name: lifted("james", state, was[name].users["james"]) for name, state in read(cloud).items()}
    assert {(each.account, each.role) for each in reached("james", again)} >= {
        (each.account, each.role) for each in reached("james", was)
    }
