"""What columns teach: the statistics of each one's training rows, in pieces that do not depend on how much is read at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from deepwright.contracts import FittedFeature
from deepwright.data.room import CHUNK, at_once
from deepwright.data.split import PARTS
from deepwright.data.table import Table

__all__ = ["fit_features"]


def fit_features(settings: Mapping[str, Any], table: Table, parts: np.ndarray) -> dict[str, FittedFeature]:
    """Fitted features, by column.

    Of wide tables some columns are read at a time, since the rows that are summarised together are always the same: the
    samples that quantiles come from depend on them.

    Args:
        settings: of each column. parts: (rows,) as in `Prepared`.
    """
    names, fitted = list(settings), dict[str, FittedFeature]()
    together = max(1, len(names) * at_once(len(names)) // CHUNK)
    for first in range(0, len(names), together):
        fitted |= _fitted({name: settings[name] for name in names[first : first + together]}, table, parts)
    return fitted


def _fitted(settings: Mapping[str, Any], table: Table, parts: np.ndarray) -> dict[str, FittedFeature]:
    summaries: dict[str, Any] = {}
    start = 0
    for chunk in table.chunks(list(settings), CHUNK):
        rows = pl.Series(parts[start : start + chunk.height] == PARTS["train"])
        start += chunk.height
        train = chunk.filter(rows)
        for name, feature in settings.items():
            own = feature.summarise(train[name])
            summaries[name] = summaries[name].merge(own) if name in summaries else own
        del chunk, train  # else they are held while the next ones are read
    return {name: feature.fit(summaries[name], name) for name, feature in settings.items()}
