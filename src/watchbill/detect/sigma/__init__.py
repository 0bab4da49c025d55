"""Sigma rules: loaded as they are, asked of events one by one or in bulk, counted over time. See `docs/rules.md`."""

from watchbill.detect.sigma.columns import Hits, Matcher
from watchbill.detect.sigma.correlate import Alert, Correlator
from watchbill.detect.sigma.findings import run_rules
from watchbill.detect.sigma.load import load, load_all
from watchbill.detect.sigma.model import Correlation, Failed, LoadedRules, Rule, together


__all__ = [
    "Alert",
    "Correlation",
    "Correlator",
    "Failed",
    "Hits",
    "LoadedRules",
    "Matcher",
    "Rule",
    "load",
    "load_all",
    "run_rules",
    "together",
]
