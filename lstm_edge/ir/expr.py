"""Equations of a layer, written once: every other form of it is derived from these expressions.

An expression stands for a vector over the units of a layer. The textbook line

    i = sigmoid(affine("i", x, h) + param("P_i") * c)

is a Python expression of these objects; it is never evaluated here. `passes/lower_real.py` and
`passes/lower_integer.py` turn it into operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

FUNCTIONS = (
    *("sigmoid", "tanh", "elu_tail", "softplus_tail", "softsign", "exp"),
    *("log", "sqrt", "sin", "cos", "erf"),
)
"""Curved functions that `apply` accepts; `functions.py` builds all others from them."""


PARAMETRIC = ("affine", "param", "spectrum")
"""Kinds of expressions whose `name` is that of a parameter."""


@dataclass(frozen=True, eq=False)
class Expr:
    """One node of an equation; compared by identity, so a shared operand is computed once.

    kind       meaning
    input      the vector `name` that enters the layer at this step
    state      the vector `name` that the layer kept from the step before
    param      a weight vector `name`, one entry per unit, or fewer that repeat
    constant   `value`, the same for every unit
    affine     bias + sum of matrix @ operand: `matrices` and `args` in the same order; with
               several `positions` done at each, where the matrices meet as many numbers of the
               operands as they have columns, `stride` further on each time; results end to end
    add, sub, mul, divide, larger, smaller   elementwise, two operands
    above      the first operand where it is above the second, else 0
    select     the third operand where the first is above the second, else the fourth
    floor, nearest   the largest whole number that is not above one operand, the nearest one: of two
               the even one
    apply      the function `name` of one operand
    recent   the last vectors of the operand end to end, the newest last: the layer's window; of an
             operand with several `positions` what these had, position by position, and around them
             `units`, (before, behind), positions of padding
    tap      vector number `value` of `recent`
    softmax, log_softmax   over all units of one operand
    within   the first operand at steps below the third, a length, else the second
    mean_over_steps   one operand divided by the number of steps of the window so far
    lookup     row args[0][`value`] of the matrix `name`: the operand holds integers
    argmax     index of the largest unit of one operand, the first of several
    step       the number of the step within the window, from 0 on, `value` at most; one number
    layer_norm   (x - mean) / sqrt(variance + `value`) over all units of one operand
    take       numbers `units` of one operand, in this order
    join       operands end to end
    spectrum   of numbers of one operand from `stride` on times the parameter `name` [samples], and
               zeros behind them up to `value`, the Fourier transform: real and imaginary part of
               each bin in turn; a parameter [taps, samples] multiplies so many numbers in a row
               for each sample, which are added up
    power   of a spectrum the square of each bin's magnitude
    total, largest   the sum and the maximum over all units of one operand; one number
    """

    kind: str
    args: tuple[Expr, ...] = ()
    name: str = ""
    value: float = 0.0
    matrices: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    positions: int = 1
    stride: int = 0

    def __add__(self, other: Expr | float) -> Expr:
        return Expr("add", (self, _lift(other)))

    def __sub__(self, other: Expr | float) -> Expr:
        return Expr("sub", (self, _lift(other)))

    def __rsub__(self, other: Expr | float) -> Expr:
        return Expr("sub", (_lift(other), self))

    def __radd__(self, other: float) -> Expr:
        return Expr("add", (_lift(other), self))

    def __rmul__(self, other: float) -> Expr:
        return Expr("mul", (_lift(other), self))

    def __neg__(self) -> Expr:
        return Expr("sub", (_lift(0.0), self))

    def __mul__(self, other: Expr | float) -> Expr:
        return Expr("mul", (self, _lift(other)))

    def __truediv__(self, other: Expr | float) -> Expr:
        return Expr("divide", (self, _lift(other)))

    def __rtruediv__(self, other: float) -> Expr:
        return Expr("divide", (_lift(other), self))


def _lift(operand: Expr | float) -> Expr:
    return operand if isinstance(operand, Expr) else Expr("constant", value=float(operand))


def input_vector(name: str) -> Expr:
    """The vector that enters the layer at this step."""
    return Expr("input", name=name)


def state(name: str) -> Expr:
    """The vector that the layer kept from the step before."""
    return Expr("state", name=name)


def param(name: str) -> Expr:
    """A weight vector with one entry per unit, for instance a peephole."""
    return Expr("param", name=name)


def constant(value: float) -> Expr:
    """The same number for every unit."""
    return Expr("constant", value=float(value))


def affine(gate: str, *operands: Expr) -> Expr:
    """`W x + R h + b` of one gate: W multiplies inputs, R everything else.

    The parameters are named after the gate: `W_i`, `R_i`, `b_i`.
    """
    matrices = tuple(f"{'W' if e.kind in ('input', 'recent') else 'R'}_{gate}" for e in operands)
    return Expr("affine", operands, name=f"b_{gate}", matrices=matrices)


def products(bias: str, **matrices: Expr) -> Expr:
    """The same under names of one's own: products("b_u", W_u=x, R_u=h, R_um=m)."""
    return Expr("affine", tuple(matrices.values()), name=bias, matrices=tuple(matrices))


def at_positions(positions: int, stride: int, bias: str, **matrices: Expr) -> Expr:
    """The same at several positions of the operands: a convolution over vectors that have, position
    by position, all of its channels.
    """
    args = tuple(matrices.values())
    return Expr("affine", args, bias, 0.0, tuple(matrices), (), positions, stride)


def sigmoid(operand: Expr) -> Expr:
    """1 / (1 + exp(-x))."""
    return Expr("apply", (operand,), name="sigmoid")


def tanh(operand: Expr) -> Expr:
    """Hyperbolic tangent."""
    return Expr("apply", (operand,), name="tanh")


def apply(function: str, operand: Expr) -> Expr:
    """One of `FUNCTIONS`."""
    return Expr("apply", (operand,), name=function)


def larger(a: Expr, b: Expr | float) -> Expr:
    """max(a, b)."""
    return Expr("larger", (a, _lift(b)))


def smaller(a: Expr, b: Expr | float) -> Expr:
    """min(a, b)."""
    return Expr("smaller", (a, _lift(b)))


def above(a: Expr, b: Expr | float) -> Expr:
    """a where a > b, else 0."""
    return Expr("above", (a, _lift(b)))


def select(a: Expr, b: Expr | float, chosen: Expr | float, other: Expr | float) -> Expr:
    """`chosen` where a > b, else `other`."""
    return Expr("select", (a, _lift(b), _lift(chosen), _lift(other)))


def floor(operand: Expr) -> Expr:
    """The largest whole number that is not above x."""
    return Expr("floor", (operand,))


def nearest(operand: Expr) -> Expr:
    """The nearest whole number, of two the even one."""
    return Expr("nearest", (operand,))


def take(operand: Expr, units: Iterable[int]) -> Expr:
    """Numbers `units` of the operand, in this order; the same one may come several times."""
    return Expr("take", (operand,), units=tuple(int(unit) for unit in units))


def join(*parts: Expr) -> Expr:
    """Vectors end to end."""
    return Expr("join", parts)


def total(operand: Expr) -> Expr:
    """The sum over all units; one number."""
    return Expr("total", (operand,))


def largest(operand: Expr) -> Expr:
    """The maximum over all units; one number."""
    return Expr("largest", (operand,))


def softmax(operand: Expr) -> Expr:
    """exp(x) / sum(exp(x)) over all units."""
    return Expr("softmax", (operand,))


def log_softmax(operand: Expr) -> Expr:
    """x - log(sum(exp(x))) over all units."""
    return Expr("log_softmax", (operand,))


def lookup(table: str, ids: Expr, column: int = 0) -> Expr:
    """The row of the matrix `table` that number `column` of `ids` names."""
    return Expr("lookup", (ids,), name=table, value=float(column))


def argmax(operand: Expr) -> Expr:
    """Index of the largest unit, the first of several; one number."""
    return Expr("argmax", (operand,))


def step_number(most: int) -> Expr:
    """The number of the step within the window, from 0 on, `most` at most; one number."""
    return Expr("step", value=float(most))


def within(length: Expr, a: Expr, b: Expr | float) -> Expr:
    """a at steps 0 .. length - 1, b at all others."""
    return Expr("within", (a, _lift(b), length))


def mean_over_steps(total: Expr) -> Expr:
    """A sum over the steps of the window so far, divided by their number."""
    return Expr("mean_over_steps", (total,))


def spectrum(window: str, x: Expr, frame: int, first: int = 0) -> Expr:
    """The Fourier transform of x, from number `first` on, times a window and zeros behind them,
    `frame` numbers: frame + 2, bins 0 .. frame / 2.
    """
    return Expr("spectrum", (x,), name=window, value=float(frame), stride=first)


def power(bins: Expr) -> Expr:
    """re**2 + im**2 of each bin of a spectrum."""
    return Expr("power", (bins,))


def recent(x: Expr, positions: int = 1, padding: tuple[int, int] = (0, 0)) -> Expr:
    """The vectors of x that the layer's window sees, end to end, the newest last; at each of
    several positions what x had there. padding: positions before and behind.
    """
    return Expr("recent", (x,), units=padding if positions > 1 else (), positions=positions)


def tap(vectors: Expr, k: int) -> Expr:
    """Vector k of `recent`, 0 the oldest."""
    return Expr("tap", (vectors,), value=float(k))


def layer_norm(operand: Expr, epsilon: float) -> Expr:
    """(x - mean) / sqrt(variance + epsilon) over all units; 0 where they are all the same."""
    return Expr("layer_norm", (operand,), value=epsilon)


def walk(*roots: Expr) -> Iterator[Expr]:
    """Every node below `roots` once, operands before their users, in a stable order."""
    seen: set[int] = set()
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:  # without recursion: equations may nest as deep as a file likes
        node, entered = waiting.pop()
        if entered:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            waiting.extend((operand, False) for operand in reversed(node.args))


def sees_several(cell: Cell) -> bool:
    """Whether a cell reads the last vectors of its layer's window, not only the newest."""
    return any(e.kind == "recent" for e in cell.nodes)


@dataclass(frozen=True)
class Cell:
    """The equations of a layer: `results` maps a name to its value at this step.

    A result whose name is also read as a state is kept for the next step: `h` and `c` of an LSTM.
    bounds: magnitudes that results never exceed if they start within, where the equation shows it
    and its terms do not: a GRU's h is a mean of tanh and the last h. windowed: the states start
    anew with each window, a sequence of the model's length or what one run call is given. limited:
    products of two wide factors stay within a small multiple of what calibration saw, not within
    what their factors could give; of equations whose values nothing bounds. fixed: parameters that
    come with the equations, name -> array, as the matrices of a Legendre memory.
    """

    name: str
    results: Mapping[str, Expr]
    bounds: Mapping[str, float] = field(default_factory=dict)
    windowed: bool = False
    limited: bool = False
    fixed: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every node of its results once, operands before their users."""
        return tuple(walk(*self.results.values()))

    @cached_property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in the order of the results."""
        read = {e.name for e in self.nodes if e.kind == "state"}
        return tuple(name for name in self.results if name in read)

    @cached_property
    def readers(self) -> Mapping[int, tuple[Expr, ...]]:
        """By the identity of an expression, those that read it."""
        found: dict[int, list[Expr]] = {}
        for e in self.nodes:
            for operand in {id(a): a for a in e.args}:
                found.setdefault(operand, []).append(e)
        return {operand: tuple(readers) for operand, readers in found.items()}

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the weights that the equations read, in the order of their first use."""
        names = [n for e in self.nodes if e.kind in PARAMETRIC for n in (*e.matrices, e.name)]
        return tuple(dict.fromkeys(names))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the vectors that enter, in the order of their first use."""
        return tuple(dict.fromkeys(e.name for e in self.nodes if e.kind == "input"))
