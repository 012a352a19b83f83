"""A command that is ended from outside says so by its status, and is unwound."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pytest

from lstm_edge import cli


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """What a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_leaves_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        with TemporaryDirectory(dir=tmp_path):
            os.kill(os.getpid(), number)

    command = click.Command("targets", callback=work)
    monkeypatch.setattr(type(cli.main), "get_command", lambda *_: command)
    with pytest.raises(SystemExit) as ended:
        cli.main(["targets"])
    assert ended.value.code == 128 + number
    assert list(tmp_path.iterdir()) == []
