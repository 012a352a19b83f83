"""The templates of reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from lstm_edge.resources import templates_dir


def template(name: str) -> jinja2.Template:
    """A template of `templates/report`; an undefined name is an error."""
    return _environment(templates_dir()).get_template(f"report/{name}")


@cache
def _environment(folder: Path) -> jinja2.Environment:
    """Everything that is filled in is escaped: names come from files of strangers."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
