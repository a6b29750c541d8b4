"""What the tests of plain features share: a column fitted the way preparation does it."""

import json
from typing import Any

import polars as pl

from deepwright.contracts import FittedFeature


def fitted(settings: Any, column: pl.Series, *more: pl.Series) -> FittedFeature:
    """The feature of a column (in several chunks), through JSON and back."""
    summary = settings.summarise(column)
    for chunk in more:
        summary = summary.merge(settings.summarise(chunk))
    made = settings.fit(summary, column.name)
    return type(made).from_state(json.loads(json.dumps(made.to_state())))


def inferred(kind: Any, column: pl.Series) -> FittedFeature:
    """The feature with the settings its own kind proposes."""
    suits = kind.suits(column)
    assert suits is not None
    return fitted(suits.settings, column)


def codes(feature: FittedFeature, column: pl.Series) -> dict[str, int]:
    """Findings as code → rows concerned."""
    return {finding.code: finding.count for finding in feature.findings(column)}
