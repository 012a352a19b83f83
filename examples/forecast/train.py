"""Train a coupled peephole LSTM on a building's load and write forecast.onnx and the arrays.

Every hour the network reads load, outside temperature, air pressure and the clock, and forecasts
the load of the next 24 hours. The inputs are in the units of the sensors: load around 300 kW,
temperature around 10 degrees, pressure around 100,000 Pa. What centres and scales them is folded
into the weights.

The cell has peepholes and no forget gate of its own, f = 1 - i. PyTorch has no such layer, so the
cell is written out here, and the ONNX node LSTM (input P, attribute input_forget) is made by hand.

The series is made up: a yearly and a daily course of the temperature, fronts that change pressure
and temperature, working days and weekends, heating below 16 and cooling above 22 degrees. The last
months of it are the test set.

    python -m examples.forecast.train [DIR]
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from examples import metrics, training

SEED = 0
HIDDEN = 32
HORIZON = 24
DAY, WEEK, YEAR = 24, 168, 8766
HOURS = 4 * YEAR
TEST_HOURS = YEAR
WINDOW = 96
"""Hours of a training sequence."""
STEPS = 240
"""Hours of a sequence in the files."""
UPDATES = 700
BATCH = 48
CALIBRATION, TEST = 16, 12
FEATURES = ("load", "temperature", "pressure", "day_sin", "day_cos", "week_sin", "week_cos")

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def wander(generator: np.random.Generator, hours: float) -> Doubles:
    """A first-order process of variance 1 that forgets within `hours`."""
    keep = math.exp(-1.0 / hours)
    noise = generator.standard_normal(HOURS) * math.sqrt(1.0 - keep**2)
    series = np.zeros(HOURS)
    for t in range(1, HOURS):
        series[t] = keep * series[t - 1] + noise[t]
    return series


def make_series(generator: np.random.Generator) -> Floats:
    """All hours, [HOURS, 7], rounded as the sensors do."""
    t = np.arange(HOURS)
    day, week, year = (2.0 * np.pi * t / period for period in (DAY, WEEK, YEAR))
    pressure = 100_000.0 + 1100.0 * wander(generator, 60.0)
    fronts = 2.5 * wander(generator, 72.0) - (pressure - 100_000.0) / 900.0
    temperature = 11.0 - 10.0 * np.cos(year) - 4.0 * np.cos(day - 0.9) + fronts
    hour, weekday = t % DAY, t // DAY % 7
    people = np.exp(-(((hour - 13.0) / 4.5) ** 4)) * np.where(weekday < 5, 1.0, 0.25)
    evening = np.exp(-(((hour - 19.5) / 1.8) ** 2))
    heating, cooling = np.maximum(0.0, 16.0 - temperature), np.maximum(0.0, temperature - 22.0)
    load = 120.0 + 150.0 * people + 35.0 * evening + 7.0 * heating + 9.0 * cooling * (0.3 + people)
    load += 6.0 * wander(generator, 8.0) + 3.0 * generator.standard_normal(HOURS)
    clock = [np.sin(day), np.cos(day), np.sin(week), np.cos(week)]
    columns = [np.round(load), np.round(temperature, 1), np.round(pressure, -1)]
    return np.stack([*columns, *(np.round(c, 3) for c in clock)], axis=1).astype(np.float32)


class Forecaster(nn.Module):
    """Scaled inputs [batch, T, 7] to scaled forecasts [batch, T, 24]."""

    def __init__(self) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(HIDDEN)
        uniform = torch.distributions.Uniform(-bound, bound)
        self.w = nn.Parameter(uniform.sample((3 * HIDDEN, len(FEATURES))))
        self.r = nn.Parameter(uniform.sample((3 * HIDDEN, HIDDEN)))
        self.b = nn.Parameter(torch.cat([torch.full((HIDDEN,), -1.0), torch.zeros(2 * HIDDEN)]))
        self.p = nn.Parameter(torch.zeros(2, HIDDEN))
        self.head = nn.Linear(HIDDEN, HORIZON)

    def forward(self, hours: torch.Tensor) -> torch.Tensor:
        h = c = torch.zeros(hours.shape[0], HIDDEN)
        outputs = []
        for x in (hours @ self.w.T + self.b).unbind(1):
            i, o, g = (x + h @ self.r.T).chunk(3, dim=1)
            i = torch.sigmoid(i + self.p[0] * c)
            c = (1.0 - i) * c + i * torch.tanh(g)
            h = torch.sigmoid(o + self.p[1] * c) * torch.tanh(c)
            outputs.append(h)
        forecasts: torch.Tensor = self.head(torch.stack(outputs, dim=1))
        return forecasts


def windows(series: Floats, starts: npt.NDArray[np.int64], length: int) -> tuple[Floats, Floats]:
    """Inputs [N, length, 7], and the load in the same hours and the 24 after them."""
    rows = starts[:, None] + np.arange(length + HORIZON)
    return series[rows[:, :length]], series[rows, 0]


def batches(series: Floats, centre: Floats, spread: Floats) -> training.Batches:
    """Scaled windows at random places of the series."""
    generator = np.random.default_rng(SEED)
    while True:
        starts = generator.integers(0, len(series) - WINDOW - HORIZON, BATCH)
        inputs, load = windows((series - centre) / spread, starts, WINDOW)
        wanted = metrics.horizons(load, HORIZON)
        yield torch.from_numpy(inputs), torch.from_numpy(wanted)


def loss_of(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean square error where the network has seen a day."""
    return ((found - wanted)[:, DAY:] ** 2).mean()


def save_onnx(model: Forecaster, centre: Floats, spread: Floats, path: Path) -> None:
    """Write the graph: `hours` [1, T, 7] in sensor units to `load` [1, T, 24] in kW."""
    part = {name: p.detach().numpy().astype(np.float64) for name, p in model.named_parameters()}
    w = part["w"] / spread
    b = part["b"] - w @ centre.astype(np.float64)

    def gates(rows: Doubles) -> Doubles:
        """i, o, g as ONNX has them: i, o, f, c. The rows of f are not used."""
        i, o, g = np.split(rows, 3)
        return np.concatenate([i, o, np.zeros_like(i), g])[None]

    head = part["head.weight"].T * spread[0]
    constants = {
        "W": gates(w),
        "R": gates(part["r"]),
        "B": np.concatenate([gates(b), np.zeros((1, 4 * HIDDEN))], axis=1),
        "P": np.concatenate([*part["p"], np.zeros(HIDDEN)])[None],
        "head": head,
        "head_bias": part["head.bias"] * spread[0] + centre[0],
    }
    initializers = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in constants.items()]
    initializers.append(numpy_helper.from_array(np.array([1]), "axis"))
    nodes = [
        helper.make_node("Transpose", ["hours"], ["x"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["x", "W", "R", "B", "", "", "", "P"], ["y"], "cell",
            hidden_size=HIDDEN, input_forget=1,
        ),
        helper.make_node("Squeeze", ["y", "axis"], ["h"]),
        helper.make_node("Transpose", ["h"], ["rows"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["rows", "head"], ["scaled"]),
        helper.make_node("Add", ["scaled", "head_bias"], ["load"]),
    ]  # fmt: skip
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "forecast",
        [helper.make_tensor_value_info("hours", kind, [1, "time", len(FEATURES)])],
        [helper.make_tensor_value_info("load", kind, [1, "time", HORIZON])],
        initializers,
    )
    opset = [helper.make_opsetid("", 17)]
    training.save_model(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    series = make_series(np.random.default_rng(SEED))
    known, unknown = series[:-TEST_HOURS], series[-TEST_HOURS:]
    centre, spread = known.mean(axis=0), known.std(axis=0)
    model = Forecaster()
    training.fit(model, batches(known, centre, spread), loss_of, UPDATES)
    path = folder / "forecast.onnx"
    save_onnx(model, centre, spread, path)

    def spaced(hours: Floats, count: int) -> tuple[Floats, Floats]:
        starts = np.linspace(0, len(hours) - STEPS - HORIZON, count).astype(np.int64)
        inputs, load = windows(hours, starts, STEPS)
        return inputs[:, None], load

    calibration, _ = spaced(known, CALIBRATION)
    test, load = spaced(unknown, TEST)
    files = {"calibration": {"hours": calibration}, "test": {"hours": test, "label": load}}
    training.save(folder, files)
    outputs = training.run_onnx(path, test)
    with torch.no_grad():
        scaled = model(torch.from_numpy((test[:, 0] - centre) / spread)).numpy()
    difference = np.abs(scaled * spread[0] + centre[0] - outputs[:, 0]).max()
    yesterday = metrics.horizons(load, HORIZON)
    yesterday[:, DAY:] = yesterday[:, :-DAY].copy()
    metric = metrics.METRICS["rmse"]
    figures = [
        f"root mean square error {metric.of(outputs, files['test']):.2f} kW",
        f"the same of yesterday's load {metric.of(yesterday[:, None], files['test']):.2f} kW",
        f"largest difference between PyTorch and onnxruntime {difference:.1e} kW",
    ]
    training.report(model, folder, figures)


if __name__ == "__main__":
    main()
