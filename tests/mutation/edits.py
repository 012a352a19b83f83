"""One-line edits of Python sources, as a slip of the hand would make them.

Left alone is what cannot change a number: docstrings, annotations, decorators, imports, assertions
for the type checker, what an error says, options like `strict=` of zip.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

SWAPS: dict[type[ast.AST], tuple[tuple[str, tuple[str, ...]], ...]] = {
    ast.Lt: (("<", ("<=", ">")),),
    ast.LtE: (("<=", ("<", ">=")),),
    ast.Gt: ((">", (">=", "<")),),
    ast.GtE: ((">=", (">", "<=")),),
    ast.Eq: (("==", ("!=",)),),
    ast.NotEq: (("!=", ("==",)),),
    ast.Is: (("is", ("is not",)),),
    ast.IsNot: (("is not", ("is",)),),
    ast.In: (("in", ("not in",)),),
    ast.NotIn: (("not in", ("in",)),),
    ast.Add: (("+", ("-",)),),
    ast.Sub: (("-", ("+",)),),
    ast.Mult: (("*", ("//", "+")),),
    ast.Div: (("/", ("*",)),),
    ast.FloorDiv: (("//", ("*", "/")),),
    ast.Mod: (("%", ("//",)),),
    ast.Pow: (("**", ("*",)),),
    ast.LShift: (("<<", (">>",)),),
    ast.RShift: ((">>", ("<<",)),),
    ast.BitAnd: (("&", ("|",)),),
    ast.BitOr: (("|", ("&",)),),
    ast.BitXor: (("^", ("|",)),),
    ast.And: (("and", ("or",)),),
    ast.Or: (("or", ("and",)),),
}
"""What an operator is written as, and what it becomes."""

NAMES = {
    "min": "max",
    "minimum": "maximum",
    "floor": "ceil",
    "any": "all",
    "low": "high",
    "argmin": "argmax",
}
NAMES |= {b: a for a, b in NAMES.items()}

COMMUTATIVE = {"min", "max", "minimum", "maximum", "fmin", "fmax", "array_equal", "product_range"}
"""Functions whose first two arguments may change places."""

ORDER = re.compile(r"[a-z]{2,5}")
"""A constant like "ifgo": letters in an order."""

_UNSEEN = ("annotation", "returns", "decorator_list", "bases")
_SILENT = (ast.Import, ast.ImportFrom, ast.Assert, ast.JoinedStr, ast.Global, ast.Nonlocal)


@dataclass(frozen=True)
class Edit:
    """A source with one edit. scope: the function or class around it, "" for the module's own."""

    file: str
    line: int
    before: str
    after: str
    scope: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  ->  {self.after}"


@dataclass(frozen=True)
class Change:
    """Bytes from start to end become another text."""

    start: int
    end: int
    text: bytes
    scope: str


class _Finder:
    """All changes of one source."""

    def __init__(self, source: str) -> None:
        self.bytes = source.encode()
        lines = self.bytes.splitlines(keepends=True)
        self.starts = [0]
        for line in lines:
            self.starts.append(self.starts[-1] + len(line))

    def at(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends."""
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.AST) -> bytes:
        start, end = self.at(node)
        return self.bytes[start:end]

    def walk(self, node: ast.AST, scope: str) -> Iterator[Change]:
        """Of a node and all below it. scope: as in `Edit`, with what follows a name there."""
        if isinstance(node, _SILENT):
            return
        for start, end, text in self.of(node):
            yield Change(start, end, text, re.sub(r"(\.<locals>)?\.$", "", scope))
        if isinstance(node, ast.FunctionDef):
            scope += f"{node.name}.<locals>."
        elif isinstance(node, ast.ClassDef):
            scope += f"{node.name}."
        elif isinstance(node, ast.Lambda):
            scope += "<lambda>.<locals>."
        for child in _children(node):
            yield from self.walk(child, scope)

    def of(self, node: ast.AST) -> Iterator[tuple[int, int, bytes]]:
        """The changes of one node alone."""
        if isinstance(node, ast.stmt):
            yield from self.statement(node)
        else:
            yield from self.expression(node)

    def expression(self, node: ast.AST) -> Iterator[tuple[int, int, bytes]]:
        match node:
            case ast.BinOp() | ast.Compare() | ast.BoolOp():
                yield from self.operators(node)
            case ast.UnaryOp():
                yield (*self.at(node), self.text(node.operand))
            case ast.Constant():
                yield from self.constant(node)
            case ast.Name() | ast.Attribute():
                yield from self.name(node)
            case ast.Call() if len(node.args) > 1 and not _commutes(node):
                yield from self.swapped(node.args[0], node.args[1])
            case ast.Tuple():
                for left, right in zip(node.elts, node.elts[1:], strict=False):
                    if _is_text(left) and _is_text(right):
                        yield from self.swapped(left, right)
            case ast.IfExp():
                yield from self.swapped(node.body, node.orelse)

    def operators(
        self, node: ast.BinOp | ast.Compare | ast.BoolOp
    ) -> Iterator[tuple[int, int, bytes]]:
        if isinstance(node, ast.BinOp):
            operands, ops = [node.left, node.right], [node.op]
        elif isinstance(node, ast.BoolOp):
            operands, ops = node.values, [node.op] * (len(node.values) - 1)
        else:
            operands, ops = [node.left, *node.comparators], node.ops
        if any(map(_is_text, operands)) and isinstance(node, ast.BinOp):
            return
        for left, op, right in zip(operands, ops, operands[1:], strict=False):
            yield from self.between(left, op, right)

    def statement(self, node: ast.stmt) -> Iterator[tuple[int, int, bytes]]:
        match node:
            case ast.If() | ast.While():
                yield (*self.at(node.test), b"not (" + self.text(node.test) + b")")
            case ast.AugAssign():
                yield (*self.at(node), b"pass")
                yield from self.between(node.target, node.op, node.value)
            case ast.Raise():
                yield (*self.at(node), b"pass")
            case ast.Expr() if not _is_text(node.value):
                yield (*self.at(node), b"pass")
            case ast.Assign():
                yield from self.assignment(node)
            case ast.Return() if isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
                yield from self.swapped(*node.value.elts)
            case ast.Return() if isinstance(node.value, ast.Compare | ast.BoolOp):
                yield (*self.at(node.value), b"not (" + self.text(node.value) + b")")

    def assignment(self, node: ast.Assign) -> Iterator[tuple[int, int, bytes]]:
        if isinstance(node.targets[0], ast.Subscript | ast.Attribute):
            yield (*self.at(node), b"pass")
        text = node.value.value if isinstance(node.value, ast.Constant) else None
        if isinstance(text, str) and ORDER.fullmatch(text) and len({*text}) == len(text):
            yield (*self.at(node.value), repr(text[1] + text[0] + text[2:]).encode())

    def between(
        self, left: ast.expr, op: ast.AST, right: ast.expr
    ) -> Iterator[tuple[int, int, bytes]]:
        """The operator that stands between two operands."""
        start, end = self.at(left)[1], self.at(right)[0]
        for written, others in SWAPS.get(type(op), ()):
            place = self.bytes.find(written.encode(), start, end)
            if place >= 0:
                for other in others:
                    yield place, place + len(written), other.encode()

    def constant(self, node: ast.Constant) -> Iterator[tuple[int, int, bytes]]:
        value = node.value
        if isinstance(value, bool):
            yield (*self.at(node), repr(not value).encode())
        elif isinstance(value, int | float) and value == value:
            for other in (value + 1, value - 1):
                yield (*self.at(node), repr(other).encode())

    def name(self, node: ast.Name | ast.Attribute) -> Iterator[tuple[int, int, bytes]]:
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name in NAMES and isinstance(node.ctx, ast.Load):
            end = self.at(node)[1]
            yield end - len(name), end, NAMES[name].encode()

    def swapped(self, left: ast.expr, right: ast.expr) -> Iterator[tuple[int, int, bytes]]:
        if isinstance(left, ast.Starred) or isinstance(right, ast.Starred):
            return
        start, end = self.at(left)[0], self.at(right)[1]
        middle = self.bytes[self.at(left)[1] : self.at(right)[0]]
        yield start, end, self.text(right) + middle + self.text(left)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What of a node is looked into; not -1 of a shape, for which any number below 0 will do."""
    for name, field in ast.iter_fields(node):
        if name in _UNSEEN or isinstance(node, ast.Raise):
            continue
        for child in field if isinstance(field, list) else [field]:
            is_silent = isinstance(child, ast.keyword) and child.arg in ("strict", "init", "repr")
            if not isinstance(child, ast.AST) or is_silent or _is_text(child):
                continue
            if isinstance(child, ast.Tuple) and _asks_for_one(node):
                yield from child.elts
            elif not (isinstance(child, ast.UnaryOp) and _called(node) == "reshape"):
                yield child


def _asks_for_one(node: ast.AST) -> bool:
    """Whether the order of a tuple does not matter: something may be one of its members."""
    return isinstance(node, ast.Compare) and isinstance(node.ops[-1], ast.In | ast.NotIn)


def _called(node: ast.AST) -> str:
    """The last name of what is called; "" where nothing is."""
    name = node.func if isinstance(node, ast.Call) else None
    return name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")


def _commutes(node: ast.Call) -> bool:
    """Whether the first two arguments may change places: clip of three is the least of the largest
    of two and the third.
    """
    name = _called(node)
    return name in COMMUTATIVE or (name == "clip" and len(node.args) == 3)


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def changes_of(source: str) -> dict[int, list[Change]]:
    """All changes, by the line where they begin."""
    found: dict[int, list[Change]] = {}
    for change in _Finder(source).walk(ast.parse(source), ""):
        found.setdefault(source.encode()[: change.start].count(b"\n") + 1, []).append(change)
    return found


def changed(source: str, line: int, change: Change) -> tuple[str, str, str]:
    """The line before and after a change, and the whole source after it."""
    data = source.encode()
    text = (data[: change.start] + change.text + data[change.end :]).decode()
    before, after = (t.splitlines()[line - 1].strip() for t in (source, text))
    return before, after, text


def edit(file: str, source: str, line: int, change: Change) -> Edit | None:
    """A change made; None where the source means the same, or nothing."""
    before, after, text = changed(source, line, change)
    try:
        if ast.dump(ast.parse(text)) == ast.dump(ast.parse(source)):
            return None
    except SyntaxError:
        return None
    return Edit(file, line, before, after, change.scope, text)
