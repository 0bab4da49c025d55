"""What a question comes to: a table of where it stands, what is heard, and whether it was the person's to do.

The rules, in order:

1. A "yes" is what whoever holds the account may say too. Above low severity it takes a fresh sign-in with a second
   factor; at low severity it does not where all else is usual: see `needed`.
2. Where the case has a new network, a second factor that was added or taken away, or something that the identity
   provider found odd, the sign-in must be phishing-resistant, or a named peer who has spoken to them confirms.
3. What was not theirs to do is a lead's, whatever they say: a "yes", however sure, closes nothing there.
4. A "no" is a lead's at once, with the freeze ready. So is silence; where it was not theirs to do, whoever stands in
   for them is paged as well.
5. The first outcome stands. What is said later is kept and told to the leads, and moves nothing; but a "no" is heard
   as long as no lead has decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from watchbill.alerts.noise import LASTING
from watchbill.alerts.stories import Story
from watchbill.alerts.view import CaseView
from watchbill.judge.model import Right
from watchbill.respond.ask import Status
from watchbill.respond.interfaces import StepUp
from watchbill.trail.idp.model import Name, Provider


FRESH: Final = timedelta(minutes=5)
"""How old a sign-in may be that proves anything."""

_SKEW = timedelta(minutes=1)
"""How far the clocks of identity providers may go before ours."""


class Stand(StrEnum):
    """Where a question stands."""

    ASKED = "asked"
    ANSWERED = "answered"
    """They said yes, and the sign-in that it takes has not come yet."""
    STEPPED_UP = "stepped up"
    """They said yes and proved it, and so it is closed."""
    SILENT = "silent"
    """No answer came in time: a lead decides."""
    ESCALATED = "escalated"
    """What they said, or could not prove, is a lead's to decide on."""
    DECIDED = "decided"
    """It is closed: by a lead, or by a "yes" that was enough."""


class Heard(StrEnum):
    """What is heard about a question."""

    YES = "yes"
    """And more is needed."""
    ENOUGH = "yes, which is enough"
    PROVEN = "yes, proven"
    NO = "no"
    SILENCE = "silence"
    VERDICT = "verdict"


class Proof(IntEnum):
    """What it takes to believe a "yes"; each is more than the one before."""

    NONE = 0
    SECOND_FACTOR = 1
    PHISHING_RESISTANT = 2

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of something that was heard."""

    stand: Stand
    case: Status | None = None
    """Where the case goes; None: it stays where it is."""
    sign_in: bool = False
    """Whether they are invited to prove it."""
    freeze: bool = False
    """Whether the freeze is made ready for the lead."""
    page: bool = False
    """Whether whoever stands in for them is told."""


_CLOSED = Outcome(Stand.DECIDED, Status.CLOSED)
_TO_LEAD = Outcome(Stand.ESCALATED, Status.ESCALATED)
_INVITED = Outcome(Stand.ESCALATED, Status.ESCALATED, sign_in=True)
_DENIED = Outcome(Stand.ESCALATED, Status.ESCALATED, freeze=True)
_NOBODY_THERE = Outcome(Stand.ESCALATED, Status.ESCALATED, freeze=True, page=True)


def _kept(stand: Stand) -> Mapping[tuple[Stand, Heard], tuple[Outcome, Outcome]]:
    """Give the rows of a question that has its outcome: only a lead moves it."""
    stays = Outcome(stand)
    return {(stand, heard): (_CLOSED, _CLOSED) if heard is Heard.VERDICT else (stays, stays) for heard in Heard}


TABLE: Final[Mapping[tuple[Stand, Heard], tuple[Outcome, Outcome]]] = {
    (Stand.ASKED, Heard.YES): (Outcome(Stand.ANSWERED, sign_in=True), _INVITED),
    (Stand.ASKED, Heard.ENOUGH): (_CLOSED, _INVITED),
    (Stand.ASKED, Heard.PROVEN): (Outcome(Stand.STEPPED_UP, Status.CLOSED), _TO_LEAD),
    (Stand.ASKED, Heard.NO): (_DENIED, _DENIED),
    (Stand.ASKED, Heard.SILENCE): (
        Outcome(Stand.SILENT, Status.ESCALATED),
        Outcome(Stand.SILENT, Status.ESCALATED, freeze=True, page=True),
    ),
    (Stand.ASKED, Heard.VERDICT): (_CLOSED, _CLOSED),
    (Stand.ANSWERED, Heard.YES): (Outcome(Stand.ANSWERED, sign_in=True), _INVITED),
    (Stand.ANSWERED, Heard.ENOUGH): (Outcome(Stand.ANSWERED, sign_in=True), _INVITED),
    (Stand.ANSWERED, Heard.PROVEN): (Outcome(Stand.STEPPED_UP, Status.CLOSED), _TO_LEAD),
    (Stand.ANSWERED, Heard.NO): (_DENIED, _DENIED),
    (Stand.ANSWERED, Heard.SILENCE): (_TO_LEAD, _NOBODY_THERE),
    (Stand.ANSWERED, Heard.VERDICT): (_CLOSED, _CLOSED),
    **_kept(Stand.SILENT),
    **_kept(Stand.ESCALATED),
    **_kept(Stand.DECIDED),
    **_kept(Stand.STEPPED_UP),
    (Stand.STEPPED_UP, Heard.NO): (_DENIED, _DENIED),
    (Stand.SILENT, Heard.NO): (Outcome(Stand.SILENT, freeze=True), Outcome(Stand.SILENT, freeze=True)),
    (Stand.ESCALATED, Heard.NO): (Outcome(Stand.ESCALATED, freeze=True), Outcome(Stand.ESCALATED, freeze=True)),
}
"""What comes of each thing heard at each stand: where it was theirs to do, and where it was not."""


def outcome(stand: Stand, heard: Heard, *, entitled: bool) -> Outcome:
    """Look up what comes of something that was heard."""
    theirs, not_theirs = TABLE[stand, heard]
    return theirs if entitled else not_theirs


# --- what a case asks of a "yes" -----------------------------------------------------------------

_THEIRS = frozenset({str(Right.ENTITLED), str(Right.NEEDS_NONE)})
_FACTORS = frozenset(
    {
        "CreateVirtualMFADevice",
        "DeactivateMFADevice",
        "DeleteVirtualMFADevice",
        "EnableMFADevice",
        "ResyncMFADevice",
        str(Name.MFA_ADDED),
        str(Name.MFA_REMOVED),
    }
)
"""Names of events by which a second factor comes to be another's; Identity Center's are `...MfaDevice...` as well."""
_ODD = frozenset({str(Name.SUSPICIOUS_SIGN_IN), str(Name.MFA_DENIED)})
"""Names of events in which an identity provider, or the person on their own device, says that it was not them."""
_PROVIDERS = frozenset(str(provider) for provider in Provider)


def is_theirs(case: CaseView) -> bool:
    """Tell whether all that counts was the person's to do; what cannot be judged is not known to be."""
    counted = [event for event in case.evidence if event.note]
    return bool(counted) and "control" not in case.facts and all(event.right in _THEIRS for event in counted)


def doubts(case: CaseView) -> tuple[str, ...]:
    """Say why a "yes" from the same device or mailbox proves little: whoever else is in it may have the factor too."""
    found = []
    if case.facts.get("place") == "new" or any(whence.place == "new" for whence in case.whence):
        found.append("a new network")
    names = [event.what.partition(":") for event in case.evidence]
    if any(name in _FACTORS or "MfaDevice" in name for _, _, name in names):
        found.append("a second factor that was changed")
    if any(source in _PROVIDERS and name in _ODD for source, _, name in names):
        found.append("a sign-in that the identity provider found odd")
    return tuple(found)


def needed(case: CaseView) -> Proof:
    """Give what it takes to believe a "yes"."""
    if doubts(case):
        return Proof.PHISHING_RESISTANT
    return Proof.NONE if _is_harmless(case) else Proof.SECOND_FACTOR


def _is_harmless(case: CaseView) -> bool:
    """Tell whether nobody gains by a false "yes": low, theirs to do, from the usual place, and nothing that lasts.

    Of sign-ins that is a forgotten password alone, with a sign-in with MFA at the end.
    """
    if case.severity not in ("info", "low") or case.facts.get("place") != "usual" or not is_theirs(case):
        return False
    if case.kind == "sign-in":
        return case.facts.get("outcome") == "success with mfa" and case.leading == Story.FORGOTTEN_PASSWORD
    return case.kind == "action" and case.facts.get("action") not in LASTING


# --- what a sign-in proves -----------------------------------------------------------------------

_RESISTANT_ACR = frozenset({"phr", "phrh"})
"""OpenID Connect Extended Authentication Profile ACR Values 1.0: phishing-resistant, and so in hardware."""
_RESISTANT_AMR = frozenset({"hwk", "phr", "phrh"})
"""`hwk` of RFC 8176, section 2: a key in hardware. Some providers say the names of EAP here."""
_FACTOR_AMR = frozenset({"mfa", "otp", "pop", "sc", "swk"})
"""RFC 8176, section 2: what is no password. `sms` and `tel` are not enough by themselves, nor is a face."""


def strength(proof: StepUp) -> Proof:
    """Tell what a sign-in proves by what the provider says of it; by nothing it proves nothing."""
    amr = {each.lower() for each in proof.amr}
    if proof.acr.lower() in _RESISTANT_ACR or amr & _RESISTANT_AMR:
        return Proof.PHISHING_RESISTANT
    return Proof.SECOND_FACTOR if amr & _FACTOR_AMR else Proof.NONE


def objection(proof: StepUp, person: str, asked_at: datetime, at: datetime, needs: Proof) -> str | None:
    """Say why a sign-in does not confirm an answer; None where it does.

    One from before the question was asked may be the very one that it is about.
    """
    if proof.subject != person:
        return f"`{person}` was asked, and `{proof.subject}` signed in"
    if proof.at > at + _SKEW:
        return "the sign-in is of a time yet to come"
    if proof.at < asked_at:
        return "the sign-in is from before the question: sign in again"
    if at - proof.at > FRESH:
        return f"the sign-in is older than {FRESH // timedelta(minutes=1)} min: sign in again"
    if strength(proof) < max(needs, Proof.SECOND_FACTOR):
        how = "with a security key or a passkey" if needs is Proof.PHISHING_RESISTANT else "with a second factor"
        return f"the sign-in was not strong enough: sign in {how}"
    return None
