"""Who it was: the person behind every event, how we know, and how sure that is; or why nobody can be named.

Evidence, strongest first:

1. Source identity: set when the role was taken, cannot be changed after, survives role chaining.
2. The IAM user that made the call.
3. Key chain: the access key of a role session was handed out by an AssumeRole event, whose caller is known by any of
   these; followed from role to role, in whatever order the events came.
4. The IAM user that a federated session was made for, which AWS records as its issuer.
5. The session's name, where the team file declares that convention. Callers choose it, so it is weak.

The team file has no ids of Identity Center users: they are named with that reason.

A machine is named as one: AWS services, service-linked roles, instance profiles, declared workloads; but a person who
took a machine's role is that person. What none of this tells is left open with the reason: never guessed.

Names count in the team's own accounts only: anybody may call a user, a role or a session `james` in an account of
their own. A session there is traced by its key, or nobody.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from watchbill.team.model import Team
from watchbill.trail.model import HIDDEN, Actor, Attributed, Confidence, Event, Identity, Method


HANDS_OUT = frozenset(
    {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetSessionToken", "GetFederationToken"}
)
"""Calls whose answer holds a new access key."""

_CHAIN_LIMIT = 20
"""Hops a chain may have; AWS allows far fewer, a longer one is a circle."""

_ARN_ACCOUNT = 4
"""Which part of an ARN is the account."""

_INSTANCE = re.compile(r"^(m?i)-[0-9a-f]{8,17}$")


def attribute(events: Sequence[Event], team: Team | None) -> tuple[Attributed, ...]:
    """Name the actor of every event. Without a team, an IAM user is taken for a person of its own name."""
    given = handed_out(events)
    people = _People(team)
    return tuple(Attributed(event, _actor(event, people, given, 0)) for event in events)


class _People:
    """Who answers to which name."""

    def __init__(self, team: Team | None) -> None:
        self.team = team
        self._by_user = {} if team is None else {p.iam_user.lower(): p.name for p in team.people.values()}
        self._by_email = {} if team is None else {p.email.lower(): p.name for p in team.people.values()}
        self._workloads = set() if team is None else {name.lower() for name in team.workloads}
        self._accounts = set() if team is None else {account.number for account in team.accounts.values()}

    def stranger(self, event: Event) -> str | None:
        """Give the account that an actor belongs to where it is none of the team's."""
        number = _account_of(event.identity) or event.account
        return number if self.team is not None and number and number not in self._accounts else None

    def by_user(self, name: str) -> str | None:
        return name if self.team is None else self._by_user.get(name.lower())

    def by_any_name(self, name: str) -> str | None:
        if self.team is None:
            return name
        folded = name.lower()
        known = name if name in self.team.people else None
        return self._by_user.get(folded) or self._by_email.get(folded) or known

    def by_convention(self, name: str) -> str | None:
        if self.team is None or self.team.session_names is None:
            return None
        return (self._by_user if self.team.session_names == "iam_user" else self._by_email).get(name.lower())

    def is_workload(self, name: str) -> bool:
        return name.lower() in self._workloads


def handed_out(events: Iterable[Event]) -> Mapping[str, Event]:
    """Give the event that handed out each temporary key.

    A call into another account is recorded in both; the caller's own record says who called, the other only whence.
    """
    found: dict[str, Event] = {}
    for event in events:
        if event.name not in HANDS_OUT:
            continue
        answer = event.record.get("responseElements")
        credentials = answer.get("credentials") if isinstance(answer, dict) else None
        key = credentials.get("accessKeyId") if isinstance(credentials, dict) else None
        if isinstance(key, str) and key and (key not in found or found[key].identity.type == "AWSAccount"):
            found[key] = event
    return found


def _actor(event: Event, people: _People, handed_out: Mapping[str, Event], hops: int) -> Actor:
    identity = event.identity
    if identity.source_identity is not None and people.stranger(event) is None:
        person = people.by_any_name(identity.source_identity)
        if person is not None:
            why = f"source identity {identity.source_identity}"
            return _known(event, person, Method.SOURCE_IDENTITY, Confidence.CERTAIN, why)
    match identity.type:
        case "IAMUser":
            return _iam_user(event, people)
        case "Root":
            return _nobody(event, Method.ROOT, "the root user, which is nobody in particular")
        case "AssumedRole" | "FederatedUser":
            return _session(event, people, handed_out, hops)
        case "AWSService":
            return _nobody(event, Method.SERVICE, f"AWS itself ({identity.invoked_by or event.source})")
        case "IdentityCenterUser":
            why = f"Identity Center user {identity.identity_center_user}, whom the team file does not name"
            return _nobody(event, Method.NONE, why)
        case None if identity.invoked_by is not None:
            return _nobody(event, Method.SERVICE, f"AWS itself ({identity.invoked_by})")
        case None:
            return _nobody(event, Method.NONE, "the record names nobody")
        case other:
            return _nobody(event, Method.NONE, f"a principal of type {other}")


def _iam_user(event: Event, people: _People) -> Actor:
    user = event.identity.user_name
    if user is None:
        return _nobody(event, Method.NONE, "an IAM user without a name")
    if user == HIDDEN:
        return _nobody(event, Method.NONE, "AWS hides the name: no such user, or a password typed as one")
    if (account := people.stranger(event)) is not None:
        return _nobody(event, Method.NONE, f"IAM user {user} of account {account}, which is in no team file")
    if people.is_workload(user):
        return _nobody(event, Method.WORKLOAD, f"workload {user}")
    person = people.by_user(user)
    if person is None:
        return _nobody(event, Method.NONE, f"IAM user {user} is in no team file")
    return _known(event, person, Method.IAM_USER, Confidence.CERTAIN, f"IAM user {user}")


def _session(event: Event, people: _People, handed_out: Mapping[str, Event], hops: int) -> Actor:
    identity = event.identity
    role, account = _role(identity), people.stranger(event)
    if _is_service_linked(identity, role):
        return _nobody(event, Method.SERVICE, f"AWS itself (service-linked role {role})")
    opened = handed_out.get(identity.access_key or "")
    caller, why = None, ""
    if opened is not None and opened is not event and hops < _CHAIN_LIMIT:
        caller = _actor(opened, people, handed_out, hops + 1)
        why = f"key {identity.access_key} was handed out by event {opened.id}: {caller.why}"
    if caller is not None and caller.person is not None:
        sure = Confidence.WEAK if caller.confidence is Confidence.WEAK else Confidence.STRONG
        return Actor(caller.person, _principal(event), Method.KEY_CHAIN, sure, why, traced=True)
    if account is None and people.is_workload(role):
        return _nobody(event, Method.WORKLOAD, f"workload {role}")
    if caller is not None:
        method = caller.method if caller.method in (Method.SERVICE, Method.WORKLOAD) else Method.NONE
        return Actor(None, _principal(event), method, Confidence.NONE, why, traced=True)
    if account is not None:
        return _nobody(event, Method.NONE, f"a session of {role} of account {account}, which is in no team file")
    if identity.type == "FederatedUser":
        return _federated(event, people, role)
    session = identity.session_name or ""
    if _INSTANCE.match(session):
        return _nobody(event, Method.SERVICE, f"instance {session}, by its profile {role}")
    person = people.by_convention(session)
    if person is not None:
        why = f"the session of {role} is called {session}, by your convention"
        return _known(event, person, Method.SESSION_NAME, Confidence.WEAK, why)
    return _nobody(event, Method.NONE, f"a session of role {role} whose AssumeRole is not in the trail")


def _federated(event: Event, people: _People, issuer: str) -> Actor:
    """Name who a federated session was made for: its issuer is the IAM user whose rights it has."""
    person = people.by_user(issuer) if ":user/" in (event.identity.issuer_arn or "") else None
    if person is None:
        return _nobody(event, Method.NONE, f"a federated session of {issuer}, who is in no team file")
    return _known(event, person, Method.IAM_USER, Confidence.STRONG, f"a federated session of IAM user {issuer}")


def _is_service_linked(identity: Identity, role: str) -> bool:
    """Tell by the path, which is AWS's own; by the name only where there is no path, since anybody may choose it."""
    if identity.issuer_arn is not None:
        return ":role/aws-service-role/" in identity.issuer_arn
    return role.startswith("AWSServiceRoleFor")


def _role(identity: Identity) -> str:
    """Name the role of a session, or the user of a federated one."""
    if identity.issuer_arn is not None:
        return identity.issuer_arn.rsplit("/", 1)[-1]
    parts = (identity.arn or "").split("/")
    return parts[1] if len(parts) > 1 else ""


def _account_of(identity: Identity) -> str | None:
    """Give the account that an identity belongs to; its own field first, else what its ARN says."""
    parts = (identity.arn or identity.issuer_arn or "").split(":")
    return identity.account or (parts[_ARN_ACCOUNT] if len(parts) > _ARN_ACCOUNT else None)


def _known(event: Event, person: str, method: Method, confidence: Confidence, why: str) -> Actor:
    traced = method is Method.SOURCE_IDENTITY
    return Actor(person, _principal(event), method, confidence, why, traced=traced)


def _nobody(event: Event, method: Method, why: str) -> Actor:
    return Actor(None, _principal(event), method, Confidence.NONE, why, traced=False)


def _principal(event: Event) -> str:
    identity = event.identity
    if identity.type == "Root":
        return "root"
    return identity.arn or identity.invoked_by or identity.user_name or "unknown"
