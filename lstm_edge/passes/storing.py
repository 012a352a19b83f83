"""Values in the formats that were chosen for them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lstm_edge.formats import Format, fits
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import convert
from lstm_edge.passes.formats import Chosen, Formats
from lstm_edge.passes.numbers import Integer, Joined, Kept, Number, number


@dataclass(frozen=True)
class Storing:
    """Writes into `builder`. stands_for: for the finished program, value -> its name in the float
    program where the two differ, "" where its format alone does not say what it is. stored: what
    the products of a layer read of a value in a format, made once.
    """

    builder: Builder
    formats: Formats
    stands_for: dict[str, str] = field(default_factory=dict)
    stored: dict[tuple[str, str, str, Format], Number] = field(default_factory=dict)

    def declared(self, name: str, length: int, chosen: Chosen, comment: str) -> Value:
        """An input or a state in its format."""
        self.builder.chosen[name] = chosen.why
        return self.builder.value(name, length, chosen.format, comment)

    def packed(self, value: Value, fmt: Format) -> Number:
        """A model's input, or some of its numbers, to be read as `fmt` says."""
        self.stands_for[value.name] = ""
        return Number(value, value.name, packed=fmt)

    def seen_as(self, x: Number, real: str) -> Number:
        """The number as another one of the float program."""
        self.stands_for[x.name] = real
        return replace(x, real=real)

    def into(self, x: Number, fmt: Format, name: str) -> Number:
        """The number in another format; where that is no work, all that is known of it stays so."""
        made = convert(self.builder, x.value, fmt, name)
        return replace(x, value=made) if made.name == x.name else number(made)

    def converted(self, x: Number, chosen: Chosen, name: str) -> Number:
        """The number in a format that was chosen."""
        made = self.into(x, chosen.format, name)
        self.builder.chosen[made.name] = chosen.why
        return made

    def storable(self, x: Integer, layer: str, alone: bool = False) -> Number | Joined:
        """An operand of a matrix product in at most 16 bits, as many as `layer` wants. alone:
        nothing else reads what is made here.
        """
        if isinstance(x, Joined):
            return x
        if isinstance(x, Kept):
            return x.narrow
        fmt = x.value.format
        if x.packed is not None or fmt.storage != "int32":
            return x
        chosen = self.formats.activation(x.real, fmt.magnitude * fmt.unit, layer, alone)
        target = chosen.format
        if target.is_uniform and fmt.unit > target.unit and fits(fmt, target):
            return replace(
                x, value=self.builder.store(x.value, replace(fmt, storage=target.storage))
            )
        key = (layer, x.name, x.real, target)
        if key not in self.stored:
            made = self.converted(x, chosen, f"{x.real}_stored")
            self.stored[key] = self.seen_as(made, x.real)
        return self.stored[key]
