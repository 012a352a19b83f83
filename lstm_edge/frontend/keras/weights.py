"""Weights of a Keras model by layer: as a tree (.keras), or as lists by name (.h5).

    .keras  layers/lstm_1/cell/vars/0     the second LSTM of the model; variables are numbered
    .h5     model_weights/<layer's name>  attribute weight_names lists its arrays in order

A reader of weights does not see which it is: it asks for parts (`child`) and arrays (`take`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import LayerConfig, snake_case
from lstm_edge.frontend.keras.hdf5 import Hdf5

Doubles = npt.NDArray[np.float64]


_FORMERLY = "_layer_checkpoint_dependencies"
"""What Keras 2.12 and 2.13 called `layers`."""


class ModelWeights(Protocol):
    """The weights of a model."""

    def of_layers(self, layers: Sequence[LayerConfig]) -> Mapping[str, Weights]:
        """Those of each layer, by the layer's name."""


class Weights(ModelWeights, Protocol):
    """The weights of one layer or cell, or of a model within the model."""

    def fresh(self) -> Weights:
        """The same with nothing taken yet: a layer may be called several times."""

    def check_taken(self) -> None:
        """Refuse arrays that nobody took."""

    def child(self, part: str) -> Weights:
        """Those of a part: "cell", "layer", "forward_layer", "backward_layer"."""

    def take(self, *names: str, unread: str = "") -> list[Doubles]:
        """Arrays by name: "kernel", "bias" ...; all that Keras made, in its order.

        unread: one behind them that says nothing.
        """

    def of_cells(self, cells: Sequence[LayerConfig]) -> list[Weights]:
        """Those of each cell of StackedRNNCells."""


@dataclass(frozen=True)
class Tree:
    """Part of the tree in a `model.weights.h5`. group: None where the file has none."""

    file: Hdf5
    group: Any
    label: str

    def fresh(self) -> Tree:
        """Itself: taking changes nothing."""
        return self

    def check_taken(self) -> None:
        """The number of arrays is checked where they are taken."""

    def child(self, part: str) -> Tree:
        """The group of an attribute."""
        return Tree(self.file, self._group(part), self.label)

    def _group(self, path: str) -> Any:
        return None if self.group is None else self.file.group(self.group, path)

    def take(self, *names: str, unread: str = "") -> list[Doubles]:
        """Variables in the order in which Keras made them."""
        variables = self._group("vars")
        count = 0 if variables is None else len(self.file.names(variables))
        if count != len(names) + bool(unread):
            raise ModelError(
                self.label,
                f"has {count} arrays in the file, expected {len(names)} ({', '.join(names)}); "
                "was the model saved before it was built?",
            )
        return [
            self.file.array(variables, f"{k}", f"{self.label}: {name}")
            for k, name in enumerate(names)
        ]

    def of_cells(self, cells: Sequence[LayerConfig]) -> list[Weights]:
        """Each cell's group, named after its class."""
        return [*self._of_classes("cells", cells)]

    def of_layers(self, layers: Sequence[LayerConfig]) -> Mapping[str, Weights]:
        """Each layer's group, named after its class; operations have none."""
        stored = [layer for layer in layers if not layer.is_operation]
        place = "layers" if self._group(_FORMERLY) is None else _FORMERLY
        found = self._of_classes(place, stored)
        trees = {layer.name: tree for layer, tree in zip(stored, found, strict=True)}
        without = [layer for layer in layers if layer.is_operation]
        return trees | {layer.name: Tree(self.file, None, layer.label) for layer in without}

    def _of_classes(self, place: str, layers: Sequence[LayerConfig]) -> list[Tree]:
        """lstm, lstm_1 ...: Keras numbers the layers of a class in their order."""
        parent = self._group(place)
        names = [] if parent is None else self.file.names(parent)
        trees, seen = [], Counter[str]()
        for layer in layers:
            base = snake_case(layer.kind)
            numbered = _numbered(base, names)
            if len(numbered) > sum(snake_case(other.kind) == base for other in layers):
                raise ModelError(
                    layer.label, f"is one of fewer layers than the file has weights {numbered}"
                )
            wanted = f"{base}_{seen[base]}" if seen[base] else base
            if place == _FORMERLY:  # some numbers were left out, the order is the same
                wanted = (numbered[seen[base] :] or [wanted])[0]
            seen[base] += 1
            trees.append(self._of_layer(parent, layer, wanted))
        return trees

    def _of_layer(self, parent: Any, layer: LayerConfig, name: str) -> Tree:
        group = None if parent is None else self.file.group(parent, name)
        tree = Tree(self.file, group, layer.label)
        variables = tree._group("vars")
        stored = None if variables is None else self.file.text(variables, "name")
        if stored is not None and stored != layer.name:
            raise ModelError(
                layer.label, f"has the weights of {stored!r} in its place; save the model again"
            )
        return tree


@dataclass(frozen=True)
class Listed:
    """Arrays of one layer in an .h5 file by their paths; those that were taken are gone."""

    file: Hdf5
    group: Any
    label: str
    left: list[str] = field(default_factory=list)

    def fresh(self) -> Listed:
        """With a list of its own."""
        return replace(self, left=list(self.left))

    def check_taken(self) -> None:
        """Every array has been read."""
        if self.left:
            raise ModelError(
                self.label,
                f"has an array {self.left[0]!r} in the file that such a layer does not have",
            )

    def child(self, part: str) -> Listed:
        """All arrays of a layer are in one list, in the order of its parts."""
        return self

    def take(self, *names: str, unread: str = "") -> list[Doubles]:
        """The next array of each name."""
        found = [
            self.file.array(self.group, self._next(name), f"{self.label}: {name}") for name in names
        ]
        if unread:
            self._next(unread)
        return found

    def _next(self, name: str) -> str:
        """The path of the next array of this name, which is taken then."""
        for path in self.left:
            if path.rsplit("/", 1)[-1].split(":")[0] == name:
                self.left.remove(path)
                return path
        raise ModelError(
            self.label, f"has no {name} in the file; was the model saved before it was built?"
        )

    def of_cells(self, cells: Sequence[LayerConfig]) -> list[Weights]:
        """Cells take from one list, one after the other."""
        return [Listed(self.file, self.group, cell.label, self.left) for cell in cells]

    def of_layers(self, layers: Sequence[LayerConfig]) -> Mapping[str, Weights]:
        """Layers of a model within the model: arrays with the layer's name in their path."""
        return {
            layer.name: Listed(
                self.file,
                self.group,
                layer.label,
                [path for path in self.left if layer.name in path.split("/")[:-1]],
            )
            for layer in layers
        }


@dataclass(frozen=True)
class Lists:
    """All weights of an .h5 file: a group for each layer, named like it."""

    file: Hdf5
    group: Any

    def of_layers(self, layers: Sequence[LayerConfig]) -> Mapping[str, Weights]:
        """Each layer's list of arrays."""
        return {layer.name: self._listed(layer) for layer in layers}

    def _listed(self, layer: LayerConfig) -> Listed:
        group = self.file.group(self.group, layer.name)
        names = None if group is None else self.file.texts(group, "weight_names")
        return Listed(self.file, group, layer.label, names or [])


def _numbered(base: str, names: Sequence[str]) -> list[str]:
    """lstm, lstm_1, lstm_2 ... of all `names`, by their numbers."""
    found = [name for name in names if re.fullmatch(rf"{re.escape(base)}(_\d{{1,9}})?", name)]
    return sorted(found, key=lambda name: int(name[len(base) + 1 :] or 0))
