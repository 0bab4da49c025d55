"""What stands in the lines of a calendar: whether a file is one at all, its lines unfolded, and what each says.

Lines are split here rather than by icalendar, since a feed of ten thousand shifts must take a second or two.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from watchbill.errors import WatchbillError


MAX_BYTES = 20_000_000
NO_CALENDAR = "check that the address is that of the calendar's iCalendar (.ics) feed, and needs no log-in"
"""What to do where something else came than a calendar."""

_PARAMETER = re.compile(r';([^=;"]+)=("[^"]*"|[^";]*)')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Value(NamedTuple):
    """What a property says: its parameters as written, and its value, still escaped."""

    parameters: str
    text: str

    def parameter(self, name: str) -> str:
        """Give a parameter without its quotes, RFC 6868 undone; empty where there is none."""
        for key, value in _PARAMETER.findall(f";{self.parameters}") if self.parameters else ():
            if key.strip().upper() == name:
                plain = value.strip('"')
                return re.sub(r"\^([n^'])", lambda found: {"n": "\n", "^": "^", "'": '"'}[found[1]], plain)
        return ""

    @property
    def plain(self) -> str:
        """The value with its escapes undone (section 3.3.11)."""
        if "\\" not in self.text:
            return self.text
        return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.text)


def text_of(data: bytes, file: str) -> str:
    """Decode a calendar and unfold its lines; raises WatchbillError where the data is none."""
    if len(data) > MAX_BYTES:
        raise WatchbillError(
            f"{file} is larger than {MAX_BYTES // 1_000_000} MB; no calendar is", "export fewer years of the schedule"
        )
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:15].upper() == b"BEGIN:VCALENDAR":
        return _unfolded(start).decode(errors="replace")
    raise WatchbillError(f"{file} is no calendar: it is {_what(start)}", NO_CALENDAR)


def lines_of(text: str) -> Iterator[str]:
    """Give the lines that are not empty, one by one, since millions of them would take much memory."""
    return (found[0] for found in re.finditer(r"[^\n]+", text))


def property_of(line: str) -> tuple[str, Value]:
    """Split a line into its name, upper case, and its value (section 3.1)."""
    head, _, text = line.partition(":")
    if '"' in head:
        # A colon in quotes does not end the parameters.
        end = _unquoted_colon(line)
        head, text = line[:end], line[end + 1 :]
    name, _, parameters = head.partition(";")
    return name.upper(), Value(parameters, text)


def _unfolded(data: bytes) -> bytes:
    # Before decoding: a fold may lie inside a character (section 3.1).
    return data.replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")


def _what(start: bytes) -> str:
    """Say what something is that is no calendar."""
    if not start:
        return "empty"
    if start[:1] == b"<":
        return "a web page or XML"
    if start[:1] in b"{[":
        return "JSON"
    first = start[:40].split(b"\n")[0].decode(errors="replace").strip()
    if not first.isprintable() or "\ufffd" in first:
        return "binary data"
    return f"something else that begins with `{first}`"


def _unquoted_colon(line: str) -> int:
    quoted = False
    for found in re.finditer('[":]', line):
        if found[0] == '"':
            quoted = not quoted
        elif not quoted:
            return found.start()
    return len(line)
