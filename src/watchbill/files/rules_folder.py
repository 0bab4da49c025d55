"""Read Sigma rules from a folder, or from one file."""

from pathlib import Path

from watchbill.detect.sigma import LoadedRules, load
from watchbill.errors import NotFoundError, Problem


def read_rules(path: Path) -> LoadedRules:
    """Load every rule under a folder, in order of name; what cannot be loaded is a problem that names the file."""
    if not path.exists():
        raise NotFoundError(f"no rules at {path}", "name a folder of Sigma rules, or one file")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in (".yml", ".yaml"))
    if not files:
        raise NotFoundError(f"no Sigma rule in {path}", "such files end in .yml or .yaml")
    found: list[LoadedRules] = []
    for file in files:
        name = file.name if file == path else str(file.relative_to(path))
        try:
            found.append(load(file.read_text("utf-8"), name))
        except (OSError, UnicodeDecodeError) as error:
            found.append(LoadedRules((), (Problem("bad-rule", f"could not be read: {error}", name),)))
    rules = tuple(rule for each in found for rule in each.rules)
    return LoadedRules(rules, tuple(problem for each in found for problem in each.problems))
