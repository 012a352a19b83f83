"""What a missing tool means: a skipped test on a laptop, a failed one where CI=true."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """True where a missing tool is a failure."""
    return os.environ.get("CI", "").lower() in ("1", "true")


def skip_or_fail(message: str) -> NoReturn:
    """End the test that lacks a tool."""
    if in_ci():
        pytest.fail(message)
    pytest.skip(message)
