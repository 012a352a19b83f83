"""A search that any number of processes, on any number of machines, work at together.

The study lists points in one order; each process claims the first that nobody has, computes it and
writes down the result. Who claims is written into the study itself, as a trial of Optuna's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from lstm_edge import __version__
from lstm_edge.errors import DataError
from lstm_edge.families import load_cores
from lstm_edge.interpret.feed import Arrays
from lstm_edge.ir.model import Model
from lstm_edge.passes.costs import base_of
from lstm_edge.search.claims import BEAT, CLAIM, Beats, Watch, new_claim
from lstm_edge.search.evaluate import Bench, Result
from lstm_edge.search.front import Tried, pareto, values_of
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import FLOAT32, LISTED, Candidate, Choices, Point, Space
from lstm_edge.search.settings import Settings, check_objectives, digest
from lstm_edge.search.storage import import_optuna, open_storage
from lstm_edge.search.tools import NO_COMPILER, NO_TOOLS, Tools, compiler_of, tools_for

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

KEY, POINT, RESULT, SETTINGS, LABELS = "key", "point", "result", "settings", "labels"
DEFAULT_NAME = "search"
POLL_SECONDS = 0.2
TELL_SECONDS = 0.5
"""Progress is told no more often: the front of thousands of points takes as long as a point."""
Progress = Callable[[int, int | None, int], None]


@dataclass(frozen=True)
class Found:
    """What is known of a study. labels: SHA-256 of a model -> what it is called; tried: points with
    a result; most: that there are to try, None without end.
    """

    objectives: tuple[str, ...]
    limits: Limits
    labels: Mapping[str, str]
    settings: Mapping[str, Any]
    tried: tuple[Tried, ...]
    most: int | None

    @property
    def compiler(self) -> str | None:
        """Whose code flash counts, None without code."""
        found = str(self.settings.get("compiler", NO_COMPILER))
        return None if found == NO_COMPILER else found

    @property
    def front(self) -> list[Tried]:
        """Points that no other beats, within the limits."""
        return pareto(self.tried, self.objectives, self.limits)


@dataclass(frozen=True)
class Task:
    """What is searched. models: with what each is called. calibration, labels: arrays. code:
    whether flash counts it; None as the study that is joined, or else where there is a compiler.
    """

    models: Sequence[tuple[str, Model]]
    target: str
    calibration: Arrays | None = None
    labels: Arrays | None = None
    choices: Choices = field(default_factory=Choices)
    limits: Limits = field(default_factory=Limits)
    objectives: tuple[str, ...] = ("error", "flash", "instructions")
    steps: int | None = None
    code: bool | None = None


def search_study(
    task: Task,
    where: str,
    *,
    name: str = DEFAULT_NAME,
    budget: float | None = None,
    trials: int | None = None,
    progress: Progress | None = None,
) -> Found:
    """Work at a study until all is tried, or for `budget` seconds; what is known then.

    where: a file or a URL. trials: most points of the study, by all processes together. Returns
    when all points have a result, also those of other processes. progress(done, most, front) is
    told now and then. DataError where the study is one of something else.
    """
    check_objectives(task.objectives, task.limits, task.labels)
    worker = _Worker(task, where, name, trials)
    worker.run(None if budget is None else time.monotonic() + budget, progress)
    return worker.found()


def read_study(where: str, name: str = DEFAULT_NAME) -> Found:
    """What is known of a study that there is."""
    optuna = import_optuna()
    storage = open_storage(where, create=False)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        known = ", ".join(sorted(each.study_name for each in storage.get_all_studies())) or "none"
        raise DataError(f"--study {where}: holds no study {name!r}, but {known}") from None
    attrs = study.user_attrs
    settings = attrs.get(SETTINGS)
    if settings is None:
        raise DataError(f"--study {where}: {name!r} was not made by `lstm-edge search`")
    if settings["tool"] != __version__:
        raise DataError(
            f"--study {where}: {name!r} is of lstm-edge {settings['tool']}, and this is "
            f"{__version__}, whose figures are not the same; search again with this version"
        )
    limits = Limits(**settings["limits"])
    tried = tuple(_tried(study.get_trials(deepcopy=False)))
    return Found(tuple(settings["objectives"]), limits, attrs[LABELS], settings, tried, None)


def _tried(trials: Sequence[FrozenTrial]) -> Iterator[Tried]:
    """Each point that has a result, once."""
    seen: set[str] = set()
    for trial in trials:
        attrs = trial.user_attrs
        if trial.state.name in ("COMPLETE", "PRUNED") and attrs.get(KEY) not in seen:
            seen.add(attrs[KEY])
            point, result = Point.from_json(attrs[POINT]), Result.from_json(attrs[RESULT])
            yield Tried(trial.number, point, result)


class _Worker:
    """One process of a study."""

    def __init__(self, task: Task, where: str, name: str, trials: int | None) -> None:
        self._optuna = import_optuna()
        self.task = task
        self._target = load_cores(task.target).slowest
        tools = tools_for(self._target, task.objectives, task.limits, task.code)
        self._benches = {
            model.sha256: Bench(model, task.calibration, task.labels, self._target, tools)
            for _, model in task.models
        }
        self._check_models()
        shas = tuple(sorted(self._benches))
        self.settings = Settings(
            task.target, shas, task.steps, digest(task.calibration), digest(task.labels),
            task.objectives, task.limits, task.choices, tools,
        )  # fmt: skip
        self.labels = {model.sha256: label for label, model in task.models}
        found = [Candidate(sha, self.labels[sha], self._benches[sha].layers) for sha in shas]
        self._space = Space(tuple(found), task.choices)
        self._open_end = self._space.size > LISTED and trials is None
        count = trials if self._space.size > LISTED else min(self._space.size, trials or LISTED)
        self.most = None if self._open_end else count
        self._sequence = islice(self._space.sequence(), self.most)
        self._points: list[tuple[str, Point]] = []
        self._watch = Watch()
        self.storage = open_storage(where)
        self.study = self._joined(name)
        self._cache = self._results_of_others()

    def _check_models(self) -> None:
        """Read all data before anything is written into a study."""
        if len(self._benches) < len(self.task.models):
            raise DataError("two of the models are the same file; give each once")
        needs = "instructions" in self.task.objectives or self.task.limits.instructions is not None
        for bench in self._benches.values():
            bench.check()
            floats = FLOAT32 in self.task.choices.scheme
            if floats and needs and base_of(bench.reference, bench.target) is None:
                raise DataError(
                    f"scheme float32: instructions on {bench.target.name} are not known without "
                    "an FPU; leave float32 out, or search with --objectives error,flash"
                )

    def _joined(self, name: str) -> Study:
        """The study, begun by whoever comes first; DataError if it is one of something else."""
        directions = ["minimize"] * len(self.task.objectives)
        study: Study = self._optuna.create_study(
            storage=self.storage, study_name=name, directions=directions, load_if_exists=True
        )
        if SETTINGS not in study.user_attrs:
            if study.get_trials(deepcopy=False):
                raise DataError(f"study {name!r} is not one of `search`; give a --study-name")
            study.set_user_attr(LABELS, self.labels)
            study.set_user_attr(SETTINGS, self.settings.to_json())
        self._follow(study.user_attrs[SETTINGS])
        self.settings.check_same(study.user_attrs[SETTINGS], name)
        return study

    def _follow(self, settings: Mapping[str, Any]) -> None:
        """Where nothing is said of code, do as whoever began the study."""
        begun = settings.get("compiler") != NO_COMPILER
        tools = self.settings.tools
        if self.task.code is not None or begun == tools.any:
            return
        tools = Tools(compiler_of(self._target)) if begun else NO_TOOLS
        self.settings = replace(self.settings, tools=tools)
        for bench in self._benches.values():
            bench.tools = tools

    def _results_of_others(self) -> dict[str, Mapping[str, Any]]:
        """Results by key in the other studies of this storage, unread: some may be of another
        version, whose keys are others.
        """
        found = {}
        for each in self.storage.get_all_studies():
            if each.study_name == self.study.study_name:
                continue
            for trial in self.storage.get_all_trials(each._study_id, deepcopy=False):
                attrs = trial.user_attrs
                if trial.state.name == "COMPLETE" and KEY in attrs and RESULT in attrs:
                    found[str(attrs[KEY])] = attrs[RESULT]
        return found

    def run(self, deadline: float | None, progress: Progress | None) -> None:
        """Claim, compute and write down until there is nothing left, or no time."""
        told = 0.0
        while deadline is None or time.monotonic() < deadline:
            done, held = self._state()
            if self.most is not None and not self._left(done, set()):
                return
            key, point = self._left(done, held) or ("", None)
            if point is None:
                time.sleep(POLL_SECONDS)
                continue
            self._claim_and_do(key, point)
            if progress is not None and time.monotonic() - told >= TELL_SECONDS:
                known = self.found()
                progress(len(known.tried), self.most, len(known.front))
                told = time.monotonic()

    def _state(self) -> tuple[set[str], set[str]]:
        """Keys with a result, and keys at which somebody works; what was left is given up."""
        done, held = set(), set()
        for trial in self.study.get_trials(deepcopy=False):
            attrs, state = trial.user_attrs, trial.state.name
            if state in ("COMPLETE", "PRUNED"):
                done.add(str(attrs[KEY]))
            elif state == "RUNNING" and self._watch.is_stale(trial.number, attrs):
                self._give_up(trial.number)
            elif state == "RUNNING":
                held.add(str(attrs.get(KEY)))
        return done, held

    def _left(self, done: set[str], held: set[str]) -> tuple[str, Point] | None:
        """The first point without a result, at which nobody works."""
        for key, point in self._points:
            if key not in done and key not in held:
                return key, point
        for point in self._sequence:
            key = self.settings.key(point)
            self._points.append((key, point))
            if key not in done and key not in held:
                return key, point
        return None

    def _give_up(self, number: int) -> None:
        """Another process may have done so at the same time, or have finished it after all."""
        state = self._optuna.trial.TrialState.FAIL
        with suppress(ValueError, self._optuna.exceptions.UpdateFinishedTrialError):
            self.study.tell(number, state=state, skip_if_finished=True)

    def _claim_and_do(self, key: str, point: Point) -> None:
        """Nothing, where another process was quicker to claim the point."""
        number = self._claim(key, point)
        try:
            if self._was_second(number, key):
                self._give_up(number)
                return
            result = self._computed(number, key, point)
            self._write(number, result)
        except BaseException:
            self._give_up(number)
            raise

    def _claim(self, key: str, point: Point) -> int:
        """The number of a new trial."""
        claim = new_claim()
        state = self._optuna.trial.TrialState.RUNNING
        params, kinds = self._params(point)
        attrs = {KEY: key, POINT: point.to_json(), CLAIM: claim}
        trial = self._optuna.trial.create_trial(
            state=state, params=params, distributions=kinds, user_attrs=attrs
        )
        self.study.add_trial(trial)
        token = claim["token"]
        for each in reversed(self.study.get_trials(deepcopy=False)):
            if each.user_attrs.get(CLAIM, {}).get("token") == token:
                return int(each.number)
        raise DataError("the study lost a trial: somebody else changed it; start another one")

    def _params(self, point: Point) -> tuple[dict[str, Any], dict[str, Any]]:
        """Names and values for Optuna's own tools, which draw studies."""
        kind = self._optuna.distributions.CategoricalDistribution
        labels = sorted(self.labels[sha] for sha in self.settings.models)
        chosen: dict[str, Any] = {"model": self.labels[point.model]}
        kinds = {"model": kind(labels)}
        every = self.task.choices.to_json()
        for name in ("scheme", "unroll", "optimize"):
            chosen[name], kinds[name] = getattr(point, name), kind(every[name])
        if point.scheme != FLOAT32:
            chosen["cell_state"] = point.cell_state
            kinds["cell_state"] = kind(every["cell_state"])
        for layer, weights, activations in point.layers:
            prefix = f"{self.labels[point.model]}/{layer}"
            for name, value in (("weights", weights), ("activations", activations)):
                chosen[f"{prefix}.{name}"] = value
                kinds[f"{prefix}.{name}"] = kind(every[name])
        return chosen, kinds

    def _was_second(self, number: int, key: str) -> bool:
        """True where an earlier trial holds the same point, or has done it."""
        active = ("RUNNING", "COMPLETE", "PRUNED")
        return any(
            trial.number < number and trial.state.name in active
            for trial in self.study.get_trials(deepcopy=False)
            if trial.user_attrs.get(KEY) == key
        )

    def _computed(self, number: int, key: str, point: Point) -> Result:
        if key in self._cache:
            return Result.from_json(self._cache[key])
        trial = self._id(number)
        with Beats(lambda count: self.storage.set_trial_user_attr(trial, BEAT, count)):
            return self._benches[point.model].evaluate(point, self.task.limits)

    def _id(self, number: int) -> int:
        study = self.storage.get_study_id_from_name(self.study.study_name)
        return int(self.storage.get_trial_id_from_study_id_trial_number(study, number))

    def _write(self, number: int, result: Result) -> None:
        """Nothing, where another process gave this one up for lost: it is done again."""
        states = self._optuna.trial.TrialState
        with suppress(self._optuna.exceptions.UpdateFinishedTrialError):
            self.storage.set_trial_user_attr(self._id(number), RESULT, result.to_json())
            if not result.whole:
                self.study.tell(number, state=states.PRUNED, skip_if_finished=True)
                return
            values = values_of(result, self.task.objectives)
            self.study.tell(number, list(values), skip_if_finished=True)

    def found(self) -> Found:
        """What is known by now, by all."""
        tried = tuple(_tried(self.study.get_trials(deepcopy=False)))
        labels, settings = self.study.user_attrs[LABELS], self.study.user_attrs[SETTINGS]
        return Found(self.task.objectives, self.task.limits, labels, settings, tried, self.most)
