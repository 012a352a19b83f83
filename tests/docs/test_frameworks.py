"""The walkthroughs from PyTorch and Keras, which `make docs-test` runs where these are installed.

Their environment has no development packages but pytest.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, execute
from tests.support.tools import skip_or_fail

pytestmark = pytest.mark.docs


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_a_walkthrough_does_what_it_says(
    framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("torch" if framework == "pytorch" else framework) is None:
        skip_or_fail("PyTorch and Keras are not installed: make docs-test")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert execute(ROOT / "docs" / f"walkthrough-{framework}.md", tmp_path) > 5
