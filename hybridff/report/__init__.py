"""Reports: what happened, for people, as a short summary and as one page."""

from hybridff.report.commands import Request
from hybridff.report.documents import (
    Extras,
    correction_document,
    error_table,
    fit_document,
    simulation_section,
    stock_document,
)
from hybridff.report.options import ReportOptions
from hybridff.report.sections import correction_extras, fit_extras

__all__ = [
    "Extras",
    "ReportOptions",
    "Request",
    "correction_document",
    "correction_extras",
    "error_table",
    "fit_document",
    "fit_extras",
    "simulation_section",
    "stock_document",
]
