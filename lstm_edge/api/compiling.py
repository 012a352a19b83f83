"""`compile`: a network, a target and data become a compiled model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lstm_edge.api.arrays import arrays_of, is_whole
from lstm_edge.api.compiled import Compiled, open_folder
from lstm_edge.api.network import Network, load
from lstm_edge.api.options import bits, bound, by_input, limit, refuse
from lstm_edge.artifacts import bundle_of
from lstm_edge.choices import Optimize, Scheme, Shown, StateForm, Unroll
from lstm_edge.driver import compile_model
from lstm_edge.errors import BoundError, BudgetError, DataError, FlashError, TargetError
from lstm_edge.files import unchanged
from lstm_edge.ir.model import Model
from lstm_edge.manifest import StudyEntry
from lstm_edge.passes.given_formats import with_stored_inputs
from lstm_edge.profile.budgets import check_budgets
from lstm_edge.progress import Progress, silent
from lstm_edge.request import Request
from lstm_edge.search.from_study import check_belongs, entry_of, pick
from lstm_edge.search.widen import NOTHING
from lstm_edge.stopwatch import Stopwatch
from lstm_edge.threads import one_core

Auto = Literal["auto"]
MOST_FITTED = 4
"""Programs that are made to fit the flash: what code takes is known only then."""


@unchanged()
def compile_network(
    network: Network | str | Path | object,
    *,
    target: str,
    calibration: Any = None,
    labels: Any = None,
    scheme: Scheme | None = None,
    weights: int | Auto | None = None,
    activations: int | Auto | None = None,
    cell_state: int | None = None,
    unroll: Unroll | None = None,
    optimize: Optimize | None = None,
    state: StateForm = "kept",
    outputs: Shown = "probabilities",
    max_error: float | None = None,
    max_drop: float | None = None,
    max_flash: int | None = None,
    max_ram: int | None = None,
    max_stack: int | None = None,
    max_insn: int | None = None,
    max_cycles: int | None = None,
    input_scale: float | Mapping[str, float] | None = None,
    input_zero: float | Mapping[str, float] | None = None,
    inputs_like: Compiled | str | Path | None = None,
    from_study: str | None = None,
    updatable: bool = False,
    progress: Progress = silent,
    searching: Progress = silent,
    stopwatch: Stopwatch | None = None,
) -> Compiled:
    """Compile a network to C; nothing is written before `Compiled.save`.

    network: of `load`, or what `load` takes. target: a core of `lstm-edge targets`, a set of them,
    or a list with commas. calibration: typical inputs [samples, *input shape]: an array, a dict by
    name, or a file; without it some are drawn, with a warning. labels: of the calibration samples,
    for `max_drop`. scheme: int8 (default), fixed or float32. weights: 4, 8 (default), 16 or "auto";
    activations: 8, 12 (default), 16 or "auto"; cell_state: 16 or 32 (default). unroll: none, gates
    (default) or full; optimize: speed (default) or size. max_error: dB that each output has to
    reach on samples that are held back; max_drop: points that a score may lose; the other limits
    are bytes, and instructions and cycles of a step. input_scale, input_zero: real =
    (raw - zero) * scale for raw integers of 16 bits, of which the C then makes stored ones; a
    number, or one by input. inputs_like: a compiled model, or its folder, whose inputs are stored
    as those of this one shall be: with the same scale, zero point and width. outputs:
    probabilities, or logits: the sums before a last sigmoid, softmax, log_softmax or exp.
    from_study: `STUDY[:TRIAL]`, a point that `lstm-edge search` found: it has the scheme, the
    widths and how C is written, and the manifest keeps the study's front. updatable: weights are a
    block of bytes that firmware can be given anew, of which `update` makes others. progress,
    searching: called with (done, total). stopwatch: takes the seconds of each pass.

    ModelError, DataError, QuantizationError, TargetError or ToolchainError where the model, its
    data or the tools are at fault; BudgetError where a limit is not held.
    """
    if not isinstance(target, str):
        raise TargetError(
            f"target {target!r}: expected a name such as 'cortex-m4', or several with commas"
        )
    request = Request(
        target=target,
        **_given(scheme=scheme, unroll=unroll, optimize=optimize),
        **_widths(scheme, weights, activations, cell_state),
        free=frozenset(
            name
            for name, width in (("weights", weights), ("activations", activations))
            if width is None
        ),
        state=state,
        outputs=outputs,
        max_flash=limit("max-flash", max_flash),
        max_ram=limit("max-ram", max_ram),
        max_stack=limit("max-stack", max_stack),
        max_insn=limit("max-insn", max_insn),
        max_cycles=limit("max-cycles", max_cycles),
        max_error=bound("max-error", max_error),
        max_drop=bound("max-drop", max_drop),
        input_scale=by_input("input-scale", input_scale),
        input_zero=by_input("input-zero", input_zero),
        updatable=updatable,
    )
    watch = stopwatch or Stopwatch()
    loaded = _loaded(network, watch)
    study = None
    if from_study is not None:
        widths = {"weights": weights, "activations": activations, "cell_state": cell_state}
        of_point = {**widths, "scheme": scheme, "unroll": unroll, "optimize": optimize}
        refuse(of_point, "with --from-study, whose point has its own")
        request, study = _of_study(from_study, request, loaded, calibration)
    model = loaded.model
    if inputs_like is not None:
        if request.scheme == "float32":
            refuse({"inputs_like": inputs_like}, "with --scheme float32")
        model, request = _as_stored(model, request, inputs_like)
    if request.scheme == "float32":
        bounds = {"max_error": max_error, "max_drop": max_drop, "labels": labels}
        refuse(bounds, "with --scheme float32")
    truth = None if labels is None else arrays_of(labels, [p.name for p in loaded.model.outputs])

    def within_limits(request: Request) -> Compiled:
        with one_core():
            made = compile_model(model, request, calibration, truth, progress, searching, watch)
        made = replace(made, study=study)
        with watch.lap("bundle"):
            bundle = bundle_of(made)
        if request.budgets.any:
            with watch.lap("profile"):
                check_budgets(request.budgets, bundle)
        return Compiled(bundle, made)

    return _made(request, within_limits)


def _made(request: Request, within_limits: Callable[[Request], Compiled]) -> Compiled:
    """What comes of a request; with narrower widths where its limits leave no room for others."""
    for _ in range(MOST_FITTED if request.only_fits else 0):
        try:
            return within_limits(request)
        except FlashError as error:
            request = request.within(error.constants)
        except BudgetError:
            if request.room is not None or request.max_flash is None:
                raise
            request = request.within(request.max_flash)
    try:
        return within_limits(request)
    except BoundError:
        raise
    except BudgetError:
        if request.kinds == NOTHING or not request.sizes:
            raise
        return within_limits(replace(request, widen=False))


def _as_stored(model: Model, request: Request, like: object) -> tuple[Model, Request]:
    """The model with inputs as another has them, and the request, which says so."""
    if not isinstance(like, Compiled | str | Path):
        kind = type(like).__name__
        raise DataError(
            f"--inputs-like {kind}: expected a compiled model, or the path of its folder"
        )
    other = like if isinstance(like, Compiled) else open_folder(like)
    said = f"{other.name}@{other.manifest['model_sha256'][:12]}"
    return with_stored_inputs(model, other.program), replace(request, inputs_like=said)


def _loaded(network: Network | str | Path | object, watch: Stopwatch) -> Network:
    if isinstance(network, Network):
        return network
    with watch.lap("read model"):
        return load(network)


def _given(**options: Any) -> dict[str, Any]:
    """Those that are not left to their defaults."""
    return {name: value for name, value in options.items() if value is not None}


def _widths(
    scheme: Scheme | None,
    weights: int | Auto | None,
    activations: int | Auto | None,
    cell_state: int | None,
) -> dict[str, Any]:
    """Widths as a request has them: None is the default, "auto" becomes None."""
    given = {
        name: bits(name.replace("_", "-"), width)
        for name, width in (
            ("weights", weights), ("activations", activations), ("cell_state", cell_state)
        )
    }  # fmt: skip
    if scheme == "float32":
        refuse(given, "with --scheme float32")
    return {name: None if width == "auto" else width for name, width in _given(**given).items()}


def _of_study(
    text: str, request: Request, network: Network, calibration: Any
) -> tuple[Request, StudyEntry]:
    """The request with what a point of a study chose, and the study's front."""
    names = [port.name for port in network.model.inputs]
    if not (calibration is None or is_whole(calibration)):
        raise DataError(
            f"--from-study: the calibration data are a {type(calibration).__name__}, which cannot "
            "be held against those of the study; give the file, or its arrays by name"
        )
    arrays = None if calibration is None else arrays_of(calibration, names)
    picked, found = pick(text)
    check_belongs(picked, found, network.model, request.target, arrays)
    point, study = picked.point, entry_of(picked, found)
    stack = found.limits.stack if request.max_stack is None else request.max_stack
    request = replace(
        request,
        scheme=point.scheme,
        unroll=point.unroll,
        optimize=point.optimize,
        max_stack=stack,
    )
    if point.options is None:
        return request, study
    widths = replace(
        request,
        weights=point.options.weights,
        activations=point.options.activations,
        cell_state=point.options.cell_state,
        free=frozenset(),
        layers=point.options.layers,
    )
    return widths, study
