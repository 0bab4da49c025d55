"""Naming the actor of an event: by the strongest evidence there is, and nobody where there is none."""

import random
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import permutations

import msgspec
import pytest
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st
from tests.teams import MONDAY, PRODUCTION, STAGING, team, workload
from tests.trails import (
    FOREIGN,
    after,
    assume_role,
    by_token,
    event,
    federated,
    named,
    other_account,
    reading,
    record,
    root,
    saml_user,
    service,
    session,
    sign_in,
    user,
    web_identity,
)

from watchbill.trail.attribute import Attributor, attribute
from watchbill.trail.interfaces import NothingKnown, Pin, Pins
from watchbill.trail.leads import leads
from watchbill.trail.model import HIDDEN, Actor, Confidence, Identity, Method, Opening
from watchbill.trail.openings import Openings, chosen, opening
from watchbill.trail.people import People


BY_USER = replace(team(), session_names="iam_user")
BY_EMAIL = replace(team(), session_names="email")
RENAMED = replace(team(), people={"james": replace(team().people["james"], iam_user="j.smith")})


CENTER_ID = "90676d5c3a-8f4b1a52-0c1d-4e2f-9a3b-5c6d7e8f9a0b"
KNOWN = replace(
    team(),
    people={
        **team().people,
        "james": replace(
            team().people["james"],
            identity_center_user=CENTER_ID,
            also_known_as=("j.porter@corp.example",),
            ci_users=("github.com:JPorter", "gitlab.example.org:james", "circleci.com:0f0f", "gitlab.com/eu:j"),
        ),
    },
    workloads={
        **team().workloads,
        "shop": workload("shop", "repo:acme/shop:*", owner="developers"),
        "shop-release": workload("shop-release", "repo:acme/shop:ref:refs/tags/*"),
        "cluster": workload("cluster", "oidc.eks.eu-west-1.amazonaws.com/id/A1:system:serviceaccount:prod:*"),
    },
)
SSO = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
GITHUB, GITLAB, CIRCLE = "token.actions.githubusercontent.com", "gitlab.example.org", "oidc.circleci.com/org/o"


class Forcing:
    """Knows one answer for every role, and keeps what it was asked."""

    def __init__(self, source=Pin.UNKNOWN, name=Pin.UNKNOWN):
        self.found = Pins(source, name, "as the test says")
        self.asked = []

    def pins(self, role_arn, at):
        """Give the answer."""
        self.asked.append((role_arn, at))
        return self.found


def actor(who, of=None, forced=None, **fields):
    """Name the actor of one call."""
    (found,) = attribute(reading(record(who=who, **fields)).events, of or team(), forced)
    return found.actor


def acting(records, of=None, forced=None):
    """Name the actor of the event `act` among some records."""
    every = attribute(reading(*records).events, of or team(), forced)
    return next(each.actor for each in every if each.event.id == "act")


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
    assert (found.person, found.method, found.confidence) == ("james", Method.SOURCE_IDENTITY, Confidence.STRONG)
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


# --- how sure a name is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "expected"),
    [(Pin.FORCED, Confidence.CERTAIN), (Pin.UNKNOWN, Confidence.STRONG), (Pin.FREE, Confidence.WEAK)],
)
def test_a_source_identity_is_as_sure_as_it_was_forced(pin, expected):
    """What the trust policy of then forced is the caller's own name; what it left free is a claim."""
    forced = Forcing(source=pin)
    found = actor(session("admin", "rick", "ASIA9", source_identity="james"), BY_USER, forced)
    assert (found.person, found.method, found.confidence) == ("james", Method.SOURCE_IDENTITY, expected)
    assert "as the test says" in found.why
    assert forced.asked == [(f"arn:aws:iam::{PRODUCTION}:role/admin", MONDAY)]


@pytest.mark.parametrize(
    ("pin", "expected"),
    [(Pin.FORCED, Confidence.STRONG), (Pin.UNKNOWN, Confidence.WEAK), (Pin.FREE, Confidence.WEAK)],
)
def test_a_session_name_is_as_sure_as_it_was_forced(pin, expected):
    """A name by convention is stronger than a claim only where no other name was possible."""
    found = actor(session("admin", "james", "ASIALOST"), BY_USER, Forcing(Pin.FORCED, pin))
    assert (found.person, found.method, found.confidence) == ("james", Method.SESSION_NAME, expected)
    assert "as the test says" in found.why


@pytest.mark.parametrize(
    ("pin", "person", "method"),
    [
        (Pin.FREE, "rick", Method.KEY_CHAIN),
        (Pin.UNKNOWN, "rick", Method.KEY_CHAIN),
        (Pin.FORCED, "rick", Method.KEY_CHAIN),
    ],
)
def test_nobody_can_put_their_deeds_on_somebody_else(pin, person, method):
    """Rick takes a role as `james`: who took it is recorded, and what he said of himself is told as such."""
    taken = assume_role(user("rick"), "admin", "ASIA9", event_id="take")
    acts = session("admin", "james", "ASIA9", source_identity="james")
    found = acting([taken, record(who=acts, event_id="act")], BY_USER, Forcing(pin, Pin.FREE))
    assert (found.person, found.method) == (person, method)
    assert "source identity james is another's" in found.why


def test_a_source_identity_beats_a_weak_chain():
    """Where the chain begins with no more than a session's name, the source identity is better evidence."""
    taken = assume_role(session("one", "rick", "ASIALOST"), "admin", "ASIA9", event_id="take")
    acts = record(who=session("admin", "s", "ASIA9", source_identity="james"), event_id="act")
    assert acting([taken, acts], BY_USER).person == "james"
    assert acting([taken, acts], BY_USER, Forcing(Pin.FREE, Pin.FREE)).person == "rick"


def test_a_source_identity_and_a_chain_that_agree_are_strong():
    """A free source identity that names the very caller is no mere claim."""
    taken = assume_role(user("james"), "admin", "ASIA9", event_id="take")
    acts = record(who=session("admin", "s", "ASIA9", source_identity="james"), event_id="act")
    found = acting([taken, acts], team(), Forcing(Pin.FREE, Pin.FREE))
    assert (found.person, found.method, found.confidence) == ("james", Method.SOURCE_IDENTITY, Confidence.STRONG)


def test_two_claims_of_the_same_name_are_still_claims():
    """A free source identity and a chain that begins with a chosen name: both are what the caller said."""
    taken = assume_role(session("one", "james", "ASIALOST"), "admin", "ASIA9", event_id="take")
    acts = record(who=session("admin", "s", "ASIA9", source_identity="james"), event_id="act")
    found = acting([taken, acts], BY_USER, Forcing(Pin.FREE, Pin.FREE))
    assert (found.person, found.confidence) == ("james", Confidence.WEAK)


def test_a_source_identity_that_survives_a_chain_is_as_sure_as_where_it_was_set():
    """The role at the end of a chain could not change it, so its own trust policy is not asked."""

    class First(Forcing):
        def pins(self, role_arn, at):
            return Pins(Pin.FORCED if role_arn.endswith("/one") else Pin.FREE, Pin.FREE, role_arn)

    first = session("one", "s", "ASIA0", source_identity="james")
    then = assume_role(first, "two", "ASIA1", event_id="take")
    acts = record(who=session("two", "s", "ASIA1", source_identity="james"), event_id="act")
    found = acting([then, acts], team(), First())
    assert (found.person, found.confidence) == ("james", Confidence.CERTAIN)
    assert acting([acts], team(), First()).confidence is Confidence.WEAK


@pytest.mark.parametrize("pin", list(Pin))
@pytest.mark.parametrize("hops", [1, 2])
def test_a_stranger_cannot_pass_for_one_of_us(pin, hops):
    """A user `james` of an account of their own takes a role of ours as `james`, and another from there."""
    made = [assume_role(user("james", account=FOREIGN), "r0", "ASIA0", event_id="take0")]
    if hops > 1:
        made.append(assume_role(session("r0", "james", "ASIA0", source_identity="james"), "r1", "ASIA1"))
    acts = session(f"r{hops - 1}", "james", f"ASIA{hops - 1}", source_identity="james")
    found = acting([*made, record(who=acts, event_id="act")], BY_USER, Forcing(pin, pin))
    assert (found.person, found.method, found.traced) == (None, Method.NONE, True)
    assert FOREIGN in found.why


def test_a_source_identity_of_an_identity_provider_is_strong():
    """It stands in the token or assertion, whatever the trust policy says."""
    taken = by_token(web_identity("opaque", "id.example.org"), "admin", "ASIA9")
    acts = record(who=session("admin", "s", "ASIA9", source_identity="james"), event_id="act")
    found = acting([taken, acts], KNOWN, Forcing(Pin.FREE, Pin.FREE))
    assert (found.person, found.method, found.confidence) == ("james", Method.SOURCE_IDENTITY, Confidence.STRONG)


# --- Identity Center and identity providers ------------------------------------------------------


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_an_identity_center_user_is_known_by_id(case):
    """AWS gives the id and records it; it tells whoever acts for themselves, and whoever a service acts for."""
    on_behalf = {
        "onBehalfOf": {"userId": case(CENTER_ID), "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"}
    }
    for who in (
        {"type": "IdentityCenterUser", "accountId": FOREIGN, **on_behalf},
        session("q", "s", "ASIA9") | on_behalf,
    ):
        found = actor(who, KNOWN)
        assert (found.person, found.method, found.confidence) == ("james", Method.IDENTITY_CENTER, Confidence.CERTAIN)
    assert actor({"type": "IdentityCenterUser", **on_behalf}).person is None


@pytest.mark.parametrize("name", ["james@example.com", "James@Example.com", "j.porter@corp.example"])
def test_a_session_that_identity_center_made_has_its_users_name(name):
    """The path of the role is Identity Center's own, so the caller chose neither role nor name."""
    found = actor(session("AWSReservedSSO_Admin_0123", name, "ASIALOST", path=SSO), KNOWN)
    assert (found.person, found.method, found.confidence) == ("james", Method.IDENTITY_CENTER, Confidence.STRONG)


@pytest.mark.parametrize(
    "who",
    [
        session("AWSReservedSSO_Admin_0123", "james@example.com", "ASIALOST"),
        session("AWSReservedSSO_Admin_0123", "james@example.com", "ASIALOST", path="/sso.amazonaws.com/"),
        session("AWSReservedSSO_Admin_0123", "james@example.com", "ASIALOST", path=SSO, account=FOREIGN),
        session("AWSReservedSSO_Admin_0123", "stranger@example.com", "ASIALOST", path=SSO),
        session("AWSReservedSSO_Admin_0123", "james", "ASIALOST", path=SSO),
    ],
    ids=["no path", "another path", "foreign", "nobody's address", "no address"],
)
def test_a_role_that_is_only_called_like_identity_centers_proves_nothing(who):
    """Anybody may name a role so, in any path but that one."""
    assert actor(who, KNOWN).person is None


def test_who_signs_in_by_saml_is_known_by_address():
    """The identity provider vouches for the address; the session that it opens is traced to it."""
    made = assume_role(saml_user("j.porter@corp.example"), "admin", "ASIA9", event_id="take")
    made |= {"eventName": "AssumeRoleWithSAML"}
    found = named([made, record(who=session("admin", "whoever", "ASIA9"), event_id="act")], KNOWN)
    assert (found["take"].actor.person, found["take"].actor.method) == ("james", Method.IDENTITY_PROVIDER)
    assert (found["act"].actor.person, found["act"].actor.method) == ("james", Method.KEY_CHAIN)
    assert found["act"].actor.confidence is Confidence.STRONG
    assert actor(saml_user("nobody@example.com"), KNOWN).person is None
    assert actor(saml_user("james@example.com"), KNOWN, account=FOREIGN).person is None


@pytest.mark.parametrize(
    ("host", "subject"),
    [
        (GITHUB, "repo:acme/shop:actor:jporter"),
        (GITHUB, "actor:JPORTER:repo:acme/shop"),
        (GITHUB + "/acme", "actor:jporter"),
        (GITLAB, "project_path:acme/shop:user_login:james:ref_type:branch:ref:main"),
        (CIRCLE, "org/o/project/p/user/0f0f"),
        (CIRCLE, "org/o/project/p/user/0f0f/vcs-origin/github.com/acme/shop/vcs-ref/refs/heads/main"),
        ("gitlab.com/eu", "project_path:a/b:user_login:j"),
    ],
)
def test_a_run_of_ci_is_whoever_started_it(host, subject):
    """The subject of its token tells, where the provider was told to put it in."""
    made = [by_token(web_identity(subject, host), "deploy", "ASIA9", event_id="take")]
    found = named([*made, record(who=session("deploy", "run-17", "ASIA9"), event_id="act")], KNOWN)
    for each in ("take", "act"):
        got = found[each].actor
        assert (got.person, got.method, got.confidence) == ("james", Method.WEB_IDENTITY, Confidence.STRONG)
        assert subject in got.why


@pytest.mark.parametrize(
    ("host", "subject", "word"),
    [
        (GITHUB, "repo:acme/tool:ref:refs/heads/main", "in no team file"),
        (GITHUB, "repo:acme/tool:actor:stranger", "in no team file"),
        (GITLAB, "repo:acme/tool:actor:jporter", "in no team file"),
        ("evil.example.org", "actor:jporter", "in no team file"),
        (GITHUB, "repository_owner:actor:actor:jporter", "in no team file"),
        (GITHUB, "actor:jporter:actor:jporter", "in no team file"),
        (GITHUB, "repo:acme/tool:actor:", "in no team file"),
        (GITHUB, "actor", "in no team file"),
        (GITHUB, "repo:acme/shop:ref:refs/heads/main", "workload shop,"),
        (GITHUB, "repo:acme/shop:actor:stranger", "workload shop,"),
        (GITHUB, "repo:acme/shop:ref:refs/tags/v1", "workload shop-release,"),
        ("oidc.eks.eu-west-1.amazonaws.com/id/A1", "system:serviceaccount:prod:web", "workload cluster,"),
        ("oidc.eks.eu-west-1.amazonaws.com/id/B2", "system:serviceaccount:prod:web", "in no team file"),
        (GITHUB, "xrepo:acme/shop:ref", "in no team file"),
    ],
)
def test_a_token_that_names_nobody_is_its_workloads_or_nobodys(host, subject, word):
    """Who started a run counts by the issuer that says so; else the workload that has such tokens, said to be one."""
    made = [by_token(web_identity(subject, host), "deploy", "ASIA9", event_id="take")]
    found = named([*made, record(who=session("deploy", "james", "ASIA9"), event_id="act")], KNOWN)
    expected = Method.WORKLOAD if word.startswith("workload") else Method.NONE
    assert {each.actor.person for each in found.values()} == {None}
    assert {each.actor.method for each in found.values()} == {expected}
    assert all(word in each.actor.why for each in found.values())
    assert found["act"].actor.traced


@drawn(st.text("ab*", min_size=1, max_size=6), st.text("ab", max_size=6))
@example("a*a", "a")
@example("a*b*b", "ab")
def test_a_subject_matches_as_a_pattern_says(pattern, text):
    """As another matcher of the same patterns has it: each star is any characters, and none is used twice."""
    of = replace(team(), workloads={"w": workload("w", pattern)})
    assert (People(of).by_subject("", text) is not None) is fnmatchcase(text, pattern)


def test_what_a_workload_does_further_on_is_still_its_own():
    """A chain that a pipeline begins leads to it."""
    made = [by_token(web_identity("repo:acme/shop:ref:main"), "deploy", "ASIA0")]
    made.append(assume_role(session("deploy", "s", "ASIA0"), "admin", "ASIA1"))
    found = acting([*made, record(who=session("admin", "s", "ASIA1"), event_id="act")], KNOWN)
    assert (found.person, found.method) == (None, Method.WORKLOAD)


@pytest.mark.parametrize(
    ("who", "word"),
    [
        ({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}, "no credentials"),
        ({"type": "AWSAccount", "principalId": "AIDAX", "accountId": FOREIGN}, f"somebody of account {FOREIGN}"),
        ({"type": "Directory", "userName": "james"}, "the user james of a directory"),
        ({"type": "Unknown", "principalId": "arn:aws:x"}, "does not say who"),
        ({"type": "Role", "arn": f"arn:aws:iam::{PRODUCTION}:role/a/admin"}, "a session of role admin"),
        ({"type": "SAMLUser"}, "SAML user without a name"),
        ({"type": "WebIdentityUser"}, "no subject by an issuer that is not named"),
        ({"type": "IdentityCenterUser"}, "without an id"),
        ({"type": "AssumedRole"}, "AssumeRole is not in the trail"),
        ({"type": "AssumedRole", "accessKeyId": ""}, "AssumeRole is not in the trail"),
        ({"type": "FederatedUser", "accessKeyId": "ASIAF"}, "in no team file"),
        ({"type": "New"}, "a principal of type New"),
    ],
)
def test_every_shape_of_a_principal_has_its_words(who, word):
    """Whatever the record says, it is nobody, and the reason says what it was."""
    found = actor(who, KNOWN)
    assert (found.person, found.confidence) == (None, Confidence.NONE)
    assert word in found.why


def test_a_root_session_is_whoever_opened_it():
    """AssumeRoot opens a session of another account's root user, whose key is traced like any other."""
    answer = {"credentials": {"accessKeyId": "ASIAR"}}
    opened = record(
        "sts:AssumeRoot", user("james"), requestParameters={"targetPrincipal": STAGING}, responseElements=answer
    )
    acts = root(account=STAGING) | {"accessKeyId": "ASIAR"}
    found = acting([opened, record(who=acts, account=STAGING, event_id="act")], team())
    assert (found.person, found.method, found.principal) == ("james", Method.KEY_CHAIN, "root")
    assert acting([record(who=acts, event_id="act")]).method is Method.ROOT


# --- openings, order and speed -------------------------------------------------------------------


@pytest.mark.parametrize("keyless", ["mine", "theirs", "neither"])
@pytest.mark.parametrize("backwards", [False, True])
def test_copies_of_a_call_are_joined_by_their_shared_id(keyless, backwards):
    """One copy may lack the key, and the other the caller: together they say who was handed it."""
    mine = assume_role(user("james", account=STAGING), "admin", "ASIA9", recipientAccountId=STAGING, sharedEventID="sh")
    theirs = assume_role(other_account(STAGING), "admin", "ASIA9", sharedEventID="sh")
    for name, made in (("mine", mine), ("theirs", theirs)):
        if keyless == name:
            made["responseElements"] = None
    told = [mine, theirs, record(who=session("admin", "s", "ASIA9"), event_id="act")]
    assert acting(told[::-1] if backwards else told).person == "james"


def test_a_refused_call_is_no_copy():
    """A denied AssumeRole with the shared id of another call opens nothing, and neither does one of another service."""
    denied = assume_role(
        user("rick"), "admin", "ASIA9", error="AccessDenied", responseElements=None, sharedEventID="sh"
    )
    theirs = assume_role(other_account(STAGING), "admin", "ASIA9", sharedEventID="sh")
    posing = assume_role(user("rick"), "admin", "ASIA9", eventSource="evil.amazonaws.com")
    assert opening(event(denied)) is None
    assert opening(event(posing)) is None
    assert acting([denied, posing, theirs, record(who=session("admin", "s", "ASIA9"), event_id="act")]).person is None


def test_copies_of_different_keys_are_not_joined():
    """A shared id that two different keys have is damage: it makes nobody the owner of the other's key."""
    one = assume_role(user("rick"), "admin", "ASIA8", sharedEventID="sh")
    two = assume_role(other_account(STAGING), "admin", "ASIA9", sharedEventID="sh")
    assert acting([one, two, record(who=session("admin", "s", "ASIA9"), event_id="act")]).person is None


def test_an_opening_has_what_a_chain_needs():
    """It is kept in a database: it can be written down and read back, the token's subject too."""
    made = by_token(web_identity("repo:acme/shop:ref:main"), "team/deploy", "ASIA9", sharedEventID="sh")
    made["requestParameters"]["sourceIdentity"] = "james"
    found = opening(event(made))
    assert found is not None
    assert (found.key, found.name, found.session_name) == (
        "ASIA9",
        "AssumeRoleWithWebIdentity",
        "repo:acme/shop:ref:main",
    )
    assert (found.role_arn, found.source_identity) == (f"arn:aws:iam::{PRODUCTION}:role/team/deploy", "james")
    assert found.subject is not None
    assert found.subject.provider.endswith(f":oidc-provider/{GITHUB}")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Opening) == found
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Opening) == found
    assert chosen([]) is None


def test_an_assume_role_that_arrives_later_is_found_anew():
    """Until then the session is nobody's; what was remembered of it is forgotten, not kept."""
    openings = Openings()
    by = Attributor(team(), openings.find, NothingKnown())
    acts = event(record(who=session("admin", "s", "ASIA9")))
    assert by.actor(acts.identity, acts.account, acts.source).person is None
    late = opening(event(assume_role(user("james"), "admin", "ASIA9")))
    assert late is not None
    openings.add(late)
    assert by.actor(acts.identity, acts.account, acts.source).person is None
    by.forget()
    assert by.actor(acts.identity, acts.account, acts.source).person == "james"


KEYS = st.sampled_from(["ASIA0", "ASIA1", "ASIA2", "ASIA3"])
CALLERS = st.one_of(
    st.builds(user, st.sampled_from(["james", "rick", "deploy-bot"]), account=st.sampled_from([PRODUCTION, FOREIGN])),
    st.builds(
        session,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["james", "s"]),
        KEYS,
        account=st.sampled_from([PRODUCTION, FOREIGN]),
        source_identity=st.sampled_from([None, "james", "rick"]),
    ),
    st.builds(other_account, st.sampled_from([STAGING, FOREIGN])),
    st.builds(web_identity, st.sampled_from(["repo:acme/shop:x", "repo:a/b:actor:jporter"])),
    st.just(root()),
)


@st.composite
def tangles(draw):
    """Draw calls that hand out few keys to one another, in circles too, with copies of one call."""
    made = []
    for number, (who, key) in enumerate(draw(st.lists(st.tuples(CALLERS, KEYS), max_size=7))):
        shared = {"sharedEventID": draw(st.sampled_from(["s0", "s1"]))} if draw(st.booleans()) else {}
        taken = by_token if who.get("type") == "WebIdentityUser" else assume_role
        made.append(taken(who, draw(st.sampled_from("ab")), key, event_id=f"take{number}", **shared))
    acts = draw(st.lists(CALLERS, min_size=1, max_size=4))
    return [*made, *(record(who=who, event_id=f"act{number}") for number, who in enumerate(acts))]


@drawn(tangles(), st.randoms(use_true_random=False), st.sampled_from(Pin), st.sampled_from(Pin))
def test_whatever_the_order_the_same_people_are_found(records, chance, source, name):
    """Events in any order, callers asked for in any order, openings one by one with all resolved each time: the same."""
    forced, of = Forcing(source, name), replace(KNOWN, session_names="iam_user")
    events = reading(*records).events
    expected = {each.event.id: each.actor for each in attribute(events, of, forced)}
    shuffled = chance.sample(events, len(events))
    assert {each.event.id: each.actor for each in attribute(shuffled, of, forced)} == expected
    openings = Openings()
    by = Attributor(of, openings.find, forced)
    for each in shuffled:
        if (found := opening(each)) is not None:
            openings.add(found)
            by.forget()
        for other in shuffled[:3]:
            by.actor(other.identity, other.account, other.source)
    got = {each.id: by.actor(each.identity, each.account, each.source) for each in shuffled}
    assert got == expected
    assert all((found.person is None) is (found.confidence is Confidence.NONE) for found in got.values())


@drawn(tangles())
def test_whoever_is_named_has_evidence_in_the_trail(records):
    """Without a convention, a person is named only where a user, a token or a source identity of theirs is there."""
    there = {who["userName"] for each in records if (who := each["userIdentity"]).get("type") == "IAMUser"}
    there |= {each["userIdentity"].get("sessionContext", {}).get("sourceIdentity") for each in records}
    there |= {"james"} if any("jporter" in each["userIdentity"].get("userName", "") for each in records) else set()
    for each in named(records, KNOWN).values():
        assert each.actor.person is None or each.actor.person in there


def test_whoever_is_asked_for_first_a_circle_is_the_same():
    """All whose keys hand each other out are told as that; whoever merely hangs on one is traced to it."""
    names = ("a", "b", "c")
    takers = {"a": "c", "b": "a", "c": "b"}
    made = [assume_role(session(takers[n], "s", f"ASIA{takers[n]}"), n, f"ASIA{n}", event_id=n) for n in names]
    made += [assume_role(session("a", "s", "ASIAa"), "tail", "ASIAtail", event_id="out")]
    made += [record(who=session("tail", "s", "ASIAtail"), event_id="tail")]
    events = {each.id: each for each in reading(*made).events}
    found = set()
    for order in permutations(events):
        by = Attributor(team(), Openings(filter(None, map(opening, events.values()))).find, NothingKnown())
        got = {name: by.actor(events[name].identity, PRODUCTION, events[name].source) for name in order}
        found.add(tuple(got[name] for name in sorted(got)))
    (told,) = found
    assert {each.person for each in told} == {None}
    assert [each.traced for each in told] == [False, False, False, False, True]


def test_a_chain_as_long_as_one_likes_is_followed():
    """A trail may hold any chain: its length costs time, and neither depth nor room."""
    links = [(user("james"), "r0"), *((session(f"r{n}", "s", f"ASIA{n}"), f"r{n + 1}") for n in range(3000))]
    made = [assume_role(who, role, f"ASIA{number}") for number, (who, role) in enumerate(links)]
    found = acting([*made, record(who=session("r3000", "s", "ASIA3000"), event_id="act")])
    assert (found.person, found.method) == ("james", Method.KEY_CHAIN)
    assert len(found.why) < 700
    assert "ASIA3000" in found.why
    assert found.why.endswith("IAM user james")


def test_a_caller_is_looked_up_once_and_found_again_for_all_their_other_events():
    """However many events there are, what handed out a key is asked for once."""
    made = [user("james"), user("rick")]
    opened = [assume_role(made[n % 2], f"r{n % 9}", f"ASIA{n}", event_id=f"take{n}") for n in range(100)]
    acts = [record(who=session(f"r{n % 9}", f"s{n}", f"ASIA{n}"), event_id=f"act{n}") for n in range(100)]
    events = reading(*opened, *acts).events
    openings = Openings(found for each in events if (found := opening(each)) is not None)
    asked = list[str]()

    def find(key: str) -> Opening | None:
        asked.append(key)
        return openings.find(key)

    attributor = Attributor(KNOWN, find, NothingKnown())
    for _ in range(3):
        assert all(attributor.actor(each.identity, each.account, each.source).person for each in events)
    assert sorted(asked) == sorted(f"ASIA{n}" for n in range(100))


# --- leads ---------------------------------------------------------------------------------------


def test_a_lead_is_told_and_names_nobody():
    """Somebody known used the same role from the same place by the same agent: a place to look, no person."""
    taken = assume_role(user("james"), "admin", "ASIA1", event_id="take")
    known = record(who=session("admin", "s", "ASIA1"), at=after(1), event_id="known")
    lost = {
        "near": record(who=session("admin", "s", "ASIALOST"), at=after(1.2), event_id="near"),
        "late": record(who=session("admin", "s", "ASIALOST"), at=after(2), event_id="late"),
        "role": record(who=session("other", "s", "ASIALOST"), at=after(1.2), event_id="role"),
        "place": record(
            who=session("admin", "s", "ASIALOST"), at=after(1.2), event_id="place", sourceIPAddress="192.0.2.1"
        ),
        "agent": record(who=session("admin", "s", "ASIALOST"), at=after(1.2), event_id="agent", userAgent="x"),
        "none": record(who=session("admin", "s", "ASIALOST"), at=after(1.2), event_id="none", sourceIPAddress=None),
    }
    events = reading(taken, known, *lost.values()).events
    found = attribute(events, team())
    told = leads(events, found)
    assert list(told) == ["near"]
    assert "james 720 s away (event known)" in told["near"]
    assert "no proof" in told["near"]
    assert {each.actor.person for each in found if each.event.id in lost} == {None}


def test_a_lead_tells_of_everybody_who_was_near_and_is_known_for_sure():
    """Two people were there: both are told, the nearer first; whoever is known by a chosen name is not."""
    made = [assume_role(user(name), "admin", f"ASIA{name}", event_id=f"take-{name}") for name in ("james", "rick")]
    made.append(record(who=session("admin", "s", "ASIAjames"), at=after(1), event_id="one"))
    made.append(record(who=session("admin", "s", "ASIArick"), at=after(1.1), event_id="two"))
    made.append(record(who=session("admin", "ada", "ASIALOST"), at=after(1.1), event_id="weak"))
    made.append(record(who=session("admin", "s", "ASIALOST"), at=after(1.1), event_id="lost"))
    events = reading(*made).events
    (told,) = leads(events, attribute(events, BY_USER)).values()
    assert told.index("rick 0 s") < told.index("james 360 s")
    assert "ada" not in told


def test_identities_and_actors_are_values():
    """They are keys and cells of tables."""
    found = event(record(who=session("admin", "s", "ASIA9")))
    assert isinstance(found.identity, Identity)
    assert len({found.identity, replace(found.identity)}) == 1
    assert len({actor(user("james")), actor(user("james"))}) == 1
    assert isinstance(actor(user("james")), Actor)
