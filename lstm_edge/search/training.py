"""An objective for architectures: the user's training, then quantization and costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstm_edge.families import load_cores
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Arrays
from lstm_edge.ir.model import Model
from lstm_edge.search.evaluate import Bench
from lstm_edge.search.front import values_of
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import FLOAT32, Choices, Point
from lstm_edge.search.settings import check_objectives
from lstm_edge.search.storage import import_optuna
from lstm_edge.search.tools import tools_for

if TYPE_CHECKING:
    from optuna import Trial


USUAL = Choices(weights=(8,), activations=(12,), cell_state=(32,))
NO_LIMITS = Limits()


def _loaded(model: Any) -> Model:
    return model if isinstance(model, Model) else load(Path(model))


def objective(
    train: Callable[[Trial], Any],
    *,
    target: str,
    calibration: Arrays | None = None,
    labels: Arrays | None = None,
    objectives: Sequence[str] = ("error", "flash", "instructions"),
    choices: Choices = USUAL,
    limits: Limits = NO_LIMITS,
    code: bool | None = None,
    read: Callable[[Any], Model] = _loaded,
) -> Callable[[Trial], tuple[float, ...]]:
    """A function for `study.optimize`, all of whose values are to be minimized.

    train: gets the trial, from which it takes what it likes, and returns a trained model, which
    `read` makes a Model of. Widths and schemes that may be chosen are taken from the trial too, one
    of each for all layers. A trial beyond the limits is pruned. code: whether flash counts it, None
    where the target's compiler is installed. What was measured is in the trial's `result`
    attribute. DataError for objectives that the data cannot tell; as `tools_for` for those that the
    target or the tools cannot.
    """
    check_objectives(objectives, limits, labels)
    core = load_cores(target).slowest
    tools = tools_for(core, objectives, limits, code)

    def tried(trial: Trial) -> tuple[float, ...]:
        optuna = import_optuna()
        bench = Bench(read(train(trial)), calibration, labels, core, tools)
        result = bench.evaluate(_suggested(trial, bench, choices), limits)
        trial.set_user_attr("result", result.to_json())
        unknown = result.instructions is None and "instructions" in objectives
        if not result.holds(limits) or unknown:
            raise optuna.TrialPruned(result.failed or "beyond the limits")
        return values_of(result, objectives)

    return tried


def _suggested(trial: Trial, bench: Bench, choices: Choices) -> Point:
    """One choice of each kind; what leaves none is not asked for."""

    def one(kind: str) -> Any:
        values: tuple[Any, ...] = getattr(choices, kind)
        return values[0] if len(values) == 1 else trial.suggest_categorical(kind, values)

    sha256, scheme = bench.model.sha256, one("scheme")
    unroll, optimize = one("unroll"), one("optimize")
    if scheme == FLOAT32:
        return Point(sha256, scheme, (), 32, unroll, optimize)
    weights, activations = one("weights"), one("activations")
    layers = tuple((name, weights, activations) for name in bench.layers or ("",))
    return Point(sha256, scheme, layers, one("cell_state"), unroll, optimize)
