"""Train a PyTorch module with the int4 weights that its compiled program will have.

    tuned = Int4(module, example=x[:1], calibration=x)
    fit(tuned, batches, loss_of, updates=300)
    model = tuned.compile(target="cortex-m4")

Copy this file. It takes modules on the CPU whose matrices are those of `nn.Embedding`, `nn.Linear`,
`nn.LSTM`, `nn.GRU` and `nn.RNN`, and that `lstm_edge.load` takes. What is in it:

- The module is compiled once, as it is. `Compiled.weights` of that says which matrices share the
  scales of their rows, what their columns are multiplied with, and how the compiler rounds them, in
  second order: training begins there.
- Each row has a step that is learned (LSQ) with the weights. Rounding is to nearest in the forward
  pass, and passed by in the backward pass (straight-through). Biases stay real.
- The result is compiled with inputs that are stored alike (`inputs_like`), so that all scales are
  found again, and the integers are compared with those of the training: all must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.func import functional_call

import lstm_edge
from lstm_edge.ir.weights import StoredWeights

BITS, MOST = 4, 7
"""Of a weight, and its largest integer."""
SMALLEST = 1e-30
"""Stands for the largest weight of a row of zeros."""
LEAST_CLIP = 0.1
"""A row's largest integer stands for at least so much of its largest weight."""
STEP_RATE = 0.1
"""Learning rate of the steps over that of the weights."""
MOST_PLANS = 3
"""How often training goes on since other matrices share scales."""

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Place:
    """Where a matrix, or some of its columns, is in a module: a parameter's name and its part."""

    parameter: str
    rows: tuple[int, int]
    begin: int
    end: int


@dataclass(frozen=True)
class Group:
    """Matrices that share the scales of their rows, as a program stored them, and their places."""

    stored: StoredWeights
    places: tuple[Place, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What training has to know of it."""
        return self.places, self.stored.columns.tolist()

    def reach(self) -> nn.Parameter:
        """Of each row the logarithm of what its largest integer stands for."""
        return nn.Parameter(torch.from_numpy(np.log(self.stored.scale * MOST)).float())

    def levels(self, parameters: Mapping[str, torch.Tensor]) -> npt.NDArray[np.int64]:
        """Weights that are on their grid as integers [rows, columns]."""
        folded = self.taken(parameters).detach().double().numpy() * self.stored.columns
        largest = np.abs(folded).max(axis=1, keepdims=True)
        return np.rint(folded / np.where(largest > 0.0, largest, 1.0) * MOST).astype(np.int64)

    def taken(self, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Its weights, side by side [rows, columns]."""
        parts = [
            parameters[p.parameter][p.rows[0] : p.rows[1], p.begin : p.end] for p in self.places
        ]
        return torch.cat(parts, dim=1)


class OnGrid(torch.autograd.Function):
    """`lstm_edge.fake_quant` of weights [rows, columns] and clip [rows], with its gradients."""

    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, clip: torch.Tensor, columns: Any) -> torch.Tensor:
        ctx.given = weights.detach().numpy(), BITS
        ctx.options = {"columns": columns, "clip": clip.detach().numpy()}
        return torch.from_numpy(lstm_edge.fake_quant(*ctx.given, **ctx.options))

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        found = lstm_edge.fake_quant_gradients(upstream.numpy(), *ctx.given, **ctx.options)
        return torch.from_numpy(found.weights), torch.from_numpy(found.clip).float(), None


class Int4(nn.Module):
    """A module that computes with int4 weights. Its own parameters are changed: they become those
    that the compiler rounded to, stay real, and learn.

    example: one input, as `lstm_edge.load` takes it; calibration: typical ones, as
    `lstm_edge.compile` does, and options for it, such as activations=16.
    """

    def __init__(self, module: nn.Module, example: Any, calibration: Any, **options: Any) -> None:
        super().__init__()
        self.module, self.example = module, example
        self.options = {**options, "weights": BITS, "calibration": calibration}
        network = lstm_edge.load(module, example=example)
        self.before = lstm_edge.compile(network, target="host", **self.options)
        self.groups = groups(module, network, self.before)
        self.reaches = nn.ParameterList(group.reach() for group in self.groups)
        with torch.no_grad():
            for group in self.groups:
                real = torch.from_numpy(group.stored.real).float()
                put(dict(module.named_parameters()), group.places, real)

    def forward(self, *inputs: torch.Tensor) -> Any:
        """What the module gives with int4 weights."""
        return functional_call(self.module, self.on_grid(), inputs)

    def on_grid(self) -> dict[str, torch.Tensor]:
        """The matrices of the module, by name, with the weights that its program has."""
        own = dict(self.module.named_parameters())
        names = {place.parameter for group in self.groups for place in group.places}
        found = {name: own[name].clone() for name in names}
        for group, reach in zip(self.groups, self.reaches, strict=True):
            weights, columns = group.taken(own), group.stored.columns
            folded = weights.detach() * torch.from_numpy(columns).float()
            largest = folded.abs().amax(dim=1).clamp(min=SMALLEST)
            clip = (reach.exp() / largest).clamp(LEAST_CLIP, 1.0)
            put(found, group.places, OnGrid.apply(weights, clip, columns))
        return found

    def plan(self) -> bool:
        """Look again which matrices share scales, now that weights have moved; whether others do.

        The compiler decides it by their sizes. Without this it may decide otherwise at the end.
        """
        real = {name: value.detach().clone() for name, value in self.module.named_parameters()}
        self.settle()
        network, compiled = self._compiled("host")
        planned = groups(self.module, network, compiled)
        with torch.no_grad():
            for name, value in self.module.named_parameters():
                value.copy_(real[name])
        if [group.key for group in planned] == [group.key for group in self.groups]:
            return False
        self.groups = planned
        self.reaches = nn.ParameterList(group.reach() for group in planned)
        return True

    def settle(self) -> None:
        """Give the module the weights that the program has, which ends the training."""
        with torch.no_grad():
            for name, weights in self.on_grid().items():
                self.module.get_parameter(name).copy_(weights)

    def compile(self, target: str, **options: Any) -> lstm_edge.Compiled:
        """The trained program, whose integers are those of the training; RuntimeError if not."""
        self.settle()
        own = dict(self.module.named_parameters())
        trained = [group.levels(own) for group in self.groups]
        network, compiled = self._compiled(target, **options)
        found = groups(self.module, network, compiled)
        same = [group.key for group in found] == [group.key for group in self.groups] and all(
            np.array_equal(group.stored.integers, levels)
            for group, levels in zip(found, trained, strict=True)
        )
        if not same:
            raise RuntimeError(
                "the compiled integers are not those of the training: other matrices share scales, "
                "or a row is too small for a scale of its own; call plan(), and train on"
            )
        return compiled

    def _compiled(
        self, target: str, **options: Any
    ) -> tuple[lstm_edge.Network, lstm_edge.Compiled]:
        network = lstm_edge.load(self.module, example=self.example)
        options = {**self.options, **options, "inputs_like": self.before}
        return network, lstm_edge.compile(network, target=target, **options)


def fit(tuned: Int4, batches: Batches, loss_of: Loss, updates: int, rate: float = 0.003) -> None:
    """So many updates of Adam, and some more where other matrices share scales at the end."""
    _fit(tuned, batches, loss_of, updates, rate)
    for _ in range(MOST_PLANS):
        if not tuned.plan():
            break
        _fit(tuned, batches, loss_of, max(1, updates // 4), rate / 4)


def _fit(tuned: Int4, batches: Batches, loss_of: Loss, updates: int, rate: float) -> None:
    """The rates fall along a cosine to 0."""
    shares = [(list(tuned.module.parameters()), 1.0), (list(tuned.reaches), STEP_RATE)]
    optimizer = torch.optim.Adam([{"params": p, "lr": rate * share} for p, share in shares])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    tuned.train()
    for _ in range(updates):
        inputs, wanted = next(batches)
        optimizer.zero_grad()
        loss_of(tuned(inputs), wanted).backward()
        nn.utils.clip_grad_norm_(tuned.module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    tuned.eval()


def groups(
    module: nn.Module, network: lstm_edge.Network, compiled: lstm_edge.Compiled
) -> list[Group]:
    """The matrices of a module as its compiled program joins them; each is found by its values.

    ValueError for a matrix that is in no parameter, as after a BatchNorm that was folded into it,
    and for a parameter that two products store in different ways.
    """
    sizes: dict[str, dict[tuple[int, ...], int]] = {}
    for stored in compiled.weights:
        for name, width in zip(stored.matrices, stored.widths, strict=True):
            base, part = _split(name, network.weights)
            sizes.setdefault(base, {})[part] = width
    matrices, used = list(_blocks(module)), dict[str, Place]()
    found: dict[tuple[Place, ...], Group] = {}
    for stored in compiled.weights:
        places = []
        for name, width in zip(stored.matrices, stored.widths, strict=True):
            base, part = _split(name, network.weights)
            if base not in used:
                used[base] = _take(matrices, network.weights[base], base, used)
            start = sum(size for other, size in sizes[base].items() if other < part)
            whole = used[base]
            places.append(Place(whole.parameter, whole.rows, start, start + width))
        group = Group(stored, tuple(places))
        if (same := found.setdefault(group.places, group)) is not group and not np.array_equal(
            same.stored.real, stored.real
        ):
            raise ValueError(f"{stored.matrices}: tied to {same.stored.matrices}, stored otherwise")
    return list(found.values())


def put(into: dict[str, torch.Tensor], places: tuple[Place, ...], weights: torch.Tensor) -> None:
    """Write weights [rows, columns], side by side, where they belong."""
    start = 0
    for place in places:
        width = place.end - place.begin
        first, last = place.rows
        into[place.parameter][first:last, place.begin : place.end] = weights[
            :, start : start + width
        ]
        start += width


def _blocks(module: nn.Module) -> Iterator[tuple[Place, npt.NDArray[np.float32]]]:
    """Each matrix of a module; of a recurrent layer, each gate's."""
    gates = {nn.LSTM: 4, nn.GRU: 3}
    for prefix, layer in module.named_modules():
        for name, values in layer.named_parameters(prefix, recurse=False):
            if values.ndim != 2:
                continue
            count = gates.get(type(layer), 1)
            height = len(values) // count
            for k in range(count):
                rows = (k * height, (k + 1) * height)
                array = values.detach().numpy()[rows[0] : rows[1]]
                yield Place(name, rows, 0, values.shape[1]), array.copy()


def _take(
    matrices: list[tuple[Place, npt.NDArray[np.float32]]],
    wanted: npt.NDArray[np.float32],
    name: str,
    used: Mapping[str, Place],
) -> Place:
    """The first matrix with these values that is not used yet, else one that is read twice."""
    equal = [place for place, array in matrices if np.array_equal(array, wanted)]
    if not equal:
        raise ValueError(
            f"{name}: no matrix of an Embedding, Linear, LSTM, GRU or RNN of the module has its "
            "values; fold a BatchNorm before it into the weights, and leave out other layers"
        )
    return next((place for place in equal if place not in used.values()), equal[0])


def _split(name: str, known: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    """`fc.W_y_0`, a part of `fc.W_y` -> that and (0,)."""
    base, part = name, list[int]()
    while base not in known:
        base, _, number = base.rpartition("_")
        part.insert(0, int(number))
    return base, tuple(part)
