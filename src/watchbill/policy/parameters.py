"""What a call named: the parameters of a record, by name and without the wrappings that services put round them.

Names are compared without regard to case or to marks between letters. Parameters of the call itself go before those
that lie deeper in it. EC2 wraps lists as `{"items": [{"instanceId": ...}]}`, newer calls of it the whole as
`{"CreateFlowLogsRequest": ...}` with texts as `{"tag": 1, "content": ...}`. Everything is decoded JSON.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any


Texts = Mapping[str, tuple[str, ...]]
"""Texts by folded name, in order, each once."""

DEEP = 6
"""How deep a parameter may lie and still be looked at."""


@lru_cache(maxsize=16384)
def fold(name: str) -> str:
    """Give a name in lower case, letters and digits only."""
    return "".join(each for each in name.lower() if each.isalnum())


def unwrapped(parameters: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Give the parameters without the wrapping that names the call again."""
    if not isinstance(parameters, dict):
        return {}
    if len(parameters) == 1:
        ((name, inner),) = parameters.items()
        if str(name).endswith("Request"):
            return inner if isinstance(inner, dict) else {}
    return parameters


def texts(parameters: Mapping[str, Any]) -> Texts:
    """Give all texts by folded name; a name's texts of the call itself hide those that lie deeper."""
    found: dict[str, dict[str, None]] = {}
    deeper: dict[str, dict[str, None]] = {}
    for name, value in parameters.items():
        folded = fold(str(name))
        for text in plain(value):
            found.setdefault(folded, {})[text] = None
        for inner, text in _members(value):
            found.setdefault(inner, {})[text] = None
        if not folded.startswith(("filter", "tag")):
            for inner, text in _deeper(value):
                deeper.setdefault(inner, {})[text] = None
    return {name: tuple(each) for name, each in {**deeper, **found}.items()}


def plain(value: object) -> Iterator[str]:
    """Give the texts that a value is: itself, a list of them, or what EC2 wraps one as."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, str) or (isinstance(each, dict) and "content" in each):
                yield from plain(each)
    elif isinstance(value, dict):
        if isinstance(value.get("content"), str):
            yield from plain(value["content"])
        elif isinstance(value.get("items"), list):
            yield from (each for each in value["items"] if isinstance(each, str) and each)


def entries(value: object) -> Iterator[Mapping[str, Any]]:
    """Give the objects that a value lists, in any of the wrappings."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
    elif isinstance(value, dict):
        listed = value.get("items", value.get("item", value.get("member")))
        if isinstance(listed, list | dict):
            yield from entries(listed if isinstance(listed, list) else [listed])
        elif listed is None:
            yield value


def walk(value: object, depth: int = DEEP) -> Iterator[tuple[str, str]]:
    """Give every text in a value with its folded name, however deep, down to a limit."""
    if depth == 0:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            folded = fold(str(name))
            for text in plain(inner):
                yield folded, text
            yield from walk(inner, depth - 1)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each, depth - 1)


def _members(value: object) -> Iterator[tuple[str, str]]:
    """Give the texts of the objects in a list that EC2 wraps."""
    for each in _wrapped(value):
        for name, inner in each.items():
            for text in plain(inner):
                yield fold(str(name)), text


def _deeper(value: object) -> Iterator[tuple[str, str]]:
    """Give the texts of an object that is a parameter, and of the lists that lie in such a list."""
    if isinstance(value, dict) and "items" not in value and "content" not in value:
        for name, inner in value.items():
            for text in plain(inner):
                yield fold(str(name)), text
    for each in _wrapped(value):
        for inner in each.values():
            yield from _members(inner)


def _wrapped(value: object) -> Iterator[Mapping[str, Any]]:
    listed = value.get("items") if isinstance(value, dict) else None
    yield from (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
