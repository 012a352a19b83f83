"""Claims of Helium's helpers, four units at a time: each lane for itself. Intrinsics are those of
firmware/host/arm_mve.h.
"""

from __future__ import annotations

from tests.proofs.helpers import Claim

_A = "int32x4_t a = {nondet_int(), nondet_int(), nondet_int(), nondet_int()}"
_EACH = "for (int k = 0; k < 4; k++)"
_UNWIND = 9
"""The host's intrinsics go over up to 8 lanes."""


def _lanes(helper: str, body: str, overflow: bool = True) -> Claim:
    return Claim(helper, body, unwind=_UNWIND, dialects=("mve",), overflow=overflow)


def _argmax(name: str, given: str, lives: str) -> Claim:
    body = f"""
    {_A};
    const int32_t at = nondet_short(), was = nondet_int(), before = nondet_int();
    const int32_t count = nondet_int();
    ASSUME(WITHIN(count, 1, 4));
    int32_t best = was, most = was, unit = before;
    for (int k = 0; k < {lives}; k++) {{
        if (a[k] > most) {{
            most = a[k];
            unit = at + k;
        }}
    }}
    CLAIM({name}(a, {given}at, &best, before) == unit);
    CLAIM(best == most);"""
    return _lanes(name, body)


HELIUM = (
    *(
        _lanes(
            "le_v_saturate",
            f"""
    {_A};
    const int32x4_t r = le_v_saturate(a, {bits});
    {_EACH} {{
        CLAIM(r[k] == nearest(a[k], -(1ll << {bits - 1}), (1ll << {bits - 1}) - 1));
    }}""",
        )
        for bits in (2, 8, 12, 16, 31)
    ),
    _lanes(
        "le_v_within",
        f"""
    {_A};
    const int32_t low = nondet_int(), high = nondet_int();
    ASSUME(low <= high);
    const int32x4_t r = le_v_within(a, low, high);
    {_EACH} {{
        CLAIM(r[k] == nearest(a[k], low, high));
    }}""",
    ),
    _argmax("le_v_argmax", "", "4"),
    _argmax("le_v_argmax_some", "vctp32q((uint32_t)count), ", "count"),
    _lanes(
        "le_v_lift",
        """
    const int32x4_t a = {nondet_int(), 0, 0, 0}, n = {nondet_int(), 0, 0, 0};
    ASSUME(WITHIN(n[0], 0, 30));
    const int64_t most = INT32_MAX >> n[0];
    CLAIM(le_v_lift(a, n)[0] == nearest(a[0], -most - 1, most) * ((int64_t)1 << n[0]));""",
    ),
)
