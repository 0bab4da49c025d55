"""IAM states drawn at random, close together: everything by which James may act, in two accounts that trust each other.

Policies at their limits, boundaries, roles of others that trust him, the account, or each other, with names demanded or
not, sessions that are passed on, and all kinds of credentials.
"""

from copy import deepcopy
from dataclasses import replace

from hypothesis import strategies as st
from tests.cloud import MemoryCloud
from tests.unit.respond.frozen import TEAM, world

from watchbill.access.model import AccessKey, Door, DoorKind, GroupState, RoleState, Shell


BASE = world()
OURS = sorted({name for state in BASE.states.values() for name in state.groups})
POWER = "arn:aws:iam::aws:policy/PowerUserAccess"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NUMBERS = {name: account.number for name, account in TEAM.accounts.items()}
USER = f"arn:aws:iam::{NUMBERS['production']}:user/watchbill/james"

_ATTACHED = [POWER, "arn:aws:iam::aws:policy/IAMFullAccess", *(f"arn:aws:iam::aws:policy/Own{n}" for n in range(9))]
_NAMED = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
_SOURCE = {"StringEquals": {"sts:SourceIdentity": "${aws:username}"}}
_LONG = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::" + "x" * 1900}],
}
_ROLES = ("r0", "r1", "r2")


def _trusted(account):
    number = NUMBERS[account]
    other = NUMBERS["staging" if account == "production" else "production"]
    chained = [f"arn:aws:iam::{n}:role/{name}" for n in (number, other) for name in _ROLES]
    return [USER, f"arn:aws:iam::{number}:root", other, "*", *chained]


@st.composite
def _roles(draw, account):
    found = {}
    for name in draw(st.lists(st.sampled_from(_ROLES), unique=True)):
        principal = draw(st.sampled_from(_trusted(account)))
        condition = draw(st.sampled_from(({}, _NAMED, _SOURCE)))
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}
        path = draw(st.sampled_from(("/", "/theirs/", "/watchbill/")))
        arn = f"arn:aws:iam::{NUMBERS[account]}:role{path}{name}"
        found[name] = RoleState(name, arn, path, trust, inline={"own": ALL})
    return found


@st.composite
def _account(draw, cloud, account):
    state = cloud.states[account]
    foreign = GroupState("legacy", "/", frozenset([POWER]))
    groups = draw(st.frozensets(st.sampled_from([*(g for g in OURS if g in state.groups), "legacy"])))
    james = replace(
        state.users["james"],
        groups=groups,
        inline=dict(draw(st.lists(st.sampled_from([("own", ALL), ("long", _LONG)]), unique_by=lambda each: each[0]))),
        attached=frozenset(draw(st.sampled_from(([], _ATTACHED[:1], _ATTACHED[:10], _ATTACHED[:11])))),
        boundary=draw(st.sampled_from((None, POWER))),
    )
    roles = {**state.roles, **draw(_roles(account))}
    users = {**state.users, "james": james}
    cloud.states[account] = replace(state, users=users, roles=roles, groups={**state.groups, "legacy": foreign})
    of = (account, "james")
    cloud.keys[of] = [AccessKey(f"AKIA{account.upper()}{n}", on) for n, on in enumerate(draw(_ONS))]
    cloud.doors[of] = [Door(kind, f"{kind.name}{account}", draw(st.booleans())) for kind in draw(_KINDS)]
    cloud.shells[account] = [Shell("james-1", "eu-west-1", USER, "i-1")] if draw(st.booleans()) else []


_ONS = st.lists(st.booleans(), max_size=2)
_KINDS = st.lists(st.sampled_from(list(DoorKind)), unique=True)


@st.composite
def clouds(draw):
    """Draw a cloud in which James may act in any of these ways."""
    cloud = copied(BASE)
    for account in TEAM.accounts:
        draw(_account(cloud, account))
    return cloud


def copied(cloud):
    """Give another cloud in the same state."""
    made = MemoryCloud()
    for name in ("states", "keys", "doors", "devices", "passwords", "shells"):
        setattr(made, name, deepcopy(getattr(cloud, name)))
    return made
