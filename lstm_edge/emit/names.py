"""Identifiers inside one generated function, short and free of collisions."""

from __future__ import annotations

import re

_RESERVED = frozenset(
    [
        "state",
        "steps",
        "now",
        "next",
        "t",
        "k",
        "unit",
        "step",
        "behind",
        "values",
        "real",
        "stored",
        "main",
        "memcpy",
        "memset",
        "size_t",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "INT32_MIN",
    ]
)
_GENERATED = re.compile(r"value\d*|pair_\d+|low_\d+|U?INT\w*_(MIN|MAX)|u?int\w*_t|[ptw]")
"""Names of the kernels' variables and of <stdint.h>."""
_MACRO = re.compile(
    r"[A-Z][A-Z0-9_]+|I|(PRI|SCN)[a-z]\w*|M_\w+|[LP]_\w+|s[ai]_\w+|sigev_\w+|sched_priority"
    r"|std(in|out|err)|errno|complex|imaginary|noreturn|math_errhandling|fd_set|physadr|quad|signgam"
    r"|strtodf|tzname"
)
"""Macros of C libraries without arguments, and names that look like one: vendors have thousands."""
_KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "class",
        "const",
        "continue",
        "default",
        "delete",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "new",
        "operator",
        "private",
        "protected",
        "public",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "template",
        "this",
        "throw",
        "typedef",
        "union",
        "unsigned",
        "using",
        "virtual",
        "void",
        "volatile",
        "while",
        "bool",
        "true",
        "false",
        "NULL",
        "namespace",
        "try",
        "catch",
        "and",
        "or",
        "not",
        "xor",
        "alignas",
        "alignof",
        "and_eq",
        "asm",
        "bitand",
        "bitor",
        "char16_t",
        "char32_t",
        "char8_t",
        "compl",
        "concept",
        "const_cast",
        "consteval",
        "constexpr",
        "constinit",
        "co_await",
        "co_return",
        "co_yield",
        "decltype",
        "dynamic_cast",
        "explicit",
        "export",
        "friend",
        "linux",
        "mutable",
        "noexcept",
        "not_eq",
        "nullptr",
        "or_eq",
        "reinterpret_cast",
        "requires",
        "static_assert",
        "static_cast",
        "thread_local",
        "typeid",
        "typename",
        "typeof",
        "unix",
        "wchar_t",
        "xor_eq",
    ]
)


def is_reserved(name: str) -> bool:
    """True for words of C, C++ and GNU C, macros, names of <stdint.h>, and those that generated
    code uses itself.
    """
    known = name in _RESERVED or name in _KEYWORDS or name.startswith("le_")
    return known or bool(_GENERATED.fullmatch(name) or _MACRO.fullmatch(name))


def argument(text: str, model: str) -> str:
    """The name nearest to a port's that an argument in the header may have: names in capitals, of
    two letters or more, become small, as they may be macros where the header is included.
    """
    base = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "data"
    if len(base) > 1 and base.isupper():
        base = base.lower()
    if base[0].isdigit():
        base = f"data_{base}"
    return f"port_{base}" if is_reserved(base) or base.startswith(f"{model}_") else base


class LocalNames:
    """Names of one phase's values: without the layer's name where that is clear."""

    def __init__(self, phase: str, model: str) -> None:
        self._layer = phase
        self._model = model
        self._taken: set[str] = set()
        self._of: dict[str, str] = {}

    def of(self, value: str) -> str:
        """The local variable of a value; the same at every call."""
        if value not in self._of:
            self._of[value] = self._unique(self.short(value))
        return self._of[value]

    def pointer(self, value: str) -> str:
        """A new pointer parameter for a value that lives in memory."""
        return self._unique(self.short(value))

    def target(self, home: str) -> str:
        """A new pointer parameter for where a result goes: `state->lstm_h`, or `logits`.

        The layer's name is left out, unless what stays is a number: the output `lstm_1`.
        """
        member = home.removeprefix("state->")
        short = member.removeprefix(f"{self._layer}_")
        return self._unique(f"{short if short.isidentifier() else member}_out")

    def reserve(self, name: str) -> str:
        """A new name like `name`."""
        return self._unique(name)

    def short(self, value: str) -> str:
        """A value's name in this phase, which others may share."""
        layer, _, rest = value.partition(".")
        return rest if rest and self._layer.startswith(layer) else value.replace(".", "_")

    def _unique(self, name: str) -> str:
        own = is_reserved(name) or name.startswith(f"{self._model}_")
        base = f"v_{name}" if own else name
        unique, k = base, 2
        while unique in self._taken:
            unique, k = f"{base}_{k}", k + 1
        self._taken.add(unique)
        return unique
