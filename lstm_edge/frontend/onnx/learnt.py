"""What visits of a graph that were given up tell the next one about the axes of its inputs."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Atom, View, size_of
from lstm_edge.frontend.model.operators.across_time import MOST_KEPT
from lstm_edge.frontend.model.walk import HopNeeded, RateNeeded, RoleNeeded, Walk


@dataclass
class Learnt:
    """What visits that were given up found out about axes, as `Walk` has it. given: axes of which
    the file tells what they are. first: why the one
    failed in which axes of inputs were taken for what they usually are, or for nothing yet. turned:
    what is told in visits that take another axis for that of time, of one input each, and then
    again in those that do not; none of such a visit fixes a size.
    """

    told: dict[str, str]
    given: Container[str]
    first: tuple[ModelError, Walk] | None = None
    turned: list[dict[str, str]] = field(default_factory=list)
    hops: dict[tuple[str, int], int] = field(default_factory=dict)
    rates: dict[tuple[str, int], int] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    alike: list[tuple[tuple[str, int], ...]] = field(default_factory=list)

    def tell(self, walk: Walk) -> None:
        """The next visit knows it from the start."""
        walk.told.update(self.told)
        walk.hops.update(self.hops)
        walk.rates.update(self.rates)
        walk.first_cuts.update(self.cuts)
        walk.alike_sizes.extend(self.alike)

    def failed(self, walk: Walk, error: ModelError) -> tuple[ModelError, Walk]:
        """The error to tell where no other visit is better, and the visit that it ended."""
        if self.first is None:
            self.first = error, walk
            self.turned = [self.told, *[*_other_ways(walk, self.told, self.given)][::-1]]
        return self.first

    def how_turned(self) -> list[str]:
        """The warning of a visit that took axes otherwise than the first one did."""
        assert self.first is not None
        walk, before = self.first[1], self.turned[0]
        guessed = {atom.name: walk.roles.get(atom) for atom in walk.guessed}
        new = {name: role for name, role in self.told.items() if before.get(name) != role}
        told = guessed.keys() if "time" in new.values() else new.keys()
        turned = [n.rpartition(" ") for n in new if n in told and guessed.get(n) != new[n]]
        axes = [f"axis {k} of {owner!r} for {self.told[f'{owner} {k}']}" for owner, _, k in turned]
        return [f"takes {', '.join(axes)}; the other way round, {self.first[0]}"] if axes else []

    def turn(self) -> bool:
        """Tell the next visit of another input's axes; False where all were tried."""
        self.told = dict(self.turned.pop())
        return bool(self.turned)

    def take(self, error: HopNeeded | RateNeeded | RoleNeeded) -> bool:
        """Take in what an axis turns out to be; False where that was told before."""
        if isinstance(error, HopNeeded):
            known = error.axis in self.hops
            self.hops[error.axis] = error.hop
            return not known
        if isinstance(error, RateNeeded):
            known = error.axis in self.rates
            self.rates[error.axis] = error.every
            return not known
        if error.atom in self.told:
            return False
        self.told[error.atom] = error.role
        self.cuts.update((error.cut,) if error.cut else ())
        return True


def _other_ways(
    walk: Walk, told: Mapping[str, str], given: Container[str]
) -> Iterator[dict[str, str]]:
    """What to tell of axes instead: another one of an input counts steps, those beside it features,
    or all of them features of one vector. Of an input of four axes or more nothing is believed that
    the file has not `given`, and nothing else is tried of one that was refused.
    """
    axes: dict[str, list[Atom]] = {}
    for atom, k in sorted(walk.input_atoms.items(), key=lambda pair: pair[0].name):
        owner, _, axis = atom.name.rpartition(" ")  # of parts it has more than a number
        view, role = walk.values.get(owner), walk.roles.get(atom)
        open_to_all = isinstance(view, View) and len(view.axes) > 3
        doubted = open_to_all or atom in walk.guessed or (role is None and atom.name not in told)
        here = view is not None and axis == str(k) and atom.name not in given
        if here and doubted and role not in ("batch", "layer") and (role or not atom.open):
            axes.setdefault(owner, []).append(atom)
    for atoms in axes.values():
        rest = {n: r for n, r in told.items() if n not in [a.name for a in atoms]}
        for time in atoms if len(atoms) > 1 else ():
            if walk.roles.get(time) != "time" or len(atoms) > 2:
                yield rest | {a.name: "time" if a == time else "feature" for a in atoms}
        if not any(a.open for a in atoms) and size_of(tuple(atoms)) <= MOST_KEPT:
            yield rest | {a.name: "feature" for a in atoms}
