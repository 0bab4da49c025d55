"""What a simulated week consists of, and the truth about it that only the simulation knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Story(StrEnum):
    """Something that happens in a week besides ordinary work."""

    OFF_SHIFT_CHANGE = "off-shift-change"
    """A person changes production after their shift, through a policy that somebody attached by hand days before."""
    FORGOTTEN_PASSWORD = "forgotten-password"  # noqa: S105 - the name of a story
    """A person coming on shift mistypes their password several times and then gets in."""
    SPRAY = "spray"
    """A machine tries passwords on many names and gets in nowhere."""
    HIJACK = "hijack"
    """A stranger signs in as a person without MFA and makes themselves an access key."""


ALL = frozenset(Story)
"""Every story."""


@dataclass(frozen=True, slots=True)
class TrailFile:
    """One object of the trail's bucket."""

    key: str
    body: bytes
    """Gzipped JSON, `{"Records": [...]}`."""
    delivered: datetime
    """When it appears in the bucket: a few minutes after what it tells of."""
    event_ids: tuple[str, ...]
    """Ids of the events in it."""


@dataclass(frozen=True, slots=True)
class HandMade:
    """A change that somebody made to IAM by hand, to be made on the stand-in for real."""

    account: str
    """The account's name in the team file."""
    at: datetime
    operation: str
    """An IAM operation, such as `AttachUserPolicy`."""
    parameters: Mapping[str, Any]
    """Its parameters as the API names them, such as `UserName`."""


@dataclass(frozen=True, slots=True)
class NextCall:
    """A call that an intruder has not made yet."""

    source: str
    """Such as `s3.amazonaws.com`."""
    name: str
    parameters: Mapping[str, Any] | None
    """As the trail would record them."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened in one story."""

    story: Story
    person: str | None
    """Whom the trail points at, by their name in the team file; None where it is nobody of the team."""
    at: datetime
    """The instant the story turns on: the change, the first failure, the sign-in."""
    account: str
    """The account's name in the team file."""
    network: str
    """The CIDR block that it came from."""
    event_ids: tuple[str, ...]
    """The story's own events in order of time, without what made it possible."""
    cause_ids: tuple[str, ...] = ()
    """Events that made it possible, in order of time."""
    cause_by: str | None = None
    """The IAM user who made it possible."""
    victims: tuple[str, ...] = ()
    """People of the team whose names were tried, sorted."""
    keys: tuple[str, ...] = ()
    """Ids of access keys in a stranger's hands: the one made, and that of the console session which made it."""
    next_call: NextCall | None = None
    """What a stranger does next unless stopped; it would be allowed to the person."""


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of the team's trail."""

    files: tuple[TrailFile, ...]
    """In order of delivery, then of key."""
    hand_made: tuple[HandMade, ...]
    """In order of time."""
    truths: tuple[Truth, ...]
    """In order of time; empty for an ordinary week."""
