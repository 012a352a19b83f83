"""What a measurement of the error finds out, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.accuracy.tally import Error, Used
from lstm_edge.interpret.feed import Results


@dataclass(frozen=True)
class ValueAccuracy:
    """A state or result of a layer. name: of the state, else of the value in the float program."""

    name: str
    format: str
    scale: float
    error: Error
    used: Used


@dataclass(frozen=True)
class LayerAccuracy:
    """values: the states of a layer and what others read of it. saturations: value -> how often it
    was clipped, of `numbers[value]` numbers. reads: layers that it reads, and `input <name>`.
    """

    name: str
    values: tuple[ValueAccuracy, ...]
    saturations: Mapping[str, int]
    numbers: Mapping[str, int]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class OutputAccuracy:
    """An output, or one that shows states. layer: that makes it. argmax_agreement: share of vectors
    of which the largest number is at the same place. agreement: of integers, share of equal ones,
    else None. per_step: it exists at each step. worst: the share of the squared error that is of
    one sample, or stream. limit: what to do where its own format is what limits its SQNR, to
    `rounding_db` at best; "" where it is not.
    """

    name: str
    layer: str
    error: Error
    argmax_agreement: float
    agreement: float | None
    saturations: int
    per_step: bool
    worst: float = 0.0
    limit: str = ""
    rounding_db: float | None = None


@dataclass(frozen=True)
class InputAccuracy:
    """An input, or a state input. saturations: stored numbers at an end of the range, of `numbers`.
    beyond: real numbers outside of the range by more than rounding; the one that is farthest out is
    `farthest`, of `feature`, whose range is `low` to `high`. error: what rounding it costs.
    """

    name: str
    numbers: int
    saturations: int
    beyond: int
    feature: int
    farthest: float
    low: float
    high: float
    error: Error | None = None


@dataclass(frozen=True)
class Accuracy:
    """Everything measured. samples: calls in all, of so many steps each. streams: in so many
    streams, over whose calls the state lived on; 0 where each sample began at the reset state.
    saturations: operation -> clipped.
    """

    samples: int
    steps: int
    inputs: tuple[InputAccuracy, ...]
    layers: tuple[LayerAccuracy, ...]
    outputs: tuple[OutputAccuracy, ...]
    saturations: Mapping[str, int]
    streams: int = 0

    @property
    def stream_steps(self) -> int:
        """Steps of a whole stream, or of a sample."""
        return self.steps * (self.samples // self.streams if self.streams else 1)

    def without_errors(self) -> Accuracy:
        """How much was run, and nothing of the errors: of inputs that tell nothing of real ones."""
        return replace(self, inputs=(), layers=(), outputs=(), saturations={})


@dataclass(frozen=True)
class Measured:
    """ours, real: what the program and the reference gave."""

    accuracy: Accuracy
    ours: Results
    real: Results
