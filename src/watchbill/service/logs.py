"""What a running instance says: one line of JSON for each piece of work, for programs that gather logs.

Strings that strangers chose are values in JSON, with everything escaped that a terminal or a viewer would obey. A
secret that the instance was given is taken out wherever it stands, also from what others said of an error. What
libraries log comes as lines too, from a warning on; what they would say to whoever looks for a fault never does, since
it has requests with tokens in them.
"""

import json
import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from watchbill.clock import Clock
from watchbill.inert import inert_json
from watchbill.intervals import iso


HIDDEN = "***"

_TALKERS = ("boto3", "botocore", "slack_bolt", "slack_sdk", "urllib3")
"""Loggers that write whole requests where somebody asks for everything."""
_BETWEEN = re.compile(r'[\s"]+|\\n')
_PART = 16
"""Characters of a part of a secret that is taken out by itself: shorter ones are words that anybody uses."""


class Say(Protocol):
    """Says what was done: a word of ours, and facts."""

    def info(self, event: str, **facts: object) -> object:
        """Say what was done."""
        ...

    def warning(self, event: str, **facts: object) -> object:
        """Say what a person should look at."""
        ...

    def error(self, event: str, **facts: object) -> object:
        """Say what failed."""
        ...

    def exception(self, event: str, **facts: object) -> object:
        """Say what must not happen, with the traceback of the error at hand."""
        ...


def lines_of_json(stream: TextIO, instance: str, clock: Clock, secrets: Collection[str] = ()) -> Say:
    """Write to a stream, by a clock; `secrets` are never written."""
    hidden = {part for secret in secrets for part in _parts(secret)}

    def add(_: WrappedLogger, level: str, facts: EventDict) -> EventDict:
        named = {"at": iso(clock.now()), "level": level, "event": facts.pop("event"), "instance": instance}
        return {**named, **{name: fact for name, fact in facts.items() if fact is not None}}

    def write(_: WrappedLogger, __: str, facts: EventDict) -> str:
        text = json.dumps(facts, default=str, ensure_ascii=False)
        for secret in sorted(hidden, key=len, reverse=True):
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], HIDDEN)
        return inert_json(text)

    processors: list[Processor] = [structlog.processors.format_exc_info, add, write]
    said: Say = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return said


@contextmanager
def libraries_heard(say: Say) -> Iterator[None]:
    """Say what libraries log inside the block, whatever level they were set to; below INFO nothing."""
    root, lines = logging.getLogger(), _Lines(say)
    for name in _TALKERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
    root.addHandler(lines)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.removeHandler(lines)


class _Lines(logging.Handler):
    """Says each record as a line of ours."""

    def __init__(self, say: Say) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say one."""
        facts = {"logger": record.name, "message": _message(record), "exc_info": record.exc_info or None}
        if record.levelno >= logging.ERROR:
            self._say.error("library", **facts)
        elif record.levelno >= logging.WARNING:
            self._say.warning("library", **facts)
        else:
            self._say.info("library", **facts)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        # Whoever wrote it put more or less into it than it has places for.
        return f"{record.msg} {record.args}"


def _parts(secret: str) -> Iterator[str]:
    """Give a secret, and what of it libraries may say by itself: an address before its key, a key in a document."""
    if secret:
        yield secret
        yield from (part for part in _BETWEEN.split(secret) if len(part) >= _PART)
