"""What the command line prints: plain text for people, plain values for JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from lstm_edge.accuracy import text
from lstm_edge.bundle import CORES, Bundle
from lstm_edge.driver import Compiled
from lstm_edge.emit.render import Rendered
from lstm_edge.errors import DataError
from lstm_edge.families import Cores
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    LastStep,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePort,
)
from lstm_edge.ir.program import ONCE, Program
from lstm_edge.labels import Score
from lstm_edge.passes.naming import equation, name_expressions
from lstm_edge.targets import Target
from lstm_edge.verify import Verified

KINDS = {LastStep: "last_step", FirstStep: "first_step", Concat: "concat", Slice: "slice"}
DUMPS = ("model", "real", "integer", "schedule")
CHANGES_SHOWN = 10
"""Samples that are decided otherwise, at most this many in text."""


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, shown where stderr is a terminal."""
    stream = sys.stderr
    shown = stream.isatty()

    def show(done: int, total: int) -> None:
        if shown:
            filled = 30 * done // max(total, 1)
            bar = "#" * filled + "." * (30 - filled)
            stream.write(f"\r{label} [{bar}] {done}/{total}")
            stream.flush()

    yield show
    if shown:
        stream.write("\r\033[K")
        stream.flush()


def compiled(result: Compiled) -> str:
    """Summary of a compilation."""
    m = result.manifest
    lines = [f"{m['name']}: {result.folder} for {m['target']}, {m['options']}"]
    if CORES in m:
        for name, own in m[CORES].items():
            lines += [f"  {name}", *(f"  {line}" for line in _costs({**m, **own}))]
    else:
        lines += _costs(m)
    for kind in ("inputs", "outputs"):
        for port in m[kind]:
            once = "a sequence" if kind == "inputs" else "after the last step"
            per = "per step" if port["per_step"] else once
            numbers = f"{port['size']} x {port['type']} {per}, {port['format']}"
            shape = _shape(tuple(port["shape"]))
            lines.append(f"  {kind[:-1]:6} {port['name']} {shape}: {numbers}")
    if m["proof"]:
        bits = m["proof"]["accumulator_bits"]
        lines.append(f"  proved nothing leaves int32 for any input; sums reach {bits} of 31 bits")
    lines += result.errors
    lines += _tried(m["search"]) if "search" in m else []
    return "\n".join(lines)


def _costs(m: Mapping[str, Any]) -> list[str]:
    """Flash, RAM and a step on one core."""
    flash, ram = m["flash"], m["ram"]
    code = "unknown (compiler not installed)" if flash["code"] is None else f"{flash['code']:,} B"
    return [
        f"  flash  code {code}, weights {flash['weights']:,} B, tables {flash['tables']:,} B",
        f"  RAM    state {ram['state']:,} B, scratch {ram['scratch']:,} B",
        f"  step   {_work(m)}",
    ]


def _work(manifest: Mapping[str, Any]) -> str:
    """MACs of a step, and about how many instructions."""
    macs, instructions = manifest["macs"], manifest["instructions"]
    text = f"{macs:,.10g} MACs"
    if instructions is None:
        return f"{text}, instructions unknown: this core has no hardware for float32"
    per_mac = f", {instructions / macs:.2f} per MAC" if macs else ""
    return f"{text}, about {instructions:,} instructions{per_mac} (estimated at -O2)"


def _tried(attempts: list[Mapping[str, Any]]) -> list[str]:
    """A table of the widths that were tried; the chosen one is marked."""
    rows = [("  tried  widths", "constants", "instructions", "worst output", "points lost")]
    for each in attempts:
        lost = "-" if each["points_lost"] is None else f"{each['points_lost']:+.2f}"
        rows.append(
            (
                f"  {'*' if each['chosen'] else ' '}      {each['options']}",
                f"{each['flash']:,} B",
                f"about {each['instructions']:,}",
                f"{each['sqnr_db']:.1f} dB",
                lost,
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]


def dump(result: Compiled, which: str) -> str:
    """The form of the model after a pass."""
    if which not in DUMPS:
        raise DataError(f"--dump-ir {which}: expected one of {', '.join(DUMPS)}")
    if which == "model":
        return model(result.model)
    if which == "real":
        return program(result.reference)
    if which == "integer":
        return program(result.program)
    lines = []
    for name, made in result.rendered.items():
        lines += [f"on {name}:"] if len(result.rendered) > 1 else []
        lines += _schedule(made)
    return "\n".join(lines)


def _schedule(made: Rendered) -> list[str]:
    """The phases of the C for one target."""
    lines = []
    for phase in made.selection.schedule.phases:
        when = "each step" if phase.per_step else "last step"
        lines.append(f"{phase.name}: {phase.units} units, {when}")
        lines.append(f"  matvecs {', '.join(op.dest for op in phase.matvecs) or '-'}")
        lines.append(f"  reads   {', '.join((*phase.whole, *phase.loads, *phase.scalars)) or '-'}")
        lines.append(f"  stores  {', '.join(phase.stores) or '-'}")
    return lines


def program(p: Program) -> str:
    """Every operation, one a line, with its format."""
    lines = []
    for block in p.blocks:
        when = (
            "after the last step" if block.sweep == ONCE else f"each step, {p.sweeps[block.sweep]}"
        )
        lines.append(f"{block.layer}: {when}")
        for op in block.ops:
            value = p.values[op.dest]
            extra = [str(op.n)] if op.n else []
            args = ", ".join((*op.args, *op.matrices, *((op.table,) if op.table else ()), *extra))
            made = f"  {op.dest} = {op.kind}({args})"
            lines.append(f"{made:76} [{value.length}] {value.format.describe()}")
    for state in p.states:
        lines.append(f"state {state.name} <- {state.next}")
    return "\n".join(lines)


def model(m: Model) -> str:
    """Layers, shapes and equations of a model."""
    lines = [f"{m.name}: SHA-256 {m.sha256}"]
    lines += [f"  input  {_port(m, p)}" for p in m.inputs]
    for node in m.nodes:
        if isinstance(node, LastStep | FirstStep):
            which = "last" if isinstance(node, LastStep) else "first"
            lines.append(f"  {node.name}: {which} step of {node.input}")
        elif isinstance(node, Concat):
            lines.append(f"  {node.name}: {' and '.join(node.inputs)}, end to end")
        elif isinstance(node, Slice):
            lines.append(f"  {node.name}: features {node.begin} to {node.end - 1} of {node.input}")
        elif isinstance(node, DenseOverTime):
            steps, units, features = node.weights.shape
            lines.append(
                f"  {node.name}: dense over all {steps} steps of {features}, {units} units"
            )
        else:
            lines += _layer(node)
    lines += [f"  output {_port(m, p)}" for p in m.outputs]
    lines += [_state_port(m, "state in ", p) for p in m.state_inputs]
    lines += [_state_port(m, "state out", p) for p in m.state_outputs]
    lines.append(f"  steps  {m.steps or 'any number'}")
    return "\n".join(lines)


def _port(m: Model, port: Port) -> str:
    integers = f", integers 0 .. {port.limit - 1}" if port.limit else ""
    return f"{_named(m, port)} {_shape(port.shape)} ({', '.join(port.axes)}){integers}"


def _named(m: Model, port: Port | StatePort) -> str:
    """`y (Identity:0 in the file)`."""
    old = m.file_names.get(port.name)
    return f"{port.name} ({old} in the file)" if old else port.name


def _state_port(m: Model, what: str, port: StatePort) -> str:
    states = " and ".join(f"{part.state} of {part.layer}" for part in port.parts)
    back = f", fed back from {port.partner}" if port.partner else ""
    return f"  {what} {_named(m, port)} {_shape(port.shape)}: {states}{back}"


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join("any" if n < 0 else str(n) for n in shape) + "]"


def _layer(layer: Layer) -> list[str]:
    count = sum(a.size for a in layer.params.values())
    names = name_expressions(layer.cell)
    lines = [f"  {layer.name}: {layer.cell.name}, {count} parameters, from {layer.source or '-'}"]
    lines += [f"    {names[id(e)]} = {equation(e, names)}" for e in layer.cell.results.values()]
    return lines


def model_json(m: Model) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "name": m.name,
        "sha256": m.sha256,
        "steps": m.steps,
        "inputs": [_port_json(m, p) for p in m.inputs],
        "outputs": [_port_json(m, p) for p in m.outputs],
        "state_inputs": [_state_json(m, p) for p in m.state_inputs],
        "state_outputs": [_state_json(m, p) for p in m.state_outputs],
        "layers": [_node_json(m, node) for node in m.nodes],
        "warnings": list(m.warnings),
    }


def _port_json(m: Model, port: Port) -> dict[str, Any]:
    file_name = m.file_names.get(port.name, port.name)
    names = {"name": port.name, "file_name": file_name}
    return {**names, "shape": port.shape, "axes": port.axes, "limit": port.limit}


def _state_json(m: Model, port: StatePort) -> dict[str, Any]:
    file_name = m.file_names.get(port.name, port.name)
    states = [{"layer": part.layer, "state": part.state} for part in port.parts]
    names = {"name": port.name, "file_name": file_name}
    return {**names, "shape": port.shape, "partner": port.partner, "states": states}


def _node_json(m: Model, node: Node) -> dict[str, Any]:
    if isinstance(node, Layer):
        kind, outputs = node.cell.name, list(node.outputs.values())
        parameters = int(sum(a.size for a in node.params.values()))
    elif isinstance(node, LastStep | FirstStep | Concat | Slice):
        kind = KINDS[type(node)]
        outputs, parameters = [node.output], 0
    else:
        kind, outputs = "dense_over_time", [node.output]
        parameters = int(node.weights.size + node.bias.size)
    units = [m.tensors[t].features for t in outputs]
    return {
        "name": node.name,
        "kind": kind,
        "units": units[0],
        "parameters": parameters,
        "source": node.source,
    }


def verified(bundle: Bundle, result: Verified) -> str:
    """Bit exactness by place, error by output and by layer, scores, warnings."""
    made_up = " of made-up inputs" if result.made_up else ""
    samples = result.accuracy.samples
    lines = [f"{bundle.program.name} for {bundle.name}, {samples} samples{made_up}"]
    for place, exact in result.exact.items():
        lines.append(f"  numpy == {place}: {'identical, bit for bit' if exact else 'DIFFERENT'}")
    lines += text.lines(result.accuracy)
    lines += scored(result.scores)
    lines += text.warning_lines(result.warnings)
    return "\n".join(lines)


def scored(scores: Sequence[Score]) -> list[str]:
    """The score of each labelled output, and the first samples that are decided otherwise."""
    lines = [""] if scores else []
    for each in scores:
        both = f"float {each.float_percent:.2f} %, integers {each.integer_percent:.2f} %"
        if each.kind == "r2":
            rmse = f"rmse {text.number(each.float_rmse)} and {text.number(each.integer_rmse)}"
            lines.append(f"  labels {each.name}: R2 {both} ({each.points:+.2f} points), {rmse}")
            continue
        lines.append(
            f"  labels {each.name}: {both} right ({each.points:+.2f} points), "
            f"{len(each.changed)} decided otherwise"
        )
        for c in each.changed[:CHANGES_SHOWN]:
            step = "" if c.step is None else f" step {c.step}"
            lines.append(
                f"    sample {c.sample}{step}: label {c.label}, float {c.float_class}, integers "
                f"{c.integer_class}"
            )
        if len(each.changed) > CHANGES_SHOWN:
            lines.append(f"    and {len(each.changed) - CHANGES_SHOWN} more, see --json")
    return lines


def scores_json(scores: Sequence[Score]) -> dict[str, Any]:
    """Output -> score, with every sample that is decided otherwise."""
    return {
        each.name: {
            "kind": each.kind,
            "float_percent": each.float_percent,
            "integer_percent": each.integer_percent,
            "points": each.points,
            "float_rmse": each.float_rmse,
            "integer_rmse": each.integer_rmse,
            "changed": [asdict(change) for change in each.changed],
        }
        for each in scores
    }


def verified_json(bundle: Bundle, result: Verified) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "name": bundle.program.name,
        "target": bundle.name,
        "samples": result.accuracy.samples,
        "made_up_inputs": result.made_up,
        "exact": dict(result.exact),
        "bit_exact": result.ok,
        "outputs": text.outputs_json(result.accuracy),
        "layers": text.layers_json(result.accuracy),
        "inputs": text.inputs_json(result.accuracy),
        "saturations": dict(result.accuracy.saturations),
        "labels": scores_json(result.scores),
        "warnings": list(result.warnings),
    }


def cores_json(cores: Cores) -> dict[str, Any]:
    """A set of targets as plain values."""
    members = [target.name for target in cores.targets]
    return {"name": cores.name, "title": cores.title, "members": members}


def target_json(target: Target) -> dict[str, Any]:
    """A target as plain values."""
    return {
        "name": target.name,
        "title": target.title,
        "compiler": target.compiler,
        "flags": list(target.flags),
        "recommended": list(target.recommended),
        "features": list(target.features),
        "emulated": target.board is not None,
    }
