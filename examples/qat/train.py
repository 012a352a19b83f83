"""Fine-tune the LSTM of examples/adding for int4 weights, and compare with rounding it.

Each run goes on from the float network twice for as many updates: in float, and by
`lstm_edge.fake_quant` with a straight-through estimator. Both are compiled with `--weights int4`
and scored on the test sequences. `make qat` runs this.

    python -m examples.qat.train [--runs N] [--write]
"""

import argparse

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.func import functional_call

from examples.adding.train import HIDDEN, STEPS, Adder, batches
from examples.qat import score
from lstm_edge import fake_quant

BITS = 4
UPDATES, RATE = 1000, 0.003
HIDDEN_SCALE = np.full(HIDDEN, score.HIDDEN_SCALE)

Weights = dict[str, torch.Tensor]


def float_network() -> Adder:
    """That of the example. ONNX has its gates in the order iofc, PyTorch in ifgo."""
    graph = onnx.load(score.ADDING.folder / "adding.onnx").graph
    arrays = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    (node,) = (node for node in graph.node if node.op_type == "LSTM")
    w, r, b = (arrays[name][0] for name in node.input[1:4])
    state = {"weight_ih_l0": w, "weight_hh_l0": r, "bias_ih_l0": b[: 4 * HIDDEN]}
    state["bias_hh_l0"] = b[4 * HIDDEN :]
    model = Adder()
    model.load_state_dict(
        {
            **{
                f"lstm.{k}": torch.cat([v.chunk(4)[g] for g in (0, 2, 3, 1)])
                for k, v in state.items()
            },
            **{name: arrays[name] for name in ("head.weight", "head.bias")},
        }
    )
    return model


def straight_through(weights: torch.Tensor, columns: score.Array, gates: int = 1) -> torch.Tensor:
    """The weights on their grid; the gradient is that of the weights themselves."""
    grid = fake_quant(weights.detach().numpy(), BITS, columns=columns, gates=gates)
    return weights + (torch.from_numpy(grid) - weights).detach()


def rounded(model: Adder) -> Weights:
    """All matrices on their grids. W and R share rows, so they are rounded side by side."""
    w, r = model.lstm.weight_ih_l0, model.lstm.weight_hh_l0
    columns = np.append(score.input_scale(w.detach().numpy(), r.detach().numpy()), HIDDEN_SCALE)
    both = straight_through(torch.cat([w, r], dim=1), columns, gates=4)
    return {
        "lstm.weight_ih_l0": both[:, : w.shape[1]],
        "lstm.weight_hh_l0": both[:, w.shape[1] :],
        "head.weight": straight_through(model.head.weight, HIDDEN_SCALE),
    }


def fit(model: Adder, seed: int, to_grid: bool) -> None:
    """Train the weights as they are, or by what they are on their grids."""
    data = batches(np.random.default_rng([seed, 1]), STEPS)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES)
    for _ in range(UPDATES):
        steps, sums = next(data)
        weights = rounded(model) if to_grid else {}
        optimizer.zero_grad()
        nn.functional.mse_loss(functional_call(model, weights, steps), sums).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def compiled(model: Adder, bits: int) -> score.Score:
    """The score of the compiled program."""
    arrays = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    return score.compiled(arrays, bits)


def one_run(seed: int) -> list[score.Score]:
    """Train and score everything from one seed; as score.ROWS has it."""
    real, aware = float_network(), float_network()
    fit(real, seed, to_grid=False)
    fit(aware, seed, to_grid=True)
    aware.load_state_dict({**aware.state_dict(), **rounded(aware)})
    steps = torch.from_numpy(score.TEST["numbers"][:, 0])
    with torch.no_grad():
        own, grid = (score.of(model(steps).numpy()) for model in (real, aware))
    return [own, compiled(real, 8), compiled(real, BITS), grid, compiled(aware, BITS)]


def main() -> None:
    """Train and score all runs; print the table, or write it."""
    parser = argparse.ArgumentParser(prog="python -m examples.qat.train")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write README.md's table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = [one_run(seed) for seed in range(options.runs)]
    print(score.table(runs), end="")
    if options.write:
        score.write(runs)


if __name__ == "__main__":
    main()
