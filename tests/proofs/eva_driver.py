"""A C program that shows an analyser all that a caller may do with a model.

Stored numbers are any bits, states whatever the setters make of any bits. A loop of any number of
steps follows, so what holds in it holds after any sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lstm_edge.emit.testing import TestedModel, TestPort, tested_model
from lstm_edge.ir.program import Program

RUN_STEPS = 2
"""Of a call of `_run`, where a model has steps, too: the loop before has any number of them."""
_CONVERSION = re.compile(r"^void (\w+_(?:de)?quantize_\w+)\(const (\w+) \*\w+, (\w+) \*", re.M)


def driver(program: Program, header: str) -> str:
    """The text of main.c; header: that of the model."""
    model = tested_model(program)
    return "\n".join(
        [
            f'#include "{model.name}.h"',
            "#include <float.h>",
            "#include <math.h>",
            '#include "__fc_builtin.h"',
            "",
            "#define ANY(array) Frama_C_make_unknown((char *)(array), sizeof(array))",
            "#define FINITE Frama_C_float_interval(-FLT_MAX, FLT_MAX)",
            "#define NUMBER (any ? INFINITY : any ? -INFINITY : FINITE)",
            "",
            "static volatile int any;",
            f"static {model.name}_state state;",
            *_arrays(program, model),
            "",
            *_conversions(header, model),
            "int main(void)",
            "{",
            f"    {model.name}_init(&state);",
            "    conversions();",
            *(_stream(model, header) if model.streams else _whole(model)),
            "    return 0;",
            "}",
            "",
        ]
    )


def _arrays(program: Program, model: TestedModel) -> Iterator[str]:
    steps = RUN_STEPS if model.streams else model.steps or 1
    made = RUN_STEPS if model.streams else model.most
    for ports, count in ((model.inputs, steps), (model.outputs, made)):
        for port in ports:
            length = port.length * (count if port.per_step else 1)
            yield f"static {port.type} {_array(port)}[{length}];"
    for kept in model.kept:
        yield f"static {kept.type} state_{kept.name}[{kept.length}];"


def _array(port: TestPort) -> str:
    return f"port_{port.name}"


def _conversions(header: str, model: TestedModel) -> Iterator[str]:
    """Each conversion of any numbers, infinities too. NaN is left to the tests: the analyser does
    not see that a comparison excludes it.
    """
    longest = max(port.length for port in (*model.inputs, *model.outputs))
    yield "static void conversions(void)\n{"
    for k, (name, takes, gives) in enumerate(_CONVERSION.findall(header)):
        yield f"    static {takes} from_{k}[{longest}];"
        yield f"    static {gives} to_{k}[{longest}];"
        if takes == "float":
            yield f"    for (int i = 0; i < {longest}; i++) {{"
            yield f"        from_{k}[i] = NUMBER;"
            yield "    }"
        else:
            yield f"    ANY(from_{k});"
        yield f"    {name}(from_{k}, to_{k});"
    yield "}\n"


def _stream(model: TestedModel, header: str) -> Iterator[str]:
    arguments = "".join(f", {_array(port)}" for port in model.inputs) + model.states_given
    outputs = [
        f", {_array(port)}" if port.per_step else f", any ? {_array(port)} : NULL"
        for port in model.outputs
    ]
    yield from _any_states(model)
    for half in re.findall(r"^ +int32_t (current\w*);", header, re.M):
        yield f"    /*@ dynamic_split state.{half}; */"
    hints = [
        f" loop widen_hints state.{member}, {last};"
        for member, last in re.findall(
            r"^ +int32_t (\w+); /\* of the window, 0 \.\. (\d+)", header, re.M
        )
    ]
    yield f"    /*@{''.join(hints)} loop unroll 0; */"
    yield "    while (any) {"
    yield from _any_inputs(model)
    yield f"        {model.name}_step(&state{arguments}{''.join(outputs)}{model.states_given});"
    for kept in model.kept:
        yield f"        {model.name}_get_{kept.name}(&state, state_{kept.name});"
    yield "        if (any) {"
    yield f"            {model.name}_reset(&state);"
    yield "        }"
    if model.open_window:
        yield "        if (any) {"
        yield f"            {model.name}_begin(&state);"
        yield "        }"
    yield "    }"
    yield from _any_inputs(model)
    given = "".join(f", {_array(port)}" for port in model.outputs) + model.states_given
    yield f"    {model.name}_run(&state{arguments}, {RUN_STEPS}{given});"


def _whole(model: TestedModel) -> Iterator[str]:
    arguments = "".join(f", {_array(port)}" for port in model.inputs) + model.states_given
    given = "".join(f", {_array(port)}" for port in model.outputs) + model.states_given
    yield from _any_inputs(model)
    yield f"    if ({model.name}_run(&state{arguments}, any{given}) == 0) {{"
    for kept in model.kept:
        yield f"        {model.name}_get_{kept.name}(&state, state_{kept.name});"
    yield "    }"


def _any_inputs(model: TestedModel) -> Iterator[str]:
    for port in model.inputs:
        yield f"        ANY({_array(port)});"


def _any_states(model: TestedModel) -> Iterator[str]:
    for kept in model.kept:
        yield f"    ANY(state_{kept.name});"
        yield f"    {model.name}_set_{kept.name}(&state, state_{kept.name});"
