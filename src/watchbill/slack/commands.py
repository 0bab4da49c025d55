"""Read what somebody typed after `/watch`: to a wish, or to words that say what is wrong with it.

Keyboards turn quotes and double dashes into what printers use; they are turned back. What cannot be read is never
guessed at.
"""

import re
import shlex
from collections.abc import Mapping
from datetime import timedelta

from watchbill.errors import RefusedError
from watchbill.slack.model import AskSwap, RequestAccess, ShowCase, Who, Wish


USAGE = """\
/watch who [WHEN]
/watch case ID
/watch request SET --for 2h --reason "why" [--account NAME]
/watch swap PERSON PERSON --from WHEN --to WHEN --reason "why" [--rota NAME]"""

_QUOTES = {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u201a": "'"}
_DASHES = re.compile(r"(?<!\S)[\u2013\u2014](?=[a-z])")
"""What a keyboard makes of two dashes before a word."""
_LENGTH = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LENGTH_MOST = timedelta(days=7)
_TEXT_MOST = 2000


def parse(text: str) -> Wish:
    """Read a command; RefusedError says what is wrong with it."""
    words = _words(text)
    given, options = _parted(words[1:])
    match words[:1]:
        case []:
            return _who([], {})
        case ["who"]:
            return _who(given, options)
        case ["case"]:
            return _case(given, options)
        case ["request"]:
            return _request(given, options)
        case ["swap"]:
            return _swap(given, options)
        case [other]:
            raise RefusedError(f"there is no `/watch {other}`")
    raise AssertionError(words)


def _words(text: str) -> list[str]:
    if len(text) > _TEXT_MOST:
        raise RefusedError(f"that is longer than {_TEXT_MOST} characters")
    plain = _DASHES.sub("--", "".join(_QUOTES.get(c, c) for c in text))
    try:
        return shlex.split(plain)
    except ValueError:
        raise RefusedError("a quote is opened and not closed") from None


def _parted(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Part what is given from options and their values."""
    given: list[str] = []
    options: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--"):
            given.append(word)
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        found = value if equals else next(rest, None)
        if found is None or found.startswith("--"):
            raise RefusedError(f"`--{name}` has no value")
        options.setdefault(name, []).append(found)
    return given, options


def _who(given: list[str], options: Mapping[str, list[str]]) -> Who:
    _only(options, ())
    return Who(" ".join(given) or None)


def _case(given: list[str], options: Mapping[str, list[str]]) -> ShowCase:
    _only(options, ())
    if len(given) != 1:
        raise RefusedError("`case` takes the id of one case")
    return ShowCase(given[0])


def _request(given: list[str], options: Mapping[str, list[str]]) -> RequestAccess:
    _only(options, ("for", "reason", "account"))
    if len(given) != 1:
        raise RefusedError("`request` takes the name of one permission set")
    found = _LENGTH.fullmatch(_one(options, "for"))
    if found is None:
        raise RefusedError("`--for` takes minutes, hours or days: 30m, 2h, 1d")
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if length > _LENGTH_MOST:
        raise RefusedError(f"`--for` takes {_LENGTH_MOST.days} days at the most")
    return RequestAccess(given[0], length, _one(options, "reason"), tuple(options.get("account", ())))


def _swap(given: list[str], options: Mapping[str, list[str]]) -> AskSwap:
    _only(options, ("from", "to", "reason", "rota"))
    people = [name.removeprefix("@") for name in given]
    if len(people) != 2 or people[0] == people[1]:  # noqa: PLR2004 - one for the other
        raise RefusedError("`swap` takes two people")
    rota = _one(options, "rota") if "rota" in options else None
    return AskSwap((people[0], people[1]), _one(options, "from"), _one(options, "to"), _one(options, "reason"), rota)


def _only(options: Mapping[str, list[str]], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            raise RefusedError(f"there is no option `--{name}` here")


def _one(options: Mapping[str, list[str]], name: str) -> str:
    found = options.get(name, [])
    if len(found) != 1 or not found[0].strip():
        raise RefusedError(f"`--{name}` is missing" if not found else f"`--{name}` takes one value")
    return found[0].strip()
