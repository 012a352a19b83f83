"""A report of a compiled model as one HTML file: `report(bundle)`, which measures, or
`page(collect(bundle, verified, profiles))` of what was measured.
"""

from lstm_edge.report.collect import collect
from lstm_edge.report.measured import report
from lstm_edge.report.page import page
from lstm_edge.report.summary import summary
from lstm_edge.report.values import ReportValues, Tried

__all__ = ["ReportValues", "Tried", "collect", "page", "report", "summary"]
