"""Evict whoever took an account over: what AWS cannot give back, once a hijack is confirmed, and never by one person.

The password first, then MFA devices that appeared since: taken the other way round, a thief of the password alone would
be let in. A device that was there before stays: it is the person's. Stolen keys are deleted only after a quiet while
under the freeze, since a key that is gone joins no more events. What else the account made is for a person to look at.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from watchbill.access.model import Call, Change, Device, Phase
from watchbill.intervals import iso
from watchbill.respond.model import Containment, Seen


QUIET: Final = timedelta(minutes=30)
"""How long nothing of the person was seen before a key is deleted (AWS incident response playbooks)."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """What an eviction does for good, and what it leaves to people."""

    id: str
    freeze: str
    person: str
    user: str
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Since:
    """What an eviction goes by besides what was read."""

    first: datetime
    """The first event that is suspicious: what was made after it was not made by the person."""
    stolen: Collection[str]
    """Ids of keys."""
    quiet_since: datetime
    """The last instant at which the person's account was seen doing something, or was frozen."""


def plan_eviction(frozen: Containment, seen: Seen, since: Since, at: datetime) -> Eviction:
    """Work out an eviction from what was read."""
    left_out = tuple(_left_out(seen, since, at))
    changes = (
        *_passwords(frozen.user, seen),
        *(
            change
            for name, found in sorted(seen.credentials.items())
            for device in found.devices
            if device.since >= since.first
            for change in taken_off(name, frozen.user, device)
        ),
        *(_keys(frozen.user, seen, since) if at - since.quiet_since >= QUIET else ()),
    )
    return Eviction(f"E-{frozen.id.removeprefix('F-')}", frozen.id, frozen.person, frozen.user, changes, left_out)


def taken_off(account: str, user: str, device: Device) -> Iterator[Change]:
    """Give the changes that take an MFA device off a user; a virtual one is deleted too."""
    off = Call("DeactivateMFADevice", {"UserName": user, "SerialNumber": device.serial})
    yield Change(account, Phase.REVOKE, off, f"take {user}'s MFA device {device.serial} off")
    if ":mfa/" in device.serial:
        gone = Call("DeleteVirtualMFADevice", {"SerialNumber": device.serial})
        yield Change(account, Phase.REVOKE, gone, f"delete the MFA device {device.serial}")


def _passwords(user: str, seen: Seen) -> Iterator[Change]:
    for name, found in sorted(seen.credentials.items()):
        if found.password:
            call = Call("DeleteLoginProfile", {"UserName": user})
            yield Change(name, Phase.REVOKE, call, f"delete the password of {user}: help gives another")


def _keys(user: str, seen: Seen, since: Since) -> Iterator[Change]:
    for name, found in sorted(seen.credentials.items()):
        for key in found.keys:
            if key.id in since.stolen:
                call = Call("DeleteAccessKey", {"UserName": user, "AccessKeyId": key.id})
                yield Change(name, Phase.REVOKE, call, f"delete the stolen key {key.id}")


def _left_out(seen: Seen, since: Since, at: datetime) -> Iterator[str]:
    for name, found in sorted(seen.credentials.items()):
        for device in found.devices:
            if device.since < since.first:
                yield f"MFA device {device.serial} in {name}: it was there before, so it is taken for the person's"
        for door in found.doors:
            yield f"{door.kind} {door.id} in {name}: off since the freeze; look whether the person made it"
    if at - since.quiet_since < QUIET:
        waiting = sorted(key.id for found in seen.credentials.values() for key in found.keys if key.id in since.stolen)
        for key in waiting:
            yield f"key {key}: it is deleted once it was quiet for 30 minutes, from {iso(since.quiet_since + QUIET)} on"
