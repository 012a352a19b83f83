"""What is known while the nodes of an ONNX graph are visited in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_numbers
from lstm_edge.frontend.model.axes import Atom, Axis, Cut, View, atom_axis, size_of
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.step.repetition import Repetition

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Foreign:
    """What no supported operator takes: a graph input of strings, for instance. counts: an
    integer that says how many steps of a sequence count, or which is the last of them.
    """

    name: str
    kind: str
    counts: View | None = None


Value = View | Array | Foreign
"""What an ONNX tensor is: data seen through axes, numbers known now, or neither."""


class SizeNeeded(ModelError):
    """An open axis of an input turns out to have one possible size: start again with it."""

    def __init__(self, node: str, message: str, axis: tuple[str, int], size: int) -> None:
        super().__init__(node, message)
        self.axis = axis
        self.size = size


class SameSize(ModelError):
    """Two axes that the file leaves open under different names have one size: start again so."""

    def __init__(self, node: str, message: str, axes: tuple[tuple[str, int], ...]) -> None:
        super().__init__(node, message)
        self.axes = axes


class RoleNeeded(ModelError):
    """An axis was taken for something else than it turns out to be: start again with its role. cut:
    the axis that it is a part of, by name, and how many outer parts that has.
    """

    def __init__(
        self, node: str, message: str, atom: str, role: str, cut: tuple[str, int] | None = None
    ) -> None:
        super().__init__(node, message)
        self.cut = cut
        self.atom = atom
        self.role = role


class HopNeeded(ModelError):
    """An axis of an input turns out to count samples, so many of which are a step: start again."""

    def __init__(self, node: str, message: str, axis: tuple[str, int], hop: int) -> None:
        super().__init__(node, message)
        self.axis = axis
        self.hop = hop


class RateNeeded(ModelError):
    """An axis of an input turns out to count vectors that come every so many steps: start again."""

    def __init__(self, node: str, message: str, axis: tuple[str, int], every: int) -> None:
        super().__init__(node, message)
        self.axis = axis
        self.every = every


@dataclass(frozen=True)
class OnnxNode:
    """A node with the values of its inputs (None: absent) and its attributes as Python values.

    label: how messages name it.
    """

    op: str
    label: str
    inputs: tuple[Value | None, ...]
    input_names: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def error(self, message: str) -> ModelError:
        """An error that names the node."""
        return ModelError(self.label, message)

    def view(self, k: int) -> View:
        """Input `k`, which must be data that the model computes."""
        value = self.inputs[k] if k < len(self.inputs) else None
        if not isinstance(value, View):
            raise self.error(
                f"input {k} of {self.op} is a constant or absent, where only what the model "
                "computes from its inputs is supported; put the constant into weights",
            )
        return value

    def constant(self, k: int, what: str) -> Array | None:
        """Input `k`, which must be known now; None where it is absent."""
        value = self.inputs[k] if k < len(self.inputs) else None
        if isinstance(value, View | Foreign):
            raise self.error(
                f"its {what} ({self.input_names[k]!r}) is computed from the model's input; only a "
                "constant is supported: export with static shapes, or make it a weight",
            )
        return value

    def integers(self, k: int, what: str) -> list[int] | None:
        """Input `k` as integers known now; None where it is absent."""
        array = self.constant(k, what)
        if array is None:
            return None
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise self.error(f"its {what} is no list of integers")
        return [int(v) for v in array.reshape(-1)]

    def weights(self, k: int, what: str, mask: bool = False) -> Doubles | None:
        """Input `k` as finite float64 numbers; None where it is absent. mask: -inf may be there."""
        array = self.constant(k, what)
        return None if array is None else self.numbers(array, what, mask)

    def numbers(self, array: Array, what: str, mask: bool = False) -> Doubles:
        """An array as finite float64 numbers, some at least; refuses others, naming `what`."""
        if array.dtype.kind != "f":
            raise self.error(f"its {what} is of type {array.dtype}; export in float32")
        check_numbers(f"{self.label}, {what}", array, mask)
        return array.astype(np.float64)


@dataclass(frozen=True)
class InputPart:
    """Indices [begin, begin + size) of one axis of an input, of which the meaning is not known yet.

    atom: of the input. kept: the atom that numbers the part, None where it has one element.
    """

    source: str
    atom: Atom
    begin: int
    kept: Atom | None


@dataclass(frozen=True)
class GivenState:
    """A state that starts from numbers of input tensor `input`, flattened, at `places`.

    result: the tensor of the layer's result of the same name.
    """

    input: str
    result: str
    state: str
    places: tuple[int, ...]


@dataclass
class Walk:
    """State of one visit of all nodes, for one choice of the sizes of open axes.

    roles: atom -> "time", "batch", "feature", or "layer" for what counts layers or directions, as
    far as an operator told. alike: pairs of atoms of which the roles are the same, and the node
    that says so. input_atoms: atoms of inputs -> the axis that they are. open_axes: atoms of inputs
    whose size the file leaves open -> (input, axis). cuts: atoms that a Reshape split; cut_from:
    part -> atom. sequences: input tensors that an LSTM reads as a sequence. fixed_by: the first
    node that is right for this sequence length only; late: the first that may be, and would compute
    something else for another length. input_parts: tensor -> the part of an input that it is. ends:
    tensor -> the layer's result and the state that it shows after the last step. limits: tensor of
    integers -> n where they must be 0 .. n - 1. columns: tensor of integers -> the axis that counts
    those of one step. derived: time axes of which the length follows from that of an input.
    settled: (tensor, scale, offset) -> the result of the layer that computes these. ranges: atoms
    that count some steps of another one, or more. first_cuts: names of atoms that are cut from
    the start -> the size of the outer part. guessed: atoms of which the role is the usual
    one, until an operator tells; told: names of atoms -> roles that an earlier visit found out,
    and of inputs that are states.
    kinds: inputs of integers -> their type in the file; real: those of which the integers are data.
    alike_sizes: pairs of (input, axis) of one size, whatever the file calls it, that an earlier
    visit found. hops: (input, axis) of samples -> how many of them are a step. rates: (input, axis)
    of vectors that come every so many steps -> how many; slow: the tensor of such a sequence ->
    that of its input, and the same; holds: whether computed vectors are repeated so. repetitions:
    the steps of nodes `Repeat`. truths: tensors of 1 for what is true and 0 for what is not.
    counts: tensor -> that of which it is the sum over the steps, of one number. masks: (tensor, its
    integers, what is 0 or 1 of them), tables that are made at the end. beside: atoms of inputs of
    which nothing was known when a layer read vectors beside them; none of them may count features
    later on.
    """

    draft: Draft = field(default_factory=Draft)
    values: dict[str, Value] = field(default_factory=dict)
    roles: dict[Atom, str] = field(default_factory=dict)
    open_axes: dict[Atom, tuple[str, int]] = field(default_factory=dict)
    input_atoms: dict[Atom, int] = field(default_factory=dict)
    cuts: dict[Atom, Axis] = field(default_factory=dict)
    cut_from: dict[Atom, Atom] = field(default_factory=dict)
    alike: list[tuple[Atom, Atom, str]] = field(default_factory=list)
    input_parts: dict[str, InputPart] = field(default_factory=dict)
    given_states: list[GivenState] = field(default_factory=list)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    derived: set[Atom] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    sequences: set[str] = field(default_factory=set)
    limits: dict[str, int] = field(default_factory=dict)
    columns: dict[str, Axis] = field(default_factory=dict)
    settled: dict[tuple[str, bytes, bytes], str] = field(default_factory=dict)
    repetitions: tuple[Repetition, ...] = ()
    guessed: set[Atom] = field(default_factory=set)
    ranges: dict[Atom, Atom] = field(default_factory=dict)
    kinds: dict[str, type[Any]] = field(default_factory=dict)
    real: set[str] = field(default_factory=set)
    alike_sizes: list[tuple[tuple[str, int], ...]] = field(default_factory=list)
    truths: set[str] = field(default_factory=set)
    counts: dict[str, str] = field(default_factory=dict)
    masks: list[tuple[str, str, Callable[[Array], Array]]] = field(default_factory=list)
    beside: set[Atom] = field(default_factory=set)
    told: dict[str, str] = field(default_factory=dict)
    hops: dict[tuple[str, int], int] = field(default_factory=dict)
    rates: dict[tuple[str, int], int] = field(default_factory=dict)
    slow: dict[str, tuple[str, int]] = field(default_factory=dict)
    holds: bool = False
    first_cuts: dict[str, int] = field(default_factory=dict)
    one_step: str = ""
    fixed_by: str = ""
    late: str = ""
    count: int = 0

    def new_axis(self, name: str, size: int, role: str) -> Axis:
        """An axis of a new atom with a known role; no atom where the size is 1."""
        self.count += 1
        axis = atom_axis(f"{name}.{self.count}", size)
        self.roles.update(dict.fromkeys(axis, role))
        return axis

    def new_time(self, size: int, of: Axis = (), opened: bool = False) -> Atom:
        """The axis of a sequence that is made of another one, of which `of` are the atoms."""
        self.count += 1
        atom = Atom(f"steps.{self.count}", size, opened)
        self.roles[atom] = "time"
        self.derived.add(atom)
        self.ranges.update((atom, old) for old in self.pieces(of))
        return atom

    def assign(self, node: OnnxNode, axis: Axis, role: str) -> None:
        """Record that `node` uses an axis as time, batch or features; refuses contradictions.

        Features may be numbered by several atoms, which a Reshape merged.
        """
        if len(axis) > 1 and (role != "feature" or any(atom.open for atom in axis)):
            raise node.error(
                f"takes an axis of {size_of(axis)} for its {role} axis, but a Reshape made it of "
                f"axes {[a.size for a in axis]}; leave steps and features on axes of their own"
            )
        for atom in axis:
            known = self.roles.setdefault(atom, role)
            self.check_beside(node.label, (atom,))
            if known != role:
                message = (
                    f"uses the model's {known} axis (of {'any size' if atom.open else atom.size}) "
                    f"as its {role} axis; not supported: is a transpose missing, or batch_first "
                    "wrong?"
                )
                if (known, role) == ("feature", "time") and atom not in self.input_atoms:
                    message = (
                        f"reads {atom.size} features of one vector as steps; not supported: is a "
                        "transpose missing? Else compile what is before it and what is after as "
                        "two networks"
                    )
                if known == "picked":
                    raise node.error(
                        "reads steps in another order than that of time, some of them twice, or "
                        "the last ones of a sequence of any length; only dense layers, "
                        "activations, sums over them and outputs do: give the length with "
                        "--steps, flip the data before they enter, make the layer a reverse one, "
                        "or, of steps that are there several times, compile what is before and "
                        "what is after as two networks"
                    )
                others = [a for a, r in self.roles.items() if r == "time" and a != atom]
                taken = next((a for a in map(self.origin, others) if a in self.guessed), None)
                if (known, role) == ("batch", "time") and taken is not None:
                    raise RoleNeeded(node.label, message, taken.name, "feature")
                whole = self.cut_from.get(atom, atom)
                if known == "batch" and whole in self.input_atoms and whole not in self.open_axes:
                    cut = None if whole == atom else (whole.name, self.cuts[whole][0].size)
                    raise RoleNeeded(node.label, message, atom.name, role, cut)
                raise self.taken_wrongly(node, (atom,), role, message)

    def read_beside(self, view: View) -> None:
        """Note that vectors of a view are read, of which its other axes are taken to be no part."""
        inputs = (a for a in self.pieces(view.atoms) if a in self.input_atoms)
        self.beside.update(a for a in inputs if a not in self.roles)

    def check_beside(self, label: str, atoms: Iterable[Atom]) -> None:
        """Start again where vectors have more axes than a layer knew that read them."""
        for atom in atoms:
            whole = self.cut_from.get(atom, atom)
            if self.beside.isdisjoint((atom, whole)) or self.roles.get(atom) != "feature":
                continue
            message = (
                f"takes an axis of {atom.size} for features, beside which vectors were read "
                "without it; not supported: is a transpose or reshape missing?"
            )
            cut = None if whole == atom else (whole.name, self.cuts[whole][0].size)
            raise RoleNeeded(label, message, atom.name, "feature", cut)

    def taken_wrongly(
        self, node: OnnxNode, atoms: Iterable[Atom], role: str, message: str
    ) -> ModelError:
        """The error of atoms that must have another role than they have: curable where that of one
        of them is a guess, and the visit starts again.
        """
        for atom in atoms:
            origin = atom
            while origin in self.ranges:
                origin = self.ranges[origin]
            if origin in self.guessed:
                return RoleNeeded(node.label, message, origin.name, role)
            whole = self.cut_from.get(origin)
            if whole is not None and whole in self.guessed and whole not in self.open_axes:
                cut = (whole.name, self.cuts[whole][0].size)
                return RoleNeeded(node.label, message, origin.name, role, cut)
        return node.error(message)

    def true(self, view: View) -> View:
        """The view, of which the tensor is noted to be of what is true or false."""
        self.truths.add(view.tensor)
        return view

    def is_truth(self, view: View) -> bool:
        """Whether a view shows what is true or false, 1 or 0."""
        return view.tensor in self.truths and not view.pending

    def origin(self, atom: Atom) -> Atom:
        """The axis of which an atom counts some, or that gave it its length; itself if none."""
        while atom in self.ranges:
            atom = self.ranges[atom]
        return atom

    def role(self, axis: Axis) -> str:
        """The role of an axis, "" for one of size 1, of several atoms, or not known yet."""
        return self.roles.get(axis[0], "") if len(axis) == 1 else ""

    def cut(self, cut: Cut) -> bool:
        """Split an input's atom where no operator has used it yet, or one that counts layers or
        features.

        Tells whether that could be done.
        """
        atom, outer = cut.atom, cut.outer
        role = self.roles.get(atom)
        untouched = atom in self.input_atoms and role is None
        if role not in ("layer", "feature") and (not untouched or atom in self.open_axes):
            return False
        parts = (Atom(f"{atom.name}a", outer), Atom(f"{atom.name}b", atom.size // outer))
        self.cuts[atom] = parts
        self.cut_from.update(dict.fromkeys(parts, atom))
        if role is not None:
            self.roles.update(dict.fromkeys(parts, role))
        else:
            self.input_atoms |= dict.fromkeys(parts, self.input_atoms[atom])
        return True

    def pieces(self, axis: Axis) -> Axis:
        """An axis with every atom as it was cut."""
        return tuple(part for atom in axis for part in self.parts(atom))

    def whole(self, atom: Atom) -> Axis:
        """The pieces of the axis that `atom` was cut from, in their order; itself where of none."""
        while atom in self.cut_from:
            atom = self.cut_from[atom]
        return self.parts(atom)

    def parts(self, atom: Atom) -> Axis:
        """The atoms that `atom` was cut into, itself where it was not."""
        if atom not in self.cuts:
            return (atom,)
        return tuple(p for part in self.cuts[atom] for p in self.parts(part))

    def fix_time(self, node: OnnxNode) -> None:
        """Record that `node` is right for this length of the sequence only."""
        self.fixed_by = self.fixed_by or node.label

    def need_size(self, node: OnnxNode, axis: Axis, size: int, message: str) -> ModelError:
        """The error of an axis that should be `size`: curable where the file leaves it open."""
        if len(axis) == 1 and axis[0] in self.open_axes and axis[0].size != size:
            return SizeNeeded(node.label, message, self.open_axes[axis[0]], size)
        return node.error(message)
