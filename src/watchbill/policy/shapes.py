"""What a call was by its names alone, and where that is not enough.

Of most events it is known by `eventSource`, `eventName` and `eventType` which actions they were. Others must be read:
where the actions hang on what the call carried, or where the parameters may make it need more. What to look for in the
text of the parameters is told here, so that whoever has many events reads only those in which it stands.
"""

from dataclasses import dataclass
from functools import lru_cache

from watchbill.policy.actions import actions_of, prefix_of
from watchbill.policy.derived import words_of_needs
from watchbill.policy.irregular import KINDS_WITHOUT
from watchbill.policy.requests import SPECIAL, VERSIONED


ALWAYS = ""
"""A pattern that every text has: nothing but the parameters tell."""

_VERSION = "version"

_ELSEWISE = r"\\|[^\x00-\x7f]"
"""In a text that has an escape or more than ASCII a word may be written otherwise."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The actions of events by their names."""

    actions: tuple[str, ...]
    """The call's own, in order, where `own_words` are not in its parameters; empty where none stands behind it."""
    why_not: str | None = None
    """Why there is none."""
    own_words: str | None = None
    """A pattern (RE2, without regard to case) of texts of parameters that may change the call's own actions; None where
    no parameters do; `ALWAYS` where they must be read even if there are none."""
    words: str | None = None
    """A pattern of texts of parameters that may make the call need more, or change its own actions; likewise."""


@lru_cache(maxsize=16384)
def shape_of(source: str, name: str, kind: str | None) -> Shape:
    """Tell what a call was by `eventSource`, `eventName` and `eventType`."""
    if kind is not None and kind in KINDS_WITHOUT:
        return Shape((), KINDS_WITHOUT[kind])
    named = actions_of(source, name)
    if not named.actions:
        return Shape((), named.why_not)
    if (prefix_of(source), name) in SPECIAL:
        return Shape(named.actions, None, ALWAYS, ALWAYS)
    own = {_VERSION} if not VERSIONED.keys().isdisjoint(named.actions) else set[str]()
    versions = {VERSIONED[each] for each in named.actions if each in VERSIONED}
    more = {word for action in {*named.actions, *versions} for word in words_of_needs(action)}
    return Shape(named.actions, None, _pattern(own), _pattern(own | more))


def _pattern(words: set[str]) -> str | None:
    if not words:
        return None
    if "" in words:
        return ALWAYS
    # Names are folded: what is no letter and no digit may stand between any two letters.
    return "|".join([_ELSEWISE, *("[^0-9a-z]*".join(word) for word in sorted(words))])
