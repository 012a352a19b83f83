"""Which inputs are counted: some of a bundle's held-back samples, and programs that take them."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
import numpy as np

from lstm_edge.bundle import Bundle
from lstm_edge.data import COST_STEPS
from lstm_edge.emit.testing import TestPort, render_harness, test_ports
from lstm_edge.errors import TargetError
from lstm_edge.interpret.feed import Feed, stored_feed
from lstm_edge.interpret.given import feeds_of, given, together
from lstm_edge.passes.calibrate import chained
from lstm_edge.resources import firmware_dir

MOST_STEPS = COST_STEPS
"""Time steps that are counted, where a model takes any number of them."""
MOST_SAMPLES = 8
BYTES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "int32_t": 4, "float": 4}


@dataclass(frozen=True)
class Sample:
    """feed: for `_step` of a model that streams, for `_run` of one that does not. run: for the
    `_run` of a model that streams, one sample of as many steps as fit the board.
    """

    feed: Feed
    run: Feed


def sample_of(bundle: Bundle) -> Sample:
    """The first held-back samples, as stored numbers."""
    program, reference = bundle.program, bundle.reference
    found = given(reference, bundle.held_back)
    real = together(reference, feeds_of(reference, found))
    feed = stored_feed(program, chained(reference, real)).first_steps(program, MOST_STEPS)
    streams, calls, steps = feed.shape
    calls = min(calls, max(1, MOST_STEPS // steps))
    streams = min(streams, max(1, min(MOST_SAMPLES, MOST_STEPS // (calls * steps))))
    feed = _cut(feed.pick(np.arange(streams)), calls, steps)
    one = _cut(Feed(feed.inputs).pick(np.arange(1)), 1, _fitting(bundle, steps))
    return Sample(feed, one)


def render_run(bundle: Bundle, steps: int) -> str:
    """A main() that calls `_run` of a model that streams, on `steps` steps."""
    program = bundle.program
    kept = len(program.settable)
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(firmware_dir() / "profile"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    ).get_template("run.c.j2")
    return template.render(
        model={
            "name": program.name,
            "inputs": test_ports(program, program.inputs),
            "outputs": test_ports(program, program.outputs),
            "steps": steps,
            "kept": kept,
            "no_states": ", NULL" * kept if program.explicit else "",
        }
    )


def render_main(bundle: Bundle) -> str:
    """A main() that calls `_step`, or `_run` of a model that does not stream."""
    return render_harness(bundle.program, bundle.target)


def _cut(feed: Feed, calls: int, steps: int) -> Feed:
    inputs = {
        n: a[:, :calls, :steps] if a.ndim == 4 else a[:, :calls] for n, a in feed.inputs.items()
    }
    return Feed(inputs, {name: a[:, :calls] for name, a in feed.states.items()})


def _fitting(bundle: Bundle, steps: int) -> int:
    """Steps whose inputs and outputs take at most a quarter of the board's RAM."""
    program, board = bundle.program, bundle.target.board
    if board is None:
        raise TargetError(
            f"the bundle is for {bundle.target.name}, which has no emulated board to count on; "
            "compile it for one of the Cortex-M targets"
        )
    ports: list[TestPort] = test_ports(program, (*program.inputs, *program.outputs))
    step = sum(port.length * BYTES[port.ctype] for port in ports if port.per_step)
    return max(1, min(steps, board.ram.size // 4 // max(step, 1)))
