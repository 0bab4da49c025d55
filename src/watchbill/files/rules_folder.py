"""Read Sigma rules from a folder, or from one file."""

import os
from collections.abc import Iterator
from pathlib import Path

from watchbill.detect.sigma import LoadedRules, load_all
from watchbill.errors import NotFoundError, Problem


_SUFFIXES = (".yml", ".yaml")
_LARGEST = 8 << 20
"""Bytes of a file that is looked at at all."""


def read_rules(path: Path) -> LoadedRules:
    """Load every rule under a folder, in order of name; what cannot be loaded is a problem that names the file.

    Correlations may name rules of any file of the folder. Folders in it whose name begins with a dot are passed over:
    those of a checkout have YAML that is no rule.
    """
    if not path.exists():
        raise NotFoundError(f"no rules at {path}", "name a folder of Sigma rules, or one file")
    files = [path] if path.is_file() else sorted(_rule_files(path))
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


def _rule_files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts[:-1])
        if file.suffix.lower() in _SUFFIXES and not hidden:
            yield file


def _text(file: Path) -> str | Exception:
    try:
        if not file.is_file():
            return OSError("it is no plain file")
        if file.stat().st_size > _LARGEST:
            return OSError(f"larger than {_LARGEST} bytes")
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return error
