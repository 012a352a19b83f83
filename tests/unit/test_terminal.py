"""What the command line prints fits a terminal, and `--help` costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from lstm_edge.printing import fitted, progress
from tests.support.command import done

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, CALIBRATION = EXAMPLE / "digits.onnx", EXAMPLE / "calibration.npz"
COMMANDS = ("compile", "inspect", "package", "profile", "report", "run", "search", "targets")
HEAVY = ("numpy", "onnx", "jinja2", "optuna", "lstm_edge.frontend", "lstm_edge.driver")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal") / "bundle"
    done("compile", MODEL, "--target", "cortex-m4", "--calibration", CALIBRATION, "-o", folder)
    return folder


def wide(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > 80]


@pytest.mark.all_cases
def test_what_compile_prints_fits(tmp_path: Path) -> None:
    words = ("--weights", "auto", "--activations", "auto", "--package", "all")
    text = done(
        "compile", MODEL, "--target", "cortex-m", "--calibration", CALIBRATION, *words,
        "-o", tmp_path / "out",
    ).stdout  # fmt: skip
    assert "  cortex-m55\n" in text
    assert "  tried" in text
    assert [line for line in wide(text) if str(tmp_path) not in line] == []
    for form in ("model", "real", "formats", "integer", "schedule"):
        words = ("--target", "cortex-m4", "--dump-ir", form)
        assert wide(done("compile", MODEL, *words).stdout) == []


def test_what_the_others_print_fits(bundle: Path) -> None:
    for words in (
        ("verify", bundle),
        ("verify", bundle, "--labels", EXAMPLE / "test.npz"),
        ("profile", bundle, "--board", "stm32l4r5"),
        ("inspect", MODEL),
        ("targets",),
    ):
        text = done(*words).stdout
        assert text
        assert wide(text) == []


@pytest.mark.parametrize("command", [*COMMANDS, "verify", None])
def test_help_fits_and_imports_nothing_heavy(command: str | None) -> None:
    words = [] if command is None else [command]
    code = (
        "import sys\nfrom lstm_edge.cli import main\n"
        f"main({[*words, '--help']}, standalone_mode=False)\n"
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout.startswith("Usage: ")
    assert wide(done.stdout) == []


def test_lines_are_broken_at_spaces_and_set_in() -> None:
    line = "  output " + "word " * 30
    parts = fitted.fitted(line, 40).split("\n")
    assert [len(part) <= 40 for part in parts] == [True] * len(parts)
    assert all(part.startswith("      word") for part in parts[1:])
    assert " ".join(" ".join(parts).split()) == " ".join(line.split())


def test_what_fits_is_left_alone_and_a_long_word_stays_whole() -> None:
    kept = "  a   table  with   columns\n\n" + "x" * 90
    assert fitted.fitted(kept, 80) == kept
    assert fitted.fitted("go to " + "x" * 90, 80) == "go to\n    " + "x" * 90


def test_a_wider_terminal_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "132")
    assert fitted.columns(Terminal()) == 132
    assert fitted.columns(StringIO()) == fitted.NARROW


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_long_work_shows_what_it_does_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0.0)
    monkeypatch.setattr(progress, "TICK", 0.001)
    with progress.working("verify") as tell:
        tell("C on qemu")
        end = time.monotonic() + 10
        while "verify: C on qemu [" not in terminal.getvalue() and time.monotonic() < end:
            time.sleep(0.001)
    shown = terminal.getvalue()
    assert "verify: C on qemu [" in shown
    assert shown.endswith("\r\033[K")
    assert max(len(part) for part in shown.split("\r\033[K")) <= 80


def test_no_terminal_sees_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.working("run") as tell:
        tell("C on host")
    with progress.bar("calibrating") as show:
        show(1, 2)
    assert capsys.readouterr().err == ""


def test_the_bar_goes_to_its_end_and_back() -> None:
    room = progress.BAR - progress.RUNNER
    found = [progress.marks(tick) for tick in range(2 * room + 1)]
    assert {len(each) for each in found} == {progress.BAR}
    assert found[0] == found[-1] != found[room]
    assert found[room].endswith("#")


def test_inspect_says_what_a_model_takes() -> None:
    text = done("inspect", MODEL, "--target", "cortex-m0").stdout
    assert "5,578 parameters, 5,160 MACs a step" in text
    assert "about, as int8 on cortex-m0" in text
