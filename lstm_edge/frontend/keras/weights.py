"""Weights of a Keras model by layer: as a tree (.keras), or as lists by name (.h5).

    .keras  layers/lstm_1/cell/vars/0     the second LSTM of the model; variables are numbered
    .h5     model_weights/<layer's name>  attribute weight_names lists its arrays in order

A reader of weights does not see which it is: it asks for parts (`child`) and arrays (`take`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import LayerConfig, snake_case
from lstm_edge.frontend.keras.hdf5 import Hdf5

Doubles = npt.NDArray[np.float64]

_FORMERLY = "_layer_checkpoint_dependencies"
"""What Keras 2.12 and 2.13 called `layers`."""


@dataclass(frozen=True)
class Weights:
    """Those of a model, of a layer, or of a part of one.

    group: None where the file has none. tree: of a .keras file. left: else, of a layer, the paths
    of arrays that nobody has taken yet.
    """

    file: Hdf5
    group: Any
    label: str
    tree: bool
    left: list[str] | None = None

    def fresh(self) -> Weights:
        """The same with nothing taken yet: a layer may be called several times."""
        return replace(self, left=None if self.left is None else [*self.left])

    def check_taken(self) -> None:
        """Refuse arrays that nobody took; how many a tree has is checked where they are taken."""
        if self.left:
            raise ModelError(
                self.label,
                f"has an array {self.left[0]!r} in the file that such a layer does not have; save "
                "the model again",
            )

    def child(self, part: str) -> Weights:
        """Those of an attribute: "cell", "layer" ... Lists have all arrays, in their order."""
        return replace(self, group=self._group(part)) if self.tree else self

    def _group(self, path: str) -> Any:
        return None if self.group is None else self.file.group(self.group, path)

    def take(self, *names: str, unread: str = "") -> list[Doubles]:
        """Arrays by name: "kernel", "bias" ...; all that Keras made, in its order.

        unread: one behind them that says nothing.
        """
        group, paths = self.group, [f"{k}" for k in range(len(names))]
        if self.left is not None:
            paths = [self._next(name, self.left) for name in (*names, *filter(None, [unread]))]
        else:
            group = self._group("vars")
            count = 0 if group is None else len(self.file.names(group))
            if count != len(names) + bool(unread):
                raise ModelError(
                    self.label,
                    f"has {count} arrays in the file, expected {len(names)} ({', '.join(names)}); "
                    "was the model saved before it was built?",
                )
        pairs = zip(names, paths, strict=False)
        return [self.file.array(group, path, f"{self.label}: {name}") for name, path in pairs]

    def _next(self, name: str, left: list[str]) -> str:
        """The path of the next array of this name, which is taken then."""
        for path in left:
            if path.rsplit("/", 1)[-1].split(":")[0] == name:
                left.remove(path)
                return path
        raise ModelError(
            self.label, f"has no {name} in the file; was the model saved before it was built?"
        )

    def of_cells(self, cells: Sequence[LayerConfig]) -> list[Weights]:
        """Those of each cell of StackedRNNCells, which take from one list one after the other."""
        if self.tree:
            return self._of_classes("cells", cells)
        return [replace(self, label=cell.label) for cell in cells]

    def of_layers(self, layers: Sequence[LayerConfig]) -> Mapping[str, Weights]:
        """Those of each layer of a model, by the layer's name; operations have none."""
        if not self.tree:
            return {layer.name: self._listed(layer) for layer in layers}
        stored = [layer for layer in layers if not layer.is_operation]
        place = "layers" if self._group(_FORMERLY) is None else _FORMERLY
        found = {x.name: w for x, w in zip(stored, self._of_classes(place, stored), strict=True)}
        none = {x.name: replace(self, group=None, label=x.label) for x in layers}
        return none | found

    def _listed(self, layer: LayerConfig) -> Weights:
        """A layer's group, or of a model within the model the paths with the layer's name."""
        if self.left is not None:
            left = [path for path in self.left if layer.name in path.split("/")[:-1]]
            return replace(self, label=layer.label, left=left)
        group = self._group(layer.name)
        left = [] if group is None else self.file.texts(group, "weight_names") or []
        return replace(self, group=group, label=layer.label, left=left)

    def _of_classes(self, place: str, layers: Sequence[LayerConfig]) -> list[Weights]:
        """lstm, lstm_1 ...: Keras numbers the layers of a class in their order."""
        parent = self._group(place)
        names = [] if parent is None else self.file.names(parent)
        bases = [snake_case(layer.kind) for layer in layers]
        found, seen = [], Counter[str]()
        for layer, base in zip(layers, bases, strict=True):
            numbered = _numbered(base, names)
            if len(numbered) > bases.count(base):
                raise ModelError(
                    layer.label,
                    f"is one of fewer layers than the file has weights {numbered}; save the model "
                    "again",
                )
            wanted = f"{base}_{seen[base]}" if seen[base] else base
            if place == _FORMERLY:  # some numbers were left out, the order is the same
                wanted = (numbered[seen[base] :] or [wanted])[0]
            seen[base] += 1
            group = None if parent is None else self.file.group(parent, wanted)
            one = replace(self, group=group, label=layer.label)
            variables = one._group("vars")
            stored = None if variables is None else self.file.text(variables, "name")
            if stored is not None and stored != layer.name:
                raise ModelError(
                    layer.label, f"has the weights of {stored!r} in its place; save the model again"
                )
            found.append(one)
        return found


def _numbered(base: str, names: Sequence[str]) -> list[str]:
    """lstm, lstm_1, lstm_2 ... of all `names`, by their numbers."""
    found = [name for name in names if re.fullmatch(rf"{re.escape(base)}(_\d{{1,9}})?", name)]
    return sorted(found, key=lambda name: int(name[len(base) + 1 :] or 0))
