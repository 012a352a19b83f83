"""The operands of integer lowering: values, and what is known of them beside their formats."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.errors import InternalError
from lstm_edge.formats import Format
from lstm_edge.ir.program import Value
from lstm_edge.rounding import Doubles, Ints


@dataclass(frozen=True, eq=False)
class Raised:
    """The exponent of numbers in block floating point: each is value * 2**(-bits * places) units.

    places: one number, or one for each. spectrum: where these are its power times `gain`, that.
    """

    places: Value
    bits: int
    spectrum: Value | None = None
    gain: float = 1.0


@dataclass(frozen=True, eq=False)
class Number:
    """One value.

    real: its name in the float program. packed: of a model's input, or of what was only moved since
    it came in, how its integers are to be read: by feature, and otherwise than the value's format
    says where a layer scaled it, which is no work. is_state: it is what a state was at the start of
    the step. centred: of a gate, the gate less 1/2 in 16 bits, which has one bit more. lost: how
    far a product lies below the exact one on average, in its own units. raised: of mantissas, their
    exponent. whole: of whole numbers, the same without fractional bits.
    """

    value: Value
    real: str
    packed: Format | None = None
    is_state: bool = False
    centred: Value | None = None
    lost: float = 0.0
    raised: Raised | None = None
    whole: Value | None = None

    @property
    def name(self) -> str:
        """That of the value."""
        return self.value.name

    @property
    def length(self) -> int:
        """Numbers of the value."""
        return self.value.length

    @property
    def is_scaled(self) -> bool:
        """True for an input that a layer gave another meaning."""
        return self.packed is not None and self.real != self.value.name

    def meaning(self) -> tuple[Doubles, Ints]:
        """Scale and zero point of each feature."""
        fmt = self.packed or self.value.format
        return fmt.scales(self.length), fmt.zero_points(self.length)


@dataclass(frozen=True, eq=False)
class Kept:
    """A value in two forms: wide, and as the activation that matrix products read."""

    wide: Number
    narrow: Number

    @property
    def name(self) -> str:
        """That of the wide form."""
        return self.wide.name

    @property
    def length(self) -> int:
        """Numbers of either form."""
        return self.wide.length


@dataclass(frozen=True, eq=False)
class Joined:
    """Vectors end to end that only matrix products read: no value is made of them. real: the name
    of the whole in the float program.
    """

    real: str
    parts: tuple[Integer, ...]

    @property
    def name(self) -> str:
        """That of the whole."""
        return self.real

    @property
    def length(self) -> int:
        """Numbers of all parts."""
        return sum(part.length for part in self.parts)


Integer = Number | Kept | Joined
"""What an expression of the model is in integers."""


def number(value: Value) -> Number:
    """A value that has the same name in the float program, or is none there."""
    return Number(value, value.name)


def wide(operand: Integer) -> Number:
    """What all but matrix products read."""
    if isinstance(operand, Joined):
        raise InternalError(f"{operand.real} is read by more than matrix products")
    return operand.wide if isinstance(operand, Kept) else operand
