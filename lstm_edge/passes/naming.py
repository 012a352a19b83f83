"""Names for the values of a cell, as a person would give them: pre_i, gate_i, c_next."""

from __future__ import annotations

from lstm_edge.ir.expr import Cell, Expr, walk

_WORDS = {
    "add": "sum",
    "sub": "difference",
    "mul": "product",
    "divide": "quotient",
    "take": "part",
    "join": "joined",
    "total": "sum_of_units",
    "largest": "most_of_units",
}
LONGEST = 120
"""Characters of a sum or product that is written out within another."""
_SIGNS = {"add": " + ", "sub": " - ", "mul": " * ", "divide": " / "}


def name_expressions(cell: Cell) -> dict[int, str]:
    """A unique name for each expression of the cell, by its identity."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    states = cell.states
    results = {
        id(e): f"{result}_next" if result in states else result
        for result, e in cell.results.items()
    }
    for node in cell.nodes:
        base = results.get(id(node)) or _base_name(node, names)
        name, k = base, 2
        while name in taken:
            name, k = f"{base}{k}", k + 1
        taken.add(name)
        names[id(node)] = name
    return names


def _base_name(node: Expr, names: dict[int, str]) -> str:
    if node.kind == "affine":
        return "pre" + node.name.removeprefix("b")
    if node.kind == "apply":
        operand = names[id(node.args[0])]
        gate = _gate_of(node.args[0])
        return f"gate{gate}" if gate else f"{node.name}_{operand}"
    if node.kind in ("input", "state", "param"):
        return node.name
    return _WORDS.get(node.kind, node.kind)


def _gate_of(node: Expr) -> str:
    """`_i` where the node is the pre-activation of gate i, possibly with a peephole term."""
    if node.kind == "affine":
        return node.name.removeprefix("b")
    return _gate_of(node.args[0]) if node.kind == "add" else ""


def equation(node: Expr, names: dict[int, str]) -> str:
    """The node in terms of gates, states and inputs: sums and products written out, but for long
    ones, which have names.
    """
    texts: dict[int, str] = {}
    for each in walk(node):
        texts[id(each)] = _written(each, names, texts)
    return texts[id(node)]


def _written(node: Expr, names: dict[int, str], texts: dict[int, str]) -> str:
    """The node by the texts of its operands."""
    if node.kind not in _SIGNS:
        return describe(node, names)

    def part(operand: Expr) -> str:
        if operand.kind not in _SIGNS:
            return f"{operand.value:g}" if operand.kind == "constant" else names[id(operand)]
        text = texts[id(operand)]
        if len(text) > LONGEST:
            return names[id(operand)]
        tight = node.kind == "add" or (node.kind == "sub" and operand.kind == "divide")
        return text if tight or (operand.kind == "mul" and node.kind != "divide") else f"({text})"

    return _SIGNS[node.kind].join(part(e) for e in node.args)


def describe(node: Expr, names: dict[int, str]) -> str:
    """The node as text in terms of its operands' names: `gate_f * c`."""
    operands = [names[id(e)] if e.kind != "constant" else f"{e.value:g}" for e in node.args]
    if node.kind in _SIGNS:
        return _SIGNS[node.kind].join(operands)
    if node.kind == "affine":
        products = [f"{m} {o}" for m, o in zip(node.matrices, operands, strict=True)]
        return " + ".join([*products, node.name])
    if node.kind == "apply":
        return f"{node.name}({operands[0]})"
    if node.kind == "select":
        return "{2} where {0} > {1} else {3}".format(*operands)
    if node.kind == "take":
        return f"{operands[0]}[{_units(node.units)}]"
    if node.kind == "lookup":
        return f"{node.name}[{operands[0]}[{node.value:g}]]"
    return f"{node.kind}({', '.join(operands)})" if operands else node.kind


def _units(units: tuple[int, ...]) -> str:
    """`3`, `3 .. 8`, or the first ones of many."""
    if len(units) > 1 and units == tuple(range(units[0], units[0] + len(units))):
        return f"{units[0]} .. {units[-1]}"
    return ", ".join(str(n) for n in units[:4]) + (", ..." if len(units) > 4 else "")
