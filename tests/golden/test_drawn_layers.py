"""What recurrent layers of all options, layouts and states are read as, or why they are refused: a
checksum of all models and messages for each kind, as `parts.txt` has it of lowering.

`--update-golden` writes the file anew: look at the difference, and with `python -m
tests.golden.test_drawn_layers KIND` before and after at all that was read.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from lstm_edge.errors import ModelError
from lstm_edge.ir.model import Model
from tests.golden.drawn import Draw
from tests.golden.keras_drawn import keras_layer
from tests.golden.layers_drawn import npz_layers, onnx_layer
from tests.golden.test_read import described

PATH = Path(__file__).resolve().parent / "drawn_layers.txt"
KINDS: Mapping[str, tuple[int, Callable[[Draw, Path], Model]]] = {
    **{
        f"{op} of ONNX": (cases, functools.partial(onnx_layer, op))
        for op, cases in (("LSTM", 40), ("GRU", 24), ("RNN", 24))
    },
    **{
        f"{kind} of Keras": (cases, functools.partial(keras_layer, kind))
        for kind, cases in (("LSTM", 6), ("GRU", 6), ("RNN", 8), ("Bidirectional", 10))
    },
    "layers of a state_dict": (32, npz_layers),
}
"""How many are drawn of each kind, and how."""


def case(kind: str, seed: int, folder: Path) -> str:
    draw = Draw([seed, zlib.crc32(kind.encode())])
    try:
        return "\n".join(described(KINDS[kind][1](draw, folder)))
    except ModelError as error:
        return f"refused: {error}"


def test_drawn_layers_are_read_as_the_golden_ones(tmp_path: Path, update_golden: bool) -> None:
    lines = []
    for kind, (cases, _) in KINDS.items():
        found = [case(kind, seed, tmp_path) for seed in range(cases)]
        refused = sum(text.startswith("refused") for text in found)
        crc = zlib.crc32("\n".join(found).encode())
        lines.append(f"{kind}: {refused} of {cases} refused, {crc:08x}")
    if update_golden:
        PATH.write_text("\n".join(lines) + "\n")
    assert lines == PATH.read_text().splitlines(), "see --update-golden"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(KINDS[sys.argv[1]][0]):
            print(f"== {seed}", case(sys.argv[1], seed, Path(folder)), sep="\n")
