"""Would other rows have given the same clusters? The candidate is fitted again on resampled rows.

How alike the clusterings are is their adjusted Rand index (Hubert & Arabie, 1985) on rows that none was
fitted on (Ben-Hur, Elisseeff & Guyon, 2002).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle.tasks.clustering import REFIT
from fullcycle.training.candidates import CANDIDATES
from fullcycle.training.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

REFITS = 10
MOST_ROWS = 20000  # of a resample


def resamples(rows: int) -> Iterator[Any]:
    """Places of rows drawn with replacement, the same draws for every candidate."""
    random = np.random.default_rng(0)
    for _ in range(REFITS):
        yield np.sort(random.integers(0, rows, min(rows, MOST_ROWS)))


def refitted(settings: Any, features: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """For each refit a column with the clusters of the rows asked about."""
    nothing = pd.Series(0, index=features.index)
    entry, columns = CANDIDATES[settings.kind], {}
    for number, places in enumerate(resamples(len(features))):
        drawn = features.iloc[places].reset_index(drop=True)
        model = entry.fit(settings, drawn, nothing.iloc[places].reset_index(drop=True), Context("clustering"))
        columns[f"{REFIT}{number}"] = model.predict(asked).astype("int64")
    return pd.DataFrame(columns)
