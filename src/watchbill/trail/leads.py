"""Who was near a session that is nobody's, told in words: a place to look, never a name for the event."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from watchbill.trail.model import Attributed, Confidence, Event


NEAR = timedelta(minutes=15)
"""How far apart two calls of a lead may be."""

_SESSIONS = frozenset({"AssumedRole", "FederatedUser"})


def leads(events: Iterable[Event], attributed: Sequence[Attributed], within: timedelta = NEAR) -> Mapping[str, str]:
    """Tell, by event id, who was near an event of a session that is nobody's: same role, address and agent.

    It is a place to look, and no evidence of who it was. Only people who are known by more than a name they chose
    are told.
    """
    near: dict[tuple[str, str, str], list[tuple[datetime, str, str]]] = {}
    nobodys: set[tuple[str, str]] = set()
    for each in attributed:
        if each.actor.person is None:
            nobodys.add((each.event.account, each.event.id))
        elif each.actor.confidence is not Confidence.WEAK and (place := _place(each.event)) is not None:
            near.setdefault(place, []).append((each.event.at, each.event.id, each.actor.person))
    for found in near.values():
        found.sort()
    told: dict[str, str] = {}
    for event in events:
        place = _place(event)
        if place is None or (event.account, event.id) not in nobodys:
            continue
        known = near.get(place, [])
        first = bisect_left(known, event.at - within, key=lambda each: each[0])
        last = bisect_right(known, event.at + within, key=lambda each: each[0])
        closest: dict[str, tuple[timedelta, str]] = {}
        for at, event_id, person in known[first:last]:
            closest[person] = min(closest.get(person, (timedelta.max, "")), (abs(at - event.at), event_id))
        if closest:
            told[event.id] = _lead(place, closest)
    return told


def _place(event: Event) -> tuple[str, str, str] | None:
    identity = event.identity
    if identity.type not in _SESSIONS or not identity.issuer_arn or not event.ip or not event.user_agent:
        return None
    return identity.issuer_arn, event.ip, event.user_agent


def _lead(place: tuple[str, str, str], closest: Mapping[str, tuple[timedelta, str]]) -> str:
    said = [
        f"{person} {int(gap.total_seconds())} s away (event {event_id})"
        for person, (gap, event_id) in sorted(closest.items(), key=lambda each: (each[1], each[0]))
    ]
    role = place[0].rsplit("/", 1)[-1]
    return (
        f"near in time, with role {role} from {place[1]} by the same agent: {', '.join(said)}; no proof of who it was"
    )
