"""What may be done from a case, and to what exactly.

1. The person is asked, in words that tell nothing of what is suspected.
2. Failures alone, of signing in or for lack of permission, stop nobody: whoever knows a name could lock its owner out.
3. Where it is certain who acted, the person's account may be frozen; below that only the credential that was used may
   be stopped, for it may be in anybody's hands. Either is offered, never done.
4. What made it possible may be closed, where somebody opened it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchbill.alerts.assess import for_reader, may_freeze
from watchbill.alerts.facts import SIGN_IN
from watchbill.alerts.model import Action, ActionKind
from watchbill.alerts.sittings import Subject
from watchbill.alerts.stories import Assessment, Story
from watchbill.alerts.weights import BREAK_GLASS
from watchbill.detect.model import Finding, Signal
from watchbill.judge.model import Judgement, Opening


_DENIED = "denied-burst"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is known of a case when it is told what may be done."""

    subject: Subject
    account: str | None
    """ARN of the principal."""
    kind: str
    facts: Mapping[str, str]
    assessment: Assessment
    opened: Sequence[Opening]
    findings: Sequence[Finding]
    counted: Sequence[Judgement]
    """The events that count, as many as were read whole."""


def actions_of(offer: Offer) -> tuple[Action, ...]:
    """Give what may be done, the mildest first."""
    return tuple(_of_person(offer, offer.subject.person) if offer.subject.person else _of_others(offer))


def _of_others(offer: Offer) -> Iterator[Action]:
    strange = any(f.signal is Signal.SPRAY and f.facts.get("place") == "new" for f in offer.findings)
    if offer.subject.network is not None and strange:
        yield Action(ActionKind.BLOCK_NETWORK, offer.subject.network, "failures only: no person's account is touched")
    elif offer.kind != BREAK_GLASS and _succeeded(offer):
        yield from _stop(offer)


def _of_person(offer: Offer, person: str) -> Iterator[Action]:
    yield Action(ActionKind.ASK, person, for_reader(offer.assessment, may_see_insider=False).question)
    forgotten = offer.assessment.leading is Story.FORGOTTEN_PASSWORD
    if offer.kind == "sign-in" and forgotten:
        yield Action(ActionKind.HELP, person, "a password reset or a password manager would help")
    if _succeeded(offer) and not forgotten:
        if offer.facts.get("identity") == "person" and offer.account is not None:
            alone, _ = may_freeze(offer.assessment, offer.facts)
            needs = "" if alone else "; by a lead's word"
            why = f"reversible: denies everything, keys off, sessions cut{needs}"
            yield Action(ActionKind.FREEZE, offer.account, why)
        else:
            yield from _stop(offer)
    for opening in offer.opened:
        if opening.event_id:
            yield Action(ActionKind.CLOSE_OPENING, offer.account or person, opening.what)


def _stop(offer: Offer) -> Iterator[Action]:
    """Offer to stop the credentials that were used: it is not certain whose hands they are in."""
    keys = (judgement.attributed.event.identity.access_key for judgement in offer.counted)
    for key in dict.fromkeys(key for key in keys if key):
        what = "the key off" if key.startswith("AKIA") else "the session cut"
        why = f"reversible: {what}; who used it is not certain enough to stop a person"
        yield Action(ActionKind.STOP_CREDENTIAL, key, why)


def _succeeded(offer: Offer) -> bool:
    """Tell whether anything was done, not only tried."""
    return any(not _failed(finding) for finding in offer.findings) or offer.facts.get("control") is not None


def _failed(finding: Finding) -> bool:
    if finding.facts.get("action") == _DENIED:
        return True
    return finding.signal in SIGN_IN and finding.facts.get("outcome") != "success without mfa"
