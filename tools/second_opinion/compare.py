"""Compare two engines on policy cases: ours, and npm's iam-simulate through `simulate.mjs`.

`compare.py --modules FOLDER [FILE.jsonl ...] [--seed SEED --count COUNT --layer LAYER]` asks both engines about the
cases of the files and of `generate.py`, prints how often they agree by layer, and lists where they do not, grouped by
what the smallest case that still shows the difference has in it. `--save FILE` keeps
iam-simulate's answers;
`--theirs-from` and `--ours-from` read such a file instead of asking an engine (then nothing is made smaller).

A difference says that one of the two is wrong, or that AWS's rule is open: it is for a person to judge.
"""

import argparse
import copy
import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from generate import MAKERS, OWN, USER, Json, cases


HERE = Path(__file__).parent
LAYER_NAMES = ("identity", "boundary", "session", "scps", "rcps", "resource", "endpoint")
DENIED = ("ImplicitlyDenied", "ExplicitlyDenied")
Engine = Callable[[Sequence[Json]], dict[str, Json]]
"""Answers cases: by id, an object with `got`."""


class CompareError(Exception):
    """An engine that could not be asked."""


@dataclass(frozen=True)
class Difference:
    """A case that the two engines answer differently."""

    case: Json
    theirs: Json
    ours: Json
    reasons: Sequence[str] = ()

    @property
    def turn(self) -> str:
        """Say what they answer, and what we do."""
        return f"theirs {_short(self.theirs)}, ours {_short(self.ours)}"


def _short(got: Json) -> str:
    return str(got.get("decision", got.get("matches", got.get("valid", got.get("error", got)))))


def _lines(text: str) -> Iterator[Json]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _ask(command: Sequence[str], text: str | None) -> dict[str, Json]:
    try:
        asked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise CompareError(f"`{shlex.join(command)}` does not run: {error.strerror}") from error
    answers = {answer["id"]: answer for answer in _lines(asked.stdout)}
    if not answers:
        raise CompareError(f"`{shlex.join(command)}` answers nothing: {asked.stderr.strip()[-500:]}")
    return answers


def simulate(modules: str) -> Engine:
    """Ask iam-simulate, installed under `modules`."""
    command = ["node", str(HERE / "simulate.mjs"), f"--modules={modules}"]
    return lambda asked: _ask(command, "\n".join(map(json.dumps, asked)))


def command_line(template: str) -> Engine:
    """Ask a command that reads a file of cases in place of `{}`."""

    def ask(asked: Sequence[Json]) -> dict[str, Json]:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.writelines(f"{json.dumps({'expected': {}, **case})}\n" for case in asked)
            file.flush()
            return _ask([file.name if part == "{}" else part for part in shlex.split(template)], None)

    return ask


def saved(path: Path) -> Engine:
    """Take answers that were kept in a file."""
    answers = {answer["id"]: answer for answer in _lines(path.read_text("utf-8"))}
    return lambda asked: {case["id"]: answers[case["id"]] for case in asked if case["id"] in answers}


def agree(theirs: Json, ours: Json) -> bool:
    """Tell whether two answers say the same; `Denied` is either way of denying."""
    for key in ("decision", "matches", "valid"):
        if key in theirs:
            left, right = theirs[key], ours.get(key)
            return left == right or (left == "Denied" and right in DENIED) or (right == "Denied" and left in DENIED)
    return False


def same_rows(theirs: Json, ours: Json) -> bool:
    """Tell whether two answers about a pattern have the same result for each pattern."""
    return bool(theirs.get("results") == ours.get("results"))


def same_residual(theirs: Json, ours: Json) -> bool:
    """Tell whether two residuals are the same expression, whatever statements they come from."""
    return bool(_without_sources(theirs.get("conditions")) == _without_sources(ours.get("conditions")))


def _without_sources(residual: object) -> object:
    if isinstance(residual, dict):
        return {key: _without_sources(value) for key, value in residual.items() if key != "sources"}
    return [_without_sources(each) for each in residual] if isinstance(residual, list) else residual


# --- what is in a case ------------------------------------------------------------------------------


def _statements(case: Json) -> Iterator[tuple[str, Json]]:
    if "statement" in case:
        yield "statement", case["statement"]
    for name in LAYER_NAMES:
        yield from ((name, each) for each in _statements_under(case.get("policies", {}).get(name)))


def _statements_under(found: object) -> Iterator[Json]:
    if isinstance(found, list):
        for each in found:
            yield from _statements_under(each)
    elif isinstance(found, dict):
        listed = found.get("Statement", [])
        yield from listed if isinstance(listed, list) else [listed]


def _principal_kind(principal: object) -> str:
    if isinstance(principal, dict):
        return str(principal.get("type", principal)).lower()
    text = str(principal)
    kinds = ("assumed-role", "federated-user", "oidc-provider", "saml-provider", ":role/", ":root", ":user/")
    return next((kind.strip(":/") for kind in kinds if kind in text), "other")


def _element_kind(element: object) -> str:
    if not isinstance(element, dict):
        return f"`{element}`"
    parts = []
    for kind, values in element.items():
        for value in values if isinstance(values, list) else [values]:
            digits = str(value).isdigit()
            name = "*" if value == "*" else "id" if digits else _principal_kind(value) if kind == "AWS" else "name"
            parts.append(f"{kind}={name}")
    return "+".join(sorted(set(parts)))


def features(case: Json) -> tuple[str, ...]:
    """Name what a case has in it, as words to group by."""
    found = {f"layer {case['layer']}", *_request_features(case)}
    for name, statement in _statements(case):
        found.add(f"{name} {statement.get('Effect')}")
        found |= {"NotAction", "NotResource"} & set(statement)
        for key in {"Principal", "NotPrincipal"} & set(statement):
            found.add(f"{key} {_element_kind(statement[key])}")
        found |= set(statement.get("Condition", {}))
    found |= {str(triple[0]) for triple in case.get("conditions", ())}
    found |= {str(case[key]) for key in ("operator", "part") if key in case}
    if "${" in json.dumps(case):
        found.add("variable")
    return tuple(sorted(found))


def _request_features(case: Json) -> Iterator[str]:
    request = case.get("request", {})
    principal = request.get("principal")
    if principal is not None:
        yield f"caller {_principal_kind(principal)}"
    if isinstance(principal, str) and f":{request.get('resource_account', '')}:" not in principal:
        yield "cross account"
    if case["layer"] in ("decision", "decision-set"):
        yield f"service {request['action'].split(':')[0]}"
        yield from (f"has {name}" for name in LAYER_NAMES[1:] if case["policies"].get(name) is not None)
    if request.get("resource") == "*":
        yield "resource *"
    if case.get("mode"):
        yield f"mode {case['mode']}"
    if case.get("account_is_management"):
        yield "management account"


# --- smaller cases that still differ ------------------------------------------------------------------


Place = tuple[str | int, ...]
_SOUND = {
    "id",
    "layer",
    "request",
    "policies",
    "part",
    "statement",
    "Version",
    "Effect",
    "mode",
    "operator",
    "expected",
}
_ASKED = {"principal", "action", "resource", "resource_account", "context_value"}
_ELEMENTS = {"Action", "Resource", "Principal", "NotAction", "NotResource", "NotPrincipal"}
_WHOLE = {"Principal", "NotPrincipal", "values"}
"""Objects of which no key may go: without one they would say something else, or nothing."""
_PLAIN = {"principal": USER, "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "resource_account": OWN}


def weight(case: Json) -> int:
    """Give how much there is to read in a case: its length as JSON, and 200 for each unusual part of the request."""
    request = case.get("request", {})
    return len(json.dumps(case)) + sum(200 for key, plain in _PLAIN.items() if request.get(key, plain) != plain)


def smaller(case: Json) -> Iterator[Json]:
    """Give the case without one of its parts, or with one of them plainer: each weighs less."""
    most = weight(case)
    for change in [*_changes(case, ()), *_plainer(case)]:
        made = copy.deepcopy(case)
        change(made)
        if weight(made) < most:
            yield made


def _plainer(case: Json) -> Iterator[Callable[[Json], None]]:
    for keys in (
        ("principal",),
        ("resource_account",),
        ("action", "resource"),
        ("action", "resource", "resource_account"),
    ):
        if set(keys) <= set(case.get("request", {})):
            yield _plain(keys)


def _plain(keys: Sequence[str]) -> Callable[[Json], None]:
    return lambda case: case["request"].update({key: _PLAIN[key] for key in keys})


def _is_given(path: Place) -> bool:
    """Tell whether this is the policy that AWS attaches to every RCP level: without it the engines start to differ."""
    return path[:2] == ("policies", "rcps") and path[3:4] == (0,)


def _changes(found: object, path: Place) -> Iterator[Callable[[Json], None]]:
    if _is_given(path):
        return
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _key_changes(key, value, path)
            if key not in ("id", "layer", "expected"):
                yield from _changes(value, (*path, key))
    elif isinstance(found, list):
        triple = path[:1] == ("conditions",) and len(path) == 2  # noqa: PLR2004 - conditions, and its place
        last = len(found) == 1 and not _may_be_empty(path)
        for index in reversed(range(0 if triple or last else len(found))):
            if not _is_given((*path, index)):
                yield _drop((*path, index))
        for index, value in enumerate(found):
            yield from _changes(value, (*path, index))


def _may_be_empty(path: Place) -> bool:
    """Tell whether an empty list says something plain here: no value of a key, a level without policies."""
    return "context" in path or path[:1] == ("unknown_context",) or (path[:1] == ("policies",) and len(path) == 3)  # noqa: PLR2004 - scps, and its place


def _key_changes(key: str, value: object, path: Place) -> Iterator[Callable[[Json], None]]:
    here = (*path, key)
    if path == ("policies",):
        if value is not None:
            yield _put(here, [] if key == "identity" else None)
    elif key in _ELEMENTS:
        if value != "*" and not key.startswith("Not"):
            yield _put(here, "*")
        if isinstance(value, list) and len(value) == 1:
            yield _put(here, value[0])
    elif key not in _SOUND | _ASKED and not _WHOLE & set(path) and path[:1] != ("unknown_context",):
        yield _drop(here)


def _drop(path: Place) -> Callable[[Json], None]:
    def change(case: Json) -> None:
        del _at(case, path[:-1])[path[-1]]

    return change


def _put(path: Place, value: object) -> Callable[[Json], None]:
    def change(case: Json) -> None:
        _at(case, path[:-1])[path[-1]] = value

    return change


def _at(case: Json, path: Place) -> Any:
    """Give what a case holds at a path of keys and places."""
    found: Any = case
    for step in path:
        found = found[step]
    return found


def minimise(differences: Sequence[Difference], theirs: Engine, ours: Engine, rounds: int = 40) -> list[Difference]:
    """Make every case smaller while the two answers stay as they are; each round asks each engine once."""
    found = list(differences)
    for _ in range(rounds):
        best = _smallest(found, theirs, ours)
        if not best:
            break
        for number, told in best.items():
            found[number] = replace(told, case={**told.case, "id": found[number].case["id"]})
    return found


def _smallest(found: Sequence[Difference], theirs: Engine, ours: Engine) -> dict[int, Difference]:
    """Give, by place, the shortest of the smaller cases that still shows the same two answers."""
    tries = [(number, made) for number, each in enumerate(found) for made in smaller(each.case)]
    asked = [{**made, "id": str(place)} for place, (_, made) in enumerate(tries)]
    if not asked:
        return {}
    left, right = theirs(asked), ours(asked)
    best: dict[int, Difference] = {}
    for (number, _), case in zip(tries, asked, strict=True):
        answer = right.get(case["id"], {})
        told = Difference(
            case, left.get(case["id"], {}).get("got") or {}, answer.get("got") or {}, answer.get("reasons", ())
        )
        if told.turn == found[number].turn and (number not in best or weight(told.case) < weight(best[number].case)):
            best[number] = told
    return best


# --- the report ---------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of one layer."""

    agree: int = 0
    differ: int = 0
    refused: int = 0
    """Cases that one of the engines cannot be asked, or refuses."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Why, by engine."""
    rows: int = 0
    """Answers of the same decision of which the rows, or the residual, differ."""

    def __str__(self) -> str:
        asked = self.agree + self.differ
        share = f"{self.agree / asked:.2%}" if asked else "-"
        told = f"{self.agree}/{asked} agree ({share}), {self.refused} refused"
        return f"{told}, {self.rows} agree but not in rows or residual" if self.rows else told


def tally(
    asked: Sequence[Json], left: dict[str, Json], right: dict[str, Json]
) -> tuple[dict[str, Tally], list[Difference]]:
    """Count by layer, and give the differences in order."""
    counts: dict[str, Tally] = defaultdict(Tally)
    differences = []
    for case in asked:
        count = counts[f"{case['layer']} ({case['mode']})" if case.get("mode") else case["layer"]]
        answer = right.get(case["id"], {})
        theirs, ours = left.get(case["id"], {}).get("got") or {}, answer.get("got") or {}
        refusals = [*_refusal("theirs", theirs, ()), *_refusal("ours", ours, answer.get("reasons", ()))]
        if refusals:
            count.refused += 1
            count.refusals.update(refusals)
        elif agree(theirs, ours):
            count.agree += 1
            count.rows += not (same_rows(theirs, ours) and same_residual(theirs, ours))
        else:
            count.differ += 1
            differences.append(Difference(case, theirs, ours, answer.get("reasons", ())))
    return counts, differences


def _refusal(engine: str, got: Json, reasons: Sequence[str]) -> Iterator[str]:
    if not {"decision", "matches", "valid"} & set(got):
        yield f"{engine}: {got.get('error') or got.get('unasked') or '; '.join(reasons) or 'no answer'}"


def report(differences: Sequence[Difference], shown: int) -> None:
    """Print the differences by group, the largest group first, with the smallest cases of each."""
    groups: dict[tuple[str, tuple[str, ...]], list[Difference]] = defaultdict(list)
    for difference in differences:
        groups[difference.turn, features(difference.case)].append(difference)
    turns = Counter(difference.turn for difference in differences)
    for turn, count in turns.most_common():
        print(f"\n# {turn}: {count}")
        mine = [(names, found) for (told, names), found in groups.items() if told == turn]
        for names, found in sorted(mine, key=lambda each: (-len(each[1]), each[0])):
            print(f"\n{len(found)} x {', '.join(names)}")
            for difference in sorted(found, key=lambda each: weight(each.case))[:shown]:
                print(f"  {json.dumps(difference.case)}")
                for reason in difference.reasons:
                    print(f"    ours: {reason}")


def _cases(given: argparse.Namespace) -> list[Json]:
    found = [case for path in given.files for case in _lines(path.read_text("utf-8"))]
    if given.seed is not None:
        found += cases(given.seed, given.count, given.layer, given.odd)
    seen = Counter(case["id"] for case in found)
    twice = [name for name, count in seen.items() if count > 1]
    if twice:
        raise CompareError(f"`{twice[0]}` is the id of more than one case")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--seed", help="draw cases too")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--layer", choices=[*MAKERS, "all"], default="all")
    parser.add_argument("--odd", type=float, default=0.08, help="share of badly written values")
    parser.add_argument("--modules", help="the folder that holds node_modules")
    parser.add_argument("--theirs-from", type=Path, help="kept answers instead of iam-simulate")
    parser.add_argument("--ours", default="watchbill policy cases {} --json", help="a command; {} is the file of cases")
    parser.add_argument("--ours-from", type=Path, help="kept answers instead of a command")
    parser.add_argument("--save", type=Path, help="keep iam-simulate's answers here")
    parser.add_argument(
        "--minimise", type=int, default=60, help="how many differing cases to make smaller; 0 shows all as they are"
    )
    parser.add_argument("--show", type=int, default=2, help="cases shown of each group")
    given = parser.parse_args()
    if not (given.modules or given.theirs_from):
        parser.error("say --modules FOLDER or --theirs-from FILE")
    return given


def run(given: argparse.Namespace) -> int:
    """Compare as asked; gives the number of differing cases."""
    asked = _cases(given)
    theirs = saved(given.theirs_from) if given.theirs_from else simulate(given.modules)
    left = theirs(asked)
    if given.save:
        given.save.write_text("".join(f"{json.dumps(answer)}\n" for answer in left.values()), "utf-8")
    ours = saved(given.ours_from) if given.ours_from else command_line(given.ours)
    counts, differences = tally(asked, left, ours(asked))
    for layer, count in sorted(counts.items()):
        print(f"{layer:<24} {count}")
        for reason, times in count.refusals.most_common(5):
            print(f"    {times} x {reason}")
    shown = differences
    if differences and given.minimise and not (given.theirs_from or given.ours_from):
        shown = minimise(differences[: given.minimise], theirs, ours)
        print(f"\n{len(shown)} of {len(differences)} differing cases, made smaller")
    report(shown, given.show)
    return len(differences)


def main() -> None:
    """Compare; exit status 1 where something differs, 2 where an engine cannot be asked."""
    try:
        differing = run(_arguments())
    except CompareError as error:
        print(f"compare: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
