"""A compiled model: what `compile` and `open` give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lstm_edge import bundle
from lstm_edge.accuracy.trace import ValueTrace, trace
from lstm_edge.api.arrays import arrays_of
from lstm_edge.api.stream import Stream
from lstm_edge.artifacts import Compilation
from lstm_edge.bundle import Bundle
from lstm_edge.choices import Place
from lstm_edge.cost import Cost, cost_of
from lstm_edge.errors import DataError, VerificationError
from lstm_edge.folders import put_file
from lstm_edge.interpret.given import feeds_of, given, together
from lstm_edge.ir.program import Program
from lstm_edge.ir.weights import StoredWeights, stored_weights
from lstm_edge.labels import Score
from lstm_edge.manifest import Manifest, of_core
from lstm_edge.packages.about import About
from lstm_edge.packages.pack import default_folder, package_of
from lstm_edge.packages.systems import parse_systems
from lstm_edge.printing.compiled import compiled as compiled_text
from lstm_edge.printing.fitted import NARROW, fitted
from lstm_edge.profile.bundle_profile import Profile, profile_targets
from lstm_edge.progress import Tell, quiet
from lstm_edge.report import report, summary
from lstm_edge.verify import Verified, answers_on, check_steps, verify

Array = npt.NDArray[Any]
Outputs = Array | dict[str, Array]


@dataclass(frozen=True)
class Compiled:
    """A model as C, with the same model in numpy. compilation: what else `compile` found out; None
    of a model that was opened.

    Inputs are [samples, *shape], without their batch axis or with it: an array of a model with one
    input, a dict by name, a list of recordings of any length, a file, or batches as a DataLoader
    gives them. A model of one output gives an array; one of several, or that shows its states, and
    recordings, as `y__0`, `y__1` ..., give a dict by name.
    """

    bundle: Bundle
    compilation: Compilation | None = None

    @property
    def name(self) -> str:
        """What prefixes all names in C."""
        return self.bundle.program.name

    @property
    def program(self) -> Program:
        """The integer program, or the float one of float32."""
        return self.bundle.program

    @property
    def renamed(self) -> dict[str, str]:
        """Names of the model's file -> what inputs, outputs and states are called instead."""
        return {file: name for name, file in self.program.file_names.items() if file != name}

    @property
    def reference(self) -> Program:
        """The float program of the same network."""
        return self.bundle.reference

    @property
    def manifest(self) -> Manifest:
        """All that is known of it, as in `manifest.json`."""
        return self.bundle.manifest

    @property
    def weights(self) -> tuple[StoredWeights, ...]:
        """The weights of its products and embeddings: integers, and what they stand for."""
        return stored_weights(self.program)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may not be as the user means it, each with its remedy."""
        return tuple(self.manifest["warnings"])

    @property
    def files(self) -> Mapping[str, bytes]:
        """Name -> content of what `save` writes."""
        return self.bundle.files

    @property
    def cost(self) -> Cost:
        """On the core that it was compiled for; of several, on the first."""
        return next(iter(self.costs.values()))

    @property
    def costs(self) -> dict[str, Cost]:
        """On each core that it was compiled for."""
        names = [target.name for target in self.bundle.targets]
        return {name: cost_of(of_core(self.manifest, name)) for name in names}

    def predict(self, x: Any, *, on: Place = "numpy", raw: bool = False) -> Outputs:
        """Floats in, floats out, the device's integers inside: the bits that the device gives.

        on: numpy, host (the C on this computer), qemu (the C on an emulated board) or float (the
        network before quantization). raw: the stored integers.
        """
        found = self.run(x, on=on, raw=raw)
        (only, *others) = found
        return found if others or only not in self._outputs else found[only]

    def run(
        self, x: Any, *, on: Place = "numpy", stream: bool = False, raw: bool = False
    ) -> dict[str, Array]:
        """The same by name, with states that the model shows. stream: arrays are [streams, calls,
        *shape of one call], and the state lives on over the calls of a stream.
        """
        return answers_on(self.bundle, on, x, stream=stream, raw=raw)

    def trace(self, x: Any) -> dict[str, dict[str, ValueTrace]]:
        """Layer -> value -> what it is at every step, in float and in integers."""
        reference = self.bundle.reference
        feed = together(reference, feeds_of(reference, given(reference, x)))
        check_steps(reference, feed)
        found: dict[str, dict[str, ValueTrace]] = {}
        for each in trace(self.bundle.program, self.bundle.reference, feed):
            found.setdefault(each.layer, {})[each.name] = each
        return found

    def stream(self) -> Stream:
        """A context for one stream of data, step by step, as the device's `_step` runs it."""
        return Stream(self.bundle.program)

    def score(self, x: Any, y: Any, *, stream: bool = False) -> Score | dict[str, Score]:
        """Float and integers on labels y: classes [samples] or [samples, steps], or real numbers
        in the output's own shape; of one output an array, else a dict by name. stream: x is as for
        `verify`, and a label belongs to a call, [streams, calls, ...] or [calls, ...].
        """
        found = verify(self.bundle, x, (), self._labels(y), stream=stream).scores
        return found[0] if len(found) == 1 else {each.name: each for each in found}

    def verify(
        self,
        x: Any = None,
        *,
        on: str | Sequence[str] | None = None,
        stream: bool = False,
        labels: Any = None,
    ) -> Verified:
        """Run everywhere and compare: bits with numpy, error with float.

        x: inputs; by default the samples that were held back from calibration. on: host, qemu or
        both; by default all there are. stream: x is [streams, calls, *shape], or calls in a row,
        and the state lives on over the calls of a stream. VerificationError where bits differ.
        """
        found = self.compare(x, on=on, stream=stream, labels=labels)
        if not found.ok:
            raise VerificationError(found.told)
        return found

    def compare(
        self,
        x: Any = None,
        *,
        on: str | Sequence[str] | None = None,
        stream: bool = False,
        labels: Any = None,
        tell: Tell = quiet,
    ) -> Verified:
        """The same without an error: `ok` says whether all bits agree. `tell` is told what runs."""
        default = ("host", "qemu") if self.bundle.emulated else ("host",)
        places = default if on is None else (on,) if isinstance(on, str) else tuple(on)
        if not places or not set(places) <= {"host", "qemu"}:
            raise DataError(f"verify on {on!r}: expected host, qemu, or both")
        known = None if labels is None else self._labels(labels)
        return verify(self.bundle, x, places, known, tell, stream=stream)

    def profile(self, board: str | None = None, *, tell: Tell = quiet) -> tuple[Profile, ...]:
        """What a step costs, counted in QEMU, on each core that has an emulated board. board: a
        part, to tell the energy of. `tell` is told what runs.
        """
        return profile_targets(self.bundle, board, tell)

    def report(
        self,
        path: str | Path,
        *,
        x: Any = None,
        stream: bool = False,
        labels: Any = None,
        board: str | None = None,
        tell: Tell = quiet,
    ) -> Path:
        """Write a report as one HTML file, of what `verify` and `profile` find with the tools that
        this computer has. stream: as for `verify`. `tell` is told what runs.
        """
        known = None if labels is None else self._labels(labels)
        text = report(self.bundle, inputs=x, stream=stream, labels=known, board=board, tell=tell)
        file = Path(path)
        put_file(file, text.encode())
        return file

    def on(self, target: str) -> Compiled:
        """The same for one of several cores."""
        return Compiled(self.bundle.on(target), self.compilation)

    def save(
        self, folder: str | Path, *, packages: str | Sequence[str] = (), about: About | None = None
    ) -> Path:
        """Write the bundle to a folder, whole or not at all.

        packages: build systems, or ["all"], for which `<folder>-package/<name>` becomes a package,
        too, or the same as text with commas; about: its version, licence and people.
        """
        path = Path(folder)
        chosen = parse_systems(packages) if isinstance(packages, str) else packages
        if about is not None and not (chosen and isinstance(about, About)):
            found = type(about).__name__
            raise DataError(
                f"about={found} says something of a package: expected an lstm_edge.About, and "
                "packages=, such as ['all']"
            )
        made = package_of(self.bundle, chosen, about or About()) if chosen else None
        bundle.write(path, self.files)
        if made is not None:
            made.write(default_folder(path, self.name))
        return path

    @property
    def errors(self) -> tuple[str, ...]:
        """A line for the error of each output; none of a model that was opened: `verify` tells."""
        return () if self.compilation is None else self.compilation.measured.lines

    def __str__(self) -> str:
        return fitted(compiled_text(self.bundle, self.errors), NARROW)

    def _repr_html_(self) -> str:
        return summary(self.manifest)

    def _labels(self, y: Any) -> dict[str, Array]:
        return arrays_of(y, self._outputs)

    @property
    def _outputs(self) -> list[str]:
        return [port.name for port in self.bundle.program.outputs]


def open_folder(folder: str | Path) -> Compiled:
    """A model that `Compiled.save` or `lstm-edge compile` wrote; DataError where there is none."""
    return Compiled(bundle.read(Path(folder)))
