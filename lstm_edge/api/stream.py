"""A model fed step by step, as firmware feeds it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.interpret.batches import as_array
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import checked_numbers, dequantize, quantize
from lstm_edge.ir.clock import EVERY_TICK
from lstm_edge.ir.program import Port, Program

Array = npt.NDArray[Any]
Outputs = Array | dict[str, Array]


class Stream:
    """One stream of data. Each `step` takes the vector of a step and gives those of the outputs;
    the state lives on until `reset`, which the end of a `with` block does, too.
    """

    def __init__(self, program: Program) -> None:
        if not program.streams:
            raise DataError(
                f"{program.name} needs whole sequences, so it cannot be run step by step; use "
                "predict()"
            )
        self._program = program
        self._windowed = any(s.accumulator for s in program.states) or any(
            block.clock != EVERY_TICK for block in program.blocks
        )
        self.reset()

    def __enter__(self) -> Stream:
        self.reset()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self._state: dict[str, Array] | None = None
        self._frames: list[dict[str, Array]] = []
        self._given: dict[str, int] = {}

    def step(self, frame: Any) -> Outputs | None:
        """Run one step. frame: [features], of several inputs a dict by name.

        Gives real numbers: [units] of the one output, else a dict of those that this step makes;
        None where it makes none, as between the strides of a convolution.
        """
        stored = self._stored(frame)
        if not self._windowed:
            outputs, self._state = run(self._program, stored, self._state)
            found = {
                p.name: outputs[p.name][:, -1] if p.per_step else outputs[p.name]
                for p in self._program.outputs
            }
        else:
            found = self._in_window(stored)
        real = {
            p.name: self._real(p, found[p.name]) for p in self._program.outputs if p.name in found
        }
        if len(self._program.outputs) > 1:
            return real
        return next(iter(real.values()), None)

    def _in_window(self, frame: dict[str, Array]) -> dict[str, Array]:
        """What a window's step adds to its steps so far: they are run once more, which is exact."""
        program = self._program
        self._frames.append(frame)
        steps = len(self._frames)
        if steps < program.least_steps:
            return {}
        inputs = {
            p.name: np.concatenate([f[p.name] for f in self._frames], axis=1)
            if p.per_step
            else frame[p.name]
            for p in program.inputs
        }
        outputs, state = run(program, inputs, self._state)
        found = {}
        for port in program.outputs:
            stored = outputs[port.name]
            if not port.per_step:
                if program.steps is None or steps == program.steps:
                    found[port.name] = stored
            elif stored.shape[1] > self._given.get(port.name, 0):
                self._given[port.name] = stored.shape[1]
                found[port.name] = stored[:, -1]
        if steps == program.steps:
            self._frames, self._given, self._state = [], {}, state
        return found

    def _stored(self, frame: Any) -> dict[str, Array]:
        ports = self._program.inputs
        given = frame if isinstance(frame, dict) else {ports[0].name: frame}
        if len(ports) > 1 and not isinstance(frame, dict):
            names = ", ".join(port.name for port in ports)
            raise DataError(f"a frame of {len(ports)} inputs; give a dict by name: {names}")
        return {port.name: self._vector(port, given) for port in ports}

    def _vector(self, port: Port, given: dict[str, Any]) -> Array:
        """[1, 1, features], or [1, features] of an input that is given once a sequence."""
        if port.name not in given:
            raise DataError(f"the frame holds no {port.name!r}")
        features = self._program.values[port.value].length
        found = as_array(given[port.name])
        if found.size != features:
            raise DataError(
                f"a frame of {port.name!r} is {list(found.shape)} of {found.dtype}, expected "
                f"{features} numbers"
            )
        shape = (1, 1, features) if port.per_step else (1, features)
        vector = checked_numbers(port, found.reshape(shape), f"a frame of {port.name!r}")
        return quantize(self._program, port, vector)

    def _real(self, port: Port, stored: Array) -> Array:
        real: Array = dequantize(self._program, port, stored)[0]
        return real
