"""Made-up speech: words of a few phones, and the features that a keyword spotter hears.

A phone is either voiced, harmonics of a pitch under three formants, or noise in a band; a stop is
a short silence and a burst. Speakers differ in pitch, in the length of their vocal tract, which
moves all formants, and in speed. Everything is numpy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 8000
FRAME = RATE // 50
"""Samples of a frame: 20 ms."""
WINDOW = 256
BANDS = 16
DECIBELS = 2.0
"""One unit of a feature."""

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator

VOWELS: dict[str, tuple[float, float, float]] = {
    "a": (750.0, 1200.0, 2500.0),
    "e": (550.0, 1800.0, 2500.0),
    "i": (300.0, 2200.0, 2900.0),
    "o": (500.0, 900.0, 2400.0),
    "u": (320.0, 800.0, 2200.0),
    "l": (360.0, 1050.0, 2700.0),
    "r": (400.0, 1100.0, 1600.0),
    "n": (250.0, 1400.0, 2300.0),
}
"""Formants in Hz."""
NOISES = {"s": (2500.0, 3900.0, 0.7), "f": (1000.0, 3900.0, 0.25)}
"""Lowest and highest frequency in Hz, amplitude."""
BURSTS = {"t": (2000.0, 3900.0, 0.9), "d": (1200.0, 3000.0, 0.6), "p": (200.0, 1200.0, 0.7)}
LONG = "aeiou"

WORDS = {"left": "left", "right": "rait", "up": "ap", "down": "daun", "stop": "stop"}
"""What is to be spotted, and how it is pronounced."""
NAMES = ("silence", *WORDS, "unknown")
"""Classes of the network."""
ALIKE = ("lait", "lef", "top", "raun", "dap", "loft", "stap", "nat", "saun", "pots", "aud", "fel")
"""Words that begin, end or sound like those."""


@dataclass(frozen=True)
class Speaker:
    """pitch in Hz; formants are multiplied by `tract`, durations by `slowness`."""

    pitch: float
    tract: float
    slowness: float


def draw_speaker(generator: Generator) -> Speaker:
    return Speaker(
        pitch=float(np.exp(generator.uniform(np.log(90.0), np.log(240.0)))),
        tract=float(generator.uniform(0.9, 1.12)),
        slowness=float(generator.uniform(0.75, 1.35)),
    )


def draw_other(generator: Generator) -> str:
    """The phones of a word that is none of WORDS."""
    if generator.random() < 0.6:
        return str(generator.choice(ALIKE))
    phones = [*VOWELS, *NOISES, *BURSTS]
    while True:
        word = "".join(generator.choice(phones, int(generator.integers(2, 6))))
        if word not in WORDS.values() and any(p in LONG for p in word):
            return word


def band_noise(generator: Generator, samples: int, low: float, high: float) -> Floats:
    """Noise of variance 1 between two frequencies."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1.0 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0.0
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / max(float(noise.std()), 1e-9))


def voiced(speaker: Speaker, start: Floats, end: Floats, samples: int, phase: float) -> Floats:
    """Harmonics of a pitch that falls a little, under formants that glide from start to end."""
    glide = np.minimum(1.0, np.arange(samples) / (0.35 * samples + 1.0))
    pitch = speaker.pitch * (1.03 - 0.06 * np.arange(samples) / samples)
    angle = phase + 2.0 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros(samples)
    for k in range(1, int(3900.0 / speaker.pitch)):
        level = np.zeros(samples)
        for f in range(3):
            formant = start[f] + (end[f] - start[f]) * glide
            width = 60.0 + 0.06 * formant
            level += 0.6**f / (1.0 + ((k * pitch - formant) / width) ** 2)
        sound += level * np.sin(k * angle)
    return 0.5 * sound


def shaped(sound: Floats) -> Floats:
    """Fade in and out over 8 ms."""
    edge = min(64, len(sound) // 2)
    ramp = np.linspace(0.0, 1.0, edge)
    result = sound.copy()
    result[:edge] *= ramp
    result[len(result) - edge :] *= ramp[::-1]
    return result


def say(generator: Generator, word: str, speaker: Speaker) -> Floats:
    """A word as samples; its loudness varies by 12 dB."""
    parts = []
    before: Floats | None = None
    for phone in word:
        seconds = (0.12 if phone in LONG else 0.07) * speaker.slowness * generator.uniform(0.8, 1.2)
        samples = int(seconds * RATE)
        if phone in VOWELS:
            formants = np.array(VOWELS[phone]) * speaker.tract
            sound = voiced(
                speaker,
                formants if before is None else before,
                formants,
                samples,
                float(generator.uniform(0.0, 2.0 * np.pi)),
            )
            before = formants
        elif phone in NOISES:
            low, high, level = NOISES[phone]
            sound = level * band_noise(generator, samples, low, high)
        else:
            low, high, level = BURSTS[phone]
            burst = level * band_noise(generator, 160, low, high) * np.linspace(1.0, 0.0, 160)
            sound = np.concatenate([np.zeros(samples // 2), burst])
        parts.append(shaped(sound))
    return np.asarray(np.concatenate(parts) * 10.0 ** generator.uniform(-0.3, 0.3))


def filters() -> Floats:
    """Triangles [BANDS, WINDOW / 2 + 1] that are evenly spaced on the mel scale from 100 Hz."""
    low, high = (2595.0 * np.log10(1.0 + f / 700.0) for f in (100.0, RATE / 2.0))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(WINDOW, 1.0 / RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles: Floats = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True))


def features(sound: Floats) -> npt.NDArray[np.int8]:
    """Energy in each band and frame, in units of 2 dB, [frames, BANDS]."""
    frames = (len(sound) - WINDOW) // FRAME + 1
    rows = np.arange(frames)[:, None] * FRAME + np.arange(WINDOW)
    power = np.abs(np.fft.rfft(sound[rows] * np.hanning(WINDOW), axis=1)) ** 2
    decibels = 10.0 * np.log10(power @ filters().T + 1e-3)
    return np.clip(np.rint(decibels / DECIBELS), -16, 31).astype(np.int8)


def record(generator: Generator, frames: int) -> tuple[Any, list[tuple[int, int]]]:
    """A recording with several words, in noise: features and (class, frame of its end)."""
    samples = (frames - 1) * FRAME + WINDOW
    sound = np.zeros(samples)
    said = []
    position = int(generator.uniform(0.1, 0.6) * RATE)
    while True:
        other = generator.random() < 0.35
        kind = len(NAMES) - 1 if other else int(generator.integers(1, len(WORDS) + 1))
        phones = draw_other(generator) if other else WORDS[NAMES[kind]]
        word = say(generator, phones, draw_speaker(generator))
        end = position + len(word)
        if end + int(0.3 * RATE) > samples:
            break
        sound[position:end] += word
        said.append((kind, end // FRAME))
        position = end + int(generator.uniform(0.3, 0.8) * RATE)
    loudness = 10.0 ** generator.uniform(-1.8, -0.6)
    hum = band_noise(generator, samples, 50.0, generator.uniform(500.0, 3500.0))
    sound += loudness * (hum + 0.5 * generator.standard_normal(samples))
    return features(sound), said
