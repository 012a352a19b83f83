"""Values as one HTML file, without scripts and without anything from a network."""

from __future__ import annotations

from collections.abc import Sequence

from lstm_edge.accuracy.text import amount
from lstm_edge.ir.chosen import FormatLine
from lstm_edge.profile.energy import all_parts
from lstm_edge.report import errors, front, labels, rows, samples
from lstm_edge.report.head import verdicts, warned
from lstm_edge.report.picture import is_counted, picture_of
from lstm_edge.report.tables import Table
from lstm_edge.report.template import template
from lstm_edge.report.values import CoreCost, ReportValues

WHY = (
    "Where a range comes from. given: the model's file says it. proved: nothing can exceed it. "
    "calibrated: it was seen on the calibration data, with a margin. assumed: there was no data to "
    "go by, or a state has room that no data told."
)


def page(values: ReportValues) -> str:
    """The report as text of an HTML file; the same values give the same text."""
    costs, limits, accuracy = values.costs, values.limits, values.verified.accuracy
    is_float = values.identity.scheme == "float32"
    return template("page.html.j2").render(
        identity=values.identity,
        verdicts=verdicts(values),
        warnings=[warned(text) for text in values.warnings],
        picture=picture_of(values.network),
        counted=is_counted(values.network),
        backward=any(node.backward for node in values.network.layers),
        layers=rows.layer_rows(values.network),
        main=costs[0],
        costs=costs,
        limits=limits,
        memory=(
            ("Flash", rows.flash_rows(costs, limits), rows.FLASH_PARTS),
            ("RAM", rows.ram_rows(costs, limits), rows.RAM_PARTS),
            ("Stack", rows.stack_rows(costs, limits), ()),
        ),
        time=(
            ("Instructions", rows.instruction_rows(costs, limits)),
            ("Cycles", rows.cycle_rows(costs, limits)),
        ),
        no_energy=_no_energy(costs),
        amount=amount(accuracy, values.verified.kind),
        unknown=values.verified.unknown,
        is_float=is_float,
        outputs=errors.outputs_table(values),
        inside=errors.layers_table(values),
        over_time=list(errors.over_time(values)),
        traced=[] if is_float or values.verified.unknown else list(samples.traced(values)),
        ranges=rows.range_rows(accuracy),
        front=front.front_of(values.tried, limits, values.study),
        scores=labels.scores_table(values.verified.scores),
        changes=labels.changes_of(values.verified.scores),
        ports=_ports(values),
        formats=_formats(values),
    )


def _no_energy(costs: Sequence[CoreCost]) -> str:
    """Why there is none, and what would give it; empty where there is one, or no profile at all."""
    counted = [cost for cost in costs if cost.cycles is not None]
    if not counted or any(cost.energy for cost in costs):
        return ""
    cores = {cost.target for cost in counted}
    parts = [part for part in all_parts() if part.core in cores]
    if not parts:
        return "No energy: no part with this core has a published figure."
    names = ", ".join(part.name for part in parts)
    one = " of one core, --target," if len(costs) > 1 else ""
    return f"No energy: a report{one} with --board tells that of a part: {names}."


def _formats(values: ReportValues) -> Table:
    """How values are stored, and why so."""
    found = tuple((line.name, line.format, _scales(line), line.why) for line in values.formats)
    return Table("Formats", ("value", "stored as", "real value of 1", "range"), found, WHY)


def _scales(line: FormatLine) -> str:
    least, most = (f"{scale:.3g}" for scale in line.scales)
    return least if least == most else f"{least} to {most}"


def _ports(values: ReportValues) -> Table:
    """What the C takes and gives."""
    found = tuple((port.name, port.shape, port.numbers, port.stored) for port in values.ports)
    return Table("Inputs and outputs", ("name", "shape in the file", "in C", "stored as"), found)
