"""The models that are analysed: all examples, and random networks."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from examples.catalogue import find_all
from examples.score import compile_example
from lstm_edge import bundle
from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.oracle.graphs import saved
from tests.oracle.random_check import CALIBRATION, inputs_of
from tests.oracle.random_graphs import random_net
from tests.proofs.eva import Subject
from tests.support.exactness import rendered

TARGET = "portable"


def examples() -> Iterator[Subject]:
    """Each as `compile` makes it."""
    for example in find_all():
        with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
            made = bundle.read(compile_example(example, Path(temporary) / "made", TARGET))
        files = {name: data.decode() for name, data in made.code.items()}
        yield Subject(example.name, made.program, files)


def random_networks(count: int, first: int) -> Iterator[Subject]:
    """The first so many that are not refused, from a seed on."""
    seed = first
    while count:
        subject = random_network(seed)
        seed += 1
        if subject:
            count -= 1
            yield subject


def random_network(seed: int) -> Subject | None:
    """None where it is refused."""
    net = random_net(random.Random(seed))
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        file = saved(net.model(), Path(temporary))
        try:
            model = load(file, name="net", steps=net.steps if net.needs_steps else None)
            real = lower_real(model)
        except ModelError:
            return None
    known = inputs_of(net, model, CALIBRATION, 2)
    ranges = calibrate(real, feed_of(real, known, stream=False), from_data=True)
    program = lower_integer(model, ranges, Options())
    return Subject(f"seed {seed}", program, rendered(program, load_target(TARGET), "gates").files)
