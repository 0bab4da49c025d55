"""Read Sigma rules from a folder, or from one file."""

import os
from pathlib import Path

from watchbill.detect.sigma import LoadedRules, load_all
from watchbill.errors import NotFoundError, Problem


_SUFFIXES = (".yml", ".yaml")
_LARGEST = 8 << 20
"""Bytes of a file that is looked at at all."""


def read_rules(path: Path) -> LoadedRules:
    """Load every rule under a folder, in order of name; what cannot be loaded is a problem that names the file.

    Correlations may name rules of any file of the folder.
    """
    if not path.exists():
        raise NotFoundError(f"no rules at {path}", "name a folder of Sigma rules, or one file")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise NotFoundError(f"no Sigma rule in {path}", "such files end in .yml or .yaml")
    texts: list[tuple[str, str]] = []
    unread: list[Problem] = []
    for file in files:
        name = os.fsencode(file.name if file == path else file.relative_to(path)).decode("utf-8", "replace")
        found = _text(file)
        if isinstance(found, str):
            texts.append((found, name))
        else:
            unread.append(Problem("bad-rule", f"could not be read: {found}", name))
    return load_all(texts, unread)


def _text(file: Path) -> str | Exception:
    try:
        if not file.is_file():
            return OSError("it is no plain file")
        if file.stat().st_size > _LARGEST:
            return OSError(f"larger than {_LARGEST} bytes")
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return error
