"""One source for several cores: what the C of all families shares stands once, the rest by family.

Texts are cut where a function, an array or a type ends, and pieces of the same name are laid side
by side. A piece that all families have alike is printed as it is; others stand below an `#if` of
the family's macro, and neighbours with the same families share one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lstm_edge.choices import Optimize, Unroll
from lstm_edge.emit.blob import Replaceable
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.pieces import Piece, on_arm, pieces
from lstm_edge.emit.render import UNKNOWN, Rendered, render
from lstm_edge.families import PORTABLE, Cores, Family, family_of
from lstm_edge.interpret.raw import RawInput
from lstm_edge.ir.program import Program

_INCLUDES = "#include <stdint.h>\n"


@dataclass(frozen=True)
class Merged:
    """The files for all cores, and what is in them for each target."""

    files: Mapping[str, str]
    by_target: Mapping[str, Rendered]


@dataclass
class _Block:
    """Pieces next to each other. texts: by family, pieces in their order; none where it has none.
    groups: families that have the same.
    """

    groups: tuple[tuple[Family, ...], ...]
    texts: dict[Family, list[str]]


def render_cores(
    program: Program,
    cores: Cores,
    unroll: Unroll,
    banner: tuple[str, ...],
    optimize: Optimize = "speed",
    stack: int | None = None,
    *,
    identity: Identity = UNKNOWN,
    raw: Mapping[str, RawInput] | None = None,
    replaceable: Replaceable | None = None,
) -> Merged:
    """The files of `render` for a target, or one source for several."""
    written = partial(
        render,
        unroll=unroll,
        banner=banner,
        optimize=optimize,
        stack=stack,
        identity=identity,
        raw=raw,
        replaceable=replaceable,
    )
    if not cores.several:
        (target,) = cores.targets
        rendered = written(program, target, alone=True)
        return Merged(rendered.files, {target.name: rendered})
    first = {family_of(target): target for target in reversed(cores.targets)}
    by_family = {family: written(program, first[family], alone=False) for family in cores.families}
    texts = {family: _texts(family, made) for family, made in by_family.items()}
    files = _merge(program.name, texts, is_float=program.is_float)
    by_target = {
        target.name: replace(by_family[family_of(target)], files=files) for target in cores.targets
    }
    return Merged(files, by_target)


def _texts(family: Family, made: Rendered) -> dict[str, str]:
    """The files of a family, without the stand-ins of kernels: its cores need none."""
    if family is PORTABLE:
        return dict(made.files)
    return {name: on_arm(text) for name, text in made.files.items()}


def _merge(
    name: str, files: Mapping[Family, Mapping[str, str]], *, is_float: bool
) -> dict[str, str]:
    """All files; where nothing differs those of any family."""
    upper = name.upper()
    header, code = f"{name}.h", f"{name}.c"
    texts = {}
    for file in next(iter(files.values())):
        own = {family: each[file] for family, each in files.items()}
        texts[file] = _code(name, own) if file == code else merged(upper, own)
    if any(f"{upper}_CORE" in text for text in texts.values()):
        choice = "\n" + selection(upper, tuple(files), is_float=is_float)
        texts[header] = texts[header].replace(_INCLUDES, _INCLUDES + choice, 1)
    return texts


def _code(name: str, texts: Mapping[Family, str]) -> str:
    """The C file: its header comes first, since it says which family is compiled."""
    include = f'#include "{name}_private.h"\n'
    banner, _, _ = next(iter(texts.values())).partition("*/\n")
    rests = {
        family: text.partition("*/\n")[2].replace(f"{include}\n", "", 1)
        for family, text in texts.items()
    }
    return f"{banner}*/\n{include}\n{merged(name.upper(), rests)}"


def selection(upper: str, families: Sequence[Family], *, is_float: bool = False) -> str:
    """The lines of the header that choose. upper: what macros begin with."""
    numbers = range(len(families) - 1, -1, -1)
    lines = [
        "/*",
        " * The core that this is compiled for, as the compiler says: kernels, weights and layout",
        " * of the state follow it, results do not. All files of a program have to agree.",
        " */",
        *(
            f"#define {upper}_{family.symbol} {number}"
            for family, number in zip(families, numbers, strict=True)
        ),
        "#if !defined(__GNUC__) || !defined(__ARM_ARCH_PROFILE) || defined(__ARM_BIG_ENDIAN)",
        f"#define {upper}_CORE {upper}_{PORTABLE.symbol}",
        "#elif __ARM_ARCH_PROFILE != 'M'",
        f"#define {upper}_CORE {upper}_{PORTABLE.symbol}",
    ]
    for family in families:
        asked = family.asked(is_float=is_float)
        lines.append("#else" if asked == "1" else f"#elif {asked}")
        lines.append(f"#define {upper}_CORE {upper}_{family.symbol}")
        if asked == "1":
            break
    return "\n".join([*lines, "#endif\n"])


def merged(upper: str, texts: Mapping[Family, str]) -> str:
    """One text that holds, below the macros of `selection`, those of all families."""
    families = tuple(texts)
    parts: list[str] = []
    for block in _joined(_blocks(families, {f: pieces(text) for f, text in texts.items()})):
        parts += block.texts[families[0]] if len(block.groups) == 1 else _chosen(upper, block)
    return "\n\n".join(parts) + "\n"


def _chosen(upper: str, block: _Block) -> list[str]:
    """A block below an `#if`, as pieces with a blank line between."""
    filled = [group for group in block.groups if block.texts[group[0]]]
    whole = len(filled) == len(block.groups)
    found, word = [], "#if"
    for k, group in enumerate(filled):
        tests = " || ".join(f"{upper}_CORE == {upper}_{family.symbol}" for family in group)
        last = whole and k == len(filled) - 1
        found += ["#else" if last else f"{word} {tests}", *block.texts[group[0]]]
        word = "#elif"
    return [*found, "#endif"]


def _blocks(
    families: tuple[Family, ...], texts: Mapping[Family, Sequence[Piece]]
) -> Iterator[_Block]:
    """Piece by piece where all families have it, and all that one has between two such."""
    common = [piece.name for piece in texts[families[0]]]
    for family in families[1:]:
        common = _common(common, [piece.name for piece in texts[family]])
    places = dict.fromkeys(families, 0)
    for name in [*common, None]:
        between: dict[Family, list[str]] = {}
        for family in families:
            between[family] = []
            own = texts[family]
            while places[family] < len(own) and own[places[family]].name != name:
                between[family].append(own[places[family]].text)
                places[family] += 1
        if any(between.values()):
            yield _block(between)
        if name is not None:
            yield _block({f: [texts[f][places[f]].text] for f in families})
            for family in families:
                places[family] += 1


def _block(texts: dict[Family, list[str]]) -> _Block:
    groups: dict[tuple[str, ...], list[Family]] = {}
    for family, own in texts.items():
        groups.setdefault(tuple(own), []).append(family)
    return _Block(tuple(tuple(group) for group in groups.values()), texts)


def _joined(blocks: Iterator[_Block]) -> list[_Block]:
    """Neighbours of the same groups as one, so that they share an `#if`."""
    found: list[_Block] = []
    for block in blocks:
        if found and found[-1].groups == block.groups:
            for family, own in block.texts.items():
                found[-1].texts[family] += own
        else:
            found.append(block)
    return found


def _common(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """The longest list of names that both have, in the order of both; names are there once."""
    place = {name: k for k, name in enumerate(b)}
    best: list[tuple[int, int]] = []  # by name of a that b has: length up to it, the one before
    names = [name for name in a if name in place]
    for k, name in enumerate(names):
        before = [(best[j][0], -j) for j in range(k) if place[names[j]] < place[name]]
        length, j = max(before, default=(0, 1))
        best.append((length + 1, -j))
    if not names:
        return []
    at = max(range(len(names)), key=lambda k: (best[k][0], -k))
    found = []
    while at >= 0:
        found.append(names[at])
        at = best[at][1]
    return found[::-1]
