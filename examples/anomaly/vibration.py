"""Made-up vibration of a motor: three axes of an accelerometer, in counts of 1/256 g.

400 samples a second, 32 to a window (80 ms), as an ADXL345 gives them. x and y lie across the
shaft, z along it; y points up, so gravity is on it. A sound motor runs at one of four speeds,
within 3 %. What imbalance it has from the factory swings x and y once a turn, the faster the
further; the coupling swings z twice a turn; load changes all of it by 15 %, and there is noise.

Faults, each of another strength in every window:

- imbalance: something has come off the rotor, and x and y swing 1.2 to 2.5 times as far;
- bearing: a ball runs over a dent 3.6 times a turn, each time with a ringing that dies out;
- drift: the offset of one axis runs away;
- stuck: one axis repeats a value, from a sample of the first half on.
"""

import numpy as np
import numpy.typing as npt

KINDS = ("sound", "imbalance", "bearing", "drift", "stuck")
"""A label is an index of this."""
STEPS, AXES = 32, 3
RATE = 400.0
"""Samples a second."""
COUNTS = 256.0
"""Counts for 1 g."""
TURNS = np.array([20.0, 30.0, 40.0, 50.0])
"""A second."""
SWING = np.array([0.15, 0.12, 0.10])
"""Of the axes at 30 turns a second, in g."""
NOISE = 0.02
"""Standard deviation, in g."""
DENTS = 3.6
"""Blows a turn, where the bearing's outer ring has a dent."""
RINGING, DECAY = 140.0, 0.006
"""Of the housing after a blow: Hz, and seconds in which it falls to 1/e."""

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int16]


def blows(generator: np.random.Generator, time: Doubles, turns: float) -> Doubles:
    """What the axes ring with, in g, [STEPS, AXES]: blows begin before the window does."""
    period = 1.0 / (DENTS * turns)
    first = -5.0 * DECAY - generator.uniform(0.0, period)
    begins = np.arange(first, time[-1], period)
    begins += generator.normal(0.0, 0.02 * period, begins.size)
    since = time[:, None] - begins
    rings = np.exp(-since / DECAY) * np.sin(2.0 * np.pi * RINGING * since)
    strength = generator.uniform(0.8, 1.2, begins.size)
    direction = np.array([0.8, 1.0, 0.4])
    heard: Doubles = np.where(since > 0.0, rings, 0.0) @ strength
    return generator.uniform(0.05, 0.4) * heard[:, None] * direction


def window(generator: np.random.Generator, kind: str) -> Counts:
    """One window, [STEPS, AXES]."""
    time = np.arange(STEPS) / RATE
    turns = generator.choice(TURNS) * generator.uniform(0.97, 1.03)
    angle = 2.0 * np.pi * (turns * time + generator.random())
    swing = SWING * generator.uniform(0.85, 1.15) * turns / 30.0
    if kind == "imbalance":
        swing *= np.array([1.0, 1.0, 0.0]) * generator.uniform(0.2, 1.5) + 1.0
    waves = [np.sin(angle), np.cos(angle), np.sin(2.0 * angle + 0.7)]
    moved = np.stack(waves, axis=1) * swing + np.array([0.0, 1.0, 0.0])
    axis = generator.integers(AXES)
    if kind == "bearing":
        moved += blows(generator, time, turns)
    if kind == "drift":
        slope = np.linspace(0.0, generator.uniform(0.0, 0.1), STEPS)
        moved[:, axis] += generator.choice([-1.0, 1.0]) * (generator.uniform(0.02, 0.3) + slope)
    counts = np.round((moved + NOISE * generator.standard_normal(moved.shape)) * COUNTS)
    if kind == "stuck":
        begin = generator.integers(STEPS // 2)
        counts[begin:, axis] = counts[begin, axis]
    return counts.astype(np.int16)


def windows(generator: np.random.Generator, count: int, kind: str = "sound") -> Counts:
    """`count` windows of one kind, [count, STEPS, AXES]."""
    return np.stack([window(generator, kind) for _ in range(count)])
