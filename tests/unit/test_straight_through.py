"""Training against the int4 grid with a straight-through estimator, in numpy: a small network finds
better int4 weights than rounding those that it had.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge import fake_quant

Doubles = npt.NDArray[np.float64]

UNITS, SAMPLES = 12, 300
SEEDS = range(3)


def grid(weights: Doubles) -> Doubles:
    return np.asarray(fake_quant(weights, 4, columns=1.0))


def itself(weights: Doubles) -> Doubles:
    return weights


def task(rng: np.random.Generator, samples: int) -> tuple[Doubles, Doubles]:
    """Inputs [samples, 3] and what is wanted [samples, 1]."""
    x = rng.uniform(-1.0, 1.0, (samples, 3))
    return x, np.sin(3.0 * x[:, :1] + 2.0 * x[:, 1:2]) * x[:, 2:]


def forward(net: list[Doubles], x: Doubles) -> tuple[Doubles, Doubles]:
    """Hidden units and outputs of W [units, 3], its bias, V [1, units] and its bias."""
    w, w_bias, v, v_bias = net
    hidden = np.tanh(x @ w.T + w_bias)
    return hidden, hidden @ v.T + v_bias


def on_grid(net: list[Doubles], used: Callable[[Doubles], Doubles]) -> list[Doubles]:
    """Matrices as they are used; biases have 32 bits and stay."""
    return [used(net[0]), net[1], used(net[2]), net[3]]


def loss(net: list[Doubles], data: tuple[Doubles, Doubles]) -> float:
    return float(np.mean((forward(net, data[0])[1] - data[1]) ** 2))


def trained(
    net: list[Doubles],
    data: tuple[Doubles, Doubles],
    rate: float,
    used: Callable[[Doubles], Doubles],
) -> list[Doubles]:
    """Gradient descent with momentum: the gradient at the used weights moves the real ones."""
    (x, wanted), net = data, [part.copy() for part in net]
    momentum = [np.zeros_like(part) for part in net]
    steps = 2000
    for k in range(steps):
        at = on_grid(net, used)
        hidden, found = forward(at, x)
        error = (found - wanted) / len(x)
        inner = (error @ at[2]) * (1.0 - hidden**2)
        slopes = (inner.T @ x, inner.sum(axis=0), error.T @ hidden, error.sum(axis=0))
        for part, moved, slope in zip(net, momentum, slopes, strict=True):
            moved *= 0.9
            moved += slope
            part -= rate * (1.0 - k / steps) * moved
    return on_grid(net, used)


def losses(seed: int) -> tuple[float, float, float]:
    """On inputs that training has not seen: in float, rounded afterwards, trained to the grid."""
    rng = np.random.default_rng(seed)
    data, held_out = task(rng, SAMPLES), task(rng, 1000)
    first = [
        rng.normal(size=(UNITS, 3)),
        rng.normal(size=UNITS),
        rng.normal(size=(1, UNITS)) / 3.0,
        np.zeros(1),
    ]
    real = trained(first, data, 0.1, itself)
    aware = trained(real, data, 0.05, grid)
    longer = trained(real, data, 0.05, itself)
    return tuple(loss(net, held_out) for net in (longer, on_grid(longer, grid), aware))


@pytest.mark.all_cases
def test_training_to_the_grid_leaves_less_than_half_of_the_error_of_rounding() -> None:
    real, rounded, aware = np.mean([losses(seed) for seed in SEEDS], axis=0)
    assert real < aware < 0.5 * rounded
