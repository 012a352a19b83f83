"""A made-up wearable: what its accelerometer and its barometer measure, activity by activity.

The accelerometer has three axes, 100 samples a second of 256 counts for each g. The barometer has
25 samples a second: pressure less that at the begin of the window, in eighths of a pascal. Twelve
of those are about 12 cm. Steps look alike on stairs and on the flat, and a lift looks like standing
still: there the barometer decides; of running and walking it knows nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE, EVERY, AXES = 100, 4, 3
"""Samples of the accelerometer a second, and for each one of the barometer."""
STEPS = 128
PER_G, PER_PASCAL = 256.0, 8.0
PASCAL_PER_METRE = 12.0
NOISE_G, NOISE_PASCAL, GUST_PASCAL = 0.05, 2.0, 1.2

Counts = npt.NDArray[np.int16]
Labels = npt.NDArray[np.int8]
Range = tuple[float, float]


@dataclass(frozen=True)
class Activity:
    """cadence: steps a second. swing: how far a step moves the sensor, in g. climb: metres a
    second, in either direction where `both`.
    """

    name: str
    cadence: Range = (0.0, 0.0)
    swing: Range = (0.0, 0.0)
    climb: Range = (0.0, 0.0)
    both: bool = False


ACTIVITIES = (
    Activity("rest"),
    Activity("walk", (1.5, 2.5), (0.1, 0.45)),
    Activity("run", (2.2, 3.2), (0.35, 1.2)),
    Activity("upstairs", (1.4, 2.2), (0.1, 0.4), (0.3, 0.5)),
    Activity("downstairs", (1.5, 2.4), (0.1, 0.45), (-0.6, -0.35)),
    Activity("lift", climb=(0.8, 2.0), both=True),
)


def windows(generator: np.random.Generator, count: int) -> tuple[Counts, Counts, Labels]:
    """accel [count, STEPS, 3], baro [count, STEPS / 4, 1] and which activity each is, in turn."""
    label = np.arange(count) % len(ACTIVITIES)
    both = [_window(generator, ACTIVITIES[k]) for k in label]
    accel, baro = (np.stack(parts) for parts in zip(*both, strict=True))
    return accel, baro, label.astype(np.int8)


def _window(generator: np.random.Generator, activity: Activity) -> tuple[Counts, Counts]:
    time = np.arange(STEPS) / RATE
    phase = 2 * np.pi * (generator.uniform(*activity.cadence) * time + generator.uniform())
    swing = generator.uniform(*activity.swing)
    sway = generator.uniform(0.2, 0.6, 2) * swing
    move = np.stack(
        [
            sway[0] * np.sin(phase / 2 + generator.uniform(0, 6)),
            swing * (np.sin(phase) + 0.4 * np.sin(2 * phase + generator.uniform(0, 6))),
            sway[1] * np.sin(phase + generator.uniform(0, 6)),
        ],
        axis=1,
    )
    tilt = generator.normal((0.0, 1.0, 0.0), 0.25)
    gravity = tilt / np.linalg.norm(tilt)
    accel = gravity + move + generator.normal(0.0, NOISE_G, (STEPS, AXES))
    climb = generator.uniform(*activity.climb)
    climb *= generator.choice([-1.0, 1.0]) if activity.both else 1.0
    slow = time[::EVERY]
    gust = GUST_PASCAL * np.sin(
        2 * np.pi * (generator.uniform(0.1, 0.6) * slow + generator.uniform())
    )
    pressure = gust - gust[0] - PASCAL_PER_METRE * climb * slow
    pressure += generator.normal(0.0, NOISE_PASCAL, slow.size)
    return _counts(accel, PER_G), _counts(pressure[:, None], PER_PASCAL)


def _counts(real: npt.NDArray[np.float64], per_unit: float) -> Counts:
    return np.clip(np.round(real * per_unit), -32768, 32767).astype(np.int16)
