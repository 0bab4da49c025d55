"""What AWS's own detectors found, as findings on the person's case: GuardDuty, Security Hub and IAM Access Analyzer.

Forms, by their documentation: GuardDuty's findings as it exports and sends them (GuardDuty User Guide, "Finding
details") and as its API gives them; Security Hub's in the AWS Security Finding Format and in OCSF (class 2004); Access
Analyzer's for external and for unused access. Alone, in an array, in the answer of the CLI, line by line, in the
envelope of EventBridge, compressed or not.

The rules, in order:

1. What is archived, suppressed or resolved, a sample, a check that passed, or our own and come back, is skipped, and
   counted by why. Of a finding that stands there more than once, the state that was updated last counts.
2. A finding is a person's by what its detector says of who acted: an access key, an IAM user, a session of a role. The
   caller knows who has them; whom nobody has keeps its principal and is nobody's.
3. Evidence is the CloudTrail events that a finding names. GuardDuty names none; the finding itself, `finding:<id>`,
   is evidence in each case.
4. The severity is the detector's. Access Analyzer gives none: what is public is high, what others reach is medium, what
   is merely unused is low.

No bytes make it raise; each problem names the file and the number of the finding in it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.errors import Problem
from watchbill.trail.read import YEARS, decoded, inflate, instant


PersonOf = Callable[[str, str | None, str | None, str | None], str | None]
"""Gives the person who has, in an account: an access key, an IAM user, or a session of a role by its ARN or principal
id; None where nobody is known."""


def nobody(account: str, key: str | None, user: str | None, session: str | None) -> None:
    """Know nobody."""


DETECTOR = "detector"
EVIDENCE = "finding:"
"""How the evidence begins that a finding itself is."""
MISUSE, RECONNAISSANCE, EXFILTRATION, OTHER = "credential misuse", "reconnaissance", "exfiltration", "other"

MOST_BYTES = 64 * 1024**2
"""What one file may inflate to."""
MOST = 100_000
"""Findings of one file."""
_DEEP = 6
"""Envelopes and lists that may lie around a finding."""
_TEXT = 2000
"""Characters of a text that are kept."""

_MISUSED = frozenset({"UnauthorizedAccess", "CredentialAccess", "InitialAccess"})
_SEEKING = frozenset({"Recon", "Discovery"})
_TYPE = re.compile(r"(?:^|/)(?P<purpose>[A-Za-z]+)[:-](?P<resource>[A-Za-z0-9]+)[/-](?P<family>[A-Za-z0-9.!/]+)$")
_EVENT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABELS = {
    "INFORMATIONAL": Severity.INFO,
    "LOW": Severity.LOW,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
    "CRITICAL": Severity.CRITICAL,
}
_OCSF_SEVERITIES = (Severity.INFO, Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
_OCSF_SKIPPED = {3: "suppressed", 4: "resolved", 5: "archived"}
_DETECTION = 2004


@dataclass(frozen=True, slots=True)
class FindingsReading:
    """What came out of a file, or of several."""

    findings: tuple[Finding, ...]
    """In order of time, then of their id."""
    problems: tuple[Problem, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many, by why."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acted, as far as a detector says."""

    account: str
    key: str | None = None
    user: str | None = None
    session: str | None = None
    principal: str | None = None


@dataclass(frozen=True, slots=True)
class AwsFinding:
    """A finding before it is known whose it is."""

    id: str
    """What its detector calls it, however often it says more of it."""
    title: str
    severity: Severity
    first: datetime
    last: datetime
    updated: datetime
    who: Acting
    ip: str | None
    detector: str
    by: str
    """Who found it."""
    events: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """Give what stands for it among the events of a case."""
        return f"{EVIDENCE}{self.id}"

    @property
    def says_who(self) -> bool:
        """Tell whether it has anything by which a person may be known."""
        return bool(self.who.key or self.who.user or self.who.session)

    def whose(self, person_of: PersonOf) -> str | None:
        """Give whose it is; None where nobody is known."""
        who = self.who
        return person_of(who.account, who.key, who.user, who.session) if self.says_who else None

    def of(self, person: str | None) -> Finding:
        """Give the finding about a person, or about the principal that nobody answers to."""
        return Finding(
            Signal.AWS,
            self.title,
            self.severity,
            person,
            network_of(self.ip),
            (*self.events, self.evidence),
            self.first,
            self.last,
            {DETECTOR: self.detector},
            None if person else self.who.principal,
            self.by,
            account=self.who.account or None,
        )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came out of a file, or of several, before it is known whose it is: each finding once, as it was last."""

    found: tuple[AwsFinding, ...]
    problems: tuple[Problem, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many, by why."""

    def named(self, person_of: PersonOf = nobody) -> "FindingsReading":
        """Tell whose each is."""
        made = (each.of(each.whose(person_of)) for each in self.found)
        ordered = sorted(made, key=lambda found: (found.first, found.event_ids))
        return FindingsReading(tuple(ordered), self.problems, self.skipped)


class _Skip(Exception):  # noqa: N818 - it is no error
    """A finding that counts for nothing, and why."""


class _BadError(Exception):
    """What is no finding, and why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person was seen with in a trail."""

    person: str
    account: str
    key: str | None = None
    user: str | None = None
    session: str | None = None
    """The principal id of a session, or its ARN."""


def known_by(seen: Iterable[Seen]) -> PersonOf:
    """Know people by what they were seen with: a key first, then a session, then a user.

    What two people were seen with is nobody's. IAM users are one whatever the case of their names.
    """
    found: dict[tuple[str, str, str], str | None] = {}
    for each in seen:
        for what in _handles(each.account, each.key, each.user, each.session):
            known = found.setdefault(what, each.person)
            found[what] = known if known == each.person else None

    def person_of(account: str, key: str | None, user: str | None, session: str | None) -> str | None:
        handles = [found[what] for what in _handles(account, key, user, session) if what in found]
        return handles[0] if handles else None

    return person_of


def _handles(account: str, key: str | None, user: str | None, session: str | None) -> Iterator[tuple[str, str, str]]:
    """Give by what somebody is known, the surest first; ids of keys and sessions are of one account alone anyway."""
    if key:
        yield "key", "", key
    if session:
        yield "session", "", session
    if user:
        yield "user", account, user.lower()


def read_findings(name: str, data: bytes, person_of: PersonOf = nobody) -> FindingsReading:
    """Read a file of findings, whatever is in it; `name` is for the problems."""
    return gather(name, data).named(person_of)


def gather(name: str, data: bytes) -> Gathered:
    """Read a file of findings, whosever they are."""
    text, wrong = inflate(data, MOST_BYTES)
    problems = [Problem("damaged-findings", wrong, name)] if wrong else []
    found: list[AwsFinding] = []
    skipped: Counter[str] = Counter()
    for number, document in enumerate(_documents(text), start=1):
        if number > MOST:
            problems.append(Problem("too-many-findings", f"only the first {MOST} findings were read", name))
            break
        try:
            found.append(_finding(document))
        except _Skip as why:
            skipped[str(why)] += 1
        except _BadError as error:
            problems.append(Problem("bad-finding", f"finding {number}: {error}", name))
    return combined([Gathered(tuple(found), tuple(problems), skipped)])


def combined(several: Iterable[Gathered]) -> Gathered:
    """Put several files together; of a finding that stands there more than once, what was updated last counts."""
    latest: dict[str, AwsFinding] = {}
    problems: list[Problem] = []
    skipped: Counter[str] = Counter()
    for each in several:
        problems += each.problems
        skipped.update(each.skipped)
        for found in each.found:
            kept = latest.setdefault(found.id, found)
            if kept is not found:
                skipped["another state of one that was read"] += 1
                if (found.updated, found.last) > (kept.updated, kept.last):
                    latest[found.id] = found
    return Gathered(tuple(latest.values()), tuple(problems), skipped)


def _documents(text: bytes) -> Iterator[object]:
    """Yield whatever may be a finding: of a document, or else of each line of JSON."""
    if not text.strip():
        return
    whole = decoded(text)
    if whole is not None:
        yield from _unwrapped(whole, _DEEP)
        return
    for line in text.splitlines():
        if line.strip():
            yield from _unwrapped(decoded(line), _DEEP)


def _unwrapped(found: object, deep: int) -> Iterator[object]:
    """Take envelopes and lists away."""
    if deep and isinstance(found, list):
        for each in found:
            yield from _unwrapped(each, deep - 1)
        return
    if deep and isinstance(found, dict):
        inside = found.get("detail") if "detail-type" in found else None
        for name in ("Findings", "findings", "finding", "Finding"):
            inside = found[name] if inside is None and isinstance(found.get(name), list | dict) else inside
        if isinstance(inside, list | dict):
            yield from _unwrapped(inside, deep - 1)
            return
    yield found


def _finding(found: object) -> AwsFinding:
    if not isinstance(found, dict):
        raise _BadError("it is no JSON object")
    if found.get("class_uid") is not None and "finding_info" in found:
        return _ocsf(found)
    if "ProductArn" in found and "AwsAccountId" in found:
        return _asff(found)
    if "Service" in found and "Type" in found:
        # The API spells the same names with capitals.
        return _guardduty(_lowered(found, _DEEP * 2))
    if "service" in found and "type" in found:
        return _guardduty(found)
    if "status" in found and ("resource" in found or "resourceType" in found):
        return _access_analyzer(found)
    raise _BadError("it is no finding of GuardDuty, Security Hub or Access Analyzer")


def _guardduty(found: Mapping[str, Any]) -> AwsFinding:
    service, resource = _map(found, "service"), _map(found, "resource")
    if service.get("archived") is True:
        raise _Skip("archived")
    if _at(service, "additionalInfo", "sample") is True or (_text(found.get("title")) or "").startswith("[SAMPLE]"):
        raise _Skip("a sample")
    account, type_ = _need(found, "accountId"), _need(found, "type")
    first = _time(service.get("eventFirstSeen"), found.get("createdAt"))
    last = _time(service.get("eventLastSeen"), found.get("updatedAt"), found.get("createdAt"))
    first, last = _span(first, last)
    call = _at(service, "action", "awsApiCallAction", "remoteIpDetails")
    ip = _text(call.get("ipAddressV4")) or _text(call.get("ipAddressV6")) if isinstance(call, dict) else None
    key = _map(resource, "accessKeyDetails")
    who = _of_key(account, key) if key else _of_actors(account, service)
    return AwsFinding(
        _need(found, "id"),
        f"GuardDuty: {_text(found.get('title')) or type_}",
        _by_number(found.get("severity"), (1, 4, 7, 9)),
        first,
        last,
        _time(found.get("updatedAt")) or last,
        who,
        ip,
        _detector(type_),
        "Amazon GuardDuty",
    )


def _of_key(account: str, key: Mapping[str, Any]) -> Acting:
    """Tell who acted by the access key: of a session, the user name is that of the role."""
    principal, name = _text(key.get("principalId")), _text(key.get("userName"))
    used, kind = _text(key.get("accessKeyId")), _text(key.get("userType"))
    if kind == "IAMUser":
        arn = f"arn:aws:iam::{account}:user/{name}" if name else principal
        return Acting(account, used, name, None, arn)
    if kind == "Root":
        return Acting(account, used, None, None, "root")
    session = principal if principal and ":" in principal else None
    if kind == "AssumedRole" and session and name:
        return Acting(
            account, used, None, session, f"arn:aws:sts::{account}:assumed-role/{name}/{session.split(':', 1)[1]}"
        )
    return Acting(account, used, None, session, principal)


def _of_actors(account: str, service: Mapping[str, Any]) -> Acting:
    """Tell who acted in a sequence of an attack: its first actor that has a user."""
    actors = _at(service, "detection", "sequence", "actors")
    for actor in actors if isinstance(actors, list) else ():
        user = _map(actor, "user") if isinstance(actor, dict) else {}
        if not user:
            continue
        of = _text(_map(user, "account").get("uid")) or account
        name, uid, kind = (_text(user.get(part)) for part in ("name", "uid", "type"))
        is_user = kind == "IAMUser"
        return Acting(
            of, _text(user.get("credentialUid")), name if is_user else None, None if is_user else uid, uid or name
        )
    return Acting(account)


def _asff(found: Mapping[str, Any]) -> AwsFinding:
    if (_text(found.get("GeneratorId")) or "").startswith("watchbill/"):
        raise _Skip("our own")
    if found.get("RecordState") == "ARCHIVED":
        raise _Skip("archived")
    if (stands := _text(_map(found, "Workflow").get("Status"))) in ("SUPPRESSED", "RESOLVED"):
        raise _Skip(stands.lower())
    if found.get("Sample") is True or (_text(found.get("Title")) or "").startswith("[SAMPLE]"):
        raise _Skip("a sample")
    if _map(found, "Compliance").get("Status") == "PASSED":
        raise _Skip("a check that passed")
    account = _need(found, "AwsAccountId")
    first, last = _span(
        _time(found.get("FirstObservedAt"), found.get("CreatedAt")),
        _time(found.get("LastObservedAt"), found.get("UpdatedAt"), found.get("CreatedAt")),
    )
    provided = _map(found, "FindingProviderFields")
    types = [each for each in _list(found, "Types") or _list(provided, "Types") if isinstance(each, str)]
    call = _at(found, "Action", "AwsApiCallAction", "RemoteIpDetails", "IpAddressV4")
    product = _text(found.get("ProductName")) or _need(found, "ProductArn").rsplit("product/", 1)[-1]
    return AwsFinding(
        _need(found, "Id"),
        f"{product}: {_text(found.get('Title')) or 'a finding'}",
        _asff_severity(_map(found, "Severity") or _map(provided, "Severity")),
        first,
        last,
        _time(found.get("UpdatedAt")) or last,
        _of_resources(account, _list(found, "Resources")),
        _text(call),
        _worst(_detector(each) for each in types),
        product,
    )


def _asff_severity(severity: Mapping[str, Any]) -> Severity:
    label = _LABELS.get(_text(severity.get("Label")) or "")
    return label if label is not None else _by_number(severity.get("Normalized"), (1, 40, 70, 90))


def _of_resources(account: str, resources: Sequence[Any]) -> Acting:
    """Tell who acted by the keys and principals among the resources; a key says more than a user."""
    keys, users, roles = (
        [each for each in resources if isinstance(each, dict) and each.get("Type") == kind]
        for kind in ("AwsIamAccessKey", "AwsIamUser", "AwsIamRole")
    )
    for key in keys:
        about = _at(key, "Details", "AwsIamAccessKey")
        about = about if isinstance(about, dict) else {}
        used = (
            _text(about.get("AccessKeyId")) or (_text(key.get("Id")) or "").removeprefix("AWS::IAM::AccessKey:") or None
        )
        details = {
            "accessKeyId": used,
            "principalId": about.get("PrincipalId"),
            "userName": about.get("PrincipalName") or about.get("UserName"),
            "userType": about.get("PrincipalType"),
        }
        return _of_key(account, details)
    for user in users:
        arn = _text(user.get("Id"))
        name = _text(_at(user, "Details", "AwsIamUser", "UserName")) or (arn or "").rsplit("/", 1)[-1] or None
        return Acting(account, None, name, None, arn)
    for role in roles:
        # The role itself, which many may have taken.
        return Acting(account, None, None, None, _text(role.get("Id")))
    return Acting(account)


def _ocsf(found: Mapping[str, Any]) -> AwsFinding:
    if found.get("class_uid") != _DETECTION:
        raise _Skip("an OCSF document of another class")
    if _at(found, "metadata", "product", "name") == "watchbill":
        raise _Skip("our own")
    status = found.get("status_id")
    if isinstance(status, int) and status in _OCSF_SKIPPED:
        raise _Skip(_OCSF_SKIPPED[status])
    info = _map(found, "finding_info")
    account = _text(_at(found, "cloud", "account", "uid")) or ""
    first, last = _span(
        _time(info.get("first_seen_time"), found.get("start_time"), info.get("created_time"), found.get("time")),
        _time(info.get("last_seen_time"), found.get("end_time"), info.get("modified_time"), found.get("time")),
    )
    product = _text(_at(found, "metadata", "product", "name")) or "a detector"
    severity = found.get("severity_id")
    known = isinstance(severity, int) and 0 <= severity < len(_OCSF_SEVERITIES)
    types = [each for each in _list(info, "types") if isinstance(each, str)]
    evidences = [each for each in _list(found, "evidences") if isinstance(each, dict)]
    ips = (_text(_at(each, "src_endpoint", "ip")) for each in evidences)
    return AwsFinding(
        _need(info, "uid"),
        f"{product}: {_text(info.get('title')) or 'a finding'}",
        _OCSF_SEVERITIES[severity] if known and isinstance(severity, int) else Severity.MEDIUM,
        first,
        last,
        _time(info.get("modified_time"), found.get("time")) or last,
        _of_evidences(account, evidences, _list(found, "resources")),
        next((ip for ip in ips if ip), None),
        _worst(_detector(each) for each in types),
        product,
        tuple(dict.fromkeys(_cloudtrail_events(info))),
    )


def _of_evidences(account: str, evidences: Sequence[Mapping[str, Any]], resources: Sequence[Any]) -> Acting:
    for each in evidences:
        user = _at(each, "actor", "user")
        if isinstance(user, dict) and user:
            of = _text(_at(user, "account", "uid")) or account
            kind, name, uid = (_text(user.get(part)) for part in ("type", "name", "uid"))
            key = _text(user.get("credential_uid"))
            if kind == "AssumedRole" or ":assumed-role/" in (uid or "") or (uid or "").startswith("AROA"):
                return Acting(of, key, None, uid, uid)
            return Acting(of, key, name, None, uid or name)
    kinds = {"AWS::IAM::User": "AwsIamUser", "AWS::IAM::Role": "AwsIamRole", "AWS::IAM::AccessKey": "AwsIamAccessKey"}
    alike = [
        {"Type": kinds.get(_text(each.get("type")) or "", each.get("type")), "Id": each.get("uid")}
        for each in resources
        if isinstance(each, dict)
    ]
    return _of_resources(account, alike)


def _cloudtrail_events(info: Mapping[str, Any]) -> Iterator[str]:
    for each in _list(info, "related_events"):
        if (
            isinstance(each, dict)
            and "cloudtrail" in f"{_text(each.get('type'))} {_text(each.get('product_uid'))}".lower()
        ):
            uid = _text(each.get("uid"))
            if uid and _EVENT_ID.fullmatch(uid):
                yield uid


def _access_analyzer(found: Mapping[str, Any]) -> AwsFinding:
    status = _need(found, "status")
    if status in ("ARCHIVED", "RESOLVED") or found.get("isDeleted") is True:
        raise _Skip("resolved" if found.get("isDeleted") is True else status.lower())
    account = _text(found.get("accountId")) or _need(found, "resourceOwnerAccount")
    resource, kind = _text(found.get("resource")) or "", _text(found.get("resourceType")) or "a resource"
    type_ = _text(found.get("findingType")) or "ExternalAccess"
    unused, public = type_.startswith("Unused"), found.get("isPublic") is True
    first, last = _span(
        _time(found.get("createdAt"), found.get("analyzedAt")),
        _time(found.get("updatedAt"), found.get("analyzedAt"), found.get("createdAt")),
    )
    what = "is public" if public else f"has unused access ({type_})" if unused else "can be reached from outside"
    is_user = kind == "AWS::IAM::User"
    return AwsFinding(
        _need(found, "id"),
        f"Access Analyzer: {kind} {resource} {what}",
        Severity.HIGH if public else Severity.LOW if unused else Severity.MEDIUM,
        first,
        last,
        _time(found.get("updatedAt")) or last,
        Acting(account, None, resource.rsplit("/", 1)[-1] if is_user and resource else None, None, resource or None),
        None,
        OTHER,
        "IAM Access Analyzer",
    )


def _detector(type_: str) -> str:
    """Tell by a type of GuardDuty's, also inside one of ASFF's, what was found: `Recon:IAMUser/UserPermissions`."""
    match = _TYPE.search(type_[:_TEXT])
    if match is None:
        return OTHER
    purpose, family = match["purpose"], match["family"]
    if purpose == "AttackSequence":
        return EXFILTRATION if "CompromisedData" in family else MISUSE if "Credentials" in family else OTHER
    if purpose == "Exfiltration":
        return EXFILTRATION
    if purpose in _SEEKING:
        return RECONNAISSANCE
    return MISUSE if purpose in _MISUSED and match["resource"] in ("IAMUser", "S3", "IAM") else OTHER


def _worst(detectors: Iterable[str]) -> str:
    found = set(detectors)
    return next((each for each in (MISUSE, EXFILTRATION, RECONNAISSANCE) if each in found), OTHER)


def _by_number(value: object, bounds: tuple[float, float, float, float]) -> Severity:
    """Give a severity by where low, medium, high and critical begin; what is no number is medium, not passed over."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN alone
        return Severity.MEDIUM
    return Severity(sum(value >= bound for bound in bounds))


def _span(first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    begin = first or last
    if begin is None:
        raise _BadError("it has no time")
    return begin, max(last or begin, begin)


def _time(*values: object) -> datetime | None:
    """Give the first of some values that is an instant of CloudTrail's years: text with a zone, or milliseconds."""
    for value in values:
        at = instant(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 42:
            at = datetime.fromtimestamp(value / 1000, UTC)
        if at is not None and at.year in YEARS:
            return at
    return None


def _need(found: Mapping[str, Any], name: str) -> str:
    value = _text(found.get(name))
    if value is None:
        raise _BadError(f"it has no `{name}`")
    return value


def _text(value: object) -> str | None:
    return value[:_TEXT] if isinstance(value, str) and value else None


def _map(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _list(found: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = found.get(name)
    return value if isinstance(value, list) else ()


def _at(found: object, *path: str) -> object:
    """Follow a path of names; None where it leads nowhere."""
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def _lowered(found: object, deep: int) -> Any:
    """Begin every name with a small letter, down to a depth."""
    if deep and isinstance(found, dict):
        return {name[:1].lower() + name[1:]: _lowered(value, deep - 1) for name, value in found.items()}
    return [_lowered(each, deep - 1) for each in found] if deep and isinstance(found, list) else found
