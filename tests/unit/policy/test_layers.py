"""Every layer of policies together: who is named how, within an account and across, and what never changes an answer.

The tables say what the IAM User Guide says ("Policy evaluation logic", "Cross-account policy evaluation logic",
"Principal", "NotPrincipal", "Session policies"): A is allowed, I implicitly denied, E explicitly denied.
"""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Kind, Principal, Request
from watchbill.policy.rules import Policy
from watchbill.policy.statements import parse_policy


ALLOWED, DEPENDS = Effect.ALLOWED, Effect.DEPENDS
IMPLICIT, EXPLICIT = Effect.IMPLICITLY_DENIED, Effect.EXPLICITLY_DENIED
BY_LETTER = {"A": ALLOWED, "I": IMPLICIT, "E": EXPLICIT, "D": DEPENDS}

HERE, AWAY = "111122223333", "444455556666"
USER = f"arn:aws:iam::{HERE}:user/eng/james"
RICK = f"arn:aws:iam::{HERE}:user/rick"
ROLE = f"arn:aws:iam::{HERE}:role/watch/oncall"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/oncall/james"
FEDERATED = f"arn:aws:sts::{HERE}:federated-user/james"
ROOT = f"arn:aws:iam::{HERE}:root"
SAML = f"arn:aws:iam::{HERE}:saml-provider/corp"
SERVICE = "lambda.amazonaws.com"
CALLERS = {
    "user": USER,
    "role": ROLE,
    "session": SESSION,
    "federated": FEDERATED,
    "root": ROOT,
    "service": SERVICE,
    "saml": SAML,
    "anonymous": "*",
}

QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:orders"
SEND = Request("sqs:SendMessage", QUEUE, {}, complete=True)
KEY = f"arn:aws:kms:eu-west-1:{HERE}:key/k1"


def statement(effect="Allow", action="*", **more):
    """Give one statement over every resource."""
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


def policy(*statements, name="p"):
    """Parse statements as one policy."""
    return parse_policy({"Version": "2012-10-17", "Statement": list(statements)}, name)


ALLOW, DENY, NOTHING = policy(statement()), policy(statement("Deny")), policy(statement(action="ec2:*"))
BY_WORD = {"none": NOTHING, "allow": ALLOW, "deny": DENY}

PRINCIPALS: dict[str, dict[str, Any]] = {
    "nobody": {"Principal": {"AWS": RICK}},
    "user": {"Principal": {"AWS": USER}},
    "role": {"Principal": {"AWS": ROLE}},
    "session": {"Principal": {"AWS": SESSION}},
    "federated": {"Principal": {"AWS": FEDERATED}},
    "root": {"Principal": {"AWS": ROOT}},
    "id": {"Principal": {"AWS": HERE}},
    "star": {"Principal": "*"},
    "aws-star": {"Principal": {"AWS": "*"}},
    "others": {"NotPrincipal": {"AWS": RICK}},
    "service": {"Principal": {"Service": SERVICE}},
    "saml": {"Principal": {"Federated": SAML}},
}


def resource_policy(word, effect="Allow", **more):
    """Give a resource's policy that names as a word says."""
    return policy(statement(effect, **PRINCIPALS[word], **more), name="resource")


def asked_by(caller, request=SEND, *, away=False):
    """Give a request of a caller, for a resource of another account if it is away."""
    resource = request.resource.replace(HERE, AWAY) if away else request.resource
    return replace(request, principal=Principal.of(CALLERS.get(caller, caller)), resource=resource)


def decide(request, *identity, **layers):
    """Decide under identity policies and whatever other layers there are."""
    return Evaluator(Layers(tuple(identity), **layers)).decide(request)


def rows(table):
    """Read a table: a row is words and letters, and the columns are asked one by one."""
    return [line.split() for line in table.strip().splitlines()]


# --- the caller's own policies and the resource's ---

SAME_ACCOUNT = """
user       nobody     I A E
user       user       A A E
user       role       I A E
user       session    I A E
user       federated  I A E
user       root       I A E
user       id         I A E
user       star       A A E
user       aws-star   A A E
user       others     A A E
user       service    I A E
session    nobody     I A E
session    user       I A E
session    role       A A E
session    session    A A E
session    root       I A E
session    id         I A E
session    star       A A E
session    aws-star   A A E
session    others     A A E
role       role       A A E
role       session    I A E
role       root       I A E
role       star       A A E
federated  nobody     I A E
federated  user       A A E
federated  federated  A A E
federated  role       I A E
federated  root       I A E
federated  star       A A E
"""
"""Caller, whom the resource's policy names; the answer where the identity policies are silent, allow, deny."""


@pytest.mark.parametrize("row", rows(SAME_ACCOUNT), ids=" ".join)
def test_within_an_account_one_of_the_two_policies_is_enough(row):
    """Naming the account only lets its own policies allow; naming the caller, or their role, needs none of them."""
    caller, word, *letters = row
    for own, letter in zip(("none", "allow", "deny"), letters, strict=True):
        decision = decide(asked_by(caller), BY_WORD[own], resource=resource_policy(word))
        assert decision.effect is BY_LETTER[letter], own
        denied = decide(asked_by(caller), BY_WORD[own], resource=resource_policy(word, "Deny"))
        names_the_caller = letters[0] == "A" or word in ("root", "id")
        assert (denied.effect is EXPLICIT) is (names_the_caller or own == "deny")


@pytest.mark.parametrize("row", rows(SAME_ACCOUNT), ids=" ".join)
def test_across_accounts_both_policies_must_allow(row):
    """The account of the caller and that of the resource each have a say, whoever is named."""
    caller, word, silent, *_ = row
    named = silent == "A" or word in ("root", "id")
    for own in ("none", "allow", "deny"):
        decision = decide(asked_by(caller, away=True), BY_WORD[own], resource=resource_policy(word))
        expected = EXPLICIT if own == "deny" else ALLOWED if own == "allow" and named else IMPLICIT
        assert decision.effect is expected, own
    decision = decide(asked_by(caller, away=True), ALLOW)
    assert (decision.effect, decision.layer) == (IMPLICIT, "resource")


def test_the_resource_may_be_known_to_be_away_by_its_account_alone():
    """Buckets name no account in their ARN, so that it is told apart from the request."""
    read = Request("s3:GetObject", "arn:aws:s3:::orders/a", {}, complete=True, principal=Principal.of(USER))
    for account, effect in ((None, ALLOWED), (HERE, ALLOWED), (AWAY, IMPLICIT)):
        assert decide(replace(read, resource_account=account), ALLOW).effect is effect
    away = replace(read, resource_account=AWAY)
    assert decide(away, ALLOW, resource=resource_policy("id")).effect is ALLOWED
    assert decide(away, resource=resource_policy("user")).effect is IMPLICIT


LIMITS = """
user       nobody     boundary  I I
user       root       boundary  I I
user       id         boundary  I I
user       role       boundary  I I
user       user       boundary  A A
user       star       boundary  A A
user       others     boundary  A A
session    nobody     boundary  I I
session    root       boundary  I I
session    role       boundary  I I
session    session    boundary  A A
session    star       boundary  A A
role       role       boundary  I I
federated  nobody     boundary  I I
federated  user       boundary  I I
federated  federated  boundary  A A
federated  root       boundary  I I
session    nobody     session   I I
session    root       session   I I
session    id         session   I I
session    role       session   I I
session    session    session   A A
federated  nobody     session   I I
federated  user       session   I I
federated  federated  session   A A
user       user       session   I I
"""
"""Caller, whom the resource's policy names, a layer that is silent; the answer where identity is silent, or allows."""


@pytest.mark.parametrize("row", rows(LIMITS), ids=" ".join)
def test_what_is_given_to_the_caller_itself_is_not_limited(row):
    """A boundary limits a role and what an account is given, not the user or the session that is named itself."""
    caller, word, layer, *letters = row
    named = {"resource": resource_policy(word)}
    for own, letter in zip(("none", "allow"), letters, strict=True):
        identity = BY_WORD[own]
        for silent in ((NOTHING,), (policy(),), ()):
            assert decide(asked_by(caller), identity, **named, **{layer: silent}).effect is BY_LETTER[letter]
        explicit = decide(asked_by(caller), identity, **named, **{layer: (ALLOW, DENY)})
        assert (explicit.effect, explicit.layer) == (EXPLICIT, layer)
        without = decide(asked_by(caller), identity, **named).effect
        assert decide(asked_by(caller), identity, **named, **{layer: (NOTHING, ALLOW)}).effect is without
        away = decide(asked_by(caller, away=True), identity, **named, **{layer: (NOTHING,)})
        assert away.effect is IMPLICIT


def test_both_limits_must_allow_what_only_one_is_overridden_for():
    """A user's own ARN overrides the boundary, and a session policy still limits what is done with it."""
    silent = {"boundary": (NOTHING,), "session": (NOTHING,)}
    assert decide(asked_by("session"), resource=resource_policy("session"), **silent).effect is ALLOWED
    assert decide(asked_by("user"), resource=resource_policy("user"), **silent).layer == "session"
    assert decide(asked_by("session"), resource=resource_policy("role"), **silent).layer == "boundary"
    assert decide(asked_by("session"), ALLOW, **silent).layer == "boundary"
    assert decide(asked_by("session"), ALLOW, boundary=(ALLOW,), session=(NOTHING,)).layer == "session"


# --- who is named ---


@pytest.mark.parametrize(
    ("listed", "caller", "named"),
    [
        (USER, USER, True),
        (USER, USER.replace("james", "James"), False),
        (USER, f"arn:aws:iam::{HERE}:user/james", False),
        (USER, USER.replace("aws", "aws-cn"), False),
        (USER, USER.replace(HERE, AWAY), False),
        (f"arn:aws:iam::{HERE}:user/*", USER, False),
        (f"arn:aws:sts::{HERE}:assumed-role/oncall/*", SESSION, False),
        (ROLE, SESSION, True),
        (f"arn:aws:iam::{HERE}:role/OnCall", SESSION, True),
        (ROLE, SESSION.replace("oncall", "OnCall"), True),
        (f"arn:aws:iam::{HERE}:role/oncal", SESSION, False),
        (ROLE.replace(HERE, AWAY), SESSION, False),
        (SESSION, SESSION.replace("/james", "/rick"), False),
        (f"arn:aws:iam::{HERE}:user/other/james", FEDERATED, True),
        (ROOT, SESSION, True),
        (HERE, FEDERATED, True),
        (ROOT.replace(HERE, AWAY), SESSION, False),
        (AWAY, SESSION, False),
    ],
)
def test_a_deny_hits_whom_its_principal_names(listed, caller, named):
    """By the caller's own ARN, their role, their user or their account; a pattern names nobody."""
    denying = policy(statement("Deny", Principal={"AWS": ["arn:aws:iam::999900001111:root", listed]}))
    assert (decide(asked_by(caller), ALLOW, resource=denying).effect is EXPLICIT) is named


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_resource_policy_that_names_nobody_speaks_of_nobody(effect):
    """AWS refuses it; it must not become one that speaks of everyone."""
    silent = policy(statement(effect))
    assert decide(asked_by("user"), resource=silent).effect is IMPLICIT
    assert decide(asked_by("user"), ALLOW, resource=silent).effect is ALLOWED
    assert decide(asked_by("anonymous"), resource=silent).effect is IMPLICIT


@pytest.mark.parametrize("word", ["star", "user", "others"])
def test_who_an_identity_policy_names_is_not_asked(word):
    """It is of whom it is attached to."""
    assert decide(asked_by("session"), policy(statement(**PRINCIPALS[word]))).effect is ALLOWED
    assert decide(asked_by("session"), ALLOW, scps=((policy(statement(**PRINCIPALS["nobody"])),),)).effect is ALLOWED


@pytest.mark.parametrize(
    ("listed", "caller", "effect"),
    [
        ([USER, ROOT], "user", ALLOWED),
        ([ROLE, ROOT], "role", ALLOWED),
        ([SESSION, ROLE, ROOT], "session", ALLOWED),
        ([USER, ROOT], "service", IMPLICIT),
        ([USER, ROOT], "session", EXPLICIT),
        ([USER, ROOT], "arn:aws:iam::111122223333:user/rick", EXPLICIT),
        ([SESSION, ROLE, ROOT], SESSION.replace("/james", "/rick"), EXPLICIT),
        ([ROOT], "user", EXPLICIT),
        ([HERE], "session", EXPLICIT),
        ([], "user", EXPLICIT),
    ],
)
def test_a_deny_of_all_but_some_spares_these_alone(listed, caller, effect):
    """Their role and their account are listed beside them, and that spares nobody else ("NotPrincipal", both examples)."""
    denying = policy(statement("Deny", NotPrincipal={"AWS": listed}))
    if caller == "service":
        assert decide(asked_by(caller), resource=denying).effect is EXPLICIT
    else:
        assert decide(asked_by(caller), ALLOW, resource=denying).effect is effect


def test_a_deny_of_all_but_some_hits_whoever_has_a_boundary():
    """Whatever it lists ("NotPrincipal", "Permissions boundaries for IAM entities"); without a boundary it spares."""
    denying = policy(statement("Deny", NotPrincipal={"AWS": [USER, ROOT]}))
    assert decide(asked_by("user"), ALLOW, resource=denying).effect is ALLOWED
    for boundary in ((ALLOW,), (policy(),)):
        decision = decide(asked_by("user"), ALLOW, resource=denying, boundary=boundary)
        assert (decision.effect, decision.layer) == (EXPLICIT, "resource")
    aside = policy(statement("Deny", "ec2:*", NotPrincipal={"AWS": [USER, ROOT]}))
    assert decide(asked_by("user"), ALLOW, resource=aside, boundary=(ALLOW,)).effect is ALLOWED


def test_a_service_has_no_boundary():
    """What holds of whoever has one does not hold of it."""
    spared = {"NotPrincipal": {"Service": SERVICE}}
    found = policy(statement(**PRINCIPALS["service"]), statement("Deny", **spared))
    assert decide(asked_by("service"), resource=found, boundary=(ALLOW,)).effect is ALLOWED


# --- callers without policies of their own ---

WITHOUT_POLICIES = """
service    service   A
service    star      A
service    aws-star  A
service    others    A
service    root      I
service    user      I
service    saml      I
saml       saml      A
saml       star      A
saml       others    A
saml       root      I
saml       id        I
saml       service   I
anonymous  star      A
anonymous  aws-star  A
anonymous  others    A
anonymous  root      I
anonymous  service   I
anonymous  user      I
"""
"""Caller, whom the resource's policy names; the answer."""


@pytest.mark.parametrize("row", rows(WITHOUT_POLICIES), ids=" ".join)
def test_a_caller_without_policies_needs_the_resources_alone(row):
    """Whatever identity policies, boundaries and SCPs are at hand, they are somebody else's."""
    caller, word, letter = row
    for identity, away in itertools.product(((), (ALLOW,), (DENY,)), (False, True)):
        request = asked_by(caller, away=away)
        assert decide(request, *identity).effect is IMPLICIT
        for others in ({}, {"scps": ((DENY,),)}, {"session": (DENY,)}, {"boundary": ()}):
            decision = decide(request, *identity, resource=resource_policy(word), **others)
            assert decision.effect is BY_LETTER[letter]
        for layer in ({"rcps": ((ALLOW,), (DENY,))}, {"endpoint": (DENY,)}):
            assert decide(request, *identity, resource=resource_policy(word), **layer).effect is EXPLICIT
        assert decide(request, resource=resource_policy(word), endpoint=(NOTHING,)).effect is IMPLICIT


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lambda.amazonaws.com", Kind.SERVICE),
        (USER, Kind.AWS),
        (SESSION, Kind.AWS),
        (SAML, Kind.FEDERATED),
        (f"arn:aws:iam::{HERE}:oidc-provider/example.org/a", Kind.FEDERATED),
        ("*", Kind.ANONYMOUS),
        ("ec2.amazonaws.com.cn", Kind.SERVICE),
    ],
)
def test_a_name_says_what_kind_of_principal_it_is(name, kind):
    """A service that was taken for a user would be asked for policies that it has not."""
    assert Principal.of(name).kind is kind


def test_the_root_user_needs_no_policy_of_its_own():
    """All requests are implicitly denied with the exception of the root user ("Policy evaluation logic")."""
    assert decide(asked_by("root")).effect is ALLOWED
    assert decide(asked_by("root"), scps=((NOTHING,),)).effect is IMPLICIT
    assert decide(asked_by("root"), resource=resource_policy("root", "Deny")).effect is EXPLICIT
    assert decide(asked_by("root", away=True)).effect is IMPLICIT


ANYONE_KNOWN = [
    (("star", "Allow"), (), ALLOWED),
    (("star", "Deny"), (ALLOW,), EXPLICIT),
    (("user", "Allow"), (), IMPLICIT),
    (("nobody", "Deny"), (ALLOW,), EXPLICIT),
    (("others", "Deny"), (ALLOW,), EXPLICIT),
    (("others", "Allow"), (), IMPLICIT),
    (("root", "Allow"), (ALLOW,), ALLOWED),
]


@pytest.mark.parametrize(("named", "identity", "effect"), ANYONE_KNOWN)
def test_a_caller_that_is_not_told_is_named_as_anyone(named, identity, effect):
    """None is some identity of the resource's account: an Allow may be of somebody else, a Deny may be of them."""
    assert decide(SEND, *identity, resource=resource_policy(*named)).effect is effect


# --- organizations ---

LEVELS = [
    (None, ALLOWED),
    ([], ALLOWED),
    ([[ALLOW]], ALLOWED),
    ([[ALLOW], [ALLOW], [ALLOW]], ALLOWED),
    ([[NOTHING, ALLOW], [ALLOW]], ALLOWED),
    ([[ALLOW], [NOTHING]], IMPLICIT),
    ([[NOTHING], [ALLOW]], IMPLICIT),
    ([[ALLOW], []], IMPLICIT),
    ([[ALLOW], [policy()]], IMPLICIT),
    ([[ALLOW, DENY], [ALLOW]], EXPLICIT),
    ([[ALLOW], [DENY]], EXPLICIT),
    ([[NOTHING], [DENY]], EXPLICIT),
    ([[ALLOW, policy(statement("Deny", "ec2:*"))]], ALLOWED),
]


def levelled(levels):
    """Give levels as layers have them."""
    return None if levels is None else tuple(map(tuple, levels))


@pytest.mark.parametrize(("levels", "effect"), LEVELS)
@pytest.mark.parametrize("kind", ["scps", "rcps"])
def test_every_level_of_an_organization_must_allow(kind, levels, effect):
    """From the root to the account; nothing below gives back what a level above does not allow."""
    layer = kind.removesuffix("s")
    if kind == "rcps" and any(not any(each.statements for each in level) for level in levels or ()):
        effect = ALLOWED  # AWS's own full access is attached to every level
    for found in (levels, levels and list(reversed(levels))):
        decision = decide(asked_by("user"), ALLOW, **{kind: levelled(found)})
        assert decision.effect is effect
        assert decision.layer == (None if effect is ALLOWED else layer)
    named = decide(asked_by("user"), resource=resource_policy("user"), **{kind: levelled(levels)})
    assert named.effect is effect, "a resource's policy does not override an organization's"
    assert decide(asked_by("user"), **{kind: levelled(levels)}).effect is not ALLOWED, "none of them gives a right"


def test_a_level_of_rcps_that_only_denies_leaves_the_rest():
    """AWS's own full access stays attached beside it; a level of SCPs that only denies allows nothing."""
    aside = policy(statement("Deny", "ec2:*"))
    assert decide(asked_by("user"), ALLOW, rcps=((aside,),)).effect is ALLOWED
    assert decide(asked_by("user"), ALLOW, rcps=((aside,), (aside, aside))).effect is ALLOWED
    assert decide(asked_by("user"), ALLOW, rcps=((aside, NOTHING),)).effect is IMPLICIT
    assert decide(asked_by("user"), ALLOW, scps=((aside,),)).effect is IMPLICIT


ORGANIZATION = """
plain       same  scps  E
plain       away  scps  E
plain       same  rcps  E
plain       away  rcps  E
management  same  scps  A
management  away  scps  A
management  same  rcps  A
management  away  rcps  E
linked      same  scps  A
linked      away  scps  A
"""
"""What the caller is, where the resource is, which policies deny; the answer."""


@pytest.mark.parametrize("row", rows(ORGANIZATION), ids=" ".join)
def test_whom_an_organization_does_not_bind(row):
    """SCPs bind neither the management account nor service-linked roles, RCPs not the management account's resources."""
    what, where, kind, letter = row
    flags = {"in_management_account": what == "management", "service_linked": what == "linked"}
    request = asked_by("session", away=where == "away")
    decision = decide(request, ALLOW, resource=resource_policy("role"), **{kind: ((DENY,),)}, **flags)
    assert decision.effect is BY_LETTER[letter]


def test_rcps_do_not_bind_service_linked_roles():
    """Organizations User Guide, "Resources and entities not restricted by RCPs"."""
    assert decide(asked_by("session"), ALLOW, rcps=((DENY,),), service_linked=True).effect is ALLOWED


def test_rcps_bind_callers_of_other_organizations_and_scps_do_not_bind_resources():
    """An RCP is of the resource, whoever calls, services and the anonymous included; an SCP is of the caller."""
    for caller, name in CALLERS.items():
        request = asked_by(caller, away=True)
        layers = {"resource": resource_policy("star")}
        assert decide(request, ALLOW, **layers, rcps=((DENY,),)).effect is EXPLICIT
        own = Principal.of(name).kind is Kind.AWS
        assert (decide(request, ALLOW, **layers, scps=((DENY,),)).effect is EXPLICIT) is own


# --- endpoints ---


@pytest.mark.parametrize(
    ("endpoint", "effect"),
    [
        (None, ALLOWED),
        ((), IMPLICIT),
        ((ALLOW,), ALLOWED),
        ((NOTHING,), IMPLICIT),
        ((NOTHING, ALLOW), ALLOWED),
        ((ALLOW, DENY), EXPLICIT),
        ((resource_policy("star"),), ALLOWED),
        ((resource_policy("user"),), ALLOWED),
        ((resource_policy("nobody"),), IMPLICIT),
        ((ALLOW, resource_policy("user", "Deny")), EXPLICIT),
        ((ALLOW, resource_policy("nobody", "Deny")), ALLOWED),
    ],
)
def test_an_endpoint_must_allow_what_comes_through_it(endpoint, effect):
    """It gives nothing, and nothing that is given elsewhere overrides it."""
    for given_by in ({}, {"resource": resource_policy("user")}):
        decision = decide(asked_by("user"), ALLOW, **given_by, endpoint=endpoint)
        assert decision.effect is effect
        assert decision.layer == (None if effect is ALLOWED else "endpoint")
    assert decide(asked_by("user"), endpoint=endpoint).effect is not ALLOWED


# --- what services decide ---


@pytest.mark.parametrize("caller", [each for each in CALLERS if each != "anonymous"])
def test_nobody_can_be_denied_to_ask_who_they_are(caller):
    """STS answers `GetCallerIdentity` even where an administrator denies it."""
    request = replace(asked_by(caller), action="sts:GetCallerIdentity", resource="*")
    layers = {"scps": ((DENY,),), "rcps": ((DENY,),), "boundary": (), "endpoint": (DENY,)}
    assert decide(request, DENY, **layers).effect is ALLOWED
    assert decide(replace(request, action="STS:getcalleridentity"), DENY).effect is ALLOWED
    assert decide(replace(request, action="sts:GetCallerIdentityX"), ALLOW, DENY).effect is not ALLOWED


def test_the_anonymous_cannot_ask_who_they_are():
    """The call is signed."""
    request = replace(asked_by("anonymous"), action="sts:GetCallerIdentity", resource="*")
    assert decide(request, ALLOW).effect is IMPLICIT


@pytest.mark.parametrize(
    ("action", "resource", "fixed"),
    [
        ("iam:DeletePolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", True),
        ("IAM:createpolicyversion", "arn:aws:iam::aws:policy/job-function/X", True),
        ("iam:CreatePolicyVersion", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess", True),
        ("iam:TagPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", True),
        ("iam:GetPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", False),
        ("iam:DeletePolicy", f"arn:aws:iam::{HERE}:policy/ReadOnlyAccess", False),
        ("kms:DeleteAlias", f"arn:aws:kms:eu-west-1:{HERE}:alias/aws/s3", True),
        ("kms:UpdateAlias", f"arn:aws:kms:eu-west-1:{HERE}:alias/mine", False),
        ("iam:DeleteRole", f"arn:aws:iam::{HERE}:role/aws-reserved/sso.amazonaws.com/x", True),
        ("iam:GetRole", f"arn:aws:iam::{HERE}:role/aws-reserved/sso.amazonaws.com/x", False),
        ("iam:DeleteRole", f"arn:aws:iam::{HERE}:role/mine/aws-reserved", False),
    ],
)
def test_nobody_changes_what_is_awss_own(action, resource, fixed):
    """No policy gives it, and the service is what is named."""
    request = replace(asked_by("user"), action=action, resource=resource, resource_account=HERE)
    decision = decide(request, ALLOW)
    assert (decision.effect, decision.layer) == ((IMPLICIT, "service") if fixed else (ALLOWED, None))


KEYS = """
user     none    -        I
user     allow   -        I
user     allow   nobody   I
user     none    user     A
user     none    star     A
user     none    root     I
user     allow   root     A
user     allow   id       A
user     deny    user     E
session  none    role     A
session  allow   session  A
session  allow   user     I
"""
"""Caller, identity policies, whom the key's policy names; the answer."""


@pytest.mark.parametrize("row", rows(KEYS), ids=" ".join)
def test_a_keys_own_policy_must_allow(row):
    """Unlike other resources a key gives identity policies nothing unless its own policy lets the account in."""
    caller, own, word, letter = row
    request = replace(asked_by(caller), action="kms:Decrypt", resource=KEY)
    layers = {} if word == "-" else {"resource": resource_policy(word)}
    assert decide(request, BY_WORD[own], **layers).effect is BY_LETTER[letter]
    assert decide(replace(request, action="KMS:Decrypt"), BY_WORD[own], **layers).effect is BY_LETTER[letter]
    away = replace(request, resource=KEY.replace(HERE, AWAY))
    expected = EXPLICIT if own == "deny" else ALLOWED if own == "allow" and letter == "A" else IMPLICIT
    assert decide(away, BY_WORD[own], **layers).effect is expected


def test_what_kms_does_on_no_key_is_for_identity_policies():
    """Aliases and keys that are made have no policy yet."""
    for action, resource in (
        ("kms:CreateKey", "*"),
        ("kms:ListAliases", "*"),
        ("kms:CreateAlias", KEY.replace("key/k1", "alias/mine")),
    ):
        assert decide(replace(asked_by("user"), action=action, resource=resource), ALLOW).effect is ALLOWED


TRUST = """
user       none    user     A
user       none    star     A
user       none    root     I
user       allow   root     A
user       allow   id       A
user       allow   nobody   I
user       allow   user     A
user       deny    user     E
session    none    role     A
session    allow   user     I
service    none    service  A
service    none    star     A
service    none    root     I
saml       none    saml     A
saml       none    root     I
"""
"""Caller, identity policies, whom the role's trust names; the answer."""


@pytest.mark.parametrize("row", rows(TRUST), ids=" ".join)
@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:assumerole", "sts:TagSession", "sts:SetSourceIdentity"])
def test_a_roles_trust_must_allow(row, action):
    """Identity policies alone let nobody take a role; a trust names no resource."""
    caller, own, word, letter = row
    trust = {"Effect": "Allow", "Action": "sts:*", **PRINCIPALS[word]}
    request = replace(asked_by(caller), action=action, resource=ROLE)
    assert decide(request, BY_WORD[own], resource=policy(trust)).effect is BY_LETTER[letter]
    other = policy({**trust, "Action": "sts:DecodeAuthorizationMessage"})
    decision = decide(request, BY_WORD[own], resource=other)
    assert decision.effect is (EXPLICIT if own == "deny" else IMPLICIT)


# --- what is not known ---


@pytest.mark.parametrize(
    ("caller", "own", "away", "effect"),
    [
        ("user", "allow", False, ALLOWED),
        ("user", "allow", True, DEPENDS),
        ("user", "none", True, IMPLICIT),
        ("user", "deny", True, EXPLICIT),
        ("service", "none", False, DEPENDS),
        ("anonymous", "none", True, DEPENDS),
        ("user", "none", False, IMPLICIT),
    ],
)
def test_what_an_unread_policy_must_allow_depends(caller, own, away, effect):
    """Denied would be a guess, and allowed a dangerous one; what it might give besides is not counted."""
    decision = decide(asked_by(caller, away=away), BY_WORD[own], resource_unread=True)
    assert decision.effect is effect
    if effect is DEPENDS:
        assert (decision.layer, decision.deciding, decision.unknown_keys) == ("resource", (), ())
    read = decide(asked_by(caller, away=away), BY_WORD[own], resource=policy(), resource_unread=True)
    assert read.effect is not DEPENDS, "a policy that was read is not unread"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("kms:Decrypt", KEY),
        ("sts:AssumeRole", ROLE),
        ("sts:TagSession", ROLE),
    ],
)
def test_an_unread_policy_that_must_allow_makes_the_answer_depend(action, resource):
    """A key's policy and a role's trust have a say in any case."""
    request = replace(asked_by("user"), action=action, resource=resource)
    assert decide(request, ALLOW, resource_unread=True).effect is DEPENDS
    for limits in ({"boundary": (NOTHING,)}, {"scps": ((NOTHING,),)}, {"endpoint": ()}):
        assert decide(request, ALLOW, resource_unread=True, **limits).effect is IMPLICIT


@pytest.mark.parametrize(
    "unknown",
    [
        {"resource": None},
        {"resource": "*", "some": True},
    ],
)
def test_whether_a_key_that_is_not_told_allows_is_not_known(unknown):
    """For every key without a policy it is denied, so that for some key it cannot be allowed."""
    request = replace(asked_by("user"), action="kms:Decrypt", **unknown)
    assert decide(replace(request, resource=KEY, some=False), ALLOW).effect is IMPLICIT
    assert decide(request, ALLOW).effect is not ALLOWED


def test_some_resource_of_any_account_may_be_of_the_callers_own():
    """Asked about some queue of any account, those of the caller's are among them."""
    request = replace(asked_by("user"), resource="arn:aws:sqs:*:*:orders", some=True)
    assert decide(request, ALLOW).effect is ALLOWED


def test_what_depends_says_on_what():
    """The account is let in, and whether the user is named too hangs on a key."""
    condition = {"StringEquals": {"k": "a"}}
    found = policy(statement(**PRINCIPALS["root"]), statement(**PRINCIPALS["user"], Condition=condition), name="r")
    decision = decide(replace(asked_by("user"), complete=False), resource=found)
    assert decision.effect is DEPENDS
    assert decision.unknown_keys == ("k",)
    assert [str(origin) for origin in decision.deciding] == ["r#1"]


# --- keys that follow from who asks ---


@pytest.mark.parametrize(
    ("caller", "key", "value"),
    [
        ("user", "aws:PrincipalArn", USER),
        ("user", "aws:PrincipalAccount", HERE),
        ("user", "aws:PrincipalType", "User"),
        ("user", "aws:username", "james"),
        ("user", "aws:ResourceAccount", HERE),
        ("root", "aws:PrincipalArn", ROOT),
        ("root", "aws:PrincipalType", "Account"),
        ("root", "aws:username", None),
        ("session", "aws:PrincipalArn", f"arn:aws:iam::{HERE}:role/oncall"),
        ("session", "aws:PrincipalType", "AssumedRole"),
        ("session", "aws:username", None),
        ("federated", "aws:PrincipalArn", FEDERATED),
        ("federated", "aws:username", None),
        ("service", "aws:PrincipalArn", None),
        ("service", "aws:PrincipalAccount", None),
        ("anonymous", "aws:PrincipalArn", None),
        ("federated", "aws:PrincipalType", "FederatedUser"),
        ("anonymous", "aws:PrincipalType", "Anonymous"),
    ],
)
def test_keys_that_follow_from_who_asks(caller, key, value):
    """AWS fills them in every request, so that a condition on them is decided without being told."""
    condition = {"Null": {key: "true"}} if value is None else {"StringEquals": {key: value}}
    denying = policy(statement("Deny", Principal="*", Condition=condition), statement(Principal="*"))
    assert decide(asked_by(caller), ALLOW, resource=denying).effect is EXPLICIT


# --- properties over layers that are drawn ---

MANY = 400
"""Examples of a property that only a rare meeting of layers could break."""

ACTIONS = ["*", "sqs:*", "sqs:Send*", "ec2:*"]
CONDITIONS = [
    {},
    {},
    {},
    {"StringEquals": {"k": "a"}},
    {"StringNotEquals": {"k": "a"}},
    {"StringEqualsIfExists": {"k": ["a", "b"]}},
    {"Null": {"k": "true"}},
    {"ForAllValues:StringEquals": {"k": ["a"]}},
    {"ForAnyValue:StringLike": {"k": "b*"}},
    {"StringEquals": {"j": "${k}"}},
]


def statements_of(effects, *, named):
    """Draw statements; those of a resource name somebody."""

    def made(effect, action, condition, resource, who):
        return {**statement(effect, action, Condition=condition), "Resource": resource, **who}

    whom = st.sampled_from([PRINCIPALS[word] for word in PRINCIPALS]) if named else st.just({})
    resources = st.sampled_from(["*", "*", QUEUE, "arn:aws:sqs:*:*:orders", "arn:aws:s3:::x"])
    return st.builds(
        made, st.sampled_from(effects), st.sampled_from(ACTIONS), st.sampled_from(CONDITIONS), resources, whom
    )


BOTH = ["Allow", "Allow", "Deny"]
plain = st.lists(st.lists(statements_of(BOTH, named=False), max_size=2), max_size=2)
levels = st.lists(
    st.lists(
        st.lists(statements_of(["Allow", "Allow", "Allow", "Deny"], named=False), max_size=2), min_size=1, max_size=2
    ),
    max_size=2,
)
layered = st.fixed_dictionaries(
    {"identity": plain},
    optional={
        "boundary": plain,
        "session": plain,
        "scps": levels,
        "rcps": levels,
        "endpoint": st.lists(
            st.lists(statements_of(BOTH, named=True) | statements_of(BOTH, named=False), max_size=2), max_size=2
        ),
        "resource": st.lists(statements_of(BOTH, named=True), max_size=3),
        "resource_unread": st.booleans(),
        "in_management_account": st.booleans(),
        "service_linked": st.booleans(),
    },
)
"""Layers as lists of policies as lists of statements."""

FLAGS = ("resource_unread", "in_management_account", "service_linked")
callers = st.sampled_from([*CALLERS.values(), RICK, None])
values = st.sampled_from([None, "a", "b", "bb", ("a",), ("a", "b"), ()])


def parsed(found, name):
    """Parse what was drawn of a layer."""
    if name in FLAGS:
        return found
    if name == "resource":
        return policy(*found, name=name)
    if name in ("scps", "rcps"):
        return tuple(
            tuple(policy(*each, name=f"{name}/{n}/{m}") for m, each in enumerate(level))
            for n, level in enumerate(found)
        )
    return tuple(policy(*each, name=f"{name}/{n}") for n, each in enumerate(found))


def layers_of(drawn):
    """Give the layers that were drawn."""
    return Layers(**{name: parsed(found, name) for name, found in drawn.items()})


def request_with(caller, k, j="a", *, away=False, known=True):
    """Give a request of a caller with two keys, of which the first may be left unknown."""
    given_keys = {"j": j, **({"k": k} if known else {})}
    return Request(
        "sqs:SendMessage",
        QUEUE.replace(HERE, AWAY) if away else QUEUE,
        {key: value for key, value in given_keys.items() if value is not None},
        frozenset(key for key, value in given_keys.items() if value is None),
        principal=None if caller is None else Principal.of(caller),
    )


def places(drawn):
    """Give every list of statements that was drawn, with the name of its layer."""
    for name, found in drawn.items():
        if name == "resource":
            yield name, found
        elif name in ("scps", "rcps"):
            yield from ((name, each) for level in found for each in level)
        elif name not in FLAGS:
            yield from ((name, each) for each in found)


def with_one_more(drawn, place, more):
    """Give what was drawn with a statement more in one of its lists."""
    number = iter(range(10_000))

    def put(found, depth):
        if depth == 0:
            return [*found, more] if next(number) == place else found
        return [put(each, depth - 1) for each in found]

    depths = {"resource": 0, "scps": 2, "rcps": 2}
    return {name: found if name in FLAGS else put(found, depths.get(name, 1)) for name, found in drawn.items()}


@settings(max_examples=MANY)
@given(layered, callers, values, st.booleans(), st.booleans(), st.data())
def test_one_more_deny_never_allows_more_in_any_layer(drawn, caller, k, away, known, data):
    """Taking rights away must not be able to give any, wherever it is written."""
    found = list(places(drawn))
    if not found:
        return
    place = data.draw(st.integers(0, len(found) - 1))
    name, statements = found[place]
    if name == "rcps" and not statements:
        return  # asked by `test_a_deny_does_not_fill_an_empty_level_of_rcps`
    deny = data.draw(statements_of(["Deny"], named=name in ("resource", "endpoint")))
    request = request_with(caller, k, away=away, known=known)
    before = Evaluator(layers_of(drawn)).decide(request).effect
    after = Evaluator(layers_of(with_one_more(drawn, place, deny))).decide(request).effect
    assert after is not ALLOWED or before is ALLOWED
    assert after is not DEPENDS or before in (ALLOWED, DEPENDS)
    assert before is not EXPLICIT or after is EXPLICIT


def test_a_deny_does_not_fill_an_empty_level_of_rcps():
    """AWS's full access is attached to every level, so that the two are the same."""
    aside = policy(statement("Deny", "ec2:*"))
    before, after = (decide(asked_by("user"), ALLOW, rcps=((each,),)).effect for each in (policy(), aside))
    assert before is after


@settings(max_examples=MANY)
@given(layered, callers, values, st.booleans(), st.booleans(), st.data())
def test_one_more_allow_never_denies(drawn, caller, k, away, known, data):
    """Giving rights must not be able to take any; a first Allow in RCPs, which AWS refuses, stands in for its own."""
    found = list(places(drawn))
    allowing = [
        n for n, (name, each) in enumerate(found) if name != "rcps" or any(s["Effect"] == "Allow" for s in each)
    ]
    if not allowing:
        return
    place = data.draw(st.sampled_from(allowing))
    allow = data.draw(statements_of(["Allow"], named=found[place][0] in ("resource", "endpoint")))
    request = request_with(caller, k, away=away, known=known)
    before = Evaluator(layers_of(drawn)).decide(request).effect
    after = Evaluator(layers_of(with_one_more(drawn, place, allow))).decide(request).effect
    assert before is not ALLOWED or after is ALLOWED
    assert before is not DEPENDS or after in (ALLOWED, DEPENDS)
    assert (before is EXPLICIT) is (after is EXPLICIT)


AFTER = {
    ALLOWED: {ALLOWED},
    EXPLICIT: {EXPLICIT},
    IMPLICIT: {IMPLICIT, EXPLICIT},
    DEPENDS: {ALLOWED, IMPLICIT, EXPLICIT, DEPENDS},
}
"""What an answer may become when a key that was not known is."""


@settings(max_examples=MANY)
@given(layered, callers, values, values, st.booleans())
def test_an_answer_without_a_key_holds_for_every_value_of_it_in_all_layers(drawn, caller, k, j, away):
    """Only *depends* may turn, and an implicit denial into an explicit one."""
    evaluator = Evaluator(layers_of(drawn))
    before = evaluator.decide(request_with(caller, k, j, away=away, known=False))
    after = evaluator.decide(request_with(caller, k, j, away=away))
    assert after.effect in AFTER[before.effect]
    assert set(before.unknown_keys) <= {"k"}
    assert bool(before.unknown_keys) <= (before.effect is DEPENDS)
    assert after.effect is not DEPENDS or drawn.get("resource_unread"), "nothing is left that it could depend on"


@given(layered, callers, values, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_policies_and_statements_decides_nothing(drawn, caller, k, away, known, random):
    """IAM has no first match, in no layer."""

    def shuffled(found, name):
        if name in FLAGS:
            return found
        turned = [shuffled(each, name) if isinstance(each, list) else each for each in found]
        random.shuffle(turned)
        return turned

    request = request_with(caller, k, away=away, known=known)
    turned = {name: shuffled(found, name) for name, found in drawn.items()}
    one, other = (Evaluator(layers_of(each)).decide(request) for each in (drawn, turned))
    assert one.effect is other.effect
    assert set(one.unknown_keys) == set(other.unknown_keys)


@given(layered, callers, values, st.booleans(), st.booleans())
def test_a_limit_that_allows_all_is_as_none(drawn, caller, k, away, known):
    """A boundary, a session policy, an organization or an endpoint gives nothing; but a boundary calls NotPrincipal in."""
    request = request_with(caller, k, away=away, known=known)
    for name in ("boundary", "session", "endpoint", "scps", "rcps"):
        everything = ((ALLOW,),) if name in ("scps", "rcps") else (ALLOW,)
        layers = layers_of({key: found for key, found in drawn.items() if key != name})
        if name == "boundary" and "NotPrincipal" in str((drawn.get("resource"), drawn.get("endpoint"))):
            continue
        one, other = (Evaluator(replace(layers, **{name: each})).decide(request).effect for each in (None, everything))
        assert one is other, name


@given(layered, callers, values, st.booleans())
def test_splitting_a_policy_in_two_decides_nothing(drawn, caller, k, known):
    """A layer is its statements, in however many documents."""
    request = request_with(caller, k, known=known)
    split = {**drawn, "identity": [[each] for found in drawn["identity"] for each in found]}
    joined = {**drawn, "identity": [[each for found in drawn["identity"] for each in found]]}
    effects = {Evaluator(layers_of(each)).decide(request).effect for each in (drawn, split, joined)}
    assert len(effects) == 1


# --- against the rules written down a second time, for requests of which all is known ---


def holds(condition, k, j):
    """Tell whether a condition of those that are drawn holds, each by its own words."""
    several = isinstance(k, tuple)
    listed = k if several else () if k is None else (k,)
    found = {
        "{}": True,
        "{'StringEquals': {'k': 'a'}}": k == "a",
        "{'StringNotEquals': {'k': 'a'}}": k is None or (not several and k != "a"),
        "{'StringEqualsIfExists': {'k': ['a', 'b']}}": k is None or k in ("a", "b"),
        "{'Null': {'k': 'true'}}": k is None,
        "{'ForAllValues:StringEquals': {'k': ['a']}}": all(each == "a" for each in listed),
        "{'ForAnyValue:StringLike': {'k': 'b*'}}": any(each.startswith("b") for each in listed),
        "{'StringEquals': {'j': '${k}'}}": k is not None and not several and j == k,
    }
    return found[str(condition)]


def speaks(found, away, k, j):
    """Tell whether a statement speaks of the request."""
    resource = found["Resource"]
    here = resource in ("*", "arn:aws:sqs:*:*:orders") or (resource == QUEUE and not away)
    return found["Action"] != "ec2:*" and here and holds(found["Condition"], k, j)


OF: dict[str, dict[str, float]] = {
    USER: {"user": 3, "root": 1, "id": 1, "star": 2, "aws-star": 2, "others": 2},
    RICK: {"nobody": 3, "root": 1, "id": 1, "star": 2, "aws-star": 2},
    ROLE: {"role": 1.5, "root": 1, "id": 1, "star": 2, "aws-star": 2, "others": 1.5},
    SESSION: {"session": 3, "role": 1.5, "root": 1, "id": 1, "star": 2, "aws-star": 2, "others": 2},
    FEDERATED: {"federated": 3, "user": 1.5, "root": 1, "id": 1, "star": 2, "aws-star": 2, "others": 2},
    SERVICE: {"service": 3, "star": 2, "aws-star": 2, "others": 2},
    SAML: {"saml": 3, "star": 2, "aws-star": 2, "others": 2},
    "*": {"star": 2, "aws-star": 2, "others": 2},
}
"""How directly each word names each caller: 1 by account, 1.5 by role or user behind, 2 as anyone, 3 itself."""


def named_by(found, caller):
    """Give how directly a statement of a resource's policy names a caller."""
    word = next(word for word, who in PRINCIPALS.items() if who == {each: found[each] for each in who if each in found})
    return OF[caller].get(word, 0)


def expected(drawn, caller, k, j, *, away):  # noqa: C901, PLR0912 - the guide's own list of questions, in a row
    """Decide by the guide, in the plainest words."""

    def hit(statements, effect, *, naming=False):
        return [s for s in statements if s["Effect"] == effect and speaks(s, away, k, j) and (not naming or s["named"])]

    own = caller in (USER, RICK, ROLE, SESSION, FEDERATED)
    bound = own and not drawn.get("in_management_account") and not drawn.get("service_linked")
    layers = []
    if bound:
        layers += [("scp", [s for each in level for s in each]) for level in drawn.get("scps", ())]
    if not drawn.get("service_linked") and (not drawn.get("in_management_account") or away or not own):
        for level in drawn.get("rcps", ()):
            inside = [s for each in level for s in each]
            full = all(s["Effect"] == "Deny" for s in inside)
            layers += [("rcp", [*inside, {**statement(), "Condition": {}}] if full else inside)]
    if "endpoint" in drawn:
        flat = [s for each in drawn["endpoint"] for s in each]
        layers.append(
            ("endpoint", [s for s in flat if not {"Principal", "NotPrincipal"} & set(s) or named_by(s, caller)])
        )
    for name in ("identity", "boundary", "session") if own else ():
        if name in drawn:
            layers.append((name, [s for each in drawn[name] for s in each]))
    resource = [s for s in drawn.get("resource", ()) if named_by(s, caller)]
    if "boundary" in drawn:
        denies = [s for s in drawn.get("resource", ()) if "NotPrincipal" in s]
        denies += [s for each in drawn.get("endpoint", ()) for s in each if "NotPrincipal" in s]
        if hit(denies, "Deny"):
            return EXPLICIT
    if any(hit(each, "Deny") for _, each in layers) or hit(resource, "Deny"):
        return EXPLICIT
    allows = {name: bool(hit(each, "Allow")) for name, each in layers if name not in ("scp", "rcp")}
    if not all(hit(each, "Allow") for name, each in layers if name in ("scp", "rcp", "endpoint")):
        return IMPLICIT
    how = max((named_by(s, caller) for s in hit(resource, "Allow")), default=0)
    if not own:
        return ALLOWED if how >= 2 else IMPLICIT
    if away:
        return ALLOWED if how and all(allows.get(n, True) for n in ("identity", "boundary", "session")) else IMPLICIT
    if not allows["identity"] and how <= 1:
        return IMPLICIT
    if not allows.get("boundary", True) and how < 2:
        return IMPLICIT
    of_session = how == 3 and caller in (SESSION, FEDERATED)
    return ALLOWED if allows.get("session", True) or of_session else IMPLICIT


@settings(max_examples=3 * MANY)
@given(layered, st.sampled_from(list(OF)), values, values, st.booleans())
def test_layers_decide_as_the_guide_says(drawn, caller, k, j, away):
    """The rules written down a second time, over layers as they may meet."""
    drawn = {**drawn, "resource_unread": False}
    decision = Evaluator(layers_of(drawn)).decide(request_with(caller, k, j, away=away))
    assert decision.effect is expected(drawn, caller, k, j, away=away)
    assert (decision.layer is None) is (decision.effect is ALLOWED)


def test_an_evaluator_that_is_kept_answers_as_a_new_one():
    """What it learns of an action and of a caller is for the next request, not against it."""
    layers = Layers((ALLOW,), scps=((DENY,),), resource=resource_policy("service"))
    kept = Evaluator(layers)
    requests = [
        replace(asked_by(caller, away=away), action=action)
        for caller, away, action in itertools.product(
            CALLERS, (False, True), ("sqs:SendMessage", "SQS:sendmessage", "ec2:RunInstances")
        )
    ]
    assert [kept.decide(each) for each in requests * 2] == [Evaluator(layers).decide(each) for each in requests * 2]


def test_an_empty_policy_and_none_are_not_the_same():
    """A boundary that was given and says nothing allows nothing."""
    assert decide(asked_by("user"), ALLOW, boundary=(Policy("empty", ()),)).effect is IMPLICIT
    assert decide(asked_by("user"), ALLOW, resource=Policy("empty", ())).effect is ALLOWED
    assert decide(asked_by("user", away=True), ALLOW, resource=Policy("empty", ())).effect is IMPLICIT
