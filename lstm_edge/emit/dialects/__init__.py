"""Dialects: how the operations of a program are written for a core.

A dialect knows which operations a core does in one instruction, how constants are stored for them,
and which helpers its lines call. `dialect_of` chooses by the features of a target.
"""

from __future__ import annotations

from lstm_edge.emit.dialects import armv6m, armv7m, dsp, fpu, plain
from lstm_edge.emit.dialects.dialect import Dialect
from lstm_edge.targets import Target

_DIALECTS = {"dsp": dsp.DIALECT, "armv7m": armv7m.DIALECT, "armv6m": armv6m.DIALECT}
"""By feature, the best first."""


def dialect_of(target: Target, is_float: bool) -> Dialect:
    """The dialect for integers, or for float32, on a target."""
    if is_float:
        return fpu.DIALECT if target.has_vmla else plain.FLOAT
    for feature, dialect in _DIALECTS.items():
        if feature in target.features:
            return dialect
    return plain.INTEGER
