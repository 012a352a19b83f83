"""The command line, called in this process; what it must look like when it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from lstm_edge.cli import main
from tests.support.programs import Array

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def call(*arguments: object) -> Result:
    """Run `lstm-edge` with these words; an exception that it lets through is raised here."""
    result = CliRunner().invoke(main, [str(word) for word in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(*arguments: object) -> Result:
    """The same, and it must succeed."""
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr
    return result


def refused(status: int, *arguments: object) -> str:
    """The same, and it must fail with one `Error:` line and nothing on stdout: that line."""
    result = call(*arguments)
    assert result.exit_code == status, (result.exit_code, result.stderr)
    errors = [line for line in result.stderr.splitlines() if not line.startswith("Warning: ")]
    assert len(errors) == 1, result.stderr
    assert errors[0].startswith("Error: ")
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return errors[0]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder as an empty one; nothing where it is absent."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def save(path: Path, **arrays: Array) -> Path:
    """Write an npz file."""
    np.savez(path, **arrays)
    return path


def load(path: Path) -> dict[str, Array]:
    """Read an npz file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
