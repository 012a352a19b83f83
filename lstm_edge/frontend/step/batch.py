"""Whether steps have several rows of a batch, each treated like the others and by itself."""

from __future__ import annotations

import numpy as np

from lstm_edge.frontend.step.ends import Parts
from lstm_edge.frontend.step.numbers import Numbers
from lstm_edge.frontend.step.region import Region


def rows_of(region: Region, parts: Parts) -> int:
    """How many rows a batch has: an axis of the input of which one place alone decides one place of
    an axis of what a step gives. 1 where there is none.
    """
    value = parts.values[0]
    rng = np.random.default_rng(0)
    base = {leaf: rng.normal(size=region.leaves[leaf].size) for leaf in region.clock.place}
    for number, cut in enumerate(region.cuts):
        shape = [s if isinstance(s, int) else 1 for s in region.scope.shape(cut.tensor) or ()]
        left = [s for k, s in enumerate(shape) if k != cut.axis]
        for axis, size in enumerate(left[:-1]):
            if size == 1 or size not in value.shape:
                continue
            row = np.moveaxis(np.zeros(left), axis, 0)
            row[0] = 1.0
            mask = np.moveaxis(row, 0, axis).reshape(-1)
            own = {i for i in base if region.leaves[i].name == str(number)}
            moved = {i: a + mask if i in own else a for i, a in base.items()}
            given = {i: np.stack([a, moved[i]]) for i, a in base.items()}
            before, after = Numbers(region.leaves, given).of(value)
            changed = (before != after).reshape(value.shape)
            for place, count in enumerate(changed.shape):
                others = np.moveaxis(changed, place, 0)[1:]
                if count == size and changed.any() and not others.any():
                    return size
    return 1
