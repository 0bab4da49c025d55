"""What the environment says, read once. AWS's own variables are boto3's business.

Every other is `WATCHBILL_...`, or is named by the team file for a secret that must not stand in it.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchbill.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that a command line may override."""

    team: Path
    """The team file (`WATCHBILL_TEAM`)."""
    team_named: bool
    """Whether somebody named it: one that was named and is not there is never passed over."""
    state: Path
    """The folder of watchbill's own state (`WATCHBILL_STATE`)."""
    actor: str
    """Who is at the keyboard, for the ledger (`WATCHBILL_ACTOR`, else the login name)."""
    at: str | None
    """The instant to take for now, ISO-8601 with a zone (`WATCHBILL_AT`): for rehearsals and the demo."""
    colour: bool
    """False where `NO_COLOR` is set to anything (no-color.org)."""
    asn: Path | None = None
    """An MMDB file that tells whose network an address is of (`WATCHBILL_ASN`)."""
    geo: Path | None = None
    """One that tells its country (`WATCHBILL_GEO`)."""
    database: str | None = field(default=None, repr=False)
    """The address of a database of Postgres that holds the state, instead of a file (`WATCHBILL_DATABASE`, or in the
    file that `WATCHBILL_DATABASE_FILE` names). It may hold a password, and is never shown."""
    role: str | None = None
    """The role to assume in every account instead of the one that the team file names there (`WATCHBILL_ROLE`)."""
    notify_socket: str | None = None
    """Where systemd wants to be told how the service stands (its own `NOTIFY_SOCKET`)."""


def read_settings() -> Settings:
    """Read the environment of this process."""
    env = os.environ
    return Settings(
        Path(env.get("WATCHBILL_TEAM", "watchbill.yaml")),
        "WATCHBILL_TEAM" in env,
        Path(env.get("WATCHBILL_STATE", ".watchbill")),
        env.get("WATCHBILL_ACTOR") or env.get("USER") or "unknown",
        env.get("WATCHBILL_AT"),
        not env.get("NO_COLOR"),
        Path(env["WATCHBILL_ASN"]) if env.get("WATCHBILL_ASN") else None,
        Path(env["WATCHBILL_GEO"]) if env.get("WATCHBILL_GEO") else None,
        read_variables(["WATCHBILL_DATABASE"]).get("WATCHBILL_DATABASE"),
        env.get("WATCHBILL_ROLE") or None,
        env.get("NOTIFY_SOCKET") or None,
    )


def read_variables(names: Iterable[str]) -> Mapping[str, str]:
    """Read secrets by their names: `NAME`, or else what is in the file that `NAME_FILE` names; empty is not set.

    RefusedError where such a file cannot be read.
    """
    found = ((name, os.environ.get(name, "").strip() or _in_file(name)) for name in names)
    return {name: value for name, value in found if value}


def _in_file(name: str) -> str:
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return ""
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise RefusedError(
            f"could not read the file of {name}_FILE: {why}", "name a file with nothing else in it"
        ) from (None)


def prefer_plain_memory() -> None:
    """Have Arrow take memory from the system's allocator unless the environment names another.

    Its own keeps what was let go for later use: some 30 MB more in a pass, and no faster (ARROW_DEFAULT_MEMORY_POOL,
    Arrow C++ environment variables).
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
