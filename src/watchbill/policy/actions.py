"""What actions there are, and which of them an event was: look-ups over what AWS publishes of its services.

The data comes from the Service Authorization Reference and from AWS's own client (see `data/README.md`), and is read
once, when first asked. Names are compared without regard to case and given as AWS writes them. An action that is not
listed may be newer than the data: whatever is not known here is said to be so, never guessed.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import msgspec

from watchbill.policy.irregular import BESIDE, IRREGULAR, NEEDS_NONE, NEEDS_NONE_UNLISTED, PREFIXES
from watchbill.policy.patterns import any_of


LEVELS = ("List", "Permissions management", "Read", "Tagging", "Write")
"""What an action does, as AWS sorts them."""

_DATED = re.compile(r"(20\d{6}|20\d\d_\d\d_\d\d)(v\d+)?$")
"""Versions that Lambda and CloudFront put behind their event names (CTG examples of both)."""

_PLACE = re.compile(r"\$\{[^}]*\}")


class _Service(msgspec.Struct):
    actions: dict[str, tuple[int, list[int], int]]
    """Level, resource types (twice their number, one more where required), number of its set of condition keys."""
    resources: dict[str, str]


class _Data(msgspec.Struct):
    services: dict[str, _Service]
    prefixes: dict[str, str]
    paths: dict[str, dict[str, str]]
    unsigned: dict[str, list[str]]
    keys: list[str]
    key_sets: list[list[int]]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of resource that an action may be on."""

    name: str
    arn: str
    """Its ARN with what varies as `${Region}`, `${Account}`, `${InstanceId}`."""
    required: bool
    """Whether each call is on one; where no type is required it may be on any of them, or on none."""

    @property
    def pattern(self) -> str:
        """Give its ARN as a pattern of policies, with `*` for what varies."""
        return _PLACE.sub("*", self.arn)


@dataclass(frozen=True, slots=True)
class Named:
    """The actions that an event was, by its names alone."""

    actions: tuple[str, ...]
    """Empty where no IAM permission stands behind the event. Several where it needs all, or one of several."""
    why_not: str | None
    """Why there is none."""
    listed: bool
    """Whether AWS's reference has them all; where it does not, the name is what is usual."""
    says: str | None = None
    """The page by which they are not what is usual."""


def prefix_of(source: str) -> str:
    """Give the prefix of a service's IAM actions from an `eventSource`."""
    first = source.lower().removesuffix(".amazonaws.com").removesuffix(".amazonaws.com.cn")
    data = _data()
    if first in PREFIXES:
        return PREFIXES[first]
    if first in data.services:
        return first
    return data.prefixes.get(first, first)


@lru_cache(maxsize=16384)
def actions_of(source: str, name: str) -> Named:
    """Tell which actions an event was, by `eventSource` and `eventName`."""
    prefix, bare = prefix_of(source), _DATED.sub("", name)
    if (prefix, bare) in NEEDS_NONE:
        return Named((), NEEDS_NONE[prefix, bare], listed=False)
    if (prefix, bare) in IRREGULAR:
        actions, page = IRREGULAR[prefix, bare]
        return Named(actions, None, all(map(is_action, actions)), page)
    path = _data().paths.get(prefix, {}).get(bare)
    if path is not None and not is_action(f"{prefix}:{bare}"):
        return Named((f"{prefix}:{path.partition(' ')[0]}",), None, listed=True)
    for each in (prefix, *BESIDE.get(prefix, ())):
        for spelt in (bare, *_singly(bare)):
            found = _written(f"{each}:{spelt}")
            if found is not None:
                return Named((found,), None, listed=True)
    if prefix in NEEDS_NONE_UNLISTED:
        return Named((), NEEDS_NONE_UNLISTED[prefix], listed=False)
    if bare in _data().unsigned.get(prefix, ()):
        return Named((), "the call is not signed, so IAM is not asked", listed=False)
    return Named((f"{prefix}:{bare}",), None, listed=False)


def _singly(name: str) -> tuple[str, ...]:
    """Give the call that a batch is many of: its permission is that of the one, where the batch has none of its own."""
    if name.startswith("Batch"):
        one = name.removeprefix("Batch")
    elif name.endswith("Batch"):
        one = name.removesuffix("Batch")
    else:
        return ()
    return (one, one.removesuffix("s"))


@lru_cache(maxsize=4096)
def arn_form(prefix: str, kind: str) -> str | None:
    """Give the first form of the ARN of a kind of resource, with what varies as `${Region}`; None where unlisted."""
    service = _data().services.get(prefix)
    found = service.resources.get(kind) if service else None
    return found.split(", ")[0] if found else None


def path_of(source: str, name: str) -> str | None:
    """Give the path, with `{...}` for what varies, of a call whose action is an HTTP verb."""
    found = _data().paths.get(prefix_of(source), {}).get(name)
    return found.partition(" ")[2] if found else None


def is_action(action: str) -> bool:
    """Tell whether AWS's reference lists an action."""
    return action.lower() in _index()


def access_level(action: str) -> str | None:
    """Give what an action does, one of `LEVELS`; None where it is not listed."""
    found = _index().get(action.lower())
    return None if found is None else LEVELS[found.level]


@lru_cache(maxsize=16384)
def resource_types(action: str) -> tuple[ResourceType, ...] | None:
    """Give the kinds of resources an action may be on; empty where it takes none, None where it is not listed."""
    found = _index().get(action.lower())
    if found is None:
        return None
    service = _data().services[found.name.partition(":")[0]]
    types = list(service.resources.items())
    return tuple(
        ResourceType(types[number // 2][0], arn, bool(number % 2))
        for number in found.types
        for arn in types[number // 2][1].split(", ")  # a kind may have two forms, as API Gateway's have
    )


def resource_patterns(action: str) -> tuple[str, ...] | None:
    """Give patterns of the ARNs an action may be on; `*` where it takes none, None where it is not listed."""
    types = resource_types(action)
    if types is None:
        return None
    return tuple(dict.fromkeys(each.pattern for each in types)) or ("*",)


@lru_cache(maxsize=4096)
def condition_keys(action: str) -> frozenset[str] | None:
    """Give the condition keys that a service fills for an action, in lower case; None where it is not listed.

    Keys with a part that varies end before it: `aws:requesttag/`. Global keys are in every request besides.
    """
    found = _index().get(action.lower())
    if found is None:
        return None
    data = _data()
    return frozenset(_VARIES.split(data.keys[number].lower(), maxsplit=1)[0] for number in data.key_sets[found.keys])


_VARIES = re.compile(r"\$\{|<")


@lru_cache(maxsize=4096)
def actions_matching(pattern: str) -> tuple[str, ...]:
    """Give all listed actions that a pattern of a policy speaks of, in order: `ec2:Describe*`, `*`."""
    folded = pattern.lower()
    service = folded.partition(":")[0]
    found = _index()
    if folded == "*":
        return tuple(each.name for each in found.values())
    match = any_of([folded])
    if "*" in service or "?" in service:
        return tuple(each.name for each in found.values() if match(each.name.lower()))
    return tuple(each for each in _by_service().get(service, ()) if match(each.lower()))


def data_version() -> str:
    """Name the versions of what the data was made from."""
    return ", ".join(f"{name} {version}" for name, version in sorted(_origin().items()))


@dataclass(frozen=True, slots=True)
class _Action:
    name: str
    level: int
    types: tuple[int, ...]
    keys: int


def _written(action: str) -> str | None:
    found = _index().get(action.lower())
    return None if found is None else found.name


@cache
def _text() -> bytes:
    return gzip.decompress(resources.files("watchbill.policy").joinpath("data/actions.json.gz").read_bytes())


@cache
def _data() -> _Data:
    return msgspec.json.decode(_text(), type=_Data)


@cache
def _origin() -> Mapping[str, str]:
    class _From(msgspec.Struct, rename={"origin": "from"}):
        origin: dict[str, str]

    return msgspec.json.decode(_text(), type=_From).origin


@cache
def _index() -> Mapping[str, _Action]:
    """Give every action by its name in lower case, in order of name."""
    every = (
        _Action(f"{prefix}:{name}", level, tuple(types), keys)
        for prefix, service in _data().services.items()
        for name, (level, types, keys) in service.actions.items()
    )
    return {each.name.lower(): each for each in sorted(every, key=lambda each: each.name)}


@cache
def _by_service() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for each in _index().values():
        found.setdefault(each.name.partition(":")[0], []).append(each.name)
    return {service: tuple(names) for service, names in found.items()}
