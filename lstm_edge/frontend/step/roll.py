"""A recurrent step on its way into the model: sequences and states in, layers and views out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.walk import Value
from lstm_edge.frontend.step.entering import Entering
from lstm_edge.frontend.step.evaluate import agrees, evaluate
from lstm_edge.frontend.step.layers import Kept, Steps, Wanted, cut
from lstm_edge.frontend.step.place import Out, Parts, Placed, StateIn, begun, given
from lstm_edge.frontend.step.rows import NotRows, Rows
from lstm_edge.frontend.step.symbols import Integers, Symbols
from lstm_edge.ir.model import Floats

Tensors = Callable[[str], Symbols]
"""The symbols of a tensor of a step, by its name there."""
ReadStep = Callable[[dict[str, Symbols]], Tensors]
"""Reads a step of which the states before it are given, by their names there."""


class Rolling(Entering):
    """A step read, and its layers and results in the model."""

    def results(
        self,
        states: Sequence[StateIn],
        wanted: Sequence[Out],
        read: ReadStep,
        reverse: Callable[[], bool],
        rows: int | None = None,
    ) -> list[Value]:
        """Views, or known numbers, of `wanted`.

        read: from the states before the step, by name, a function that gives any tensor of it.
        reverse: whether steps are taken from the last to the first, once all is read. rows: of a
        batch, where that is known.
        """
        sizes = {s.shape[0] if len(s.shape) > 1 else 0 for s in states}
        found = max(sizes) if len(sizes) == 1 and max(sizes) > 1 else 0
        self.rows = found if rows is None else rows
        try:
            return self._results(states, wanted, read, reverse)
        except NotRows:  # an axis of features, as any other
            self.rows, self.batch = 0, ()
            self.again()
            return self._results(states, wanted, read, reverse)

    def _results(
        self,
        states: Sequence[StateIn],
        wanted: Sequence[Out],
        read: ReadStep,
        reverse: Callable[[], bool],
    ) -> list[Value]:
        parts, before, tensor = self._read(states, read)
        numbers = [tensor(out.name) for out in wanted]
        if self.rows:
            self._check_rows(states, [*numbers, *(tensor(s.after) for s in states)])
        kept = []
        for s, its in zip(states, parts, strict=True):
            after, leaves = (
                self._first(tensor(s.after)).flat(),
                self._first(before[s.before]).flat(),
            )
            for name, places in its:
                start = self._start(s, places)
                part = Symbols(after.leaf[places], after.unit[places])
                kept.append(Kept(name, int(leaves.leaf[places[0]]), part, start, s.shown))
        numbers = [self._first(n) for n in numbers]
        asked = [Wanted(n, out.last) for n, out in zip(numbers, wanted, strict=True)]
        known = [self.leaves.numbers_of(n) for n in numbers]
        open_ = [k for k, n in enumerate(known) if n is None]
        steps = cut(self.node.label, self.leaves, self.inputs, kept, [asked[k] for k in open_])
        self._prove(states, wanted, read, parts, steps, open_)
        begins = begun(self.walk, self.node.label, states, parts, steps)
        placed = Placed(self.walk.draft, steps, self.tensors, reverse(), self.node.label, begins)
        self.walk.given_states += given(self.walk, self.node.label, states, parts, steps, placed)
        results: list[Value] = []
        for k, (out, n, array) in enumerate(zip(wanted, numbers, known, strict=True)):
            if array is None:
                values = steps.outputs[open_.index(k)]
                results.append(self._view(placed.output(values, out.last), n.shape, out))
            else:
                results.append(self._constant(array, out))
        self._ends(steps, placed, wanted)
        return results

    def _read(
        self,
        states: Sequence[StateIn],
        read: ReadStep,
    ) -> tuple[list[Parts], dict[str, Symbols], Tensors]:
        """States in parts that are renewed by one vector each, before and after the step."""
        parts: list[Parts] = [((s.name, np.arange(self._size(s))),) for s in states]
        while True:
            before = {s.before: self._before(s, p) for s, p in zip(states, parts, strict=True)}
            tensor = read(before)
            for s in states:
                if tensor(s.after).shape != self._shape(s):
                    raise self.node.error(
                        f"its state {s.name} is {list(self._shape(s))} before a step and "
                        f"{list(tensor(s.after).shape)} after it; reshape its first value to what "
                        "a step gives"
                    )
            finer = [
                self._parts(s.name, self._first(tensor(s.after)).flat(), p)
                for s, p in zip(states, parts, strict=True)
            ]
            if [len(p) for p in finer] == [len(p) for p in parts]:
                return parts, before, tensor
            parts = finer
            self.again()

    def _prove(
        self,
        states: Sequence[StateIn],
        wanted: Sequence[Out],
        read: ReadStep,
        parts: Sequence[Parts],
        steps: Steps,
        open_: Sequence[int],
    ) -> None:
        """Run one step of the file, and one of its layers, on the same numbers."""
        kept = dict(vars(self))
        self.again()
        self.trial = {}
        before = {s.before: self._before(s, p) for s, p in zip(states, parts, strict=True)}
        tensor = read(before)
        trial = {name: array.reshape(-1) for name, array in self.trial.items()}
        values = evaluate(steps, trial, trial)
        pairs = [
            (np.concatenate([values[v] for v in steps.outputs[k]]), tensor(wanted[at].name))
            for k, at in enumerate(open_)
        ]
        for s, its in zip(states, parts, strict=True):
            after = self._first(tensor(s.after)).flat()
            pairs += [
                (values[steps.states[name][0]], Symbols(after.leaf[at], after.unit[at]))
                for name, at in its
                if name in steps.states
            ]
        for found, numbers in pairs:
            expected = self.leaves.numbers_of(
                self._first(numbers) if numbers.size > found.size else numbers
            )
            if expected is None or not agrees(found, expected.reshape(-1)):
                raise self.node.error(
                    "is a recurrent step that lstm-edge reads wrongly: its layers compute other "
                    "numbers; please report this with the file"
                )
        vars(self).update(kept)

    def _shape(self, state: StateIn) -> tuple[int, ...]:
        return (self.rows, *state.shape[1:]) if self.rows else state.shape

    def _size(self, state: StateIn) -> int:
        return int(np.prod(state.shape[1:] if self.rows else state.shape, dtype=np.int64))

    def _first(self, numbers: Symbols) -> Symbols:
        """One row of a batch."""
        return numbers.moved(lambda a: a[:1]) if self.rows else numbers

    def _check_rows(self, states: Sequence[StateIn], results: Sequence[Symbols]) -> None:
        """All rows are alike: then they are a batch."""
        if any(not r.shape or r.shape[0] != self.rows for r in results):
            raise NotRows("another size")
        rows = Rows(self.leaves, self._own)
        for result in results:
            rows.check(result)
        for state in states:
            if isinstance(state.start, View):
                self.walk.assign(self.node, state.start.axes[0], "batch")
            elif (state.start != state.start[:1]).any():
                raise self.node.error(
                    "has states that start differently from batch row to row; export with a batch "
                    "of 1"
                )
        for axis in self._batches:
            self.walk.assign(self.node, axis, "batch")

    def _before(self, state: StateIn, parts: Parts) -> Symbols:
        size, rows = self._size(state), max(1, self.rows)
        leaf, unit = np.empty((rows, size), np.int64), np.empty((rows, size), np.int64)
        for name, places in parts:
            made = self._in_rows("state", name, (len(places),))
            leaf[:, places] = made.leaf.reshape(rows, -1)
            unit[:, places] = made.unit.reshape(rows, -1)
        return Symbols(leaf, unit).moved(lambda a: a.reshape(self._shape(state)))

    def _constant(self, numbers: npt.NDArray[np.float64], out: Out) -> Value:
        """What is known: at each step, of all rows."""
        array = np.repeat(numbers, self.rows, axis=0) if self.rows else numbers
        if self.timed and not out.last:
            at = self._at(out, array.ndim + 1)
            array = np.repeat(np.expand_dims(array, at), size_of(self.time), axis=at)
        return array.astype(np.float32)

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
        row = state.start[:1] if self.rows else state.start
        return np.asarray(row, np.float32).reshape(-1)[places]

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
        if self.rows:
            axes[0] = self.batch
        for k in full:
            role = "feature" if k == full[-1] else "layer"
            axes[k] = self.walk.new_axis("units", shape[k], role)
        grid = tuple(a for k in full for a in axes[k]) if len(full) > 1 else ()
        if self.timed and not out.last:
            axes.insert(self._at(out, len(axes) + 1), self.time)
        return View(tensor, tuple(axes), grid=grid)

    def _at(self, out: Out, rank: int) -> int:
        """Where steps lie in a result of so many axes."""
        if not -rank <= out.time < rank:
            raise self.node.error(f"puts steps on axis {out.time} of {rank}")
        return out.time % rank
