"""The same input gives the same bytes: in every file, every time, everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from tests.golden.test_golden import CASES
from tests.support.compiling import compile_file

OPTIONS = (
    "",
    "--scheme float32",
    "--activations 8 --cell-state 16 --unroll none",
)


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    """The manifest says how large the code is, so the target's compiler has its part in it."""
    tool_or_skip("arm-none-eabi-gcc")


COMPILE = """
import sys
from pathlib import Path
from lstm_edge.cli import main
digits, *options = sys.argv[1:]
arguments = ["compile", f"{digits}/digits.onnx", "--target", "cortex-m4"]
arguments += ["--calibration", f"{digits}/calibration.npz"]
for number, words in enumerate(options):
    main([*arguments, *words.split(), "-o", str(number)], standalone_mode=False)
"""


def compiled(root: Path, folder: Path, hash_seed: str, *options: str) -> dict[str, bytes]:
    """The files that the command writes with each of some options, one after the other in a
    process, in a folder of its own.
    """
    folder.mkdir(parents=True)
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    subprocess.run(
        [sys.executable, "-c", COMPILE, root / "examples" / "digits", *options],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_hash_seed_and_folder_do_not_matter(project_root: Path, tmp_path: Path) -> None:
    first, other = (
        compiled(project_root, tmp_path / seed, seed, *OPTIONS) for seed in ("0", "4242")
    )
    for number in range(len(OPTIONS)):
        names = ("digits.c", "digits.h", "digits_weights.c", "manifest.json")
        assert {f"{number}/{name}" for name in names} <= set(first)
    assert other == first


@pytest.mark.all_cases
def test_hash_seed_does_not_matter_to_softmax_and_states(project_root: Path) -> None:
    """The models of the golden files, which have more tables and arrays than the example."""
    code = (
        "import hashlib, tests.golden.test_golden as golden\n"
        "for case in golden.CASES:\n"
        "    for name, text in golden.generated(case).items():\n"
        "        print(name, hashlib.sha256(text.encode()).hexdigest())\n"
    )
    printed = set()
    for seed in ("0", "4242"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project_root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(project_root)},
            check=True,
            capture_output=True,
            text=True,
        )
        printed.add(result.stdout)
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == 5 * len(CASES)


@pytest.mark.parametrize("unroll", ["none", "gates"])
def test_twice_in_one_process(unroll: str, project_root: Path) -> None:
    digits = project_root / "examples" / "digits"
    first, second = (
        dict(
            compile_file(
                digits / "digits.onnx",
                "cortex-m4",
                calibration=digits / "calibration.npz",
                unroll=unroll,
            ).files
        )
        for _ in range(2)
    )
    assert first == second


def test_archives_carry_no_date(project_root: Path) -> None:
    digits = project_root / "examples" / "digits"
    files = compile_file(digits / "digits.onnx", "host").files
    archives = [data for name, data in files.items() if name.endswith(".npz")]
    assert len(archives) >= 2
    for data in archives:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            dates = {entry.date_time for entry in archive.infolist()}
        assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_of_this_computer_is_in_the_files(project_root: Path, tmp_path: Path) -> None:
    files = compiled(project_root, tmp_path / "somewhere", "0", "")
    for text in (str(tmp_path), str(project_root), str(Path.home())):
        found = [name for name, data in files.items() if len(text) > 1 and text.encode() in data]
        assert not found
