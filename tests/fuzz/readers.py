"""Coverage-guided fuzzing of what reads files: `python -m tests.fuzz.readers onnx --seconds 60`.

Needs atheris, see requirements.txt. A reader may refuse by an error of its own, in one line;
anything else is a finding, as are 1 GB of memory and 20 seconds. Findings are in build/fuzz/<kind>.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lstm_edge"]):
    import lstm_edge
    from lstm_edge import bundle
    from lstm_edge.errors import InternalError, LstmEdgeError
    from lstm_edge.frontend import load
    from lstm_edge.interpret.given import given
    from lstm_edge.passes.lower_real import lower_real

from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.seeds import SEEDS

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
SECONDS, MEGABYTES = 20, 1000


def reads_models(suffix: str) -> Callable[[Path, bytes], None]:
    """A front end, and the float program of what it read."""

    def read(folder: Path, content: bytes) -> None:
        path = folder / f"m{suffix}"
        path.write_bytes(content)
        model = load(path)
        lower_real(model)

    return read


class Data:
    """Samples for a small network."""

    def __init__(self) -> None:
        path = ROOT / "tests" / "fixtures" / "lstm_open.legacy.onnx"
        self.program = lower_real(load(path, "net"))

    def __call__(self, folder: Path, content: bytes) -> None:
        path = folder / "data.npz"
        path.write_bytes(content)
        from lstm_edge.data import load_data

        load_data(path, self.program)
        given(self.program, path)


def reads_manifests(folder: Path, content: bytes) -> None:
    """The manifest of a bundle whose other files are whole."""
    place = folder / "b"
    if not place.exists():
        network = lstm_edge.load(ROOT / "tests" / "fixtures" / "lstm.legacy.onnx", name="net")
        lstm_edge.compile(network, target="portable").save(place)
    (place / "manifest.json").write_bytes(content)
    bundle.read(place)


READERS: dict[str, Callable[[], Callable[[Path, bytes], None]]] = {
    "onnx": lambda: reads_models(".onnx"),
    "npz": lambda: reads_models(".npz"),
    "keras": lambda: reads_models(".keras"),
    "h5": lambda: reads_models(".h5"),
    "data": Data,
    "manifest": lambda: reads_manifests,
}


def harness(kind: str, folder: Path) -> Callable[[bytes], None]:
    """What libFuzzer calls."""
    read = READERS[kind]()

    def once(content: bytes) -> None:
        try:
            read(folder, content)
        except InternalError:
            raise
        except LstmEdgeError as error:
            if "\n" in str(error):
                raise AssertionError(f"several lines: {error}") from error

    return once


def main() -> None:
    """Fuzz one reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    work = ROOT / "build" / "fuzz" / asked.kind
    found, seeds = work / "corpus", work / "seeds"
    for each in (found, seeds):
        each.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS[asked.kind]().items():
        (seeds / name).write_bytes(content)
    folder = Path(tempfile.mkdtemp())
    arguments = [
        sys.argv[0],
        str(found),
        str(seeds),
        *([str(CORPUS / asked.kind)] if (CORPUS / asked.kind).is_dir() else []),
        f"-max_total_time={asked.seconds}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-seed={asked.seed}",
        f"-artifact_prefix={work}/",
        "-max_len=65536",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    try:
        atheris.Setup(
            arguments,
            harness(asked.kind, folder),
            custom_mutator=lambda data, most, seed: mutated(
                MUTATIONS[asked.kind], data, most, seed, atheris.Mutate
            ),
        )
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
