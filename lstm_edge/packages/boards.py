"""Which boards a package builds on: what its C was made for, in the words of each build system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lstm_edge.targets import Target

_CORES = {
    "mve": ("M55", "M85"),
    "dsp": ("M4", "M7", "M33", "M35P"),
    "armv7m": ("M3",),
    "armv6m": ("M0", "M0+", "M23"),
}
"""Arm cores by what they can, the most able first: C for some runs on those before them, too."""
_OPTIONAL_DSP = ("M33", "M35P")
_ARDUINO = {
    "mve": (),
    "dsp": ("nrf52", "mbed_nano", "mbed_portenta", "mbed_giga", "renesas_uno", "stm32"),
    "armv7m": ("sam",),
    "armv6m": ("samd", "mbed_rp2040", "rp2040"),
}
"""What Arduino calls the boards with such a core."""
_PLATFORMIO = {
    "mve": (),
    "dsp": ("ststm32", "nordicnrf52", "renesas-ra"),
    "armv7m": ("atmelsam",),
    "armv6m": ("raspberrypi",),
}


@dataclass(frozen=True)
class Boards:
    """target: what was compiled for. arm: keys of `_CORES` that run it, the most able first; none
    where the C is for every board.
    """

    target: str
    arm: tuple[str, ...] = ()

    @property
    def all(self) -> bool:
        """True where there is C for every board."""
        return not self.arm

    @property
    def cortex(self) -> tuple[str, ...]:
        """Arm cores that run it, without `Cortex-`."""
        return tuple(core for ability in self.arm for core in _CORES[ability])

    @property
    def arduino(self) -> tuple[str, ...]:
        """`architectures` of library.properties."""
        return self._listed(_ARDUINO)

    @property
    def platformio(self) -> tuple[str, ...]:
        """`platforms` of library.json."""
        return self._listed(_PLATFORMIO)

    @property
    def zephyr(self) -> str:
        """What the Kconfig symbol depends on; "" for nothing."""
        symbols = []
        for core in self.cortex:
            symbol = f"CPU_CORTEX_{core.replace('+', 'PLUS')}"
            needs_dsp = core in _OPTIONAL_DSP and self.arm[-1] == "dsp"
            symbols.append(f"({symbol} && ARMV8_M_DSP)" if needs_dsp else symbol)
        return " || ".join(symbols)

    def _listed(self, table: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(name for ability in self.arm for name in table[ability]) or ("*",)


def boards_of(name: str, targets: Sequence[Target]) -> Boards:
    """The boards of C for some targets, which together are called `name`."""
    if not all(target.is_arm for target in targets):
        return Boards(name)
    abilities = tuple(_CORES)
    least = max(
        next(k for k, ability in enumerate(abilities) if ability in target.features)
        for target in targets
    )
    return Boards(name, abilities[: least + 1])
