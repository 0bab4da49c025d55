"""What trust policies of the past forced: by the trail, by watchbill's own files, or not known; never better than it was."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import DAY, MONDAY, PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, event, record, session, user

from watchbill.access.documents import trust_document
from watchbill.access.history import History, InForce
from watchbill.access.trusts import SETTLES, Trusts, forced_by
from watchbill.alerts.audit import judgements
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Principal, Request
from watchbill.policy.statements import parse_policy
from watchbill.trail.attribute import attribute
from watchbill.trail.interfaces import Pin
from watchbill.trail.model import Confidence, Method
from watchbill.trail.read import combine, read_file


FORCED, FREE, UNKNOWN = Pin.FORCED, Pin.FREE, Pin.UNKNOWN
ACCOUNTS = {PRODUCTION, STAGING}
PEOPLE = {"james": {"james", "james@example.com"}, "rick": {"rick", "rick@example.com"}}
JAMES, RICK = f"arn:aws:iam::{PRODUCTION}:user/james", f"arn:aws:iam::{PRODUCTION}:user/team/rick"
ROOT, GITHUB = f"arn:aws:iam::{PRODUCTION}:root", "token.actions.githubusercontent.com"
ADMIN = f"arn:aws:iam::{PRODUCTION}:role/admin"
OURS = f"arn:aws:iam::{PRODUCTION}:role/watchbill/oncall-platform"
OWN = "${aws:username}"
SOURCE, SESSION = "sts:SourceIdentity", "sts:RoleSessionName"


def trust(principal, *conditions, actions=("sts:AssumeRole", "sts:SetSourceIdentity"), deny=None):
    """Make a trust policy: an Allow with conditions, and a Deny of all whose names are others."""
    allow = {"Effect": "Allow", "Principal": principal, "Action": list(actions)}
    if conditions:
        allow["Condition"] = {operator: {} for operator, _, _ in conditions}
        for operator, key, value in conditions:
            allow["Condition"][operator][key] = value
    statements = [allow]
    if deny is not None:
        denied = {"StringNotEquals": dict.fromkeys(deny, OWN)}
        statements.append({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": denied})
    return {"Version": "2012-10-17", "Statement": statements}


PINNED, OPEN = trust({"AWS": JAMES}, ("StringEquals", SOURCE, OWN)), trust({"AWS": JAMES})


def change(name, document, at=MONDAY, event_id="change", role="admin", account=PRODUCTION, **fields):
    """Make the record of a change of a trust policy."""
    key = {"CreateRole": "assumeRolePolicyDocument", "UpdateAssumeRolePolicy": "policyDocument"}.get(name)
    given = {"roleName": role} | ({} if key is None else {key: document})
    return record(f"iam:{name}", user("ada"), at, account=account, event_id=event_id, requestParameters=given, **fields)


def set_to(document, at=MONDAY, **fields):
    """Make the event of an UpdateAssumeRolePolicy."""
    return event(change("UpdateAssumeRolePolicy", json.dumps(document), at, **fields))


def made_with(document, at=MONDAY, **fields):
    """Make the event of a CreateRole."""
    return event(change("CreateRole", json.dumps(document), at, **fields))


def source(found):
    """Give what was forced of the source identity."""
    return found.source_identity


# --- what a policy forces ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "source", "name"),
    [
        (trust_document([JAMES]), FORCED, FORCED),
        (trust_document([JAMES, RICK]), FORCED, FORCED),
        (OPEN, FREE, FREE),
        (trust({"AWS": ROOT}), FREE, FREE),
        (trust({"AWS": PRODUCTION}), FREE, FREE),
        (trust({"AWS": "*"}), FREE, FREE),
        (trust("*"), FREE, FREE),
        (PINNED, FORCED, FREE),
        (trust({"AWS": ROOT}, ("StringEquals", SOURCE, OWN)), FORCED, FREE),
        (trust({"AWS": ROOT}, ("StringEquals", SOURCE, OWN + "@example.com")), FORCED, FREE),
        (trust({"AWS": [JAMES, RICK]}, ("StringEqualsIfExists", SOURCE, OWN)), FORCED, FREE),
        (trust({"AWS": [JAMES, RICK]}, ("StringEquals", SOURCE, ["james", "rick"])), FREE, FREE),
        (trust({"AWS": JAMES}, ("StringEquals", SOURCE, "rick")), FREE, FREE),
        (trust({"AWS": JAMES}, ("StringEquals", SOURCE, "james")), FORCED, FREE),
        (trust({"AWS": JAMES}, ("StringLike", SOURCE, "*@example.com")), FREE, FREE),
        (trust({"AWS": JAMES}, ("StringLike", SOURCE, "*")), FREE, FREE),
        (trust({"AWS": JAMES}, ("Bool", "aws:MultiFactorAuthPresent", "true")), FREE, FREE),
        (trust({"AWS": JAMES}, ("StringEquals", "sts:ExternalId", "x")), FREE, FREE),
        (trust({"AWS": JAMES}, ("IpAddress", "aws:SourceIp", "192.0.2.0/24")), FREE, FREE),
        (trust({"AWS": JAMES}, ("StringEquals", SOURCE, "${aws:PrincipalTag/user}")), UNKNOWN, FREE),
        (trust({"AWS": JAMES}, actions=["sts:AssumeRole"], deny=[SESSION]), UNKNOWN, FORCED),
        (trust({"AWS": ROOT}, deny=[SESSION]), FREE, FREE),
        (trust({"AWS": JAMES}, deny=[SESSION, SOURCE]), FREE, FREE),
        (trust({"AWS": f"arn:aws:iam::{PRODUCTION}:role/ci"}), FREE, FREE),
        (trust({"AWS": f"arn:aws:iam::{PRODUCTION}:role/ci"}, ("StringEquals", SOURCE, OWN)), UNKNOWN, UNKNOWN),
        (trust({"Service": "ec2.amazonaws.com"}, actions=["sts:AssumeRole"]), UNKNOWN, FREE),
        (trust({"Federated": f"arn:aws:iam::{PRODUCTION}:saml-provider/x"}, actions=["sts:*"]), UNKNOWN, UNKNOWN),
        (trust({"Federated": f"arn:aws:iam::{PRODUCTION}:oidc-provider/{GITHUB}"}, actions=["sts:*"]), UNKNOWN, FREE),
        (trust({"AWS": "AIDAQQQQQQQQQQQQQQQQQ"}), UNKNOWN, UNKNOWN),
        (trust({"AWS": JAMES}, actions=["sts:TagSession"]), UNKNOWN, UNKNOWN),
        ({"Version": "2012-10-17", "Statement": []}, UNKNOWN, UNKNOWN),
        ({"Statement": 7}, UNKNOWN, UNKNOWN),
        ({}, UNKNOWN, UNKNOWN),
    ],
)
def test_a_trust_policy_forces_what_no_caller_can_get_around(document, source, name):
    """Each principal it names tries names that are not theirs: one that may is enough."""
    assert forced_by(document, ACCOUNTS, PEOPLE)[:2] == (source, name)


@pytest.mark.parametrize(
    "principal", [FOREIGN, "*", f"arn:aws:iam::{FOREIGN}:user/james", f"arn:aws:iam::{FOREIGN}:root"]
)
def test_a_name_of_a_foreign_account_is_not_its_own(principal):
    """Somebody there may have a user called as one of ours: the policy cannot tell, so it forces nothing."""
    document = trust({"AWS": principal}, ("StringEquals", SOURCE, OWN))
    assert forced_by(document, ACCOUNTS, PEOPLE)[0] is FREE
    ours = trust(
        {"AWS": principal}, ("StringEquals", SOURCE, OWN), ("StringEquals", "aws:PrincipalAccount", PRODUCTION)
    )
    assert forced_by(ours, ACCOUNTS, PEOPLE)[0] is not FREE
    assert forced_by(document, (), PEOPLE)[0] is FORCED
    twice = trust({"AWS": principal}, ("StringEquals", SESSION, "james"), ("StringLike", SESSION, OWN))
    assert forced_by(twice, ACCOUNTS, PEOPLE)[1] is FREE
    mailed = trust({"AWS": principal}, ("StringEquals", SOURCE, OWN + "@example.com"), deny=[SESSION])
    assert forced_by(mailed, ACCOUNTS, PEOPLE)[:2] == (FREE, FREE)


def test_names_that_are_part_of_each_other_count():
    """`rick*` is no pin where there is a `rick-smith`; without one it is."""
    document = trust({"AWS": ROOT}, ("StringLike", SOURCE, OWN + "*"))
    assert forced_by(document, ACCOUNTS, PEOPLE)[0] is FORCED
    assert forced_by(document, ACCOUNTS, {**PEOPLE, "rick-smith": {"rick-smith"}})[0] is FREE
    many = {f"user{number:03}": {f"user{number:03}"} for number in range(80)} | {"x": {"x"}, "x-1": {"x-1"}}
    crowd = replace(
        team(), people={n: replace(team().people["ada"], name=n, iam_user=n, email=f"{n}@e.com") for n in many}
    )
    trusts = Trusts([made_with(document)], history(crowd, None))
    assert source(trusts.pins(ADMIN, MONDAY + DAY)) is FREE


def test_a_policy_that_names_too_many_is_not_known():
    """Each would have to be asked about; nothing is said without."""
    document = trust({"AWS": [f"arn:aws:iam::{PRODUCTION}:user/u{number}" for number in range(501)]})
    assert forced_by(document, ACCOUNTS) == (UNKNOWN, UNKNOWN, ", which names 501 principals")


VALUES = st.sampled_from([OWN, OWN + "*", "james", "rick", "ja*", "*", OWN + "@example.com", "${aws:PrincipalTag/n}"])
CONDITIONS = st.tuples(
    st.sampled_from(
        ["StringEquals", "StringLike", "StringEqualsIfExists", "StringNotEquals", "StringEqualsIgnoreCase"]
    ),
    st.sampled_from([SOURCE, SESSION, "aws:PrincipalAccount"]),
    VALUES | st.just(PRODUCTION),
)
PRINCIPALS = st.sampled_from([{"AWS": JAMES}, {"AWS": [JAMES, RICK]}, {"AWS": ROOT}, {"AWS": "*"}, {"AWS": FOREIGN}])
ANYTHING = parse_policy({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}, "own")


@settings(max_examples=150)
@given(PRINCIPALS, st.lists(CONDITIONS, max_size=2), st.sampled_from([None, [SESSION], [SOURCE]]))
def test_where_a_name_is_forced_nobody_can_take_another(principal, conditions, deny):
    """Every user of ours and a stranger try every name of somebody else's: nobody gets through under a forced one."""
    document = trust(principal, *conditions, deny=deny)
    forced = forced_by(document, ACCOUNTS, PEOPLE)
    decide = Evaluator(Layers(identity=(ANYTHING,), resource=parse_policy(document, "trust"))).decide
    everybody = [(arn, arn.split("/")[-1], True) for arn in (JAMES, RICK)]
    everybody += [(f"arn:aws:iam::{FOREIGN}:user/{name}", name, False) for name in PEOPLE]
    every_name = [name for names in PEOPLE.values() for name in names]
    for arn, user_name, is_ours in everybody:
        own = PEOPLE[user_name] if is_ours else set()
        for taken in every_name:
            for other in (None, *every_name):
                for which, named in ((SOURCE, {SOURCE: taken, SESSION: other or "s"}), (SESSION, {SESSION: taken})):
                    if which == SESSION and other is not None:
                        named |= {SOURCE: other}
                    if forced[which == SESSION] is not FORCED or taken in own:
                        continue
                    calls = [("sts:AssumeRole", named)]
                    calls += [("sts:SetSourceIdentity", {SOURCE: named[SOURCE]})] if SOURCE in named else []
                    asked = [Request(c, ADMIN, k, complete=True, principal=Principal.of(arn)) for c, k in calls]
                    assert any(decide(each).effect is not Effect.ALLOWED for each in asked), (arn, named, document)


# --- which policy it was -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", [json.dumps, lambda each: quote(json.dumps(each)), dict], ids=["text", "encoded", "decoded"]
)
@pytest.mark.parametrize("name", ["CreateRole", "UpdateAssumeRolePolicy"])
def test_a_policy_is_read_as_it_was_recorded(written, name):
    """As JSON, URL-encoded, or decoded; whatever path and case the role's name has."""
    trusts = Trusts([event(change(name, written(PINNED), role="Admin"))])
    found = trusts.pins(f"arn:aws:iam::{PRODUCTION}:role/some/path/admin", MONDAY + DAY)
    assert (found.source_identity, found.session_name) == (FORCED, FREE)
    assert "event change" in found.why
    assert "forced the source identity and left free the session's name" in found.why


@pytest.mark.parametrize(
    "document",
    [
        None,
        7,
        [],
        "",
        "{",
        "nonsense",
        "%7B",
        "[]",
        "70",
        '"x"',
        pytest.param("[" * 100_000, id="deep"),
        '{"Version": "x"}',
        "{}",
    ],
)
def test_a_policy_that_cannot_be_read_is_not_known(document):
    """Nothing raises, and it does not leave an older policy in force."""
    trusts = Trusts([made_with(PINNED), event(change("UpdateAssumeRolePolicy", document, after(1), "odd"))])
    found = trusts.pins(ADMIN, MONDAY + DAY)
    assert (found.source_identity, found.session_name) == (UNKNOWN, UNKNOWN)
    assert "event odd" in found.why


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (MONDAY - timedelta(seconds=1), UNKNOWN),
        (MONDAY, FORCED),
        (MONDAY + DAY - timedelta(seconds=1), FORCED),
        (MONDAY + DAY, FREE),
        (MONDAY + DAY + SETTLES, FREE),
        (MONDAY + 2 * DAY, FREE),
        (MONDAY + 2 * DAY + SETTLES - timedelta(seconds=1), FREE),
        (MONDAY + 2 * DAY + SETTLES, FORCED),
        (MONDAY + 3 * DAY - timedelta(seconds=1), FORCED),
        (MONDAY + 3 * DAY + SETTLES, UNKNOWN),
        (MONDAY + 4 * DAY, FREE),
    ],
)
def test_it_is_the_policy_of_then(at, expected):
    """Made pinned, opened, pinned again, deleted, made anew open; around a change the weaker one counts."""
    made = [
        made_with(PINNED, MONDAY, event_id="1"),
        set_to(OPEN, MONDAY + DAY, event_id="2"),
        set_to(PINNED, MONDAY + 2 * DAY, event_id="3"),
        event(change("DeleteRole", None, MONDAY + 3 * DAY, "4")),
        made_with(OPEN, MONDAY + 4 * DAY, event_id="5"),
    ]
    assert source(Trusts(made).pins(ADMIN, at)) is expected
    assert Trusts(made).pins(ADMIN, at) == Trusts(reversed(made)).pins(ADMIN, at)


def test_what_was_before_the_first_change_is_not_known():
    """Just after an update that is the first of its role in the trail, another policy may have decided."""
    trusts = Trusts([set_to(PINNED)])
    assert source(trusts.pins(ADMIN, MONDAY + SETTLES / 2)) is UNKNOWN
    assert source(trusts.pins(ADMIN, MONDAY + SETTLES)) is FORCED


@pytest.mark.parametrize(
    "other",
    [
        made_with(OPEN, event_id="x", role="other"),
        set_to(OPEN, after(1), event_id="x", account=STAGING),
        set_to(OPEN, after(1), event_id="x", error="AccessDenied"),
        set_to(OPEN, after(1), event_id="x", eventSource="evil.amazonaws.com"),
        event(record("iam:UpdateAssumeRolePolicy", user("ada"), after(1), requestParameters=None)),
        event(record("iam:UpdateAssumeRolePolicy", user("ada"), after(1), requestParameters={"roleName": 7})),
        event(record("iam:PutRolePolicy", user("ada"), after(1), requestParameters={"roleName": "admin"})),
    ],
)
def test_other_changes_change_nothing(other):
    """Another role, another account, a refused call, a damaged record."""
    assert source(Trusts([made_with(PINNED), other]).pins(ADMIN, MONDAY + DAY)) is FORCED


@pytest.mark.parametrize("arn", [None, "", "arn:aws:iam", f"arn:aws:iam::{PRODUCTION}:user/admin", "role/admin"])
def test_what_is_no_role_is_not_known(arn):
    """So is a session that does not say when it began."""
    trusts = Trusts([made_with(PINNED)])
    assert source(trusts.pins(arn, MONDAY + DAY)) is UNKNOWN
    assert source(trusts.pins(ADMIN, None)) is UNKNOWN


# --- watchbill's own roles -----------------------------------------------------------------------


def history(given, revision, *, since=MONDAY, why_not=""):
    """Make a history in which one revision was applied, or none."""
    applied = () if revision is None else (InForce(since, None if why_not else given, revision, why_not),)
    return History(given, (InForce(None, given, None), *applied))


@pytest.mark.parametrize(
    ("arn", "revision", "at", "expected", "word"),
    [
        (OURS, "a" * 64, MONDAY + DAY, FORCED, "revision aaaaaaaaaaaa"),
        (OURS, "a" * 64, MONDAY - DAY, UNKNOWN, "no team file is known to have been applied"),
        (OURS, None, MONDAY + DAY, UNKNOWN, "no team file is known to have been applied"),
        (ADMIN, "a" * 64, MONDAY + DAY, UNKNOWN, "not in the trail"),
        (OURS.replace("platform", "other"), "a" * 64, MONDAY + DAY, UNKNOWN, "has no such role"),
        (OURS.replace(PRODUCTION, STAGING), "a" * 64, MONDAY + DAY, UNKNOWN, "has no such role"),
        (OURS.replace(PRODUCTION, FOREIGN), "a" * 64, MONDAY + DAY, UNKNOWN, "has no such role"),
    ],
)
def test_a_role_of_watchbills_is_as_the_applied_file_has_it(arn, revision, at, expected, word):
    """Only a file that was applied wrote anything, and only the roles of its rotas."""
    found = Trusts([], history(team(), revision)).pins(arn, at)
    assert (found.source_identity, found.session_name) == (expected, expected)
    assert word in found.why


def test_a_revision_that_can_be_read_no_more_forces_nothing_that_is_known():
    """What it wrote is not known."""
    found = Trusts([], history(team(), "a" * 64, why_not="it is lost")).pins(OURS, MONDAY + DAY)
    assert (source(found), "it is lost" in found.why) == (UNKNOWN, True)


def test_what_others_did_to_a_role_of_watchbills_counts():
    """The trail is asked first: somebody opened the trust by hand."""
    opened = set_to(OPEN, role="oncall-platform")
    assert source(Trusts([opened], history(team(), "a" * 64)).pins(OURS, MONDAY + DAY)) is FREE


# --- the whole way -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "expected"),
    [(PINNED, Confidence.CERTAIN), (OPEN, Confidence.WEAK), ("nonsense", Confidence.STRONG)],
)
def test_a_source_identity_is_as_sure_as_the_trust_policy_of_then(document, expected):
    """The trail itself says how far to trust what it says."""
    made = change("CreateRole", document if isinstance(document, str) else json.dumps(document))
    began = MONDAY + DAY
    acts = record(who=session("admin", "x", "ASIA9", source_identity="james", began=began), at=began, event_id="act")
    events = combine([read_file("t", json.dumps({"Records": [made, acts]}).encode())])
    found = {each.event.id: each.actor for each in attribute(events.events, team(), Trusts(events.events))}["act"]
    assert (found.person, found.method, found.confidence) == ("james", Method.SOURCE_IDENTITY, expected)
    judged = {each.attributed.event.id: each.attributed.actor for each in judgements(events, team())}
    assert judged["act"].confidence is expected
