"""How much each fact speaks for each story, in decibans, and by what it is decided.

One addend per family of evidence, so that an address, its network and its country do not count three times. The
figures are judgement, not learnt; change them together with the scenarios in `tests/unit/alerts`, and raise `VERSION`.
Off shift alone never adds more than 6 to anything.
"""

from collections.abc import Mapping

from watchbill.alerts.stories import Story


VERSION = 1

DECIDED_AT = 0.8
"""Probability from which a story is called decided."""
FAMILIES_LEAST = 3
"""Families that must have spoken before anything is decided."""

BREAK_GLASS = "break-glass"
"""The kind of case whose stories are never weighed, so that nothing can speak for it."""

GAP = "gap"
"""The kind of case about something that was not recorded: there is nothing to weigh."""

_F, _B, _M, _A, _H, _I = (
    Story.FORGOTTEN_PASSWORD,
    Story.BRUTE_FORCE,
    Story.MISTAKE,
    Story.APPROVED,
    Story.HIJACK,
    Story.INSIDER,
)

PRIORS: Mapping[str, Mapping[Story, int]] = {
    "sign-in": {_F: 0, _B: -3, _H: -8},
    "action": {_M: 0, _A: -3, _H: -7, _I: -7},
}
"""Where each story starts, by whether the case is about signing in or about what was done."""

WEIGHTS: Mapping[str, Mapping[str, Mapping[Story, int]]] = {
    "place": {
        "usual": {_F: 5, _B: -8, _M: 4, _A: 4, _H: -10, _I: 4},
        "new": {_F: -8, _B: 6, _M: -6, _A: -6, _H: 10, _I: -3},
    },
    "device": {
        "usual": {_F: 3, _B: -5, _M: 3, _A: 3, _H: -6, _I: 3},
        "new": {_F: -4, _B: 3, _M: -4, _A: -4, _H: 6, _I: -2},
    },
    "time": {
        "shift start": {_F: 5, _B: -1, _H: 0},
        "on shift": {_F: 1, _M: 1, _A: 2},
        "just outside": {_M: 6, _A: 1, _H: -2, _I: -2},
        "ended": {_M: 2, _A: -2, _H: 1, _I: 3},
        "off": {_M: -2, _A: -2, _H: 3, _I: 3},
    },
    "breadth": {
        "one name": {_F: 3, _B: -3},
        "many names": {_F: -15, _B: 12},
    },
    "rhythm": {
        "human": {_F: 3, _B: -5},
        "machine": {_F: -10, _B: 8},
    },
    "outcome": {
        "success with mfa": {_F: 10, _B: -12, _M: 1, _A: 1, _H: -10, _I: 1},
        "success without mfa": {_F: -5, _B: -2, _M: -4, _A: -4, _H: 9, _I: -2},
        "failures only": {_F: -2, _B: 4, _H: -8},
    },
    "action": {
        "read": {_M: 2, _A: 1, _H: 0, _I: 2},
        "change": {_M: 0, _A: 1, _H: 1, _I: 1},
        "persistence": {_M: -8, _A: -4, _H: 8, _I: 3},
        "logging": {_M: -10, _A: -4, _H: 8, _I: 8},
        "denied-burst": {_M: -2, _A: -4, _H: 5, _I: 3},
    },
    "control": {
        "opened by another": {_M: 2, _A: 3, _H: -1, _I: 1},
        "opened by the person": {_M: -8, _A: -2, _H: 2, _I: 8},
        "session outlived the shift": {_M: 6, _A: 0, _H: -2, _I: 0},
    },
    "answer": {
        "yes": {_F: 12, _B: -12, _M: 6, _A: 6, _H: -12, _I: 4},
        "no": {_F: -15, _B: 10, _M: -15, _A: -15, _H: 12, _I: -2},
    },
}
"""Decibans by family, fact and story; a fact that is not here adds nothing."""
