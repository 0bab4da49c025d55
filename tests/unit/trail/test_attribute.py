"""Naming the actor of an event: by the strongest evidence there is, and nobody where there is none."""

import random
from dataclasses import replace

import pytest
from tests.teams import PRODUCTION, STAGING, team
from tests.trails import (
    FOREIGN,
    after,
    assume_role,
    federated,
    named,
    other_account,
    reading,
    record,
    root,
    service,
    session,
    sign_in,
    user,
)

from watchbill.trail.attribute import attribute
from watchbill.trail.model import HIDDEN, Confidence, Method


BY_USER = replace(team(), session_names="iam_user")
BY_EMAIL = replace(team(), session_names="email")
RENAMED = replace(team(), people={"james": replace(team().people["james"], iam_user="j.smith")})


def actor(who, of=None, **fields):
    """Name the actor of one call."""
    (found,) = attribute(reading(record(who=who, **fields)).events, of or team())
    return found.actor


def chain(*links, last="ec2:StopInstances"):
    """Make a chain of roles: each link is who takes a role and its name; the last session then acts as `act`."""
    made = []
    for number, (who, role) in enumerate(links):
        made.append(assume_role(who, role, f"ASIA{number}", after(number), event_id=f"take{number}"))
    acts = session(links[-1][1], "s", f"ASIA{len(links) - 1}")
    return [*made, record(last, acts, after(len(links)), event_id="act")]


# --- people --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        user("james"),
        user("james", path="/division/team/"),
        user("James"),
        user("james", account=STAGING),
        user("james", mfa=True),
        {k: v for k, v in user("james", path="/a/").items() if k != "userName"},
        {"type": "IAMUser", "userName": "james"},
    ],
    ids=["plain", "path", "case", "other account of the team", "session token", "no userName", "no account"],
)
def test_an_iam_user_is_its_person(who):
    """The name of the user says who it was, in each account of the team, under any path, in any case."""
    found = actor(who)
    assert (found.person, found.method, found.confidence) == ("james", Method.IAM_USER, Confidence.CERTAIN)


def test_a_person_may_have_another_name_in_iam():
    """The person is the key of the team file; their key is not the name of a user of somebody else."""
    assert actor(user("j.smith"), RENAMED).person == "james"
    assert actor(user("james"), RENAMED).person is None


def test_without_a_team_a_user_is_a_person_of_its_name():
    """A first look at a trail needs no team file."""
    (found,) = attribute(reading(record(who=user("anyone", account=FOREIGN))).events, None)
    assert (found.actor.person, found.actor.confidence) == ("anyone", Confidence.CERTAIN)


@pytest.mark.parametrize("given", ["james", "JAMES", "James@example.com"])
def test_source_identity_names_the_person(given):
    """It cannot be changed once the role is taken, so it outranks the name of the session and needs no AssumeRole."""
    found = actor(session("admin", "rick", "ASIA9", source_identity=given), BY_USER)
    assert (found.person, found.method, found.confidence) == ("james", Method.SOURCE_IDENTITY, Confidence.CERTAIN)
    assert found.traced


def test_a_source_identity_of_nobody_is_no_evidence():
    """A value that names nobody leaves the next best evidence to decide."""
    taken = assume_role(user("rick"), "admin", "ASIA9", event_id="take")
    acts = session("admin", "s", "ASIA9", source_identity="ticket-4711")
    found = named([taken, record("ec2:StopInstances", acts, after(1), event_id="act")], team())["act"].actor
    assert (found.person, found.method) == ("rick", Method.KEY_CHAIN)


def test_a_session_is_traced_by_its_key():
    """The key was handed out to somebody known: theirs is the session, whatever it is called."""
    found = named(chain((user("james"), "admin")), team())["act"].actor
    assert (found.person, found.method, found.confidence) == ("james", Method.KEY_CHAIN, Confidence.STRONG)
    assert found.traced
    assert "take0" in found.why
    assert "IAM user james" in found.why


def test_a_chain_of_roles_is_followed_to_its_beginning():
    """A role taken from a role taken from a role is still James, in whatever order the records came."""
    made = chain((user("james"), "one"), (session("one", "s", "ASIA0"), "two"), (session("two", "s", "ASIA1"), "three"))
    for seed in range(6):
        order = random.Random(seed).sample(made, len(made))
        found = named(order, team())
        assert {each.actor.person for each in found.values()} == {"james"}
        assert found["act"].actor.method is Method.KEY_CHAIN


def test_a_chain_is_no_stronger_than_its_beginning():
    """Where the first session is known by its name alone, all that follows is as weak."""
    made = chain((session("one", "james", "ASIALOST"), "two"))
    found = named(made, BY_USER)["act"].actor
    assert (found.person, found.method, found.confidence) == ("james", Method.KEY_CHAIN, Confidence.WEAK)


def test_a_circle_of_keys_ends():
    """Records that hand each other out are damage; they name nobody and do not hang."""
    one = assume_role(session("b", "s", "ASIA2"), "a", "ASIA1", event_id="one")
    two = assume_role(session("a", "s", "ASIA1"), "b", "ASIA2", event_id="two")
    own = assume_role(session("c", "s", "ASIA3"), "c", "ASIA3", event_id="own")
    assert {each.actor.person for each in named([one, two, own], team()).values()} == {None}


@pytest.mark.parametrize("name", ["s", "james", "james@example.com", "ada"])
def test_a_session_without_its_beginning_is_nobody(name):
    """A name that whoever took the role chose is no proof, unless the team says so."""
    found = actor(session("admin", name, "ASIALOST"))
    assert (found.person, found.method, found.confidence) == (None, Method.NONE, Confidence.NONE)
    assert "admin" in found.why
    assert "not in the trail" in found.why
    assert not found.traced


@pytest.mark.parametrize(
    ("of", "name", "person"),
    [
        (BY_USER, "james", "james"),
        (BY_USER, "JAMES", "james"),
        (BY_USER, "james@example.com", None),
        (BY_EMAIL, "james@example.com", "james"),
        (BY_EMAIL, "james", None),
        (BY_USER, "stranger", None),
    ],
)
def test_the_name_of_a_session_is_weak_evidence(of, name, person):
    """Only by the convention the team declares, and it says how weak it is."""
    found = actor(session("admin", name, "ASIALOST"), of)
    assert found.person == person
    expected = (Method.SESSION_NAME, Confidence.WEAK) if person else (Method.NONE, Confidence.NONE)
    assert (found.method, found.confidence) == expected


def test_a_federated_session_is_its_issuers():
    """AWS records which user the session was made for, whether or not its GetFederationToken is in the trail."""
    found = actor(federated("james", "build", "ASIAF"))
    assert (found.person, found.method, found.confidence) == ("james", Method.IAM_USER, Confidence.STRONG)
    assert actor(federated("stranger", "james", "ASIAF"), BY_USER).person is None


# --- other accounts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        user("james", account=FOREIGN),
        {k: v for k, v in user("james", account=FOREIGN).items() if k != "accountId"},
        user("deploy-bot", account=FOREIGN),
        session("admin", "james", "ASIA9", account=FOREIGN),
        session("admin", "s", "ASIA9", account=FOREIGN, source_identity="james"),
        session("deploy-bot", "s", "ASIA9", account=FOREIGN),
        session("admin", "i-0123456789abcdef0", "ASIA9", account=FOREIGN),
        federated("james", "build", "ASIAF", account=FOREIGN),
    ],
    ids=[
        "user",
        "account in the ARN only",
        "workload's user",
        "session name",
        "source identity",
        "workload's role",
        "instance",
        "federated",
    ],
)
def test_names_of_a_foreign_account_are_nobodys(who):
    """Anybody may call a user, role or session as ours are called, in an account of their own."""
    found = actor(who, BY_USER, account=PRODUCTION)
    assert (found.person, found.method, found.confidence) == (None, Method.NONE, Confidence.NONE)
    assert f"account {FOREIGN}, which is in no team file" in found.why


def test_a_user_of_a_trail_of_no_account_of_the_team_is_nobody():
    """Where the identity names no account, the account of the trail stands for it."""
    found = actor({"type": "IAMUser", "userName": "james"}, account=FOREIGN)
    assert found.person is None
    assert FOREIGN in found.why


def test_a_person_is_followed_into_a_foreign_account():
    """James took the role there by his own user here: the session is his, as its key tells."""
    taken = assume_role(user("james"), "partner", "ASIA9", account=FOREIGN, recipientAccountId=PRODUCTION)
    acts = session("partner", "s", "ASIA9", account=FOREIGN)
    found = named([taken, record("s3:GetObject", acts, after(1), event_id="act")], team())["act"].actor
    assert (found.person, found.method) == ("james", Method.KEY_CHAIN)


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_a_call_into_another_account_is_seen_once_in_each(ids):
    """Both accounts record it under one sharedEventID; the caller's own record says who it was, so it is followed."""
    caller = user("james", account=STAGING)
    mine = assume_role(caller, "admin", "ASIA9", recipientAccountId=STAGING, event_id=ids[0], sharedEventID="shared")
    theirs = assume_role(other_account(STAGING), "admin", "ASIA9", event_id=ids[1], sharedEventID="shared")
    acts = record("ec2:StopInstances", session("admin", "s", "ASIA9"), after(1), event_id="act")
    found = named([mine, theirs, acts], team())
    assert len(found) == 3
    assert {found[each].event.record["sharedEventID"] for each in ids} == {"shared"}
    assert found[ids[0]].actor.person == "james"
    assert found[ids[1]].actor.person is None
    assert (found["act"].actor.person, found["act"].actor.method) == ("james", Method.KEY_CHAIN)


# --- machines and nobody -------------------------------------------------------------------------

LINKED = session("AWSServiceRoleForRDS", "SLR", "ASIAL", path="/aws-service-role/rds.amazonaws.com/")


@pytest.mark.parametrize(
    ("who", "method", "word"),
    [
        (service("ec2"), Method.SERVICE, "ec2.amazonaws.com"),
        ({"accountId": PRODUCTION, "invokedBy": "rds.amazonaws.com"}, Method.SERVICE, "rds.amazonaws.com"),
        (LINKED, Method.SERVICE, "service-linked role AWSServiceRoleForRDS"),
        (session("web", "i-0123456789abcdef0", "ASIAI"), Method.SERVICE, "profile web"),
        (session("ssm", "mi-0123456789abcdef0", "ASIAI"), Method.SERVICE, "profile ssm"),
        (user("deploy-bot"), Method.WORKLOAD, "deploy-bot"),
        (session("Deploy-Bot", "james", "ASIALOST"), Method.WORKLOAD, "Deploy-Bot"),
        (root(), Method.ROOT, "nobody in particular"),
        (user(HIDDEN), Method.NONE, "hides the name"),
        (user("stranger"), Method.NONE, "IAM user stranger is in no team file"),
        ({"type": "IAMUser", "accountId": PRODUCTION}, Method.NONE, "without a name"),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}, Method.NONE, "u-1"),
        ({"type": "WebIdentityUser", "userName": "james"}, Method.NONE, "WebIdentityUser"),
        ({}, Method.NONE, "names nobody"),
        ([], Method.NONE, "names nobody"),
    ],
)
def test_machines_and_nobody_are_named_as_such(who, method, word):
    """Neither is taken for a person, and the reason is said."""
    found = actor(who, BY_USER)
    assert (found.person, found.method, found.confidence) == (None, method, Confidence.NONE)
    assert word in found.why


def test_a_role_called_like_a_service_linked_one_is_none():
    """The path is AWS's own; a name alone is free, and would hide a person among machines."""
    fake = session("AWSServiceRoleForMe", "s", "ASIA9")
    found = named(
        [assume_role(user("james"), "AWSServiceRoleForMe", "ASIA9"), record(who=fake, event_id="act")], team()
    )
    assert found["act"].actor.person == "james"


def test_the_role_is_known_without_its_issuer():
    """A record that lost its sessionIssuer still names the role, not the session that its taker named."""
    bare = {k: v for k, v in session("deploy-bot", "s", "ASIA9").items() if k != "sessionContext"}
    assert actor(bare).method is Method.WORKLOAD
    posing = {k: v for k, v in session("admin", "deploy-bot", "ASIA9").items() if k != "sessionContext"}
    assert actor(posing).method is Method.NONE
    linked = {k: v for k, v in LINKED.items() if k != "sessionContext"}
    assert actor(linked).method is Method.SERVICE


def test_a_person_who_takes_a_machines_role_is_that_person():
    """Machines are not judged: a person must not pass for one by taking its role."""
    found = named(chain((user("james"), "deploy-bot")), team())["act"].actor
    assert (found.person, found.method) == ("james", Method.KEY_CHAIN)


@pytest.mark.parametrize(
    ("who", "method", "person"),
    [
        (service("lambda"), Method.SERVICE, None),
        (user("deploy-bot"), Method.WORKLOAD, None),
        (root(), Method.NONE, None),
        (user("stranger"), Method.NONE, None),
    ],
)
def test_a_session_traced_to_no_person_says_to_whom(who, method, person):
    """That it was traced is known even where it leads to no person."""
    found = named(chain((who, "admin")), team())["act"].actor
    assert (found.person, found.method, found.traced) == (person, method, True)


def test_a_session_token_is_still_its_user():
    """GetSessionToken hands out a key too; the calls by it are the user's own."""
    token = record("sts:GetSessionToken", user("james"), responseElements={"credentials": {"accessKeyId": "ASIAT"}})
    found = named([token, record(who=user("james", key="ASIAT", mfa=True), event_id="act")], team())["act"].actor
    assert (found.person, found.method) == ("james", Method.IAM_USER)


@pytest.mark.parametrize("answer", [None, [], "x", {"credentials": None}, {"credentials": {"accessKeyId": 7}}])
def test_an_assume_role_without_a_key_hands_out_none(answer):
    """A refused or damaged AssumeRole opens no session, and stops nothing."""
    taken = assume_role(user("james"), "admin", "ASIA9", responseElements=answer)
    found = named([taken, record(who=session("admin", "s", "ASIA9"), event_id="act")], team())
    assert found["act"].actor.person is None


def test_a_sign_in_is_its_users():
    """A failed sign-in under a known name is ascribed to it; the record is what there is."""
    found = named([sign_in(user("james"), success=False, event_id="in")], team())["in"].actor
    assert found.person == "james"


def test_each_event_keeps_its_place():
    """One actor an event, in the order of the events."""
    events = reading(*chain((user("james"), "a")), record(who=root())).events
    assert tuple(each.event for each in attribute(events, team())) == events
