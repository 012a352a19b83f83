"""C for several cores at once: families of cores that run the same C, and how a compiler tells them
apart.

A set of cores is a folder in `templates/targets` with a `members.toml`, or a list on the command
line. Nothing else in the project lists either by name.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.errors import TargetError
from lstm_edge.resources import templates_dir
from lstm_edge.targets import Target, all_targets, load_target


@dataclass(frozen=True)
class Family:
    """Cores that run the same C.

    feature     of a target: its cores have it, and none of the families before
    condition   of the preprocessor: true on these cores, where no family before is. It is asked on
                Cortex-M with a compiler that knows the syntax of GNU only
    fpu         what has to be true, too, where the C is float32; "" where that is plain C
    """

    feature: str
    condition: str
    fpu: str = ""

    def asked(self, *, is_float: bool) -> str:
        """The condition for integers, or for float32."""
        return f"{self.condition} && {self.fpu}" if is_float and self.fpu else self.condition

    @property
    def symbol(self) -> str:
        """The end of its macro."""
        return self.feature.upper()


PORTABLE = Family("portable", "1")
FAMILIES = (
    Family(
        "mve",
        "defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)",
        "(__ARM_FEATURE_MVE & 2) && defined(__ARM_PCS_VFP)",
    ),
    Family(
        "dsp",
        "defined(__ARM_FEATURE_DSP)",
        "defined(__ARM_FP) && (__ARM_FP & 4) && defined(__ARM_PCS_VFP)",
    ),
    Family("armv7m", "__ARM_ARCH_ISA_THUMB == 2"),
    Family("armv6m", "1"),
    PORTABLE,
)
"""The most able first. A core whose family is not in a set falls to a later one, which it can run,
too; the last ones take all that is left.
"""
NO_CODE = ("fpu", "rv32im")
"""Features without integer code of their own."""


@dataclass(frozen=True)
class Cores:
    """What C is made for: one target, or several whose families a compiler tells apart.

    targets: the most able family first; several have one of PORTABLE at their end.
    """

    name: str
    title: str
    targets: tuple[Target, ...]

    @property
    def several(self) -> bool:
        """True where the C chooses."""
        return len(self.targets) > 1

    @property
    def families(self) -> tuple[Family, ...]:
        """Those of the targets, each once."""
        return tuple(dict.fromkeys(family_of(target) for target in self.targets))

    @property
    def emulated(self) -> tuple[Target, ...]:
        """Targets whose limits are checked: those with a board; all where none has one."""
        return tuple(t for t in self.targets if t.board is not None) or self.targets

    @property
    def slowest(self) -> Target:
        """The least able of them: what is fast enough there is so on the others."""
        return self.emulated[-1]


def family_of(target: Target) -> Family:
    """TargetError where no macro tells the target's cores."""
    known = {*NO_CODE, *(family.feature for family in FAMILIES)}
    unknown = [feature for feature in target.features if feature not in known]
    if unknown:
        raise TargetError(
            f"{target.name} has C of its own ({unknown[0]}), which is not chosen by a macro; "
            "compile for it alone"
        )
    return next((f for f in FAMILIES if f.feature in target.features), PORTABLE)


def load_cores(name: str) -> Cores:
    """A target, a set, or a list of them with commas between; TargetError for an unknown one."""
    words = [word.strip() for word in name.split(",")]
    sets = {cores.name: cores for cores in all_sets()}
    if words[0] in sets and len(words) == 1:
        return sets[words[0]]
    found: dict[str, Target] = {}
    for word in words:
        targets = sets[word].targets if word in sets else (_named(word, tuple(sets)),)
        found |= {target.name: target for target in targets}
    if len(found) == 1:
        (target,) = found.values()
        return Cores(target.name, target.title, (target,))
    named = _ordered(tuple(found.values()))
    return Cores(",".join(t.name for t in named), _title(named), _with_portable(named))


def all_sets() -> tuple[Cores, ...]:
    """Every set, in the order in which they are listed to users."""
    paths = sorted((templates_dir() / "targets").glob("*/members.toml"))
    found = [_read_set(path) for path in paths]
    return tuple(cores for _, cores in sorted(found, key=lambda each: (each[0], each[1].name)))


def _read_set(path: Path) -> tuple[int, Cores]:
    """The order of a set, and the set."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        order, title, members = table.pop("order"), table.pop("title"), table.pop("members")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"{path}: {error}") from error
    except KeyError as error:
        raise TargetError(f"{path}: missing key {error}") from None
    if table:
        raise TargetError(f"{path}: unknown key {next(iter(table))!r}")
    if type(order) is not int or not isinstance(title, str) or not isinstance(members, list):
        raise TargetError(f"{path}: expected order, a number, title, a string, and members, a list")
    targets = _ordered(tuple(load_target(str(member)) for member in members))
    if len(set(targets)) < 2:
        raise TargetError(f"{path}: members is {members!r}, expected two targets or more")
    return order, Cores(path.parent.name, title, _with_portable(targets))


def _named(word: str, sets: tuple[str, ...]) -> Target:
    known = [target.name for target in all_targets()]
    if word not in known:
        listed = ", ".join([*known, *sets])
        raise TargetError(f"unknown target {word!r}; known targets are {listed}")
    return load_target(word)


def _ordered(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    def key(target: Target) -> tuple[int, int, int, str]:
        last = target.board is None
        return (FAMILIES.index(family_of(target)), last, -target.order, target.name)

    return tuple(sorted(targets, key=key))


def _title(targets: tuple[Target, ...]) -> str:
    """What a list is called, which has no name."""
    return f"{len(targets)} targets, and portable C for all else"


def _with_portable(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Some code has to be left for a core or a compiler that is none of them."""
    if family_of(targets[-1]) is PORTABLE:
        return targets
    return (*targets, load_target("portable"))
