"""Plain C, for every compiler and core."""

from __future__ import annotations

from lstm_edge.emit.dialects.dialect import Dialect

INTEGER = Dialect("", is_float=False, spellings={})
FLOAT = Dialect("", is_float=True, spellings={})
