"""The walkthroughs from PyTorch and Keras, which `make docs-test` runs where these are installed.

Imports nothing but pytest: their environment has no development packages.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, execute

pytestmark = pytest.mark.docs


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_a_walkthrough_does_what_it_says(
    framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert execute(ROOT / "docs" / f"walkthrough-{framework}.md", tmp_path) > 5
