"""What Eva takes on trust: numbers that intervals cannot bound, within the bounds of our own proof.

Two helpers: `le_fft`, bounded by the length of vectors, and `le_band_power`, whose factor follows
from the largest of all numbers. In the C that is analysed any numbers within those bounds take the
place of what they make. That they access nothing but what they should is shown apart, with one
number throughout: what they access does not depend on the numbers.
"""

from __future__ import annotations

import re

from lstm_edge.formats import INT32_MAX
from lstm_edge.ir.program import Program
from lstm_edge.operations.spectrum import MOST_BAND_PLACES
from lstm_edge.passes.prove import prove

LOG_SPLIT = "/*@ split entry - entries; */"
"""In `le_log`: a softmax needs it. For each band of a spectrum it takes too long: there `le_log` is
looked at in pieces, like a table.
"""
_FFT = re.compile(r"    le_fft\(z, waves, n\);")
_BAND_POWER = re.compile(r"    le_band_power\((?:[^,]+, ){4}(\d+), (\w+)\);")


def has_admitted(text: str) -> bool:
    """Whether C has a call that is taken on trust."""
    return bool(_FFT.search(text) or _BAND_POWER.search(text))


def with_bounds(program: Program, text: str) -> str:
    """The C of a model with any numbers in place of results of those helpers."""
    bounds = prove(program).bounds
    ops = [op for block in program.blocks for op in block.ops]
    reach = max((bounds[op.dest][1] for op in ops if op.kind.startswith("rfft")), default=0)
    low = min((bounds[op.dest][0] for op in ops if op.kind == "band_power"), default=0)
    text = _FFT.sub(_any("n + 2", "z[k]", -reach, reach), text.replace(LOG_SPLIT, ""))

    def summed(call: re.Match[str]) -> str:
        units, to = int(call[1]), call[2]
        sums = _any(f"{units // 2}", f"{to}[k]", low, INT32_MAX)
        return sums + "\n" + _any(f"{units // 2}", f"{to}[k + {units // 2}]", 0, MOST_BAND_PLACES)

    return f'#include "__fc_builtin.h"\n{_BAND_POWER.sub(summed, text)}'


def _any(count: str, number: str, low: int, high: int) -> str:
    interval = f"Frama_C_interval({low + 1} - 1, {high})"  # -2^31 is no constant of int
    loop = f"    for (int32_t k = 0; k < {count}; k++) {{\n"
    return f"{loop}        {number} = {interval};\n    }}"


def alone(name: str, text: str) -> str:
    """A main.c with the helpers themselves, on inputs of one number."""
    calls = re.findall(r"^    (le_(?:rfft|rfft_of_sums|band_power)\(.*\));", text, re.M)
    made = "\n".join(
        "    " + re.sub(r", \w+\)$", ", made)", re.sub(r"\(&?\w+(\[(\d+)\])?", _given, call)) + ";"
        for call in calls
    )
    return f"""#include "{name}.c"

static int16_t x[1 << 15];
static int32_t z[1 << 12], made[1 << 12];

int main(void)
{{
    for (int32_t k = 0; k < (1 << 12); k++) {{
        z[k] = 1;
    }}
{made}
    return 0;
}}
"""


def _given(found: re.Match[str]) -> str:
    return f"(&x[{found[2]}]" if found[2] else "(z"
