"""Who it was: the person behind every event, how we know, and how sure that is; or why nobody can be named.

Evidence, strongest first:

1. Source identity: set when the role was taken, cannot be changed after, survives role chaining. Who set it counts:
   one that whoever took the role could choose loses to the key chain where the two name different people.
2. The IAM user that made the call.
3. Key chain: the access key of a role session was handed out by an AssumeRole event, whose caller is known by any of
   these; followed from role to role and from account to account, in whatever order the events came.
4. Identity Center: the user id that AWS records, or the name of a session that Identity Center itself made.
5. The IAM user that a federated session was made for, which AWS records as its issuer.
6. The session's name, where the team file declares that convention.

How sure a name is hangs on the role's trust policy of the time (`interfaces.Forced`): a name that it forced is the
caller's own, a name that was free is a claim. README.md has the table.

A machine is named as one: AWS services, service-linked roles, instance profiles, declared workloads, subjects of OIDC
tokens; but a person who took a machine's role, or started a run of CI, is that person. What none of this tells is left
open with the reason: never guessed.

Names count in the team's own accounts only: anybody may call a user, a role or a session `james` in an account of
their own. A session there is traced by its key, or nobody.

An actor is a function of what identifies the caller, and of nothing else of an event: so it is found once for all
events of a session, and found anew when its AssumeRole arrives later.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from watchbill.team.model import Team
from watchbill.trail.interfaces import Forced, NothingKnown, Pin
from watchbill.trail.model import HIDDEN, Actor, Attributed, Confidence, Event, Identity, Method, Opening
from watchbill.trail.openings import HANDS_OUT, Openings, opening
from watchbill.trail.people import People, Seen, issuer, started_by


_REMEMBERED = 200_000
"""Callers whose actors are remembered: they come from trails, so their number is not ours to say."""

_WHY_LIMIT = 600
"""Characters of a reason; a longer chain is told by its last hop and its beginning."""

_INSTANCE = re.compile(r"^(m?i)-[0-9a-f]{8,17}$")

_IDENTITY_CENTER = ":role/aws-reserved/sso.amazonaws.com/"
"""The path of the roles that Identity Center makes and alone may change (IAM Identity Center User Guide)."""

_SESSIONS = frozenset({"AssumedRole", "FederatedUser", "Role"})

_Caller = tuple[Identity, str, str]
"""Who called, in the trail of which account, and the source of the event."""


def attribute(events: Sequence[Event], team: Team | None, forced: Forced | None = None) -> tuple[Attributed, ...]:
    """Name the actor of every event. Without a team, an IAM user is taken for a person of its own name."""
    openings = Openings(found for event in events if (found := opening(event)) is not None)
    actor = Attributor(team, openings.find, forced or NothingKnown()).actor
    return tuple(Attributed(event, actor(event.identity, event.account, event.source)) for event in events)


class Attributor:
    """Names actors by what identifies them; what it found of a caller it keeps."""

    def __init__(self, team: Team | None, find: Callable[[str], Opening | None], forced: Forced) -> None:
        """`find` gives what handed out an access key; it is asked again only after `forget`."""
        self._people = People(team)
        self._find = find
        self._forced = forced
        self._known: dict[_Caller, Actor] = {}
        self._circles: set[str] = set()

    def actor(self, identity: Identity, account: str, source: str) -> Actor:
        """Name who called: by the `userIdentity`, the account whose trail recorded it, and the event's source."""
        caller = (identity, account, source)
        return self._known.get(caller) or self._resolved(caller)

    def forget(self) -> None:
        """Forget what was found, because `find` or `forced` know more now."""
        self._known.clear()
        self._circles.clear()

    def _resolved(self, caller: _Caller) -> Actor:
        """Follow the keys to whoever began, and come back: however long a chain is, nothing is nested."""
        if len(self._known) > _REMEMBERED:
            self.forget()
        hops: list[tuple[_Caller, Opening]] = []
        place: dict[str, int] = {}
        here, found = caller, self._known.get(caller)
        while found is None:
            opened = self._opened(here[0])
            if opened is None:
                found = self._known[here] = self._actor(Seen(*here), None, None)
            elif opened.key in self._circles:
                found = self._known[here] = _nobody(here[0], Method.NONE, "keys that hand each other out")
            elif opened.key in place:
                # That is damage. Whoever else acts with one of these keys is of the circle too.
                self._circles.update(each.key for _, each in hops[place[opened.key] :])
                here = hops[place[opened.key]][0]
                del hops[place[opened.key] :]
            else:
                place[opened.key] = len(hops)
                hops.append((here, opened))
                here = (opened.identity, opened.account, opened.source)
                found = self._known.get(here)
        for each, opened in reversed(hops):
            found = self._known[each] = self._actor(Seen(*each), opened, found)
        return found

    def _opened(self, identity: Identity) -> Opening | None:
        if identity.access_key is None or identity.type not in (*_SESSIONS, "Root"):
            return None
        found = self._find(identity.access_key)
        if found is not None and identity.type == "Root" and found.name != "AssumeRoot":
            return None
        return found

    def _actor(self, seen: Seen, opened: Opening | None, caller: Actor | None) -> Actor:
        people, identity = self._people, seen.identity
        claimed = self._by_source_identity(seen, opened, caller)
        if claimed is not None:
            return claimed
        if identity.type in _SESSIONS:
            return self._session(seen, opened, caller)
        if identity.type == "Root" and opened is not None and caller is not None:
            return _traced(seen, opened, caller, people)
        return _by_itself(seen, people)

    def _by_source_identity(self, seen: Seen, opened: Opening | None, caller: Actor | None) -> Actor | None:
        """Name who the source identity names, as surely as it was theirs; None where better evidence decides."""
        identity, named = seen.identity, seen.identity.source_identity
        if named is None or self._people.stranger(seen) is not None:
            return None
        person = self._people.by_any_name(named)
        if person is None:
            return None
        sure, why = self._set_by(seen, person, opened, caller)
        other = caller is not None and caller.person not in (None, person)
        # Who called is recorded; what they said of themselves must be surer than that.
        if sure is Confidence.NONE or (other and caller is not None and not _surer(sure, caller.confidence)):
            return None
        return _known(identity, person, Method.SOURCE_IDENTITY, sure, why)

    def _set_by(self, seen: Seen, person: str, opened: Opening | None, caller: Actor | None) -> tuple[Confidence, str]:
        """Tell how sure a source identity is, by who set it and could have set another.

        NONE where a stranger set it, or where it was set before the role was taken and named nobody then.
        """
        said = f"source identity {seen.identity.source_identity}"
        if opened is not None and caller is not None:
            if self._people.stranger(Seen(opened.identity, opened.account, opened.source)) is not None:
                return Confidence.NONE, ""
            if opened.identity.source_identity == seen.identity.source_identity:
                same = caller.method is Method.SOURCE_IDENTITY and caller.person == person
                return (caller.confidence, caller.why) if same else (Confidence.NONE, "")
            if opened.subject is not None:
                return Confidence.STRONG, f"{said}: set by the identity provider {opened.subject.provider}"
        pins = self._forced.pins(seen.identity.issuer_arn, seen.identity.session_began)
        if pins.source_identity is Pin.FORCED:
            return Confidence.CERTAIN, f"{said}: {pins.why}"
        if pins.source_identity is Pin.UNKNOWN:
            return Confidence.STRONG, f"{said}: {pins.why}"
        if caller is not None and caller.person == person and caller.confidence is not Confidence.WEAK:
            return Confidence.STRONG, f"{said}: {pins.why}; and {caller.why}"
        return Confidence.WEAK, f"{said}: {pins.why}"

    def _session(self, seen: Seen, opened: Opening | None, caller: Actor | None) -> Actor:
        identity, people = seen.identity, self._people
        role, account = _role(identity), people.stranger(seen)
        if _is_service_linked(identity, role):
            return _nobody(identity, Method.SERVICE, f"AWS itself (service-linked role {role})")
        if opened is not None and caller is not None and caller.person is not None:
            return _traced(seen, opened, caller, people)
        by_center = _by_identity_center(seen, people, role)
        if by_center is not None:
            return by_center
        if account is None and people.is_workload(role):
            return _nobody(identity, Method.WORKLOAD, f"workload {role}")
        if opened is not None and caller is not None:
            return _traced(seen, opened, caller, people)
        if account is not None:
            return _nobody(identity, Method.NONE, f"a session of {role} of {_strange(account)}")
        return _federated(seen, people, role) if identity.type == "FederatedUser" else self._untraced(seen, role)

    def _untraced(self, seen: Seen, role: str) -> Actor:
        """Name who a session's name says, where that is the team's convention; or say that nothing tells."""
        identity, session = seen.identity, seen.identity.session_name or ""
        if _INSTANCE.match(session):
            return _nobody(identity, Method.SERVICE, f"instance {session}, by its profile {role}")
        person = self._people.by_convention(session)
        if person is None:
            return _nobody(identity, Method.NONE, f"a session of role {role} whose AssumeRole is not in the trail")
        pins = self._forced.pins(identity.issuer_arn, identity.session_began)
        sure = Confidence.STRONG if pins.session_name is Pin.FORCED else Confidence.WEAK
        why = f"the session of {role} is called {session}, by your convention: {pins.why}"
        return _known(identity, person, Method.SESSION_NAME, sure, why)


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


def _traced(seen: Seen, opened: Opening, caller: Actor, people: People) -> Actor:
    """Name whoever was handed the key, be that a person or not."""
    why = f"key {seen.identity.access_key} was handed out by event {opened.event_id}: {caller.why}"
    if len(why) > _WHY_LIMIT:
        why = f"{why[: _WHY_LIMIT // 3]} ... {why[-_WHY_LIMIT // 2 :]}"
    if caller.person is not None:
        claimed = seen.identity.source_identity
        if claimed is not None and people.by_any_name(claimed) not in (None, caller.person):
            why = f"{why}; the source identity {claimed} is another's"
        sure = Confidence.WEAK if caller.confidence is Confidence.WEAK else Confidence.STRONG
        by_token = caller.method is Method.WEB_IDENTITY and opened.subject is not None
        method = Method.WEB_IDENTITY if by_token else Method.KEY_CHAIN
        return Actor(caller.person, _principal(seen.identity), method, sure, why, traced=True)
    method = caller.method if caller.method in (Method.SERVICE, Method.WORKLOAD) else Method.NONE
    return Actor(None, _principal(seen.identity), method, Confidence.NONE, why, traced=True)


def _by_itself(seen: Seen, people: People) -> Actor:
    """Name who a principal is that is no session."""
    identity = seen.identity
    match identity.type:
        case "IAMUser":
            return _iam_user(seen, people)
        case "Root":
            return _nobody(identity, Method.ROOT, "the root user, which is nobody in particular")
        case "AWSService":
            return _nobody(identity, Method.SERVICE, f"AWS itself ({identity.invoked_by or seen.source})")
        case "IdentityCenterUser":
            return _identity_center_user(seen, people)
        case "SAMLUser":
            return _saml_user(seen, people)
        case "WebIdentityUser":
            return _web_identity_user(seen, people)
        case None if identity.invoked_by is not None:
            return _nobody(identity, Method.SERVICE, f"AWS itself ({identity.invoked_by})")
        case other:
            return _nobody(identity, Method.NONE, _unnamed(other, identity))


def _iam_user(seen: Seen, people: People) -> Actor:
    identity, user = seen.identity, seen.identity.user_name
    if user is None:
        return _nobody(identity, Method.NONE, "an IAM user without a name")
    if user == HIDDEN:
        return _nobody(identity, Method.NONE, "AWS hides the name: no such user, or a password typed as one")
    if (account := people.stranger(seen)) is not None:
        return _nobody(identity, Method.NONE, f"IAM user {user} of {_strange(account)}")
    if people.is_workload(user):
        return _nobody(identity, Method.WORKLOAD, f"workload {user}")
    person = people.by_user(user)
    if person is None:
        return _nobody(identity, Method.NONE, f"IAM user {user} is in no team file")
    return _known(identity, person, Method.IAM_USER, Confidence.CERTAIN, f"IAM user {user}")


def _identity_center_user(seen: Seen, people: People) -> Actor:
    by_id = _by_user_id(seen, people)
    if by_id is not None:
        return by_id
    user = seen.identity.identity_center_user or "without an id"
    return _nobody(seen.identity, Method.NONE, f"Identity Center user {user}, whom the team file does not name")


def _by_user_id(seen: Seen, people: People) -> Actor | None:
    """Name an Identity Center user by the id: AWS gives it and records it, in whichever account the directory is."""
    user = seen.identity.identity_center_user
    person = people.by_center(user) if user is not None else None
    if person is None:
        return None
    why = f"Identity Center user {user}"
    return _known(seen.identity, person, Method.IDENTITY_CENTER, Confidence.CERTAIN, why)


def _by_identity_center(seen: Seen, people: People, role: str) -> Actor | None:
    """Name the person of a session that Identity Center made: it, not the caller, gave the session its name.

    It is told by the path of the role, where nobody else can make one; a name that begins like it anybody can choose.
    """
    by_id = _by_user_id(seen, people)
    if by_id is not None or _IDENTITY_CENTER not in (seen.identity.issuer_arn or ""):
        return by_id
    session = seen.identity.session_name or ""
    person = people.by_address(session) if people.stranger(seen) is None else None
    if person is None:
        return None
    why = f"Identity Center called the session of {role} {session}"
    return _known(seen.identity, person, Method.IDENTITY_CENTER, Confidence.STRONG, why)


def _saml_user(seen: Seen, people: People) -> Actor:
    name = seen.identity.user_name or "without a name"
    if (account := people.stranger(seen)) is not None:
        return _nobody(seen.identity, Method.NONE, f"SAML user {name} of {_strange(account)}")
    person = people.by_address(name)
    if person is None:
        return _nobody(seen.identity, Method.NONE, f"SAML user {name} is in no team file")
    why = f"an identity provider vouched for {name}"
    return _known(seen.identity, person, Method.IDENTITY_PROVIDER, Confidence.STRONG, why)


def _web_identity_user(seen: Seen, people: People) -> Actor:
    """Name who started the run that a token was given to, or the workload that has such tokens."""
    identity, subject, host = seen.identity, seen.identity.user_name or "", issuer(seen.identity)
    what = f"a principal of type WebIdentityUser: {subject or 'no subject'} by {host or 'an issuer that is not named'}"
    if (account := people.stranger(seen)) is not None:
        return _nobody(identity, Method.NONE, f"{what}, of {_strange(account)}")
    login = started_by(subject)
    person = people.by_ci(host, login) if login else None
    if person is not None:
        why = f"{login} started the run, by the token {subject} of {host}"
        return _known(identity, person, Method.WEB_IDENTITY, Confidence.STRONG, why)
    workload = people.by_subject(host, subject) if subject else None
    if workload is not None:
        return _nobody(identity, Method.WORKLOAD, f"workload {workload}, by the token {subject} of {host}")
    return _nobody(identity, Method.NONE, f"{what}, in no team file")


def _federated(seen: Seen, people: People, issuer: str) -> Actor:
    """Name who a federated session was made for: its issuer is the IAM user whose rights it has."""
    person = people.by_user(issuer) if ":user/" in (seen.identity.issuer_arn or "") else None
    if person is None:
        return _nobody(seen.identity, Method.NONE, f"a federated session of {issuer}, who is in no team file")
    why = f"a federated session of IAM user {issuer}"
    return _known(seen.identity, person, Method.IAM_USER, Confidence.STRONG, why)


def _unnamed(kind: str | None, identity: Identity) -> str:
    """Say what a principal is that no record of this kind names."""
    match kind:
        case None:
            return "the record names nobody"
        case "AWSAccount" if identity.account == "ANONYMOUS_PRINCIPAL":
            return "anybody: the call had no credentials"
        case "AWSAccount":
            account = identity.account or "that is not named"
            return f"somebody of account {account}, whose own trail says who: a principal of type AWSAccount"
        case "Directory":
            return f"the user {identity.user_name or 'without a name'} of a directory: a principal of type Directory"
        case "Unknown":
            return "a principal of type Unknown: AWS itself does not say who"
        case _:
            return f"a principal of type {kind}"


def _strange(account: str) -> str:
    return f"account {account}, which is in no team file"


def _is_service_linked(identity: Identity, role: str) -> bool:
    """Tell by the path, which is AWS's own; by the name only where there is no path, since anybody may choose it."""
    if identity.issuer_arn is not None:
        return ":role/aws-service-role/" in identity.issuer_arn
    return role.startswith("AWSServiceRoleFor")


def _role(identity: Identity) -> str:
    """Name the role of a session, or the user of a federated one."""
    if identity.issuer_arn is not None:
        return identity.issuer_arn.rsplit("/", 1)[-1]
    arn = identity.arn or ""
    if ":role/" in arn:
        return arn.rsplit("/", 1)[-1]
    parts = arn.split("/")
    return parts[1] if len(parts) > 1 else ""


_STRENGTH = (Confidence.NONE, Confidence.WEAK, Confidence.STRONG, Confidence.CERTAIN)


def _surer(one: Confidence, other: Confidence) -> bool:
    return _STRENGTH.index(one) > _STRENGTH.index(other)


def _known(identity: Identity, person: str, method: Method, confidence: Confidence, why: str) -> Actor:
    traced = method is Method.SOURCE_IDENTITY
    return Actor(person, _principal(identity), method, confidence, why, traced=traced)


def _nobody(identity: Identity, method: Method, why: str) -> Actor:
    return Actor(None, _principal(identity), method, Confidence.NONE, why, traced=False)


def _principal(identity: Identity) -> str:
    if identity.type == "Root":
        return "root"
    return identity.arn or identity.invoked_by or identity.user_name or "unknown"
