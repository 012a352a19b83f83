"""The templates of reports."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from lstm_edge.resources import templates_dir

CODE = re.compile(r"`([^`]+)`|(?<![-\w])(--[a-z][a-z-]{1,20})(?![-\w])")
"""What is typed: words in backticks, and options, which are no longer than any line."""


def template(name: str) -> jinja2.Template:
    """A template of `templates/report`; an undefined name is an error."""
    return _environment(templates_dir()).get_template(f"report/{name}")


@cache
def _environment(folder: Path) -> jinja2.Environment:
    """Everything that is filled in is escaped: names come from files of strangers."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    made.filters["coded"] = coded
    return made


def coded(text: str) -> Markup:
    """Escaped, with what is typed as code; an option is not broken at its dashes."""
    return Markup(CODE.sub(_code, str(escape(text))))


def _code(found: re.Match[str]) -> str:
    quoted, option = found.groups()
    return f"<code>{quoted}</code>" if quoted else f'<code class="option">{option}</code>'
