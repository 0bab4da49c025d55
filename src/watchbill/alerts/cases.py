"""Gather findings and judgements into cases, one per person or network and sitting.

The rules, in order:

1. What counts: a judgement that something AWS allowed was not the person's to do, and every finding that is not staged.
   Hits of staged rules are signal, not alert: they are shown on the events of a case and never open one.
2. What concerns the same person, or the same network where no person is known, and lies within half an hour of the
   rest is one case.
3. Severity is the worst of what is in it; a change in production that was not theirs is high; a new network together
   with a way back in is critical; a forgotten password is low, unless its network is new. Failures alone, of signing
   in or for lack of permission, never make a case in which a person may be disabled.
4. The person's other events in the sitting are shown around it, those nearest to it; of many that are alike some are
   shown, and the rest is counted.
5. Where its findings disagree about a fact, the gravest is weighed.
6. A use of a break-glass user is one case, of that user and of nobody else, and whatever else was found in what it did
   is in it. It is always critical: nothing is weighed, nobody is asked by it, and no freeze is offered.

The id of a case is made of its subject and its first event that counts, so a case that grows at its end keeps it. One
that a late event gives another beginning has another id; whoever keeps cases knows it by the events that count.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watchbill.alerts.actions import Offer, actions_of
from watchbill.alerts.around import cited as shown_of
from watchbill.alerts.assess import assess
from watchbill.alerts.effects import SideEffects
from watchbill.alerts.facts import SIGN_IN, Drawn, facts_of, kind_of, told
from watchbill.alerts.model import Case, Evidence, Hop, Whence
from watchbill.alerts.noise import rule_of
from watchbill.alerts.noticed import Noticed
from watchbill.alerts.sittings import SITTING, WRONG, Sitting, Subject, Wrong
from watchbill.alerts.stories import Assessment, Story
from watchbill.alerts.weights import BREAK_GLASS, further
from watchbill.detect.baseline import Baseline, device_of
from watchbill.detect.break_glass import BreakGlassUsers
from watchbill.detect.model import Finding, Severity, Signal
from watchbill.detect.networks import network_of
from watchbill.intervals import iso
from watchbill.judge.model import Judgement, Opening, Right, Step, Watch, WatchState
from watchbill.judge.possible import iam_changes, openings
from watchbill.team.model import Team
from watchbill.trail.coverage import WATERMARK, Gap
from watchbill.trail.model import Attributed, Event, Outcome
from watchbill.trail.model import Opening as HandedOut


AROUND = 10
"""Events of the subject that are shown before what counts, and after it."""
_BETWEEN = 40
_PLACES = 10


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the events and what was found in them."""

    answers: Mapping[str, str] = field(default_factory=dict)
    """The person's answer, `yes` or `no`, by case id."""
    steps: Sequence[Step] = ()
    """Of watchbill's own plans, in order of time."""
    earlier: Sequence[Attributed] = ()
    """Changes of IAM before the span, and what handed out keys then."""
    opening: Callable[[str], HandedOut | None] = lambda _: None
    """What handed out a temporary key."""
    at: datetime | None = None
    """When it is asked; None: when each case ended."""
    gaps: Sequence[Gap] | None = None
    """Where the trail says nothing; None where nobody looked."""


class Gatherer:
    """Gathers the cases of one trail."""

    def __init__(
        self,
        noticed: Noticed,
        baseline: Baseline,
        team: Team | None,
        beside: Beside,
    ) -> None:
        """Begin with what detectors look at."""
        self.alerts: list[Finding] = []
        """The findings that may open a case."""
        self._said: dict[str, list[str]] = {}
        """What staged rules say of events, by id."""
        self._baseline = baseline
        self._effects = SideEffects(team)
        self._beside = beside
        self._changes = iam_changes([*beside.earlier, *noticed.changes], team) if team else ()
        attributed = [*beside.earlier, *noticed.break_glass]
        self._users = BreakGlassUsers(attributed, team)
        self.opened = {e.event.id: use.user for e in attributed for use in self._users.uses(e.event) if use.own}
        """By event id the break-glass user that acted."""
        self._judgements: list[Judgement] = []
        self._by_id: dict[str, Judgement] = {}
        self._of: Mapping[Subject, list[Judgement]] = {}
        self._arns: dict[tuple[str, str], tuple[datetime, str, str]] = {}
        """The ARN of IAM users by account and name in lower case, with the last event that told it."""
        for each in noticed.arns():
            self._know_arn(*each)

    def hear(self, findings: Iterable[Finding]) -> None:
        """Take what was found in them."""
        for finding in findings:
            if not finding.staged:
                self.alerts.append(finding)
            for event_id in finding.event_ids if finding.staged else ():
                self._said.setdefault(event_id, []).append(f"{finding.title} ({finding.author})")

    def know(self, judgements: Iterable[Judgement], said: Mapping[str, Sequence[str]] | None = None) -> None:
        """Take more events that cases may be made of, and what staged rules say of events, by id.

        What changed IAM or opened break-glass is known from before.
        """
        for event_id, words in (said or {}).items():
            self._said.setdefault(event_id, []).extend(words)
        self._judgements = sorted([*self._judgements, *judgements], key=lambda j: (_at(j), j.attributed.event.id))
        self._by_id = {judgement.attributed.event.id: judgement for judgement in self._judgements}
        for judgement in self._judgements:
            event, identity = judgement.attributed.event, judgement.attributed.event.identity
            if identity.type == "IAMUser" and identity.user_name and identity.arn:
                self._know_arn(event.at, event.id, event.account, identity.user_name, identity.arn)
        self._of = self._by_subject()

    def _know_arn(self, at: datetime, event_id: str, account: str, user: str, arn: str) -> None:
        key = account, user.lower()
        self._arns[key] = max(self._arns.get(key, (at, event_id, arn)), (at, event_id, arn))

    def _by_subject(self) -> Mapping[Subject, list[Judgement]]:
        """Give what each subject did, in order of time; an event may be of several."""
        found: dict[Subject, list[Judgement]] = {}
        for judgement in self._judgements:
            actor, event = judgement.attributed.actor, judgement.attributed.event
            of = {Subject(actor.person)} if actor.person else set[Subject]()
            of |= {Subject(None, principal=actor.principal), Subject(None, network=network_of(event.ip))}
            if (user := self.opened.get(event.id)) is not None:
                of.add(Subject(None, principal=user))
            for subject in of:
                found.setdefault(subject, []).append(judgement)
        return found

    def made_of(self, found: Iterable[Sitting]) -> tuple[Case, ...]:
        """Give the case of each sitting, worst first, then by time."""
        cases = [self._case(sitting) for sitting in found]
        return tuple(sorted(cases, key=lambda case: (-case.severity, case.first, case.id)))

    def _case(self, sitting: Sitting) -> Case:
        subject, items = sitting.subject, sitting.items
        person, first, last = subject.person, sitting.first, sitting.last
        findings = tuple(item.finding for item in items if item.finding)
        wrongs = [item.wrong for item in items if item.wrong]
        cited = [wrong.id for wrong in wrongs] + [i for finding in findings for i in finding.event_ids]
        own = self._sitting(subject, first, last)
        # Of many that are alike only some are looked at, the first among them, though more were read whole.
        shown = shown_of(sitting) & self._by_id.keys()
        wrong = [self._by_id[each.id] for each in wrongs if each.id in shown]
        anchor = self._by_id.get(cited[0]) if not wrong else wrong[0]
        state = anchor.state if anchor and person else None
        opened = tuple(
            dict.fromkeys(
                o for j in wrong for o in openings(j, self._changes, self._beside.steps, self._beside.opening)
            )
        )
        begun = min(item.event_ids[0] for item in items if item.first == first)
        case_id = "C-" + hashlib.sha256(f"{subject.name}|{begun}|{iso(first)}".encode()).hexdigest()[:6]
        kind = kind_of(findings, wrongs)
        counted = [self._by_id[each] for each in dict.fromkeys(cited) if each in shown]
        drawn = Drawn(kind, person, wrongs, wrong, own, counted, findings, state, opened)
        facts = facts_of(drawn, self._baseline)
        if case_id in self._beside.answers:
            facts["answer"] = self._beside.answers[case_id]
        told, complete = self._telemetry(sitting, wrongs)
        if complete is not None:
            facts["telemetry"] = complete
        more = tuple(each for finding in findings for each in further(finding.title, finding.weigh))
        assessment = assess(kind, facts, person, more)
        severity = _raised(max(item.severity for item in items), facts, findings, state, assessment)
        account = self._principal(anchor.attributed.event) if anchor and person else None
        evidence, rest = self._evidence(own, set(cited), shown, findings)
        stopped = person if account is not None and kind != BREAK_GLASS else None
        return Case(
            case_id,
            kind,
            person,
            subject.network,
            subject.principal,
            first,
            last,
            severity,
            _sentence(person, wrong, findings, state),
            self._how_known(subject, anchor),
            state,
            opened,
            findings,
            evidence,
            facts,
            assessment,
            actions_of(
                Offer(subject, account, kind, facts, assessment, opened, findings, counted),
            ),
            account,
            self._keys(person, own),
            self._whence(person, wrongs, findings),
            self._session(anchor),
            rest,
            self._effects.of(stopped, self._beside.at or last) if stopped else (),
            f"watchbill restore {case_id}" if stopped else "",
            told,
            tuple(dict.fromkeys(finding.ask for finding in findings if finding.ask)),
            tuple(dict.fromkeys(rule_of(finding) for finding in findings)),
            tuple(dict.fromkeys(key for each in counted if (key := each.attributed.event.identity.access_key))),
        )

    def _openings(self, judgement: Judgement) -> tuple[Opening, ...]:
        return openings(judgement, self._changes, self._beside.steps, self._beside.opening)

    def _sitting(self, subject: Subject, first: datetime, last: datetime) -> list[Judgement]:
        """Give what the subject did from half an hour before to half an hour after; a break-glass user's all counts."""
        found = self._of.get(subject, [])
        begin = bisect_left(found, first - SITTING, key=_at)
        return found[begin : bisect_right(found, last + SITTING, key=_at)]

    def _how_known(self, subject: Subject, anchor: Judgement | None) -> str:
        if anchor and subject.person:
            return anchor.attributed.actor.why
        declared = self._users.declared(subject.principal or "")
        if declared is not None:
            return f"{subject.principal} is a break-glass user by {declared.where}"
        return "nobody of the team is named in the records"

    def _telemetry(self, sitting: Sitting, wrongs: Sequence[Wrong]) -> tuple[str, str | None]:
        """Say whether the trail is whole where a case lies, and give the fact; nothing where nobody looked."""
        gaps = self._beside.gaps
        if gaps is None:
            return "", None
        accounts = {wrong.account for wrong in wrongs} | {i.finding.account for i in sitting.items if i.finding}
        near = [
            gap
            for gap in gaps
            if gap.interval.meets(sitting.around) and (gap.account is None or gap.account in accounts)
        ]
        if near:
            return f"not whole: {near[0].why}", "gap"
        if self._beside.at is not None and sitting.last > self._beside.at - WATERMARK:
            return f"complete to {iso(self._beside.at - WATERMARK)}: more may be on its way", "late"
        return "whole", "whole"

    def _whence(self, person: str | None, wrongs: Sequence[Wrong], findings: Sequence[Finding]) -> tuple[Whence, ...]:
        """Give where what counts came from, and with which device, the most events first."""
        came = {wrong.id: (wrong.ip, wrong.user_agent, wrong.at) for wrong in wrongs}
        for event_id in dict.fromkeys(i for finding in findings for i in finding.event_ids):
            known = self._by_id.get(event_id)
            if known is not None:
                event = known.attributed.event
                came.setdefault(event_id, (event.ip, event.user_agent, event.at))
        found: dict[tuple[str, str | None], list[tuple[str | None, datetime]]] = {}
        for ip, agent, at in came.values():
            if ip:
                found.setdefault((ip, device_of(agent)), []).append((agent, at))
        ranked = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0][0]))
        return tuple(self._place(person, ip, device, seen) for (ip, device), seen in ranked[:_PLACES])

    def _place(
        self, person: str | None, ip: str, device: str | None, seen: Sequence[tuple[str | None, datetime]]
    ) -> Whence:
        agent, at = seen[0]
        place = self._baseline.place(person, ip, at) if person else self._baseline.place_for_anyone(ip)
        device_was = self._baseline.device(person, agent, at) if person else "unknown"
        origin = self._baseline.origin(ip)
        return Whence(ip, network_of(ip), device, place, device_was, origin.operator, origin.country, len(seen))

    def _session(self, anchor: Judgement | None) -> tuple[Hop, ...]:
        """Give how the key of an event was handed out, and the one that was used for that, back to who began."""
        found: list[Hop] = []
        seen = set[str]()
        key = anchor.attributed.event.identity.access_key if anchor else None
        while key is not None and key.startswith("ASIA") and key not in seen:
            seen.add(key)
            opened = self._beside.opening(key)
            if opened is None:
                break
            role = (opened.role_arn or "").rsplit("/", 1)[-1]
            who = opened.identity.user_name or opened.identity.arn or opened.identity.type or "somebody"
            words = f"{who} did {opened.name}{role and ' of ' + role}"
            found.append(Hop(opened.at, words + (" with MFA" if opened.identity.mfa else ""), opened.event_id))
            key = opened.identity.access_key
        return tuple(found)

    def _evidence(
        self, own: Sequence[Judgement], every: set[str], cited: set[str], findings: Sequence[Finding]
    ) -> tuple[tuple[Evidence, ...], int]:
        """Give the events that are shown, in order of time, and how many more of `every` that counts there are."""
        rest = every - cited
        own = [each for each in own if each.attributed.event.id not in rest]
        notes: dict[str, list[str]] = {}
        for finding in findings:
            for event_id in finding.event_ids:
                opened = "by" if event_id in self.opened else "of"
                note = f"{opened} a break-glass user" if finding.signal is Signal.BREAK_GLASS else finding.title
                notes.setdefault(event_id, []).append(note)
        shown = {judgement.attributed.event.id for judgement in own}
        missing = [self._by_id[event_id] for event_id in sorted(cited - shown) if event_id in self._by_id]
        found: list[Evidence] = []
        for judgement in sorted([*own, *missing], key=lambda j: (_at(j), j.attributed.event.id)):
            event = judgement.attributed.event
            said = list(notes.get(event.id, ()))
            if event.id in cited:
                said += [f"{judgement.right}: {judgement.why}"] if judgement.right in WRONG else []
                said += [f"rule: {words}" for words in self._said.get(event.id, ())]
            found.append(
                Evidence(
                    event.id,
                    event.at,
                    f"{event.source.removesuffix('.amazonaws.com')}:{event.name}",
                    str(judgement.right),
                    str(event.outcome),
                    event.ip,
                    event.place.file,
                    event.place.index,
                    "; ".join(said),
                    event.place.digest,
                )
            )
        return tuple(_near(found)), len(rest)

    def _principal(self, event: Event) -> str | None:
        """Give the ARN of what would be disabled.

        AWS leaves it out of failed sign-ins; then it is what the user's other events say, else it is made of parts.
        """
        identity = event.identity
        if identity.type == "IAMUser" and identity.arn is None and identity.user_name:
            made = f"arn:aws:iam::{event.account}:user/{identity.user_name}"
            return self._arns.get((event.account, identity.user_name.lower()), (event.at, event.id, made))[-1]
        return identity.arn

    def _keys(self, person: str | None, own: Sequence[Judgement]) -> tuple[str, ...]:
        """Give the long-term keys that were made, or used by a person from a network new to them, in the sitting."""
        found: set[str] = set()
        for judgement in own:
            event = judgement.attributed.event
            if (made := _made_key(event)) is not None:
                found.add(made)
            used = _used_key(event)
            if person and used is not None and self._baseline.place(person, event.ip, event.at) == "new":
                found.add(used)
        return tuple(sorted(found))


_MAKES_A_KEY = {
    "CreateAccessKey": ("accessKey", "accessKeyId"),
    "CreateServiceSpecificCredential": ("serviceSpecificCredential", "serviceSpecificCredentialId"),
    "UploadSSHPublicKey": ("sSHPublicKey", "sSHPublicKeyId"),
    "UploadSigningCertificate": ("certificate", "certificateId"),
}
"""Where the answers of IAM name what was made (IAM API Reference, the response elements of each)."""


def _made_key(event: Event) -> str | None:
    """Give the id of a credential that an event made; None where it made none."""
    answer = event.record.get("responseElements")
    if event.name not in _MAKES_A_KEY or not isinstance(answer, dict):
        return None
    what, name = _MAKES_A_KEY[event.name]
    made = answer.get(what)
    found = made.get(name) if isinstance(made, dict) else None
    return found if isinstance(found, str) else None


def _used_key(event: Event) -> str | None:
    """Give the long-term key that an event was done with: an access key, or by its fingerprint the key of a log-in."""
    if event.host is not None:
        print_ = event.record.get("fingerprint")
        let_in = event.outcome is Outcome.ALLOWED and isinstance(print_, str) and print_.startswith("SHA256:")
        return print_ if let_in else None
    used = event.identity.access_key or ""
    return used if used.startswith("AKIA") else None


def _near(found: Sequence[Evidence]) -> Iterable[Evidence]:
    """Leave out what lies around a case but for what is nearest to it."""
    counts = [number for number, each in enumerate(found) if each.note]
    first, last = (counts[0], counts[-1]) if counts else (0, 0)
    between = 0
    for number, each in enumerate(found):
        if each.note:
            yield each
        elif first < number < last:
            between += 1
            if between <= _BETWEEN:
                yield each
        elif first - AROUND <= number <= last + AROUND:
            yield each


def _raised(
    severity: Severity,
    facts: Mapping[str, str],
    findings: Sequence[Finding],
    state: WatchState | None,
    assessment: Assessment,
) -> Severity:
    signals = {finding.signal for finding in findings}
    if facts.get("place") == "new" and facts.get("action") == "persistence":
        return Severity.CRITICAL
    harmless = assessment.leading is Story.FORGOTTEN_PASSWORD and facts.get("place") != "new"
    if signals and signals <= SIGN_IN and harmless:
        return Severity.LOW
    return severity


def _where(event: Event) -> str:
    """Say where an event was; one of a host or an identity provider has no account."""
    if event.host is not None:
        return f"on {event.host}"
    return f"in account {event.account}" if event.account else f"with {event.source}"


def _sentence(
    person: str | None,
    wrong: Sequence[Judgement],
    findings: Sequence[Finding],
    state: WatchState | None,
) -> str:
    if wrong:
        event = wrong[0].attributed.event
        names = list(dict.fromkeys(j.attributed.event.name for j in wrong))
        calls = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004 - three fit a line
        text = f"{person} did {calls} {_where(event)} at {event.at:%a %H:%M} UTC, {wrong[0].right}"
        off = wrong[0].right is Right.OFF_SHIFT
        if off and state is not None and state.watch is Watch.ENDED and state.end is not None:
            minutes = round(state.away.total_seconds() / 60)
            text += f": the shift ended at {state.end:%H:%M} UTC, {minutes} min before"
        if state is not None and state.watch is not Watch.ON and state.on_call:
            text += f"; on call was {', '.join(state.on_call)}"
        return "; ".join([text, *dict.fromkeys(f.title for f in findings if f.signal is Signal.NO_MFA)])
    titles = list(dict.fromkeys(finding.title for finding in told(findings)))
    text = titles[0] + (f"; {titles[1]}" if len(titles) > 1 else "")
    text += f" and {len(titles) - 2} more" if len(titles) > 2 else ""  # noqa: PLR2004 - two fit a line
    if state is not None and state.watch is Watch.ON and state.start is not None:
        text += f"; the shift began at {state.start:%H:%M} UTC"
    return text


def _at(judgement: Judgement) -> datetime:
    return judgement.attributed.event.at
