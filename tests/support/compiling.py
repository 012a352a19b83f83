"""Compile a file in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lstm_edge
from lstm_edge.api.compiled import Compiled


def compile_file(
    path: Path, target: str, calibration: Path | None = None, **options: Any
) -> Compiled:
    """What `lstm-edge compile` would make of it; options as of `lstm_edge.compile`, and `name` and
    `steps`.
    """
    loading = {key: options.pop(key) for key in ("name", "steps") if key in options}
    network = lstm_edge.load(path, **loading)
    return lstm_edge.compile(network, target=target, calibration=calibration, **options)
