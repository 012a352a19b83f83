"""The examples: as good in integers as in float, exact everywhere, small, and as README.md says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from examples import samples, score
from examples.catalogue import ROOT, Example, find_all
from examples.digits import samples as digits_samples
from examples.metrics import METRICS
from tests.support.command import DIGITS, done, load, save
from tests.support.programs import Array

EXAMPLES = find_all()
TOOLS = ("cc", "arm-none-eabi-gcc", "qemu-system-arm")
STEPS = 3000
"""Time steps that are compared between numpy, host and QEMU: all of some test sets."""
POINT = 0.01
LARGEST = 1_400_000
LARGEST_EXAMPLE = 300_000


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: str(example.name))
def example(request: pytest.FixtureRequest) -> Example:
    found = request.param
    assert isinstance(found, Example)
    return found


@pytest.fixture(scope="module")
def compiled(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return score.compile_example(example, tmp_path_factory.mktemp(example.name) / "bundle")


@pytest.fixture(scope="module")
def figures(example: Example, compiled: Path) -> tuple[score.Figure, ...]:
    return score.figures_of(example, compiled)


def first_of_test(example: Example) -> dict[str, Array]:
    """So many samples that they have STEPS steps together, or all."""
    steps = max(a.shape[2] for name, a in example.test.items() if name != "label")
    count = max(1, STEPS // steps)
    return {name: array[:count] for name, array in example.test.items()}


def test_integers_are_as_good_as_float(figures: tuple[score.Figure, ...]) -> None:
    for figure in figures:
        assert figure.float_is_good, figure
        assert figure.int8_is_good, figure


def test_numpy_host_and_cortex_m4_give_the_same_bits(
    example: Example, compiled: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(*TOOLS)
    assert score.different(compiled, first_of_test(example)) == {"host": 0, "qemu": 0}


def test_the_float_program_is_not_the_integer_one(example: Example, compiled: Path) -> None:
    arrays = first_of_test(example)
    real, ours = (score.run(compiled, where, arrays) for where in ("float", "numpy"))
    assert real.shape == ours.shape
    assert not np.array_equal(real, ours)


def test_the_firmware_prints_the_same_on_host_and_cortex_m4(
    example: Example,
    compiled: Path,
    tmp_path: Path,
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip(*TOOLS)
    printed = {
        target: score.run_firmware(example, compiled, tmp_path / target, target)
        for target in ("host", score.TARGET)
    }
    assert printed["host"] == printed[score.TARGET]
    assert re.search(example.firmware_prints, printed["host"]), printed["host"]


def test_the_table_has_the_figures_that_are_computed(
    example: Example,
    compiled: Path,
    figures: tuple[score.Figure, ...],
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip(*TOOLS)
    scored = score.score(example, compiled, figures)
    rows = [line.split(" | ") for line in score.README.read_text().splitlines()]
    names = [row[0] for row in rows]
    start = names.index(scored.rows().split(" | ")[0])
    for k, expected in enumerate(scored.rows().splitlines()):
        wanted = expected.split(" | ")
        assert rows[start + k][:4] == wanted[:4]
        for said, computed in zip(rows[start + k][4:6], wanted[4:6], strict=True):
            assert close(said, computed, 0.0), (said, computed)
        for said, computed in zip(rows[start + k][6:], wanted[6:], strict=True):
            assert close(said, computed, 0.1), (said, computed)


def close(said: str, computed: str, share: float) -> bool:
    """Whether two texts hold the same number: to one unit of the last digit, or to a share."""
    if said == computed:
        return True
    (number, unit), (wanted, its_unit) = (
        re.fullmatch(r"(\d+\.\d+)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        for text in (said, computed)
    )
    unit_of_last_digit = 10.0 ** -len(wanted.split(".")[1])
    allowed = max(unit_of_last_digit, share * float(wanted))
    return unit == its_unit and abs(float(number) - float(wanted)) <= 1.001 * allowed


def test_the_table_has_a_row_for_each_example() -> None:
    text = score.README.read_text()
    assert score.BEGIN in text
    table = text.split(score.BEGIN)[1].split(score.END)[0]
    assert re.findall(r"^\| \[(\w+)\]", table, re.MULTILINE) == [e.name for e in EXAMPLES]


def test_writing_the_table_leaves_the_rest_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"above\n{score.BEGIN}| old |\n{score.END}below\n")
    monkeypatch.setattr(score, "README", path)
    found = score.Score(
        EXAMPLES[0], (score.Figure(METRICS["rmse"], 2.0, 1.0, 1.25),), 2048, 512, 6862.0
    )
    score.write([found])
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("above", "below")
    assert lines[4].endswith(
        "| root mean square error | 1.00 kW | 1.25 kW | 2.0 kB | 0.5 kB | 6.9 k |"
    )
    assert "old" not in path.read_text()


def test_calibration_and_test_inputs_are_different_ones(example: Example) -> None:
    calibration = load(example.folder / "calibration.npz")
    for name, given in calibration.items():
        seen = {sample.tobytes() for sample in given}
        assert not seen & {sample.tobytes() for sample in example.test[name]}


def test_samples_of_the_firmware_are_those_of_the_test_set() -> None:
    names = [e.name for e in EXAMPLES if samples.path_of(e.name).exists() and e.folder != DIGITS]
    assert len(names) >= 5
    for name in names:
        assert samples.path_of(name).read_text() == samples.source(name)
    assert digits_samples.TARGET.read_text() == digits_samples.source()


def test_examples_are_small() -> None:
    sizes = {
        example.name: sum(
            path.stat().st_size
            for folder in (example.folder, ROOT / "firmware" / example.name)
            for path in folder.glob("*")
            if path.is_file()
        )
        for example in EXAMPLES
    }
    assert max(sizes.values()) < LARGEST_EXAMPLE, sizes
    assert sum(sizes.values()) < LARGEST, sizes


@pytest.mark.parametrize(
    "options",
    [("--activations", "8"), ("--activations", "16"), ("--cell-state", "16"), ("--no-data",)],
    ids=" ".join,
)
def test_digits_in_other_widths_are_within_a_point_of_float(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    data = () if options == ("--no-data",) else ("--calibration", DIGITS / "calibration.npz")
    words = () if options == ("--no-data",) else options
    bundle = tmp_path / "bundle"
    done("compile", DIGITS / "digits.onnx", "--target", "host", *data, *words, "-o", bundle)
    assert accuracy(bundle, "numpy", tmp_path) >= accuracy(bundle, "float", tmp_path) - POINT


def accuracy(bundle: Path, where: str, folder: Path) -> float:
    """What `run` reads right of the test images of digits."""
    test = load(DIGITS / "test.npz")
    rows = save(folder / "rows.npz", rows=test["rows"])
    done("run", bundle, "--inputs", rows, "--on", where, "-o", folder / "logits.npz")
    logits = load(folder / "logits.npz")["logits"][:, 0]
    return float(np.mean(logits.argmax(axis=-1) == test["label"]))
