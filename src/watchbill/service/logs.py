"""What a running instance says: one line of JSON for each piece of work, for programs that gather logs.

Strings that strangers chose are values in JSON, with everything escaped that a terminal or a viewer would obey. A
secret that the instance was given is taken out wherever it stands, also from what others said of an error.
"""

import json
import logging
from collections.abc import Collection
from typing import Protocol, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from watchbill.clock import Clock
from watchbill.inert import inert_json
from watchbill.intervals import iso


HIDDEN = "***"


class Say(Protocol):
    """Says what was done: a word of ours, and facts."""

    def info(self, event: str, **facts: object) -> object:
        """Say what was done."""
        ...

    def warning(self, event: str, **facts: object) -> object:
        """Say what a person should look at."""
        ...

    def exception(self, event: str, **facts: object) -> object:
        """Say what must not happen, with the traceback of the error at hand."""
        ...


def lines_of_json(stream: TextIO, instance: str, clock: Clock, secrets: Collection[str] = ()) -> Say:
    """Write to a stream, by a clock; `secrets` are never written."""

    def add(_: WrappedLogger, level: str, facts: EventDict) -> EventDict:
        named = {"at": iso(clock.now()), "level": level, "event": facts.pop("event"), "instance": instance}
        return {**named, **{name: fact for name, fact in facts.items() if fact is not None}}

    def write(_: WrappedLogger, __: str, facts: EventDict) -> str:
        text = json.dumps(facts, default=str, ensure_ascii=False)
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], HIDDEN)
        return inert_json(text)

    processors: list[Processor] = [structlog.processors.format_exc_info, add, write]
    said: Say = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return said
