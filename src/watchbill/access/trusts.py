"""What role trust policies of the past forced: whether whoever took a role could choose a name that is not their own.

Which policy it was, in order:

1. The trail's: what CreateRole or UpdateAssumeRolePolicy last set before the role was taken.
2. Watchbill's own: where the trail has no change of one of its roles, what it writes by the team file that was applied
   by then. A file that is only assumed to have been in force is no proof that anything was written.
3. Otherwise it is not known.

A change takes effect a little after it was made (IAM User Guide, "Changes that I make are not always immediately
visible"), so in its first minute the policy before it counts as well, and the weakest answer is given.

What it forced is asked of the policy engine: each principal whom the policy names takes the role under a name that is
not theirs. Denied to all of them, the name was forced; allowed to one, it was free; where that depends on what is not
known, so does the answer. A name that AWS cannot tell from somebody else's is nobody's own: a user of an account that
is none of the team's may be called as ours are.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from watchbill.access.documents import trust_document
from watchbill.access.entitlements import role_name
from watchbill.access.history import History
from watchbill.access.model import PATH
from watchbill.intervals import iso
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Kind, Principal, Request
from watchbill.policy.patterns import any_of, widest
from watchbill.policy.rules import Policy
from watchbill.policy.statements import PolicyError, parse_policy
from watchbill.trail.interfaces import Pin, Pins
from watchbill.trail.model import Event, Outcome
from watchbill.trail.openings import TRUSTS


SETTLES = timedelta(minutes=1)
"""How long both a trust policy and the one before it may decide. AWS gives no figure; changes are mostly faster."""

_SOURCE, _SESSION = "sts:SourceIdentity", "sts:RoleSessionName"

_STRANGER = "000000000000"
"""An account of nobody's."""

_NOT_THEIRS = "somebody-else"

_OUR_OWN = "111111111111"
"""An account of the team's, where it is not known which it has."""

_NOBODY = "nobody-in-particular"

_MOST = 500
"""Principals of one policy that are asked about; of one with more it is not known."""

_SOME = 50
"""Users of an account that are asked about where a policy names the account: those whose names are most alike."""

_USER_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")

_USERNAME = re.compile(r"\$\{aws:username\}", re.IGNORECASE)

_BY_SAML = "sts:AssumeRoleWithSAML"

_FAVOURABLE = {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "60", "aws:SecureTransport": "true"}
"""What everybody can bring about, and a policy may demand besides the name."""

_ROLE_ARN_PARTS = 6


@dataclass(frozen=True, slots=True)
class _Change:
    at: datetime
    event_id: str
    document: Mapping[str, Any] | str | None
    """The policy; a reason where it cannot be read; None where the role was deleted."""
    begins: bool
    """Whether there was no role before."""


class Trusts:
    """Tells what trust policies forced, by the changes in a trail and the team files that were applied."""

    def __init__(self, events: Iterable[Event], history: History | None = None) -> None:
        """Take the changes of trust policies among some events, in whatever order; others are passed over."""
        self._history = history
        given = None if history is None else history.given
        self._accounts = frozenset() if given is None else frozenset(each.number for each in given.accounts.values())
        people = () if given is None else given.people.values()
        self._people = _in_doubt(
            {each.iam_user: frozenset((each.iam_user, each.email, *each.also_known_as)) for each in people}
        )
        self._changes: dict[tuple[str, str], list[_Change]] = {}
        for event in events:
            found = _change(event)
            if found is not None:
                self._changes.setdefault(found[0], []).append(found[1])
        for changes in self._changes.values():
            changes.sort(key=lambda change: (change.at, change.event_id))
        self._asked: dict[str, tuple[Pin, Pin, str]] = {}

    def pins(self, role_arn: str | None, at: datetime | None) -> Pins:
        """Tell what a role's trust policy forced when the role was taken at an instant (`trail.interfaces.Forced`)."""
        role = _role_of(role_arn)
        if role is None or role_arn is None:
            return _unknown("the record does not say which role it was")
        if at is None:
            return _unknown("the record does not say when the session began")
        changes = self._changes.get(role, ())
        times = [change.at for change in changes]
        settled, last = bisect_right(times, at - SETTLES), bisect_right(times, at)
        if not last:
            return self._by_team(role, role_arn, at)
        standing = changes[max(settled - 1, 0) : last]
        found = [self._by_change(change) for change in standing]
        if not settled and not standing[0].begins:
            found.append((Pin.UNKNOWN, Pin.UNKNOWN, "the trust policy before it is not in the trail"))
        return _weakest(found)

    def _by_change(self, change: _Change) -> tuple[Pin, Pin, str]:
        told = f"event {change.event_id}"
        if change.document is None:
            return Pin.UNKNOWN, Pin.UNKNOWN, f"{told} deleted the role"
        if isinstance(change.document, str):
            return Pin.UNKNOWN, Pin.UNKNOWN, f"the trust policy that {told} set cannot be read: {change.document}"
        found = self._forced(change.document)
        return found[0], found[1], f"set by {told}{found[2]}"

    def _by_team(self, role: tuple[str, str], arn: str, at: datetime) -> Pins:
        """Tell it of one of watchbill's own roles, by the file that was applied by then."""
        if self._history is None or f":role{PATH}" not in arn:
            return _unknown("its trust policy of then is not in the trail")
        stood = self._history.in_force(at)
        if stood.team is None:
            return _unknown(stood.why_not)
        if stood.revision is None:
            return _unknown(
                "its trust policy is not in the trail, and no team file is known to have been applied by then"
            )
        account = stood.team.account_of(role[0])
        for rota in stood.team.rotas.values():
            kinds = [kind for kind in rota.entitlement if role_name(rota, kind).lower() == role[1]]
            if account is not None and account.name in rota.accounts and kinds and rota.people:
                users = [stood.team.people[person].iam_user for person in rota.people]
                written = trust_document([f"arn:aws:iam::{role[0]}:user{PATH}{user}" for user in users])
                source, session, more = self._forced(written)
                why = f"written by watchbill by revision {stood.revision[:12]} of the team file{more}"
                return _weakest([(source, session, why)])
        return _unknown(f"the team file that was in force at {iso(at)} has no such role")

    def _forced(self, document: Mapping[str, Any]) -> tuple[Pin, Pin, str]:
        written = json.dumps(document, sort_keys=True)
        found = self._asked.get(written)
        if found is None:
            found = self._asked[written] = forced_by(document, self._accounts, self._people)
        return found


def forced_by(
    document: Mapping[str, Any], accounts: Collection[str], people: Mapping[str, Collection[str]] | None = None
) -> tuple[Pin, Pin, str]:
    """Tell what a trust policy forces: the source identity, the name of the session, and why that is not known.

    `accounts` are the team's own; without any, every account is taken for one. `people` are the names that somebody
    has, by their IAM user: all of them are their own. A policy that AWS would refuse forces nothing that is known.
    """
    try:
        trust = parse_policy(document, "trust")
    except (PolicyError, RecursionError) as error:
        return Pin.UNKNOWN, Pin.UNKNOWN, f", which is no valid policy: {error}"
    asked = _Asked(trust, people or {}, accounts)
    if len(asked.callers) > _MOST:
        return Pin.UNKNOWN, Pin.UNKNOWN, f", which names {len(asked.callers)} principals"
    sources, sessions = map(asked.source_identity, asked.callers), map(asked.session_name, asked.callers)
    return _of_all(sources), _of_all(sessions), ""


def _in_doubt(people: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Order people so that those come first whose user is part of a name of somebody else's: `rick`, `rick-smith`."""
    folded = [(user, names, [name.lower() for name in names]) for user, names in people.items()]

    def alike(user: str) -> bool:
        return any(user.lower() in name for other, _, names in folded if other != user for name in names)

    return {user: names for user, names, _ in sorted(folded, key=lambda each: (not alike(each[0]), each[0]))}


def _of_all(pins: Iterable[Pin | None]) -> Pin:
    """Put callers together: one who could choose is enough; None is somebody who cannot take the role."""
    found = {pin for pin in pins if pin is not None}
    for pin in (Pin.FREE, Pin.UNKNOWN, Pin.FORCED):
        if pin in found:
            return pin
    return Pin.UNKNOWN


class _Asked:
    """Asks the policy engine what a trust policy lets its principals call themselves."""

    def __init__(self, trust: Policy, people: Mapping[str, Collection[str]], accounts: Collection[str]) -> None:
        self._evaluator = Evaluator(Layers(identity=(_ANYTHING,), resource=trust))
        self._people = people
        self._known = {name for names in people.values() for name in names}
        self._accounts = accounts
        conditions = {entry.key.lower() for statement in trust.statements for entry in statement.conditions}
        self._about_source = _SOURCE.lower() in conditions
        self._about_session = _SESSION.lower() in conditions
        values = tuple(_written(trust))
        self._written = tuple(_filled(each) for each in values if "${" not in each)
        self._made_of_names = tuple(each for each in values if _USERNAME.search(each))
        self.callers = sorted(self._callers(trust), key=lambda each: (each.kind, each.name))

    def source_identity(self, caller: Principal) -> Pin | None:
        """Tell whether a caller could set another source identity than their name; None where they can set none."""
        own, names = self._own(caller), self._names(caller)
        tried = (self._taken(caller, name, each) for name in self._foreign(caller) for each in names)
        mine = (self._taken(caller, name, each) for name in own for each in names)
        found = _pin(tried, mine, about=self._about_source)
        # That of a federated session is in the token or assertion.
        return Pin.UNKNOWN if found is Pin.FREE and caller.kind is Kind.FEDERATED else found

    def session_name(self, caller: Principal) -> Pin | None:
        """Tell whether a caller could give a session another name than theirs; None where they cannot take the role."""
        own, sources = self._own(caller), (None, *self._names(caller))
        tried = (self._taken(caller, each, name) for name in self._foreign(caller) for each in sources)
        mine = (self._taken(caller, each, name) for name in own for each in sources)
        found = _pin(tried, mine, about=self._about_session)
        # The name of a session by SAML is in the assertion.
        return Pin.UNKNOWN if found is Pin.FREE and _action(caller) == _BY_SAML else found

    def _callers(self, trust: Policy) -> set[Principal]:
        """Give whom the Allows of a trust policy name; an account stands for its users and sessions."""
        found: set[Principal] = set()
        for statement in trust.statements:
            if statement.allows and statement.principals is not None:
                named = {"*": ("*",)} if statement.not_principals else statement.principals
                for kind, names in named.items():
                    for name in names:
                        found.update(self._some(name) if kind in (Kind.AWS, "*") else (Principal.of(name),))
        return found

    def _some(self, name: str) -> Iterator[Principal]:
        if name == "*":
            yield from (*self._of_account(_STRANGER), *self._of_account(min(self._accounts, default=_OUR_OWN)))
            return
        parts = name.split(":", _ROLE_ARN_PARTS - 1)
        account = parts[4] if len(parts) == _ROLE_ARN_PARTS else name
        if not account.isdigit():
            return  # the unique id of somebody who was deleted: nobody can be them
        if account == name or parts[-1] == "root":
            yield from self._of_account(account)
            return
        found = Principal.of(name)
        by_role = found.entity[0] == "role"
        session = f"arn:aws:sts::{account}:assumed-role/{found.entity[1]}/some-session"
        yield Principal.of(session) if by_role else found

    def _of_account(self, account: str) -> Iterator[Principal]:
        """Give users of an account, called as people are and as the policy says, and a session of some role of it."""
        about_names = self._about_source or self._about_session
        written = [each for each in self._written if _USER_NAME.fullmatch(each)]
        for user in dict.fromkeys((*list(self._people)[:_SOME], *written, _NOBODY) if about_names else (_NOBODY,)):
            yield Principal.of(f"arn:aws:iam::{account}:user/{user}")
        yield Principal.of(f"arn:aws:sts::{account}:assumed-role/some-role/some-session")

    def _own(self, caller: Principal) -> tuple[str, ...]:
        """Give the names that are a caller's own: a user's. Sessions and services have none that is not chosen.

        In an account that is none of the team's, anybody may be called as ours are.
        """
        user = _user(caller)
        if user is None or (self._accounts and caller.account not in self._accounts):
            return ()
        return tuple(sorted({user, *self._people.get(user, ())}))

    def _names(self, caller: Principal) -> list[str]:
        """Give every name worth a try: the caller's own, what the policy speaks of, and much the same as theirs."""
        user = _user(caller)
        made = () if user is None else (user, *map(_filled, self._made_of(user)))
        return sorted({*self._own(caller), *self._written, *self._alike(user), *made, _NOT_THEIRS})

    def _foreign(self, caller: Principal) -> list[str]:
        """Give names that are not the caller's. What is made of the name of one of ours is theirs, or nobody's."""
        own, user = self._own(caller), _user(caller)
        every = {*self._written, *self._alike(user), _NOT_THEIRS} if own else self._names(caller)
        return sorted(set(every) - set(own))

    def _made_of(self, user: str) -> Iterator[str]:
        """Give what the policy makes of a user's name: patterns still."""
        return (_USERNAME.sub(lambda _: user, each) for each in self._made_of_names)

    def _alike(self, user: str | None) -> set[str]:
        """Give the names of people that what the policy makes of a user's name would match, in whatever case."""
        if user is None or not self._made_of_names:
            return set()
        match = any_of(widest(each).lower() for each in self._made_of(user))
        return {name for name in self._known if match(name.lower())}

    def _taken(self, caller: Principal, source: str | None, session: str) -> Effect:
        """Tell whether a caller may take the role under these names; that of two calls it needs, the worse answer."""
        context: dict[str, str | tuple[str, ...]] = {**_FAVOURABLE, _SESSION: session}
        absent = {"aws:FederatedProvider", "aws:AssumedRoot"}
        absent |= set() if caller.entity[0] == "user" else {"aws:username"}
        absent |= {"aws:SourceIdentity"} if caller.entity[0] == "user" else set()
        if source is None:
            first = Request(_action(caller), _ROLE, context, frozenset({*absent, _SOURCE}), principal=caller)
            return self._evaluator.decide(first).effect
        first = Request(_action(caller), _ROLE, {**context, _SOURCE: source}, frozenset(absent), principal=caller)
        # Setting a source identity has no session name (Service Authorization Reference, "AWS Security Token Service").
        then = Request(
            "sts:SetSourceIdentity",
            _ROLE,
            {**_FAVOURABLE, _SOURCE: source},
            frozenset({*absent, _SESSION}),
            principal=caller,
        )
        found = self._evaluator.decide(first).effect
        if found not in (Effect.ALLOWED, Effect.DEPENDS):
            return found
        other = self._evaluator.decide(then).effect
        return found if other is Effect.ALLOWED else other


def _pin(tried: Iterable[Effect], mine: Iterable[Effect], *, about: bool) -> Pin | None:
    """Tell what is left to a caller, by what became of every name that is not theirs, and of their own."""
    found = set()
    for each in tried:
        if each is Effect.ALLOWED:
            return Pin.FREE
        found.add(each)
    if Effect.DEPENDS in found:
        # Where no condition is about the name, what it depends on is not the name.
        return Pin.UNKNOWN if about else Pin.FREE
    return Pin.FORCED if any(each in (Effect.ALLOWED, Effect.DEPENDS) for each in mine) else None


_ROLE = f"arn:aws:iam::{_OUR_OWN}:role/role"
"""Any role: a trust policy names none."""

_ANYTHING = parse_policy(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}, "anything"
)
"""Policies of the caller's own, which the trust policy must not count on."""


def _user(caller: Principal) -> str | None:
    return caller.entity[1] if caller.entity[0] == "user" else None


def _action(caller: Principal) -> str:
    if ":saml-provider/" in caller.name:
        return _BY_SAML
    return "sts:AssumeRoleWithWebIdentity" if caller.kind is Kind.FEDERATED else "sts:AssumeRole"


def _written(trust: Policy) -> Iterator[str]:
    """Give the names that a policy speaks of, as patterns."""
    keys = {_SOURCE.lower(), _SESSION.lower()}
    for statement in trust.statements:
        for entry in statement.conditions:
            if entry.key.lower() in keys:
                yield from entry.values


def _filled(pattern: str) -> str:
    """Give a name of a pattern's."""
    return pattern.replace("*", "x").replace("?", "x")


def _change(event: Event) -> tuple[tuple[str, str], _Change] | None:
    if event.name not in TRUSTS or event.source != "iam.amazonaws.com" or event.outcome is not Outcome.ALLOWED:
        return None
    given = event.record.get("requestParameters")
    name = given.get("roleName") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(name, str) or not name:
        return None
    parameter = TRUSTS[event.name]
    document = None if parameter is None else _document(given.get(parameter))
    return (event.account, name.lower()), _Change(event.at, event.id, document, event.name == "CreateRole")


def _document(value: object) -> Mapping[str, Any] | str:
    """Read a policy as CloudTrail records it: a text of JSON, which may be URL-encoded; or say why it is none."""
    if not isinstance(value, str):
        return value if isinstance(value, dict) else "it is not in the record"
    try:
        found = json.loads(value if value.lstrip().startswith("{") else unquote(value))
    except (ValueError, RecursionError):
        return "it is no JSON"
    return found if isinstance(found, dict) else "it is no object"


@lru_cache(maxsize=4096)
def _role_of(arn: str | None) -> tuple[str, str] | None:
    """Give the account of a role and its name, which is unique in it without regard to case."""
    parts = (arn or "").split(":", _ROLE_ARN_PARTS - 1)
    if len(parts) != _ROLE_ARN_PARTS or not parts[-1].startswith("role/"):
        return None
    return parts[4], parts[-1].rsplit("/", 1)[-1].lower()


_SAID = {Pin.FORCED: "forced", Pin.FREE: "left free", Pin.UNKNOWN: "may have forced"}


def _weakest(found: Iterable[tuple[Pin, Pin, str]]) -> Pins:
    every = list(found)
    source, session = _of_all(each[0] for each in every), _of_all(each[1] for each in every)
    whence = "; ".join(dict.fromkeys(each[2] for each in every))
    said = f"the role's trust policy {_SAID[source]} the source identity and {_SAID[session]} the session's name"
    return Pins(source, session, f"{said} ({whence})")


def _unknown(why: str) -> Pins:
    return Pins(Pin.UNKNOWN, Pin.UNKNOWN, f"whether the role's trust policy forced the name is not known: {why}")
