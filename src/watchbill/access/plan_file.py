"""A plan written down and read again, so that what was reviewed is what is applied."""

import msgspec

from watchbill.access.model import Plan
from watchbill.errors import FileError, Problem


FORMAT = 2


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format_version: int
    plan: Plan


def write_plan(plan: Plan) -> bytes:
    """Give the bytes of a plan file."""
    return msgspec.json.format(msgspec.json.encode(_File(FORMAT, plan)), indent=2) + b"\n"


def read_plan(data: bytes, path: str) -> Plan:
    """Read a plan file; one that is cut short, edited into another shape or of another format is a FileError."""
    try:
        found = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"not a plan that `watchbill plan -o` wrote: {error}"
        raise FileError([Problem("bad-plan", message, path)]) from error
    if found.format_version != FORMAT:
        message = f"plan format {found.format_version}, this watchbill reads {FORMAT}; make the plan anew"
        raise FileError([Problem("bad-plan", message, path)])
    return found.plan
