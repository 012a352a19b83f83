"""Bundles of some models under other versions of numpy and onnx: `python -m tests.golden.versions
PYTHON...`, interpreters of environments that have them (`make versions`).

Every file of every bundle is compared with that of the interpreter which runs this; status 1 where
one differs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
EXAMPLES = ("digits", "activity", "adding", "keywords", "forecast")
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"weights": 4, "activations": 8, "cell_state": 16},
    {"weights": "auto"},
    {"scheme": "fixed"},
    {"scheme": "float32"},
)
"""Of the first example; the others are compiled as they are by default."""
PACKAGES = ("numpy", "onnx", "protobuf", "h5py")


def cases(folder: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Names, files and options: exporters of each kind, own cells, loops, weights beside a file."""
    for number, example in enumerate(EXAMPLES):
        place = ROOT / "examples" / example
        data = {"calibration": place / "calibration.npz"}
        for options in OPTIONS if number == 0 else OPTIONS[:1]:
            yield f"{example} {options or ''}".strip(), place / f"{example}.onnx", data | options
    for path in sorted(FIXTURES.glob("*.onnx")) + sorted((FIXTURES / "loops").glob("*.onnx")):
        yield path.name, path, {}
    yield "two_layers.npz", FIXTURES / "two_layers.npz", {}
    with tarfile.open(FIXTURES / "keras3.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    for path in sorted(folder.glob("*.keras")):
        yield path.name, path, {}


def hashes() -> dict[str, Any]:
    """Versions of packages, and the SHA-256 of each file of each bundle; an error is its text."""
    import lstm_edge
    from lstm_edge.errors import LstmEdgeError

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path, options in cases(Path(folder)):
            try:
                network = lstm_edge.load(path, name="net", steps=None)
                files = lstm_edge.compile(network, target="cortex-m4", **options).files
            except LstmEdgeError as error:
                found[name] = {"error": str(error)}
            else:
                found[name] = {n: hashlib.sha256(data).hexdigest() for n, data in files.items()}
    versions = {each: importlib.metadata.version(each) for each in PACKAGES}
    return {"versions": versions, "found": found}


def under(python: str) -> dict[str, Any]:
    """The same by an interpreter."""
    told = subprocess.run(
        [python, "-m", "tests.golden.versions", "--hashes"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


def described(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def main(pythons: list[str]) -> int:
    """Print what differs, by interpreter and bundle."""
    first, bad = under(sys.executable), 0
    made = [each for each in first["found"].values() if "error" not in each]
    refused = len(first["found"]) - len(made)
    print(f"{len(made)} bundles, {sum(map(len, made))} files, {refused} refused, under", end=" ")
    print(described(first["versions"]), flush=True)
    for python in pythons:
        other = under(python)
        differ = {
            name: sorted(
                n for n in found.keys() | other["found"][name].keys()
                if found.get(n) != other["found"][name].get(n)
            )
            for name, found in first["found"].items()
        }  # fmt: skip
        differ = {name: names for name, names in differ.items() if names}
        bad += bool(differ)
        print(f"{len(differ)} of them differ under {described(other['versions'])}")
        for name, names in differ.items():
            print(f"  {name}: {', '.join(names)}")
    return int(bad > 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--hashes"]:
        print(json.dumps(hashes()))
    else:
        sys.exit(main(sys.argv[1:]))
