"""What is asked of a compilation, beside the model and its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, get_args

from lstm_edge.built import Limits
from lstm_edge.choices import Optimize, Scheme, Shown, StateForm, Unroll
from lstm_edge.emit.spell import plain
from lstm_edge.errors import DataError
from lstm_edge.manifest import BudgetEntry
from lstm_edge.passes.options import Options, Widths
from lstm_edge.profile.budgets import Budgets
from lstm_edge.search.program import Code, Wanted
from lstm_edge.search.remedies import Asked, Left
from lstm_edge.search.widen import EVERY, NOTHING, Kinds
from lstm_edge.search.widths import Bound, describe

DEFAULT = Options()
DEFAULT_ERROR = 40.0
"""dB that an automatic choice has to hold where no bound is given."""
HELD = 36.0
"""dB that are held where widths are left to the compiler, and nothing lower is asked for."""
TIGHTER = 64
"""Bytes by which less is tried where code grew, which depends on widths, too."""
WEIGHTS, ACTIVATIONS = (4, 8, 16), (8, 12, 16)
_KNOWN: Mapping[str, tuple[Any, ...]] = {
    "scheme": get_args(Scheme),
    "weights": (*WEIGHTS, None),
    "activations": (*ACTIVATIONS, None),
    "cell_state": (16, 32),
    "unroll": get_args(Unroll),
    "optimize": get_args(Optimize),
    "state": get_args(StateForm),
    "outputs": get_args(Shown),
}
"""What each choice may be; None is auto."""


@dataclass(frozen=True)
class Request:
    """Options of a compilation, as of the command line.

    target: a core, a set of them, or a list with commas. weights, activations: bits, or None for
    those that hold the bounds at least cost. max_flash, max_ram, max_stack: bytes; max_insn,
    max_cycles: of a step. max_error: the least SQNR of an output in dB; max_drop: the most that a
    score on labels may lose, in points. None is no limit. layers: name of a layer -> its own
    widths. free: "weights", "activations" or both, which may be made wider than they are said to
    be, since nobody said so; widen: False where the limits have no room for that. room: bytes of
    weights and tables that fit, where what was chosen did not. input_scale, input_zero: by name of
    an input, "" for all, what raw integers stand for, as in `interpret/raw.py`. inputs_like: in
    words, the model whose inputs are stored alike. updatable: weights are a block that can be
    replaced, and other weights need no other code.
    """

    target: str
    scheme: Scheme = "int8"
    weights: int | None = 8
    activations: int | None = 12
    cell_state: int = 32
    unroll: Unroll = "gates"
    optimize: Optimize = "speed"
    state: StateForm = "kept"
    outputs: Shown = "probabilities"
    max_flash: int | None = None
    max_ram: int | None = None
    max_stack: int | None = None
    max_insn: int | None = None
    max_cycles: int | None = None
    max_error: float | None = None
    max_drop: float | None = None
    layers: Mapping[str, Widths] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    widen: bool = True
    room: int | None = None
    input_scale: Mapping[str, float] = field(default_factory=dict)
    input_zero: Mapping[str, float] = field(default_factory=dict)
    inputs_like: str = ""
    updatable: bool = False

    def __post_init__(self) -> None:
        """DataError for a choice that there is not."""
        for name, known in _KNOWN.items():
            if (given := getattr(self, name)) not in known:
                words = ", ".join(str(each) for each in known if each is not None)
                option = name.replace("_", "-")
                raise DataError(f"--{option} {given}: expected one of {words}")

    @property
    def searches(self) -> bool:
        """True where widths are to be chosen, or to hold a bound."""
        return self.chooses or self._bounded

    @property
    def chooses(self) -> bool:
        """True where widths are to be chosen."""
        return bool(self.auto)

    @property
    def auto(self) -> frozenset[str]:
        """Which widths are to be chosen."""
        widths = {"weights": self.weights, "activations": self.activations}
        return frozenset(name for name, width in widths.items() if width is None)

    @property
    def only_fits(self) -> bool:
        """True where widths are to be chosen, and no more is asked than that they fit the flash."""
        return self.chooses and self.max_flash is not None and not self._bounded

    @property
    def _bounded(self) -> bool:
        """True where the error is bounded, or what a score may lose."""
        return self.max_error is not None or self.max_drop is not None

    def within(self, constants: int) -> Request:
        """The same with room for so many bytes, or fewer than those that did not do."""
        fewer = constants if self.room is None else min(constants, self.room - TIGHTER)
        return replace(self, room=fewer)

    @property
    def kinds(self) -> Kinds:
        """What may be made wider than it is said to be: nothing beside what was made narrower."""
        if not (self.is_usual and self.widen):
            return NOTHING
        return Kinds("weights" in self.free, "weights" in self.free and "activations" in self.free)

    @property
    def may_choose(self) -> Kinds:
        """What may be wider than the default where widths are to be chosen."""
        weights = self.weights is None or "weights" in self.free
        return Kinds(weights, self.activations is None or "activations" in self.free)

    @property
    def is_usual(self) -> bool:
        """True where nothing is narrower than the default."""
        options = self.options
        narrower = (
            options.weights < DEFAULT.weights
            or options.activations < DEFAULT.activations
            or options.cell_state < DEFAULT.cell_state
        )
        return self.scheme == "int8" and not narrower

    @property
    def by_hand(self) -> str:
        """The options that keep the compiler from widening; empty where none does."""
        given = {
            "weights": f"--weights int{self.weights}",
            "activations": f"--activations {self.activations}",
        }
        found = [text for name, text in given.items() if name not in self.free]
        return " ".join(found if self.widen else [*found, *self.sizes])

    @property
    def sizes(self) -> list[str]:
        """The limits that a wider network may be beyond, as they are typed."""
        limits = {
            "flash": self.max_flash,
            "ram": self.max_ram,
            "stack": self.max_stack,
            "insn": self.max_insn,
            "cycles": self.max_cycles,
        }
        return [f"--max-{name} {most}" for name, most in limits.items() if most is not None]

    def asked_for(self, bound: Bound) -> Asked:
        """What remedies are looked for."""
        options = self.options
        widens = "weights" in self.free and self.widen and self.scheme == "int8"
        free = self.held if widens else None
        if self.chooses or (self.kinds == EVERY and bound == self.held):
            return Asked(options, bound, None, self.auto, free)
        how = f"without {self.by_hand}" if self.by_hand else "--weights auto --activations auto"
        usual = replace(
            options,
            weights=options.weights if "weights" in self.free else DEFAULT.weights,
            activations=options.activations if "activations" in self.free else DEFAULT.activations,
        )
        left = Left(how, usual)
        return Asked(options, bound, left, free=free, limited=not self.widen)

    @property
    def held(self) -> Bound:
        """What is held where widths are free: HELD, or less if that is asked for."""
        if self.max_error is None and self.max_drop is None:
            return Bound(HELD)
        least = None if self.max_error is None else min(HELD, self.max_error)
        return Bound(least, self.max_drop)

    @property
    def code(self) -> Code:
        """How C is written."""
        return Code(self.unroll, self.optimize, self.max_stack)

    @property
    def limits(self) -> Limits:
        """What is checked as soon as there is C."""
        return Limits(self.unroll, self.max_flash, self.max_ram)

    @property
    def budgets(self) -> Budgets:
        """The most that a step may cost, which is counted."""
        return Budgets(self.max_insn, self.max_cycles, self.max_stack)

    @property
    def asked(self) -> BudgetEntry:
        """All limits, as the manifest keeps them."""
        return {
            "flash": self.max_flash,
            "ram": self.max_ram,
            "stack": self.max_stack,
            "instructions": self.max_insn,
            "cycles": self.max_cycles,
            "error": self.max_error,
            "drop": self.max_drop,
        }

    @property
    def options(self) -> Options:
        """Widths; the default ones where they are to be chosen."""
        return Options(
            self.activations or DEFAULT.activations,
            self.cell_state,
            self.weights or DEFAULT.weights,
            power_of_two=self.scheme == "fixed",
            layers=self.layers,
            updatable=self.updatable,
        )

    @property
    def wanted(self) -> Wanted:
        """What a search may choose from."""
        return Wanted(
            self.options,
            WEIGHTS if self.weights is None else (self.weights,),
            ACTIVATIONS if self.activations is None else (self.activations,),
            self.bound,
            self.room,
        )

    @property
    def bound(self) -> Bound:
        """What is asked for, or else DEFAULT_ERROR."""
        if self.max_error is None and self.max_drop is None:
            return Bound(DEFAULT_ERROR)
        return Bound(self.max_error, self.max_drop)

    def check(self, *, labels: bool) -> None:
        """DataError for bounds that have no meaning; labels: some are given."""
        for name, asked in (("--max-error", self.max_error), ("--max-drop", self.max_drop)):
            if asked is not None and not isfinite(asked):
                raise DataError(f"{name} {asked}: expected a number")
        if (self.max_drop is None) == labels:
            given, missing = ("--max-drop", "--labels FILE.npz")
            if self.max_drop is None:
                given, missing = "--labels", "--max-drop"
            raise DataError(f"{given} has no meaning without {missing}; give both")

    def described(self, options: Options | None, *, vectors: bool = False) -> str:
        """The options that decide what is generated; `options`: those of number formats, if any;
        vectors: some core runs vectors, whose tiles a limit of the stack decides.
        """
        parts = [f"scheme={self.scheme}"]
        if options is not None:
            parts += [describe(options), f"cell_state={self.cell_state}"]
        parts.append(f"unroll={self.unroll}")
        parts += ["optimize=size"] if self.optimize == "size" else []
        parts += ["state=explicit"] if self.state == "explicit" else []
        parts += ["outputs=logits"] if self.outputs == "logits" else []
        parts += [f"input_scale={_listed(self.input_scale)}"] if self.input_scale else []
        parts += [f"input_zero={_listed(self.input_zero)}"] if self.input_zero else []
        parts += [f"inputs_like={self.inputs_like}"] if self.inputs_like else []
        parts += ["updatable"] if self.updatable else []
        if vectors and self.max_stack is not None:
            parts.append(f"max_stack={self.max_stack}")
        return " ".join(parts)


def _listed(numbers: Mapping[str, float]) -> str:
    """`0.5,x=2`: as the command line takes them, but for what no comment of C may have."""
    named = sorted(numbers.items())
    return ",".join(f"{plain(name)}={n!r}" if name else repr(n) for name, n in named)
