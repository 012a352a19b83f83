"""Words that an option may be, as types."""

from __future__ import annotations

from typing import Literal

Scheme = Literal["int8", "fixed", "float32"]
"""The number system; fixed: integers whose scales are powers of two."""
Unroll = Literal["none", "gates", "full"]
"""How far matrix products are written out: loops, columns of a loop, straight-line code."""
Optimize = Literal["speed", "size"]
StateForm = Literal["kept", "explicit"]
"""Where states live between calls: in the generated code's struct, or with the caller."""
Shown = Literal["probabilities", "logits"]
"""What outputs give that end in a sigmoid or softmax: its result, or the sum before it."""
Place = Literal["numpy", "host", "qemu", "float"]
"""What computes: the integers in numpy, their C here or in QEMU, the float reference."""
Why = Literal["given", "proved", "calibrated", "assumed"]
"""Where the range of a format comes from: the model's file says it, nothing can exceed it,
calibration saw it, or there was no data to go by, or too little.
"""
SymbolKind = Literal["ids", "one-hot", "flags"]
"""Symbols among the inputs: integers, or features of 0 and 1, of which at each step at most one is
1, or any.
"""
