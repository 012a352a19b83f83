"""Which output of a single step is which input's next value: as the file names them, or as asked.

Names are a convention of people and exporters (h, h_next; c0, cn; new_state). Where names say
nothing and shapes leave more than one way, the user is asked: a wrong pair would be a wrong
network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product

from onnx import ValueInfoProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.shapes import Shape

Sizes = tuple[int | str, ...]

_BEFORE = ("in", "input", "prev", "previous", "old", "last", "past", "before", "init", "initial")
_AFTER = ("out", "output", "next", "new", "after", "updated", "final", "present", "cur", "current")
_WAYS = frozenset(("in", "out", "input", "output"))
"""Marks that data have as well: audio_in, audio_out."""
_STATE_WORDS = "state states hidden cell mem memory cache buf buffer carry ctx context rnn lstm gru"
_DATA_WORDS = (
    "x u y input output data obs frame audio signal sample samples feature features mic pcm wav "
    "image"
)
_STATES, _DATA = frozenset(_STATE_WORDS.split()), frozenset(_DATA_WORDS.split())
_SHORT = re.compile(r"[a-z]{1,2}\d*\Z")
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")


class PairsNeeded(ModelError):
    """Nobody says which output is which state's next value. fits: input -> outputs of its shape."""

    def __init__(self, fits: Mapping[str, Sequence[str]], message: str) -> None:
        super().__init__("graph", message)
        self.fits = fits

    def ways(self) -> Iterator[dict[str, str]]:
        """All ways in which each of them is one of its outputs."""
        for chosen in product(*self.fits.values()):
            if len({*chosen}) == len(chosen):
                yield dict(zip(self.fits, chosen, strict=True))


def state_pairs(
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    reached: Mapping[str, set[str]],
    asked: Mapping[str, str],
    sequences: Callable[[], set[str]],
    shape: Callable[[str], Shape | None],
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Input -> output that is its next value.

    inputs: those that may be states. reached: output -> inputs that it is computed from, not by way
    of another recurrent layer. asked: what the user says. sequences: inputs that the graph cuts
    into steps, which are no states unless a name says so. shape: of a tensor, where the file does
    not declare it. tell: takes warnings. Raises ModelError for what the user says wrongly, and
    where nobody can know.
    """
    sizes = {value.name: _sizes(value, shape) for value in (*inputs, *outputs)}
    found = _checked(inputs, outputs, sizes, asked)
    names_in = [i.name for i in inputs if i.name not in asked]
    for ends in (False, True):
        fits = {
            i: [
                o.name
                for o in outputs
                if o.name not in found.values() and sizes[i] == sizes[o.name]
                if _alike(i, o.name, ends)
                if _is_state(i, o.name, tell if not ends else lambda _: None)
            ]
            for i in names_in
            if i not in found
        }
        for i, candidates in fits.items():
            rivals = [j for j, others in fits.items() if set(others) & set(candidates)]
            alone = len(candidates) == 1 and rivals == [i]
            if alone and (_data(i) or _fed_back(i, candidates[0])):
                raise _ambiguous(i, candidates)
            if alone:
                found[i] = candidates[0]
            elif candidates:
                raise _ambiguous(i, candidates)
    if found or asked:
        return found
    whole = sequences() if names_in else set()
    names_in = [name for name in names_in if name not in whole]
    by_shape = _by_shape(names_in, [o.name for o in outputs], sizes, reached)
    for i, o in by_shape.items():
        if not _named_state(_words(i)):
            raise PairsNeeded(
                by_shape,
                f"has no recurrent layer; input {i!r} and output {o!r} have one shape: say with "
                f"--state-pair {i}={o} that it is a state and its next value, with "
                f"--state-pair {i}= that it is data",
            )
        tell(
            f"input {i!r} is taken for a state whose next value is output {o!r}, by their shapes; "
            f"--state-pair {i}= says that it is data"
        )
    return by_shape


def named_alike(before: str, after: str) -> bool:
    """Whether names say that an output is an input's next value: t, t_next."""
    return any(_alike(before, after, ends) for ends in (False, True)) and not _data(before)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _SPLIT.split(name) if word]


def _data(name: str) -> bool:
    """Whether a name is one of data: what feeds a forecast back, or does not, nobody can know."""
    kept = [word.rstrip("0123456789") for word in _words(name) if word not in _BEFORE]
    return bool(kept) and _DATA.issuperset(kept)


def _fed_back(before: str, after: str) -> bool:
    """Whether names may be those of a forecast and of the value before it, which is data as well as
    it is a state: price_last and price, but not memory_last, or price_next.
    """
    marks = {*_words(before)} & ({*_BEFORE} - _WAYS)
    return bool(marks) and not {*_words(after)} & {*_AFTER} and not _named_state(_words(before))


def _named_state(words: Iterable[str]) -> bool:
    """Whether words of a name are those of a state: h, c, hidden, memory, cache2."""
    kept = [w for w in words if w not in _BEFORE]
    plain = _STATES.intersection(w.rstrip("0123456789") for w in kept)
    return bool(plain) or any(_SHORT.match(w) and w not in _DATA for w in kept)


def _is_state(before: str, after: str, tell: Callable[[str], None]) -> bool:
    """Whether names that differ by "in" and "out" alone are those of a state."""
    words = [set(_words(before)), set(_words(after))]
    marks = (words[0] & set(_BEFORE)) | (words[1] & set(_AFTER))
    if not marks or marks - _WAYS:
        return True
    named = _named_state(words[0] - set(_BEFORE))
    if not named:
        tell(
            f"input {before!r} is data; if output {after!r} is its next value, say so with "
            f"--state-pair {before}={after}"
        )
    return named


def _ambiguous(before: str, candidates: Sequence[str]) -> ModelError:
    """Names that fit in several ways."""
    return ModelError(
        f"input {before!r}",
        f"may be a state whose next value is {' or '.join(repr(o) for o in candidates)}; say which "
        f"with --state-pair {before}={candidates[0]}, or --state-pair {before}= if it is data",
    )


def _sizes(value: ValueInfoProto, shape: Callable[[str], Shape | None]) -> Sizes:
    """Sizes that are told, or else known; an open one is that of any other open one."""
    told = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
    known = None if told and min(told) > 0 else shape(value.name)
    sizes = told if known is None else known
    return tuple(size if isinstance(size, int) and size > 0 else "?" for size in sizes)


def _checked(
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    sizes: Mapping[str, Sizes],
    asked: Mapping[str, str],
) -> dict[str, str]:
    """What the user says, if it can be."""
    names_in, names_out = [i.name for i in inputs], [o.name for o in outputs]
    found: dict[str, str] = {}
    for i, o in asked.items():
        if i not in names_in:
            raise ModelError(
                f"state pair {i}={o}",
                f"{i!r} is no input that can be a state; these are {_listed(names_in)}",
            )
        if not o:  # data, whatever its name is
            continue
        if o not in names_out:
            raise ModelError(
                f"state pair {i}={o}", f"{o!r} is no output; these are {_listed(names_out)}"
            )
        if o in found.values():
            raise ModelError(
                f"state pair {i}={o}",
                f"output {o!r} is paired twice; it is the next value of one input",
            )
        if sizes[i] != sizes[o] and sizes[o]:
            raise ModelError(
                f"state pair {i}={o}",
                f"input {i!r} is {list(sizes[i])} and output {o!r} is {list(sizes[o])}; the next "
                "value of a state has its shape",
            )
        found[i] = o
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(n) for n in names) or "none"


def _stems(name: str, marks: tuple[str, ...], ends: tuple[str, ...]) -> set[str]:
    """What a name may stand for once marks of before, or of after, a step are taken away."""
    kept = [word for word in _words(name) if word not in marks]
    found = {"_".join(kept)} if kept else set()
    joined = "_".join(kept)
    for end in ends:
        if joined.endswith(end) and len(joined) > len(end):
            found.add(joined[: -len(end)].rstrip("_"))
    return found


def _alike(before: str, after: str, ends: bool) -> bool:
    """Whether names are those of one state before and after a step; ends: of single letters, too:
    h0 and hn.
    """
    if before == after:
        return False
    first = _stems(before, _BEFORE, ("0", "x", "_t", "_tm1", "_t_1") if ends else ())
    second = _stems(after, _AFTER, ("n", "1", "y", "_t", "_t1", "_tp1", "_t_1") if ends else ())
    return bool(first & second)


def _by_shape(
    inputs: Sequence[str],
    outputs: Sequence[str],
    sizes: Mapping[str, Sizes],
    reached: Mapping[str, set[str]],
) -> dict[str, str]:
    """The only way in which shapes fit."""
    fits = {i: [o for o in outputs if sizes[i] == sizes[o] and i in reached[o]] for i in inputs}
    fits = {i: found for i, found in fits.items() if found}
    if not fits or len(fits) == len(inputs) == 1:  # all data: what gives its input again
        return {}
    single = all(len(found) == 1 for found in fits.values())
    distinct = len({found[0] for found in fits.values()}) == len(fits)
    if single and distinct and len(fits) < len(inputs) and len(fits) == 1:
        return {i: found[0] for i, found in fits.items()}
    example = next(iter(fits))
    raise PairsNeeded(
        fits,
        f"has no recurrent layer, and its inputs {_listed(fits)} may be states whose next values "
        f"are outputs of the same shape; say which with --state-pair {example}={fits[example][0]}, "
        "once for each state",
    )
