"""What a kernel sees: along which axis it moves through time, along which inside of each step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.convolution import LONGEST_WINDOW, same_padding
from lstm_edge.frontend.model.operators.features import refuse_one_vector
from lstm_edge.frontend.model.walk import OnnxNode, RoleNeeded, Walk
from lstm_edge.ir.clock import Clock, Window

Doubles = npt.NDArray[np.float64]

INNER = frozenset(("feature", "layer"))


@dataclass(frozen=True)
class Along:
    """What a kernel does along one axis: how much it sees, `dilation` apart, every `stride`. pad:
    before and behind.
    """

    kernel: int
    stride: int
    dilation: int
    pad: tuple[int, int]

    @property
    def seen(self) -> int:
        """From the first to the last that it sees."""
        return (self.kernel - 1) * self.dilation + 1


@dataclass(frozen=True)
class Sight:
    """The axis of time of a node's input, and what each step sees. dilation: distance of the
    vectors that it sees; kernel counts those between them, too.
    """

    axis: int
    window: Window
    dilation: int


def inner_axis(walk: Walk, node: OnnxNode, view: View, kernel: list[int]) -> int | None:
    """The axis of each step's own numbers along which a kernel moves; None where it moves along
    time alone. Of two axes of which nothing is known the open one, or the first, is taken for time.
    """
    rank = len(view.axes) - 2
    if len(kernel) != rank:
        raise node.error(f"kernel {kernel} does not fit data {describe(view.axes)}")
    strides = list(node.attributes.get("strides", [1] * rank))
    moving = [
        k for k in range(rank) if view.axes[k + 2] or kernel[k] != 1 or strides[k : k + 1] != [1]
    ]
    atoms = {k: walk.pieces(view.axes[k + 2]) for k in moving}
    inner = [k for k in moving if {walk.roles.get(a) for a in atoms[k]} & INNER]
    time = [k for k in moving if any(walk.roles.get(a) == "time" for a in atoms[k])]
    if len(inner) > 1 or len(moving) - len(inner) > 1 + (not inner):
        message = (
            f"moves over several axes of each step in {describe(view.axes)} with a kernel "
            f"{kernel}; only one beside time is supported: a network for images needs another tool"
        )
        taken = [a for a in walk.pieces(view.axes[1]) if walk.roles.get(a) not in INNER]
        error = walk.taken_wrongly(node, taken, "feature", message)
        if isinstance(error, RoleNeeded):
            raise error
        raise walk.taken_wrongly(node, [a for k in inner for a in atoms[k]], "time", message)
    if not inner and len(moving) == 1 and len(walk.pieces(view.axes[0])) > 1:
        inner = [k for k in moving if k not in time]  # each row of the batch has steps of its own
    if inner or len(moving) < 2:
        return inner[0] + 2 if inner else None
    if not time:
        opened = [k for k in moving if any(a.open for a in atoms[k])]
        time = opened if len(opened) == 1 else moving[:1]
    unknown = [a for k in moving for a in atoms[k] if a in walk.input_atoms]
    walk.guessed.update(a for a in unknown if a not in walk.roles)
    beside = [k for k in moving if k not in time]
    if beside:
        return beside[0] + 2
    message = f"moves over two axes of {describe(view.axes)} that are both of time"
    for atom in (walk.origin(a) for k in moving for a in atoms[k]):
        if atom in walk.guessed:
            raise RoleNeeded(node.label, message, atom.name, "feature")
    raise node.error(message)


def groups_and_bias(node: OnnxNode, weights: Doubles, channels: int) -> tuple[int, Doubles]:
    """The groups of a convolution with weights [units, channels of a group, kernel ...], and its
    bias [units], 0 where it has none.
    """
    units, own = weights.shape[:2]
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or not units or units % groups or own * groups != channels:
        raise node.error(
            f"input W {list(weights.shape)} and group = {groups} do not fit {channels} channels",
        )
    given = node.weights(2, "bias B")
    bias = np.zeros(units) if given is None else given.reshape(-1)
    if bias.size != units:
        raise node.error(f"bias B has {bias.size} entries, expected {units}")
    return groups, bias


def sight_of(walk: Walk, node: OnnxNode, view: View, kernel: list[int]) -> Sight:
    """What a step sees along the one spatial axis that is not of size 1."""
    rank = len(view.axes) - 2
    if rank < 1 or len(kernel) != rank:
        raise node.error(f"kernel {kernel} does not fit data {describe(view.axes)}")
    long = [k for k in range(rank) if view.axes[k + 2] or kernel[k] != 1]
    k = long[0] if long else 0
    pads = [0, *node.attributes.get("pads", [])]
    if any(n for j, n in enumerate(pads[1:]) if j % rank != k):
        raise node.error(f"attribute pads = {pads[1:]}: only steps are padded; let a Pad do it")
    return time_sight(walk, node, view, k + 2, kernel[k])


def time_sight(walk: Walk, node: OnnxNode, view: View, axis: int, kernel: int) -> Sight:
    """What a step sees along `axis`, which is that of time."""
    walk.assign(node, view.axes[0], "batch")
    unknown = [a for a in view.axes[axis] if a in walk.input_atoms and a not in walk.roles]
    walk.guessed.update(unknown)
    walk.assign(node, view.axes[axis], "time")
    if walk.draft.roots[view.tensor] is None:
        refuse_one_vector(walk, node, walk.pieces(view.axes[axis]))
    walk.sequences |= walk.draft.followed(view.tensor)
    if not view.axes[axis]:
        walk.one_step = node.label
    along = along_axis(walk, node, view, axis, kernel)
    seen, (left, right) = along.seen, along.pad
    return Sight(axis, Window(seen, along.stride, left, right), along.dilation)


def numbers_of(node: OnnxNode, name: str, usual: list[int]) -> list[int]:
    """An attribute that has a number for each axis, or two."""
    found = [*node.attributes.get(name, usual)]
    if len(found) != len(usual):
        raise node.error(
            f"attribute {name} = {found} is not supported, expected {len(usual)} numbers"
        )
    return found


def along_axis(walk: Walk, node: OnnxNode, view: View, axis: int, kernel: int) -> Along:
    """What the node's attributes say of an axis."""
    k, rank = axis - 2, len(view.axes) - 2
    stride, dilation = (numbers_of(node, name, [1] * rank)[k] for name in ("strides", "dilations"))
    seen = (kernel - 1) * dilation + 1
    if min(stride, dilation) < 1:
        raise node.error(f"strides {stride} and dilations {dilation}: expected 1 or more")
    if kernel < 1 or seen > LONGEST_WINDOW:
        raise node.error(f"sees {seen} steps, expected 1 to {LONGEST_WINDOW}")
    pad = _padding(walk, node, view.axes[axis], (k, rank), seen, stride)
    if max(pad) >= seen:  # of a whole window there, which only a Pad says on purpose
        raise node.error(
            f"pads {pad[0]} and {pad[1]} steps, as many as it sees ({seen}); let a Pad do it"
        )
    return Along(kernel, stride, dilation, pad)


def _padding(
    walk: Walk, node: OnnxNode, axis: Axis, place: tuple[int, int], seen: int, stride: int
) -> tuple[int, int]:
    """Padding before and behind, with what ceil_mode adds."""
    k, rank = place
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        if stride > 1 and any(walk.roles.get(atom) == "time" for atom in axis):
            walk.fix_time(node)
        small, large = same_padding(size_of(axis), seen, stride)
        return (small, large) if auto == "SAME_UPPER" else (large, small)
    if auto not in ("NOTSET", "VALID"):
        raise node.error(f"attribute auto_pad = {auto!r} is not known")
    pads = list(node.attributes.get("pads", [0] * 2 * rank)) if auto == "NOTSET" else [0] * 2 * rank
    if len(pads) != 2 * rank or min(pads) < 0:
        raise node.error(f"attribute pads = {pads}: only steps are padded; let a Pad do it")
    own = pads[k], pads[k + rank]
    if node.attributes.get("ceil_mode", 0) and (size_of(axis) + sum(own) - seen) % stride:
        raise node.error("attribute ceil_mode = 1 adds steps; let a Pad add them")
    return own


def in_sight(
    walk: Walk, node: OnnxNode, view: View, axis: int, sight: Sight, other: bool = False
) -> View:
    """The view of what is computed of each window over `axis`: of another length, or one vector
    where there is one window. other: another axis may be that of time, since it leaves several.
    """
    time = view.axes[axis]
    before = size_of(time)
    steps = Clock().then(sight.window).length.of(before)
    if steps < 1:
        raise walk.need_size(
            node,
            time,
            sight.window.kernel,
            f"sees {sight.window.kernel} steps of {before}; pad them, or set --steps",
        )
    if steps == before:
        return view
    if steps == 1:
        if other:
            look_for_time(walk, node, time)
        walk.fix_time(node)
        tensor = walk.draft.last_step(view.tensor, node.label)
        return replace(view.with_axis(axis, ()), tensor=tensor)
    return view.with_axis(axis, (walk.new_time(steps, time, any(a.open for a in time)),))


def sees_all(view: View, sight: Sight) -> bool:
    """Whether a window sees the whole sequence, and nothing around it."""
    window, size = sight.window, size_of(view.axes[sight.axis])
    return window == Window(size, window.stride) and size > 1


def look_for_time(walk: Walk, node: OnnxNode, time: Axis) -> None:
    """Of an axis that was only taken for time, and of which one step is left while another has
    several: the visit starts again with the other one.
    """
    error = other_axis(walk, node, time, f"leaves one step of {size_of(time)}")
    if isinstance(error, RoleNeeded):
        raise error


def real_share(before: int, after: int, window: Window) -> Doubles:
    """What a mean over each window is to be multiplied by where padding is left out of it; sizes of
    the axis before and after.
    """
    begins = np.arange(after) * window.stride - window.left
    ends = np.minimum(begins + window.kernel, before)
    return np.asarray(window.kernel / (ends - np.maximum(begins, 0)), np.float64)


def other_axis(walk: Walk, node: OnnxNode, time: Axis, message: str) -> ModelError:
    """The error of an axis that cannot be that of time; curable where it was only taken for it."""
    for atom in map(walk.origin, time):
        if atom in walk.guessed:
            return RoleNeeded(node.label, message, atom.name, "feature")
    return node.error(message)
