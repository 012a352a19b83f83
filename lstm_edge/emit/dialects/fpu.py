"""An FPU (Cortex-M4, M7, M33, M55): curves are written out in its instructions."""

from __future__ import annotations

from lstm_edge.emit.dialects.dialect import Dialect

DIALECT = Dialect("fpu", is_float=True, spellings={})
