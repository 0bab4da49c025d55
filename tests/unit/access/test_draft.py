"""A team file drafted from IAM says the same as IAM, is valid whatever IAM has in it, and loses nothing in silence."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY

from watchbill.access.apply import apply
from watchbill.access.compile import JOB, SET
from watchbill.access.draft import account_name, draft_team
from watchbill.access.model import PATH, AccountState, GroupState, PolicyState, RoleState, State, UserState
from watchbill.access.plan import make_plan
from watchbill.inert import inert
from watchbill.team.files import parse


NUMBER = "111111111111"
IAM = f"arn:aws:iam::{NUMBER}"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def document(*actions, **more):
    """Make a document that allows some actions on everything."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}],
    }


def user(name, *groups, path="/", **more):
    """Make a user in some groups."""
    return UserState(name, f"{IAM}:user{path}{name}", path, frozenset(groups), **more)


def group(name, *attached, path="/", **inline):
    """Make a group with some policies."""
    return GroupState(name, path, frozenset(attached), inline)


def policy(name, path="/", **more):
    """Make a policy of the customer's own."""
    return PolicyState(f"{IAM}:policy{path}{name}", name, path, document("ec2:*", **more))


def role(name, *principals, path="/", **more):
    """Make a role that trusts somebody in each of some ways."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": each, "Action": "sts:AssumeRole"} for each in principals]}
    return RoleState(name, f"{IAM}:role{path}{name}", path, trust, **more)


def state(*found, mfa=None):
    """Make an account of what is in it."""

    def of(kind):
        return {each.name: each for each in found if isinstance(each, kind)}

    policies = {each.arn: each for each in found if isinstance(each, PolicyState)}
    return AccountState("production", NUMBER, of(UserState), of(GroupState), of(RoleState), policies, mfa or {})


def read(found, passwords=None):
    """Draft, and read the draft back."""
    return parse(draft_team(found, passwords or {}), "watchbill.yaml")


def left(found, passwords=None):
    """Give what the draft says that it left out."""
    mark = "# not taken over: "
    return [line[len(mark) :] for line in draft_team(found, passwords or {}).splitlines() if line.startswith(mark)]


def sets_of(team, name):
    """Give the permission sets of a group."""
    return [team.permission_sets[each.permission_set] for each in team.groups[name].access]


def test_groups_members_and_what_they_hold_are_taken_over():
    """A policy is one permission set, whoever has it; AWS's own are named, the others copied with their conditions."""
    access = policy("DeveloperAccess", Condition={"Bool": {"aws:SecureTransport": True}})
    found = state(
        access,
        user("ada", "Developers", "ops"),
        user("James.Porter", "Developers"),
        group("Developers", access.arn, READ_ONLY),
        group("ops", access.arn, restart=document("ec2:RebootInstances")),
    )
    team = read(found)
    assert {name: each.members for name, each in team.groups.items()} == {
        "developers": ("ada", "james.porter"),
        "ops": ("ada",),
    }
    assert [(each.name, each.managed, each.policy) for each in sets_of(team, "developers")] == [
        ("developer-access", (), access.document),
        ("read-only-access", ("ReadOnlyAccess",), None),
    ]
    assert [each.name for each in sets_of(team, "ops")] == ["developer-access", "ops-restart"]
    assert team.permission_sets["ops-restart"].policy == document("ec2:RebootInstances")
    assert {each.accounts for one in team.groups.values() for each in one.access} == {("production",)}
    assert team.people["james.porter"].iam_user == "James.Porter"
    assert (team.accounts["production"].number, team.accounts["production"].role) == (NUMBER, None)
    assert left(found) == []


@pytest.mark.parametrize(
    ("password", "mfa", "where"),
    [
        (True, True, "people"),
        (True, False, "people"),
        (False, True, "people"),
        (False, False, "workloads"),
        (None, False, "people"),
        (False, None, "people"),
        (None, None, "people"),
    ],
)
def test_only_who_is_known_to_have_neither_password_nor_mfa_is_a_machine(password, mfa, where):
    """What is not known makes nobody a machine, and the draft asks."""
    found = state(user("ada"), mfa={} if mfa is None else {"ada": mfa})
    passwords = {} if password is None else {"ada": password}
    team = read(found, passwords)
    assert (list(team.people), list(team.workloads)) == ((["ada"], []) if where == "people" else ([], ["ada"]))
    assert ("a person or a machine?" in draft_team(found, passwords)) is (password is None and not mfa)


def test_what_is_not_taken_over_is_named_with_its_arn():
    """Each thing that gives somebody something and is not in the file is in a comment of its own."""
    mine, gone = policy("mine"), "arn:aws:iam::aws:policy/AWSCloudTrailFullAccess"
    found = state(
        policy("fence-oncall", path=PATH),
        policy("unused"),
        mine,
        user("ada", "ops", "unread", attached=frozenset({mine.arn}), inline={"own": {}}, boundary=f"{IAM}:policy/b"),
        user("bot", "ops"),
        user("_old"),
        group("ops", f"{IAM}:policy/lost", gone),
        group("oncall-platform", path=PATH),
        role("admin", {"AWS": f"{IAM}:root"}, {"Service": "ec2.amazonaws.com"}, attached=frozenset({mine.arn})),
        role("anyone", "*"),
        role("sso", {"Federated": ["saml"]}),
        role("lambda", {"Service": ["lambda.amazonaws.com"]}),
        role("oncall-platform-primary", path=PATH),
        mfa={"bot": False},
    )
    assert left(found, {"bot": False}) == [
        f"user {IAM}:user/_old: a team file cannot name it",
        f"group {IAM}:group/watchbill/oncall-platform: watchbill's own already; another team file says what it is",
        f"policy {IAM}:policy/lost of group {IAM}:group/ops: its document was not read",
        f"policy {gone} of group {IAM}:group/ops: AWS lists it no more, or not yet as far as watchbill knows",
        f"user {IAM}:user/bot in group {IAM}:group/ops: it looks like no person",
        f"policy {mine.arn}, attached to user {IAM}:user/ada itself",
        f"inline policy own of user {IAM}:user/ada",
        f"permissions boundary {IAM}:policy/b of user {IAM}:user/ada; it stays in force",
        f"group unread of user {IAM}:user/ada: it was not read",
        f"policy {mine.arn}, attached to {IAM}:role/admin, {IAM}:user/ada",
        f"policy {IAM}:policy/unused, attached to nobody",
        "policies under /watchbill/, watchbill's own already: 1",
        f"role {IAM}:role/admin, which trusts {IAM}:root",
        f"role {IAM}:role/anyone, which trusts *",
        f"role {IAM}:role/watchbill/oncall-platform-primary: watchbill's own already",
        f"role {IAM}:role/sso, which trusts saml",
        "roles that trust nobody but services of AWS: 1",
    ]
    text = draft_team(replace(found, unread=("credential report: AccessDenied\nteam: hers",)), {})
    assert "# not read: credential report: AccessDenied\\u000ateam: hers\n" in text


@pytest.mark.parametrize(
    ("trust", "said"),
    [
        ({"Statement": {"Effect": "Allow", "Principal": {"AWS": "1"}}}, ["which trusts 1"]),
        ({"Statement": [{"Effect": "Allow", "NotPrincipal": {"AWS": "1"}}]}, ["everyone but those it names"]),
        ({"Statement": ["?"]}, ["something that cannot be read"]),
        ({"Statement": [{"Effect": "Deny", "Principal": "*"}]}, ["nobody but services"]),
        ({"Statement": [{"Effect": "Allow", "Principal": {"AWS": list("54321")}}]}, ["trusts 1, 2, 3 and 2 more"]),
        ({}, ["nobody but services"]),
    ],
)
def test_whom_a_role_trusts_is_said(trust, said):
    """In each form that a trust policy may have, and never too little."""
    (line,) = left(state(replace(role("r"), trust=trust)))
    assert all(each in line for each in said)


@pytest.mark.parametrize(
    ("iam", "names"),
    [
        (["AWSReadOnly", "DBAs", "ops_1", "S3-Admins"], ["aws-read-only", "dbas", "ops_1", "s3-admins"]),
        (["Ops", "ops,", "ops@"], ["ops", "ops-2", "ops-3"]),
        (["a" * 40, "a" * 41], ["a" * 32, "a" * 30 + "-2"]),
        (["ec2-container-registry-full-access-all"], ["ec2-container-registry-full"]),
        (["x-" + "a" * 40], ["x-" + "a" * 30]),
        (["=", "é"], ["group", "group-2"]),
        (["0x1", "1e3", "no", "null"], ["0x1", "1e3", "no", "null"]),
        ([f"{JOB}ops", "ops"], [f"{JOB}ops", "ops-2"]),
        ([f"{JOB.upper()}OPS", "ops"], [f"{JOB}ops", "ops-2"]),
    ],
)
def test_names_are_folded_and_numbered(iam, names):
    """To what a team file takes, each once, and to none whose group AWS could not make beside those that are there."""
    assert list(read(state(*(group(name) for name in iam))).groups) == names


def test_a_set_is_not_named_as_a_policy_that_is_there():
    """AWS takes the name of a policy once, whatever its path."""
    taken, mine = policy(f"{SET.upper()}deploy"), policy("Deploy")
    team = read(state(taken, mine, group("ops", mine.arn)))
    assert list(team.permission_sets) == ["deploy-2"]


@pytest.mark.parametrize(
    ("alias", "name"),
    [("acme-prod", "acme-prod"), (None, f"account-{NUMBER}"), ("", f"account-{NUMBER}"), ("Acme Prod", "acme-prod")],
)
def test_an_account_is_called_by_its_alias(alias, name):
    """Or by its number, where it has none."""
    assert account_name(alias, NUMBER) == name


def test_limits_of_aws_are_told_beforehand():
    """Old groups stay, so that old and new ones count together; a group of too many policies is told of."""
    groups = [group(f"g{number}") for number in range(6)]
    many = group("many", **{f"p{number}": document("s3:*") for number in range(11)})
    text = draft_team(state(*groups, many, user("ada", *(each.name for each in groups))), {})
    assert "# in 6 groups: with as many of watchbill's, more than the 10 AWS allows\n" in text
    assert "# 11 policies: AWS attaches 10 to a group, so join some\n" in text
    text = draft_team(state(*groups[:5], user("ada", *(each.name for each in groups[:5]))), {})
    assert "AWS allows" not in text


@pytest.mark.parametrize("ours", [user("a", path=PATH), group("a", path=PATH), policy("a", path=PATH)])
def test_an_account_that_watchbill_keeps_already_is_told_of(ours):
    """A plan of the draft would take away what the other file made."""
    assert "# Watchbill is at work in this account already" in draft_team(state(ours), {})
    assert "at work" not in draft_team(state(user("a"), group("a"), policy("a"), role("a")), {})


def test_an_empty_account_gives_an_empty_team():
    """Also that is a valid file to begin with."""
    team = read(state())
    assert (team.people, team.groups, team.permission_sets, team.workloads) == ({}, {}, {}, {})


def test_applying_the_draft_leaves_what_is_there():
    """Its plan has no problems, gives each person what the old groups do, and touches nothing that was there."""
    access = policy("Access")
    found = state(
        access,
        user("James", "ops"),
        user("ada", "ops", "Read"),
        group("ops", access.arn, restart=document("rds:*")),
        group("Read", READ_ONLY),
    )
    team = read(found)
    plan = make_plan(team, {"production": found}, MONDAY)
    assert plan.problems == ()
    assert {(each.person, each.permission_set) for each in plan.effects} == {
        *(("james", name) for name in ("access", "ops-restart")),
        *(("ada", name) for name in ("access", "ops-restart", "read-only-access")),
    }
    cloud = MemoryCloud()
    cloud.states["production"] = found
    assert all(each.state is State.DONE for each in apply(plan.changes, by(team, cloud)))
    after = cloud.states["production"]
    assert {name: each for name, each in after.groups.items() if each.path != PATH} == found.groups
    assert {arn: each for arn, each in after.policies.items() if each.path != PATH} == found.policies
    for name, each in found.users.items():
        assert replace(after.users[name], groups=each.groups) == each
        assert after.users[name].groups - each.groups == {JOB + old.lower() for old in each.groups}


# --- whatever is in IAM

HOSTILE = (
    *("null", "no", "Yes", "true", "0x1", "1e3", "1_000", "0o7", ".inf", "~", "<<", "=", "2026-01-01", "12:30:00", "-"),
    *(
        "a: b",
        "a #b",
        "'",
        '"',
        "\\",
        "{",
        "[",
        "*a",
        "&a",
        "!!int",
        "%",
        "@",
        "`",
        "|",
        ">",
        "? a",
        "- a",
        "...",
        "---",
    ),
    *(
        "a\nb",
        "a\r\nteam: hers",
        "\t",
        "\x00",
        "\x85",
        "\u2028",
        "\u202e",
        "\ufeff",
        "\ud800",
        "\U0001f600",
        "é",
        " ",
        "",
    ),
)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=12) | st.text("aA0-_.+=,@", min_size=1, max_size=70)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(TEXTS, JSON, max_size=4)


@st.composite
def accounts(draw, documents=DOCUMENTS, texts=TEXTS):
    """Draw an account of any names and documents; names are unique without regard to case, as in IAM."""
    names = st.lists(texts, max_size=4, unique_by=str.lower)
    paths = st.sampled_from(("/", "/", PATH, "/a/"))
    policies = [
        PolicyState(f"{IAM}:policy{path}{name}", name, path, draw(documents))
        for name in draw(names)
        for path in [draw(paths)]
    ]
    arns = [each.arn for each in policies]
    arns += [READ_ONLY, "arn:aws-cn:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/No", f"{IAM}:policy/lost"]
    attached = st.frozensets(st.sampled_from(arns), max_size=3)
    inline = st.dictionaries(texts, documents, max_size=2)
    groups = [GroupState(name, draw(paths), draw(attached), draw(inline)) for name in draw(names)]
    some = st.frozensets(st.sampled_from([each.name for each in groups] + ["unread"]), max_size=3)
    users = [
        user(name, *draw(some), path=draw(paths), attached=draw(attached), inline=draw(inline), boundary=draw(texts))
        for name in draw(names)
    ]
    roles = [replace(role(name, draw(texts)), attached=draw(attached)) for name in draw(names)]
    mfa = {each.name: draw(st.booleans()) for each in users if draw(st.booleans())}
    return replace(state(*policies, *groups, *users, *roles, mfa=mfa), unread=tuple(draw(st.lists(texts, max_size=2))))


def is_text(text):
    """Tell whether a text can be sent: AWS can have no half of a surrogate pair."""
    return text.encode("utf-8", "ignore").decode() == text


def text_of(document):
    """Give a document as text that is equal for equal documents, and tells 1 from 1.0 and from true."""
    return json.dumps(document, sort_keys=True)


@given(accounts(), st.booleans())
def test_a_draft_read_back_says_what_iam_says(found, password):
    """Whatever names and documents there are: the same people in each group, the same documents, nothing lost."""
    passwords = dict.fromkeys(found.users, password)
    text = draft_team(found, passwords)
    assert all(character == "\n" or character.isprintable() for character in text)
    team = parse(text, "watchbill.yaml")
    users = {person.iam_user for person in team.people.values()}
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert users.isdisjoint(team.workloads)
    for each in found.users.values():
        assert each.name in users or each.name in team.workloads or f"user {inert(each.arn)}:" in comments
    theirs = sorted(
        (each for each in found.groups.values() if each.path != PATH), key=lambda g: (g.name.lower(), g.name)
    )
    for each, drafted in zip(theirs, team.groups.values(), strict=True):
        inside = {person.name for person in found.users.values() if each.name in person.groups}
        assert {team.people[name].iam_user for name in drafted.members} == inside & users
        assert all(f"user {inert(found.users[name].arn)} in group" in comments for name in inside - users)
        sets = [team.permission_sets[access.permission_set] for access in drafted.access]
        copied = [found.policies[arn].document for arn in each.attached if arn in found.policies]
        assert sorted(text_of(s.policy) for s in sets if s.policy is not None) == sorted(
            text_of(d) for d in (*copied, *each.inline.values())
        )
        named = {f"arn:aws:iam::aws:policy/{n}" if ":" not in n else n for s in sets for n in s.managed}
        rest = each.attached - found.policies.keys() - named
        assert all(f"policy {inert(arn)} of group" in comments for arn in rest)
    for each in found.roles.values():
        assert f"role {inert(each.arn)}" in comments
    for each in found.users.values():
        assert all(
            f"policy {inert(arn)}, attached to user {inert(each.arn)} itself" in comments for arn in each.attached
        )
        assert all(f"inline policy {inert(name)} of user {inert(each.arn)}" in comments for name in each.inline)


@given(DOCUMENTS)
@example({"k" * 5000: {"v" * 5000: ["x" * 5000]}, "é" * 300: {"\u2028" * 200: []}})
@example({"Statement": [[[]], [{}], [[{"a": [1.5e-7, 1e22, True, None]}]]]})
@example({"long": [f"s3:Get{number}" for number in range(90)], "deep": [[["a" * 200]]]})
def test_a_document_read_back_is_the_same(document):
    """Types too: a text that YAML would take for a number, a date or nothing stays a text."""
    team = read(state(GroupState("ops", "/", inline={"it": document})))
    (found,) = team.permission_sets.values()
    assert text_of(found.policy) == text_of(document)


@given(accounts(st.sampled_from((document("ec2:*"), document("s3:Get*", Sid="A"))), TEXTS.filter(is_text)))
def test_a_plan_of_a_draft_can_be_made(found):
    """Whatever the names: the plan runs, and no call is about what was there, but for who joins."""
    plan = make_plan(read(found), {"production": found}, MONDAY)
    for change in plan.changes:
        parameters = change.call.parameters
        if change.call.operation.startswith(("Attach", "Create", "Put")) and "GroupName" in parameters:
            there = found.groups.get(parameters["GroupName"])
            assert there is None or there.path == PATH
