"""A recurrent step on its way into the model: sequences and states in, layers and views out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.features import grid_of, require_features
from lstm_edge.frontend.model.operators.linear import foldable
from lstm_edge.frontend.model.states import given_vector
from lstm_edge.frontend.model.walk import GivenState, OnnxNode, Value, Walk
from lstm_edge.frontend.step.layers import Kept, Steps, Wanted, cut
from lstm_edge.frontend.step.leaves import Leaf, Leaves
from lstm_edge.frontend.step.place import Placed
from lstm_edge.frontend.step.symbols import Integers, Symbols
from lstm_edge.ir.model import Floats

Parts = tuple[tuple[str, Integers], ...]
"""States that are one tensor of the file: each a name, and the places of its units."""


@dataclass(frozen=True, eq=False)
class StateIn:
    """A tensor that a step leaves for the next.

    start: constants, or an input's view. before, after: its names in the step. shown: whether it is
    kept where nothing needs it.
    """

    name: str
    start: npt.NDArray[np.floating] | View
    before: str
    after: str
    shown: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its axes."""
        return tuple(self.start.shape)


@dataclass(frozen=True)
class Out:
    """A result of a step: its name there, or what is left `last`; time: the axis of steps."""

    name: str
    last: bool
    time: int = 0


class Rolling:
    """What the symbols of a step are in the model, while a step is read."""

    def __init__(self, walk: Walk, node: OnnxNode, timed: bool) -> None:
        self.walk, self.node, self.timed = walk, node, timed
        self.time: Axis = ()
        self.leaves = Leaves()
        self.inputs: dict[int, str] = {}
        self.tensors: dict[str, str] = {}
        self._known: dict[tuple[str, str], Symbols] = {}

    def again(self) -> None:
        """Forget what was read, to read it once more."""
        self.leaves = Leaves()
        self.inputs, self.tensors, self._known = {}, {}, {}

    def data(self, view: View, time: int | None) -> Symbols:
        """One step of a view as an input of the step; time: the axis of steps, which goes."""
        walk, node = self.walk, self.node
        key = (view.tensor, repr((view.axes, time)))
        if key in self._known:
            return self._known[key]
        if time is not None:
            walk.assign(node, view.axes[time], "time")
            self.time = view.axes[time]
        if time is None or not view.axes[time]:
            walk.one_step = node.label
        left = [axis for k, axis in enumerate(view.axes) if k != time]
        self.one_row(left)
        view = foldable(walk, view, node.label)
        view = self._features(view, left)
        if walk.draft.roots[view.tensor] is None:
            raise ModelError(
                node.label, "reads one vector (a last step) as a sequence; not supported yet"
            )
        walk.sequences |= walk.draft.sources(view.tensor)
        value = f"input {len(self.tensors)}"
        shape = [size_of(axis) for axis in left]
        if walk.draft.size(view.tensor) is None:  # an input's, known from its axes
            walk.draft.features[view.tensor] = int(np.prod(shape, dtype=np.int64))
        made = self.leaves.named("input", value, shape)
        self.inputs[int(made.leaf.flat[0])] = value
        self.tensors[value] = view.tensor
        if view.scale is not None:
            made = self.leaves.scale(made, self._of_features(view.scale, shape))
        if view.offset is not None:
            made = self.leaves.combine(made, self._of_features(view.offset, shape), 1.0, 1.0)
        self._known[key] = made
        return made

    @staticmethod
    def _of_features(numbers: npt.NDArray[np.float64], shape: Sequence[int]) -> npt.ArrayLike:
        """A scalar, or one number for each feature, as the step's tensor has them."""
        flat = np.broadcast_to(numbers.reshape(-1), (int(np.prod(shape, dtype=np.int64)),))
        return flat.reshape(shape)

    def one_row(self, axes: Sequence[Axis]) -> None:
        """A step has one row of a batch: the size of open axes is 1."""
        for axis in axes:
            for atom in axis:
                if atom.open or self.walk.roles.get(atom) == "batch":
                    raise self.walk.need_size(
                        self.node,
                        (atom,),
                        1,
                        f"is a recurrent step of {atom.size} rows of a batch; export it with a "
                        "batch of 1",
                    )

    def _features(self, view: View, left: Sequence[Axis]) -> View:
        """The view with its features explained: all axes but time, the outermost first."""
        walk, node = self.walk, self.node
        full = [axis for axis in left if axis]
        if len(full) <= 1 and not view.grid:
            require_features(walk, node, view, full[0] if full else ())
            return view
        atoms = tuple(a for axis in full for a in walk.pieces(axis))
        made = walk.draft.producer(view.tensor) is not None
        if not view.grid and not made:
            for atom in atoms[:-1]:
                walk.roles.setdefault(atom, "layer")
            walk.roles.setdefault(atoms[-1], "feature")
            walk.columns[view.tensor] = atoms
            return replace(view, grid=atoms)
        if grid_of(walk, view) != atoms:
            raise ModelError(
                node.label,
                f"reads {describe(view.axes)}, of which the numbers lie in another order; not "
                "supported: is a Transpose or Reshape missing?",
            )
        return view

    # out

    def results(
        self,
        states: Sequence[StateIn],
        wanted: Sequence[Out],
        read: Callable[[dict[str, Symbols]], Callable[[str], Symbols]],
        reverse: Callable[[], bool],
    ) -> list[Value]:
        """Views, or known numbers, of `wanted`.

        read: from the states before the step, by name, a function that gives any tensor of it.
        reverse: whether steps are taken from the last to the first, once all is read.
        """
        parts: list[Parts] = [((s.name, np.arange(int(np.prod(s.shape)))),) for s in states]
        for _ in range(2):
            before = {s.before: self._before(s, p) for s, p in zip(states, parts, strict=True)}
            tensor = read(before)
            finer = [
                self._parts(s.name, tensor(s.after).flat(), p)
                for s, p in zip(states, parts, strict=True)
            ]
            if [len(p) for p in finer] == [len(p) for p in parts]:
                break
            parts = finer
            self.again()
        kept = []
        for s, its in zip(states, parts, strict=True):
            after, leaves = tensor(s.after).flat(), before[s.before].flat().leaf
            for name, places in its:
                start = self._start(s, places)
                part = Symbols(after.leaf[places], after.unit[places])
                kept.append(Kept(name, int(leaves[places[0]]), part, start, s.shown))
        numbers = [tensor(out.name) for out in wanted]
        asked = [Wanted(n, out.last) for n, out in zip(numbers, wanted, strict=True)]
        open_ = [k for k, n in enumerate(numbers) if self.leaves.numbers_of(n) is None]
        steps = cut(self.node.label, self.leaves, self.inputs, kept, [asked[k] for k in open_])
        placed = Placed(self.walk.draft, steps, self.tensors, reverse(), self.node.label)
        self._give(states, parts, steps, placed)
        results: list[Value] = []
        for k, (out, n) in enumerate(zip(wanted, numbers, strict=True)):
            if k in open_:
                values = steps.outputs[open_.index(k)]
                results.append(self._view(placed.output(values, out.last), n.shape, out))
            else:
                known = self.leaves.numbers_of(n)
                assert known is not None
                results.append(known.astype(np.float32))
        self._ends(steps, placed, wanted)
        return results

    def _before(self, state: StateIn, parts: Parts) -> Symbols:
        size = int(np.prod(state.shape, dtype=np.int64))
        leaf, unit = np.empty(size, np.int64), np.empty(size, np.int64)
        for name, places in parts:
            leaf[places] = self.leaves.add(Leaf("state", len(places), name))
            unit[places] = np.arange(len(places))
        return Symbols(leaf, unit).moved(lambda a: a.reshape(state.shape))

    def _parts(self, name: str, after: Symbols, parts: Parts) -> Parts:
        """A state as several where its numbers are renewed by several vectors."""
        kinds = list(dict.fromkeys(after.leaf.tolist()))
        if len(parts) > 1 or len(kinds) == 1 or len(kinds) > after.size // 2:
            return parts
        found = []
        for k, leaf in enumerate(kinds):
            places = np.flatnonzero(after.leaf == leaf)
            places = places[np.argsort(after.unit[places], kind="stable")]
            found.append((f"{name}_{k}", places))
        return tuple(found)

    def _start(self, state: StateIn, places: Integers) -> Floats:
        if isinstance(state.start, View):
            return np.zeros(len(places), np.float32)
        return np.asarray(state.start, np.float32).reshape(-1)[places]

    def _give(
        self, states: Sequence[StateIn], parts: Sequence[Parts], steps: Steps, placed: Placed
    ) -> None:
        """Note the states that inputs set."""
        for state, its in zip(states, parts, strict=True):
            if not isinstance(state.start, View):
                continue
            root, at = given_vector(self.walk, self.node.label, state.start, state.name)
            for name, places in its:
                if name in steps.states:
                    value, called = steps.states[name]
                    tensor = placed.tensor(value, False)
                    where = tuple(at[p] for p in places)
                    self.walk.given_states.append(GivenState(root, tensor, called, where))

    def _ends(self, steps: Steps, placed: Placed, wanted: Sequence[Out]) -> None:
        """Note the tensors that show states after the last step."""
        for value, called in steps.states.values():
            whole = placed.tensors.get((value, False))
            last = placed.tensors.get((value, True))
            for tensor in (whole, last):
                if tensor is not None and whole is not None:
                    self.walk.ends[tensor] = (whole, called)

    def _view(self, tensor: str, shape: Sequence[int], out: Out) -> View:
        """A result with axes that say what its numbers are."""
        full = [k for k, size in enumerate(shape) if size > 1]
        axes: list[Axis] = [()] * len(shape)
        for k in full:
            role = "feature" if k == full[-1] else "layer"
            axes[k] = self.walk.new_axis("units", shape[k], role)
        grid = tuple(a for axis in axes for a in axis) if len(full) > 1 else ()
        if self.timed and not out.last:
            axes.insert(out.time % (len(axes) + 1), self.time)
        return View(tensor, tuple(axes), grid=grid)
