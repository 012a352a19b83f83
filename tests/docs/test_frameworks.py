"""The walkthroughs from PyTorch and Keras, and examples/qat/int4.py, which `make docs-test` runs
where these are installed.

Their environment has no development packages but pytest.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.docs.blocks import ROOT, execute
from tests.support.tools import skip_or_fail

if TYPE_CHECKING:
    from torch import nn

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


def tagger(cell: str, layers: int, bidirectional: bool, words: int) -> nn.Module:
    """Six features, or numbers of words, to three logits at each step."""
    from torch import nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            options = {"num_layers": layers, "bidirectional": bidirectional, "batch_first": True}
            self.words = nn.Embedding(words, 6) if words else nn.Identity()
            self.cells = getattr(nn, cell)(6, 10, **options)
            self.hidden = nn.Linear(20 if bidirectional else 10, 8)
            self.head = nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            outputs, _ = self.cells(self.words(x))
            return self.head(self.hidden(outputs).relu())

    return Tagger()


@pytest.mark.parametrize(
    ("cell", "layers", "bidirectional", "words"),
    [("LSTM", 2, True, 20), ("GRU", 2, False, 0), ("RNN", 1, True, 0), ("LSTM", 1, False, 0)],
)
def test_a_module_is_trained_to_the_integers_of_its_program(
    cell: str, layers: int, bidirectional: bool, words: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`compile` of the example raises an error where an integer differs, and outputs are those of
    the module but for activations of 12 bits.
    """
    if find_spec("torch") is None:
        skip_or_fail("PyTorch is not installed: make docs-test")
    import torch
    from torch import nn

    from examples.qat.int4 import Group, Int4, fit

    torch.manual_seed(0)
    module = tagger(cell, layers, bidirectional, words)
    x = torch.randint(0, words, (40, 1, 12)) if words else torch.randn(40, 1, 12, 6)
    wanted = torch.randint(0, 3, (40, 12))
    tuned = Int4(module, x[0], x.numpy())

    def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())

    with torch.no_grad():
        before = loss_of(tuned(x[:, 0]), wanted)
    fit(tuned, iter([(x[:, 0], wanted)] * 400), loss_of, updates=50, rate=0.01)
    model = tuned.compile("host")
    assert all(np.abs(each.integers).max() == 7 for each in model.weights)
    with torch.no_grad():
        real = module(x[:, 0])
        assert loss_of(real, wanted) < before
        assert torch.allclose(real, tuned(x[:, 0]), atol=1e-4)
    assert np.abs(model.predict(x.numpy())[:, 0] - real.numpy()).max() < 0.01
    levels = Group.levels
    monkeypatch.setattr(Group, "levels", lambda *given: levels(*given) + 1)
    with pytest.raises(RuntimeError, match="the compiled integers are not those"):
        tuned.compile("host")
