"""What several commands share: kinds of arguments, and how errors are told."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from lstm_edge.errors import DataError, LstmEdgeError, printable, told

FOLDER = click.Path(path_type=Path)
NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
STEPS = click.option(
    "--steps", type=click.IntRange(min=1), help="Sequence length, where it is open."
)
CELLS = click.option(
    "--cells", type=FOLDER, metavar="FILE.py", help="Equations of cells that an npz file names."
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


def reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the project's errors into one line on stderr and an exit status."""

    @wraps(command)
    def guarded(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except LstmEdgeError as error:
            complain(f"Error: {' '.join(str(error).splitlines()[:1])}")
            sys.exit(error.exit_status)
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            remedy = "free some space" if error.errno in NO_SPACE else "check its permissions"
            complain(f"Error: {error.strerror or error}{place}: {remedy}")
            sys.exit(1)
        except MemoryError:
            click.echo("Error: not enough memory for this model or data", err=True)
            sys.exit(1)

    return guarded


def say(text: str) -> None:
    """To stdout, in lines that fit."""
    from lstm_edge.printing.fitted import columns, fitted

    click.echo(fitted("\n".join(printable(line) for line in text.split("\n")), columns()))


def warn(warnings: tuple[str, ...]) -> None:
    """Each on a line of stderr, broken where that is a terminal."""
    for text in warnings:
        complain(f"Warning: {text}")


def complain(text: str) -> None:
    """One line for programs that read it; lines that fit for people."""
    from lstm_edge.printing.fitted import columns, fitted

    text = told(text)
    shown = fitted(text, columns(sys.stderr)) if sys.stderr.isatty() else text
    click.echo(shown, err=True)


MOST_DIGITS = 18
"""Of a size in bytes."""


class Bytes(click.ParamType[int]):
    """A size: 8192, 64K or 1M."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number of bytes; usage error for anything else."""
        if isinstance(value, int):
            return value
        text = str(value).upper()
        unit = {"K": 1024, "M": 1024**2}.get(text[-1:], 1)
        digits = text[:-1] if unit > 1 else text
        if not digits.isdecimal() or len(digits) > MOST_DIGITS:
            self.fail(f"{value!r:.60} is not a size such as 8192, 64K or 1M", param, ctx)
        return int(digits) * unit


class Renaming(click.ParamType[tuple[str, str]]):
    """OLD=NEW."""

    name = "renaming"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """The two names; usage error for anything else."""
        if isinstance(value, tuple):
            return value
        old, equals, new = str(value).rpartition("=")
        if not (old and equals and new):
            self.fail(f"{value}: expected OLD=NEW, for instance input0=x", param, ctx)
        return old, new


class Pair(click.ParamType[tuple[str, str]]):
    """IN=OUT, or IN= for an input that is data."""

    name = "pair"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """The two names; usage error for anything else."""
        if isinstance(value, tuple):
            return value
        before, equals, after = str(value).partition("=")
        if not (before and equals):
            self.fail(f"{value}: expected IN=OUT, for instance h=h_next", param, ctx)
        return before, after


STATE_PAIRS = click.option(
    "--state-pair",
    "state_pairs",
    type=Pair(),
    multiple=True,
    metavar="IN=OUT",
    help="Output that is an input's next value, in a file of one step.",
)


def once(option: str, pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """DataError where something is said twice."""
    found: dict[str, str] = {}
    for old, new in pairs:
        if old in found:
            raise DataError(f"{option} {old}={new}: {old} has {found[old]!r} already")
        found[old] = new
    return found


class Bits(click.ParamType[Any]):
    """A width in bits, or auto: a Choice whose value is a number."""

    name = "bits"

    def __init__(self, *words: str) -> None:
        self.words = words

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """As a Choice shows it."""
        return f"[{'|'.join(self.words)}]"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number, or "auto"; usage error for anything else."""
        if value not in self.words:
            expected = ", ".join(f"{word!r}" for word in self.words)
            self.fail(f"{value!r} is not one of {expected}.", param, ctx)
        return value if value == "auto" else int(value.removeprefix("int"))
