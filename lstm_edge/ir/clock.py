"""When things happen in a sequence: a convolution with a stride takes fewer steps than it is given,
and its first one later.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Length:
    """Steps of a sequence that is computed from one of n steps: (n + offset) // stride + 1."""

    offset: int = -1
    stride: int = 1

    def of(self, steps: int) -> int:
        """The number of steps; below 1 where there are too few to compute any."""
        return (steps + self.offset) // self.stride + 1

    def then(self, other: Length) -> Length:
        """The length of what is computed from such a sequence."""
        offset = self.offset + self.stride * (1 + other.offset)
        return Length(offset, self.stride * other.stride)

    def least(self, steps: int = 1) -> int:
        """The smallest n that gives so many steps."""
        return max(1, (steps - 1) * self.stride - self.offset)


@dataclass(frozen=True)
class Window:
    """What a step of a convolution or a pooling sees: `kernel` vectors, `stride` apart from those
    of the step before, the sequence continued by `left` vectors before it and `right` behind it;
    where these are negative, so many vectors at an end are left out.
    """

    kernel: int
    stride: int = 1
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Clock:
    """The ticks of a sweep at which a block runs: first, first + stride, ... A tick is a step of
    the sequence that the sweep goes over; it goes on for `extra` ticks after the last.
    """

    first: int = 0
    stride: int = 1
    extra: int = 0

    def runs(self, tick: int, steps: int) -> bool:
        """Whether the block runs at this tick of a sequence of `steps`."""
        late = tick - self.first
        return late >= 0 and late % self.stride == 0 and tick < steps + self.extra

    def step(self, tick: int) -> int:
        """The number of the block's own step at a tick at which it runs."""
        return (tick - self.first) // self.stride

    @property
    def length(self) -> Length:
        """How many times the block runs."""
        return Length(self.extra - self.first - 1, self.stride)

    def filling(self, window: Window) -> Clock:
        """When vectors enter a window: at each of this clock, and at those of the padding."""
        return Clock(self.first, self.stride, self.extra + self.stride * window.right)

    def then(self, window: Window) -> Clock:
        """When a window over what this clock computes is full."""
        first = self.first + self.stride * (window.kernel - 1 - window.left)
        return Clock(first, self.stride * window.stride, self.filling(window).extra)

    def held(self, times: int, steps: int) -> Clock:
        """When each vector of this clock is there for `times` steps, in a sequence of `steps`: from
        its own tick on, the last one as long as the others.
        """
        stride, count = self.stride // times, self.length.of(steps) * times
        usual = count == -(-steps // stride)
        behind = self.first if usual else self.first + stride * count - steps
        return Clock(self.first, stride, behind)


EVERY_TICK = Clock()
