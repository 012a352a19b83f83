"""The trained networks of other examples as PyTorch modules, with data to train them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from examples import catalogue, training
from examples.adding import train as adding
from examples.characters import train as characters
from examples.keywords import train as keywords
from examples.metrics import Metric
from examples.qat.int4 import Batches, Loss

Array = npt.NDArray[Any]

ORDERS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
"""Where the gates of PyTorch are in ONNX: i f g o in iofc, r z n in zrh."""


@dataclass(frozen=True)
class Trained:
    """A trained module, and what tuning it takes.

    example: an input; calibration: some [N, 1, T, F] or [N, 1, T]; batches: for a seed; test: its
    inputs, and the arrays that `metric` scores outputs with. updates, rate: of the tuning.
    """

    module: nn.Module
    example: torch.Tensor
    calibration: Array
    batches: Callable[[int], Batches]
    loss: Loss
    test: Array
    labels: Mapping[str, Array]
    metric: Metric
    updates: int
    rate: float


def load(name: str) -> Trained:
    """The network of an example by its name in NETWORKS."""
    example = catalogue.find(name)
    module, batches, loss, updates, rate = NETWORKS[name]()
    graph = onnx.load(example.folder / f"{name}.onnx").graph
    module.load_state_dict(state_dict(graph, module))
    (calibration,) = catalogue.load(example.folder / "calibration.npz").values()
    test = example.test
    (inputs,) = (test[key] for key in test if key != "label")
    kind = np.int64 if calibration.dtype.kind in "iu" and calibration.ndim == 3 else np.float32
    (metric, _), *_ = example.figures
    return Trained(
        module=module.eval(),
        example=torch.from_numpy(calibration[0].astype(kind)),
        calibration=calibration.astype(kind),
        batches=batches,
        loss=loss,
        test=inputs.astype(kind),
        labels=test,
        metric=metric,
        updates=updates,
        rate=rate,
    )


def state_dict(graph: onnx.GraphProto, module: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters of an exported graph as the module names them."""
    arrays = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    state = {name: arrays[name] for name in module.state_dict() if name in arrays}
    cells = [node for node in graph.node if node.op_type in ORDERS]
    for k, node in enumerate(cells):
        order = ORDERS[node.op_type]
        w, r, b = (arrays[name][0] for name in node.input[1:4])
        half = len(b) // 2
        parts = {"weight_ih": w, "weight_hh": r, "bias_ih": b[:half], "bias_hh": b[half:]}
        for name, values in parts.items():
            gates = values.chunk(len(order))
            joined = torch.cat([gates[gate] for gate in order])
            state[f"{node.op_type.lower()}.{name}_l{k}"] = joined
    left = [name for name in module.state_dict() if name not in state]
    for name in left:
        state[name] = _transposed(arrays, module.get_parameter(name).shape)
    return state


def _transposed(arrays: Mapping[str, torch.Tensor], shape: torch.Size) -> torch.Tensor:
    """The only array that has a shape, transposed: a Linear in front of which ONNX has a MatMul."""
    (found,) = (array for array in arrays.values() if array.T.shape == shape)
    return found.T.contiguous()


def _adding() -> tuple[nn.Module, Callable[[int], Batches], Loss, int, float]:
    def batches(seed: int) -> Batches:
        return adding.batches(np.random.default_rng([seed, 1]), adding.STEPS)

    return adding.Adder(), batches, nn.functional.mse_loss, 600, 0.003


def _keywords() -> tuple[nn.Module, Callable[[int], Batches], Loss, int, float]:
    def batches(seed: int) -> Batches:
        heard, wanted = _recordings()
        return training.shuffled(heard.astype(np.float32), wanted, keywords.BATCH, seed)

    return keywords.Spotter(), batches, keywords.loss_of, 200, 0.002


@cache
def _recordings() -> tuple[Array, Array]:
    """Speech that no file of the example has, and what is said; the same for each seed."""
    heard, wanted, _ = keywords.record(np.random.default_rng([keywords.SEED, 1]), RECORDINGS)
    return heard, wanted


def _characters() -> tuple[nn.Module, Callable[[int], Batches], Loss, int, float]:
    texts = characters.paragraphs()
    known = characters.encode("\n".join(text for k, text in enumerate(texts) if k % 10))

    def batches(seed: int) -> Batches:
        return characters.batches(known, seed)

    return characters.Writer(), batches, characters.loss_of, 600, 0.006


RECORDINGS = 320
"""Of words, to train on."""
NETWORKS = {"adding": _adding, "keywords": _keywords, "characters": _characters}
