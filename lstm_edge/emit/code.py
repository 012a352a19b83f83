"""The hand-written code that a model's C needs: kernels and helper functions, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import jinja2

from lstm_edge.emit.products import Products
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.wide_rows import WideCode
from lstm_edge.kernels import KERNELS
from lstm_edge.kernels.kernel import Form
from lstm_edge.resources import templates_dir

SHARED = {"dsp": "thumb2", "armv7m": "thumb2", "armv6m": "armv6m", "fpu": "fpu"}
"""By the part of a kernel: the folder of what its kernels share."""


_FUNCTION = re.compile(r"^( *)(?=(?:__attribute__\(\(.*\)\) )?static [^=;\n]*\()", re.MULTILINE)
SECTION = "LSTM_EDGE_CODE_SECTION"


def in_section(text: str) -> str:
    """Hand-written functions with the attribute that puts them where a step's code goes."""
    return _FUNCTION.sub(rf"\1{SECTION} ", text)


def dialect_code(env: jinja2.Environment, speller: Speller, wide: WideCode) -> str:
    """The helper functions of the dialect; common ones are in `common/ops.c.j2`, and
    those of float32, which others are made of, in `ops_float.c.j2`. wide: copies are
    made by vectors where there are any.
    """
    if not speller.dialect.name or speller.dialect.is_float:
        return ""
    text = env.get_template(f"dialects/{speller.dialect.name}.c.j2").render(
        helpers=speller.helpers,
        saturations=sorted(speller.saturations),
        tables=[speller.readers[name] for name in sorted(speller.readers)],
        takes=[] if wide.phases else sorted(speller.takes),
        widenings=[] if wide.phases else sorted(speller.widenings),
    )
    return text.strip() + "\n\n" if text.strip() else ""


def common_helpers(speller: Speller, own: str) -> set[str]:
    """Helpers that the lines call and the dialect does not have itself."""
    return {name for name in speller.helpers if f" {name}(" not in own}


def kernel_code(forms: Mapping[str, Form], portable: Iterable[Products], called: str) -> str:
    """The kernels, unrolled as far as `forms` say, and plain C for the types that products need.
    called: the lines of all phases.
    """
    used = {KERNELS[name].part for name in forms}
    parts = [_streaming(part, forms) for part in SHARED if part in used]
    if "le_sigmoid4(" in called:
        parts.append(f"{_read('fpu/sigmoid4.h')}\n")
    if "le_store(" in called:
        sum_type = "float" if "fpu" in used else "int32_t"
        parts.append(f"{_read('store.h').replace('LE_SUM', sum_type)}\n")
    functions = {
        name: (products, ctype)
        for products in portable
        for name, ctype in products.functions.items()
    }
    parts += [_portable(name, *functions[name]) for name in sorted(functions)]
    return "".join(f"{part}\n" for part in parts)


def wide_helpers(env: jinja2.Environment, speller: Speller, wide: WideCode) -> str:
    """What the lines of vectors call beside intrinsics."""
    if not wide.phases:
        return ""
    template = env.get_template("dialects/mve.c.j2")
    takes, widenings = sorted(speller.takes), sorted(speller.widenings)
    text = template.render(helpers=wide.helpers, takes=takes, widenings=widenings).strip()
    taken = [how for how in ("bytes", "planes", "halves") if f"le_{how}" in wide.helpers]
    parts = ["fence", *(["operand"] if taken else []), *taken]
    texts = [_read(f"mve/{part}.h") for part in parts]
    return "\n\n".join([*texts, *([text] if text else [])]) + "\n\n"


def wide_code(wide: WideCode) -> str:
    """The kernels of rows of four units, as many as the lines call."""
    if not wide.kernels:
        return ""
    texts = [
        f"#if defined(__arm__)\n{_read('mve/rows.h')}",
        *(_read(f"{name}.c") for name in wide.kernels),
        '#else\n#include "mve.h"\n#endif',
    ]
    return "\n\n".join([*texts, *wide.code()]) + "\n\n"


def _streaming(part: str, forms: Mapping[str, Form]) -> str:
    own = [KERNELS[name] for name in KERNELS if name in forms and KERNELS[name].part == part]
    lines = [f"#define LE_LONG {int(any(forms[k.name].kind >= 2 for k in own))}"]
    for kernel in own:
        form, symbol = forms[kernel.name], f"LE_{kernel.symbol.upper()}"
        lines.append(f"#define {symbol}_FORM {form.kind}")
        lines.append(f"#define {symbol}_ONES {form.ones}")
        lines.append(f"#define {symbol}_BLOCKS {form.blocks}")
        lines.append(f"#define {symbol}_SCALED {int(form.scaled)}")
    texts = [
        "\n".join([*lines, "#if defined(__arm__)"]),
        _read(f"{part}/operand.h"),
        _read(f"{SHARED[part]}/rows.h"),
    ]
    texts += [_read(f"{kernel.name}.c") for kernel in own]
    return "\n\n".join([*texts, f'#else\n#include "{part}.h"\n#endif\n'])


def _portable(function: str, products: Products, ctype: str) -> str:
    kernel = products.kernel
    assert kernel is not None
    names = {
        "LE_WEIGHT": products.weight_type,
        "LE_VALUE": ctype,
        "LE_SUM": products.sum_type,
        "LE_ROWS": function,
    }
    text = _read(f"{kernel.name}.c")
    for name, meaning in names.items():
        text = text.replace(name, meaning)
    return text + "\n"


def _read(name: str) -> str:
    return (templates_dir() / "kernels" / name).read_text(encoding="utf-8").rstrip()
