r"""A case as a message of syslog: RFC 5424, its facts as structured data, its sentence as the text.

1. A message is never split: one that is longer than what the transport takes loses its least important facts first,
   then the end of its sentence, and says in `trimmed` how many facts that were.
2. Nothing in it breaks a line: every value is inert before it is escaped (RFC 5424, 6.3.3: `"`, `\` and `]`).
3. The facility is 10, security and authorization; the severity is that of the case, never worse than critical.

The name of the structured data needs a private enterprise number, and IANA gave us none: unless the caller has one, it
is 32473, which is reserved for examples (RFC 5612).
"""

import re
from collections.abc import Sequence

from watchbill.alerts.export.flat import flat
from watchbill.alerts.export.model import Kept
from watchbill.intervals import iso


UDP_MOST = 2048
"""Bytes that a receiver of RFC 5424 should take (6.1); more may be cut on the way."""
TCP_MOST = 8192
"""Bytes that a receiver over TLS should take (RFC 5425, 4.3.1)."""
LEAST = 480
"""Bytes that every receiver takes (RFC 5424, 6.1)."""

EXAMPLE_NUMBER = 32473
FACILITY = 10
_LEVELS = {"critical": 2, "high": 3, "medium": 4, "low": 5, "info": 6}
_BOM = "\ufeff"
"""Says that the text is UTF-8 (RFC 5424, 6.4)."""

_FIRST = ("id", "state_id", "state", "status", "severity", "kind", "person", "account_arn", "leading", "confidence")
"""The facts that are left out last, the most important first."""
_LAST = ("trail_files", "session", "side_effects", "facts", "stories", "actions", "how_possible", "event_ids")
"""Those that are left out first."""
_NOT_PRINTED = re.compile(r"[^!-~]")
_LISTED = 20
"""Texts of a list that are written; a receiver that wants all has `state_id`."""
_MSGID = 32
_HOST = 120
"""RFC 5424 has room for 255; the shortest message has not."""


def message(kept: Kept, host: str, most: int = TCP_MOST, number: int = EXAMPLE_NUMBER) -> bytes:
    """Write a case as one message of `most` bytes at most, which are never less than 480.

    `host` is the name of this machine, and `number` the enterprise number of the structured data.
    """
    most = max(most, LEAST)
    found = flat(kept)
    pri = FACILITY * 8 + _LEVELS.get(kept.case.severity, _LEVELS["info"])
    name, kind = _word(host, _HOST), _word(f"case-{kept.case.kind}", _MSGID)
    head = f"<{pri}>1 {iso(kept.updated)} {name} watchbill - {kind} "
    order = [*_FIRST, *(key for key in found if key not in {*_FIRST, *_LAST, "schema", "sentence"}), *reversed(_LAST)]
    facts = [(key, text) for key in order if (text := _value(found[key])) is not None]
    sentence = str(found["sentence"])
    short, number_kept = _cut(sentence, most // 4), len(facts)
    while number_kept and len(_written(head, number, facts[:number_kept], len(facts), short).encode()) > most:
        number_kept -= 1
    whole = _written(head, number, facts[:number_kept], len(facts), sentence).encode()
    if len(whole) <= most:
        return whole
    return _written(head, number, facts[:number_kept], len(facts), short).encode()


def framed(written: bytes) -> bytes:
    """Frame a message for a stream by counting its octets (RFC 6587, 3.4.1; RFC 5425, 4.3)."""
    return b"%d %s" % (len(written), written)


def _written(head: str, number: int, facts: Sequence[tuple[str, str]], of: int, sentence: str) -> str:
    trimmed = f' trimmed="{of - len(facts)}"' if len(facts) < of else ""
    data = "".join(f' {name}="{text}"' for name, text in facts)
    return f"{head}[watchbill@{number}{data}{trimmed}] {_BOM}{sentence}"


def _value(found: object) -> str | None:
    if found is None or found == []:
        return None
    if isinstance(found, list):
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        found = "; ".join(str(each) for each in found[:_LISTED]) + more
    return re.sub(r'(["\\\]])', r"\\\1", str(found))


def _word(text: str, most: int) -> str:
    """Give a field of the header: printable ASCII without spaces (RFC 5424, 6)."""
    return _NOT_PRINTED.sub("-", text)[:most] or "-"


def _cut(text: str, most: int) -> str:
    """Give the beginning of a text, of so many bytes at most, and say that it was cut."""
    data = text.encode()
    ending = "... (cut)"
    return text if len(data) <= most else data[: max(most - len(ending), 0)].decode("utf-8", "ignore") + ending
