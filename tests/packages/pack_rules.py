"""Rules of the CMSIS pack description, modelled on the specification of Open-CMSIS-Pack: the schema
itself is in no package registry, so it cannot be installed for a test.

Elements and attributes that this project writes are known here, and no others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
NAME = re.compile(r"[-_A-Za-z0-9/]+")
PART = re.compile(r"[-_A-Za-z0-9/ ]{2,}")
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
CORES = {
    *("Cortex-M0", "Cortex-M0+", "Cortex-M1", "Cortex-M3", "Cortex-M4", "Cortex-M7", "Cortex-M23"),
    *("Cortex-M33", "Cortex-M35P", "Cortex-M52", "Cortex-M55", "Cortex-M85"),
}
CATEGORIES = {"header", "source", "doc", "include", "library", "linkerScript", "other"}


@dataclass(frozen=True)
class Rule:
    """needs, may: attributes and what they have to be. children: elements and how many, at least
    and at most. text: what the text has to be.
    """

    needs: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    may: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    children: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    text: Callable[[str], object] | None = None


def anything(text: str) -> bool:
    return bool(text.strip())


MANY = 1000
ONE, PERHAPS, SOME, ANY = (1, 1), (0, 1), (1, MANY), (0, MANY)
MATCH = {
    "Cclass": PART.fullmatch,
    "Cgroup": PART.fullmatch,
    "Csub": PART.fullmatch,
}
RULES = {
    "package": Rule(
        {"schemaVersion": re.compile(r"1\.\d+\.\d+").fullmatch},
        {SCHEMA: anything},
        {
            **dict.fromkeys(("vendor", "name", "description", "url", "releases"), ONE),
            **dict.fromkeys(("supportContact", "license", "keywords", "conditions"), PERHAPS),
            "components": PERHAPS,
        },
    ),
    "vendor": Rule(text=NAME.fullmatch),
    "name": Rule(text=NAME.fullmatch),
    "description": Rule(text=lambda text: 0 < len(text) <= 256),
    "url": Rule(text=re.compile(r"https?://[^ ]+/").fullmatch),
    "supportContact": Rule(text=anything),
    "license": Rule(text=anything),
    "releases": Rule(children={"release": SOME}),
    "release": Rule({"version": VERSION.fullmatch}, text=anything),
    "keywords": Rule(children={"keyword": SOME}),
    "keyword": Rule(text=anything),
    "conditions": Rule(children={"condition": SOME}),
    "condition": Rule(
        {"id": anything}, children={"description": PERHAPS, "accept": ANY, "require": ANY}
    ),
    "accept": Rule({"Dcore": CORES.__contains__}),
    "require": Rule(MATCH),
    "components": Rule(children={"component": SOME}),
    "component": Rule(
        {**{key: MATCH[key] for key in ("Cclass", "Cgroup")}, "Cversion": VERSION.fullmatch},
        {"Csub": MATCH["Csub"], "condition": anything},
        {"description": ONE, "files": ONE},
    ),
    "files": Rule(children={"file": SOME}),
    "file": Rule(
        {"category": CATEGORIES.__contains__, "name": anything},
        {
            "attr": {"config", "template"}.__contains__,
            "select": anything,
            "scope": {"public", "private", "visible", "hidden"}.__contains__,
        },
    ),
}


def faults(text: str, files: set[str]) -> list[str]:
    """What is wrong with a description, in a pack with these files; nothing where it is right."""
    root = ElementTree.fromstring(text)
    found = list(_faults(root)) if root.tag == "package" else [f"<{root.tag}> is no package"]
    named = [e.get("name", "") for e in root.iter("file")]
    named += [e.text or "" for e in root.iter("license")]
    found += [f"{name} is not in the pack" for name in named if name not in files]
    ids = {e.get("id") for e in root.iter("condition")}
    used = {e.get("condition") for e in root.iter("component")} - {None}
    found += [f"condition {name} is not defined" for name in sorted(map(str, used - ids))]
    return found


def _faults(element: Element) -> Iterator[str]:
    rule = RULES.get(element.tag)
    if rule is None:
        yield f"<{element.tag}> is unknown"
        return
    checks = {**rule.needs, **rule.may}
    for key, value in element.attrib.items():
        if key not in checks or not checks[key](value):
            yield f"<{element.tag}> has {key}={value!r}"
    yield from (f"<{element.tag}> has no {key}" for key in rule.needs if key not in element.attrib)
    if rule.text is not None and not rule.text(element.text or ""):
        yield f"<{element.tag}> says {element.text!r}"
    count = {name: len(element.findall(name)) for name in rule.children}
    for name, (least, most) in rule.children.items():
        if not least <= count[name] <= most:
            yield f"<{element.tag}> has {count[name]} of <{name}>"
    for child in element:
        if child.tag in rule.children:
            yield from _faults(child)
        else:
            yield f"<{element.tag}> has <{child.tag}>"
