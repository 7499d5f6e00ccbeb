"""Groups without labels: how well they hold together, stand apart, and come back on other rows.

Would other rows have given the same clusters? The candidate is fitted again on resampled rows; how alike
the clusterings are is their adjusted Rand index (Hubert & Arabie, 1985) on rows that none was fitted on
(Ben-Hur, Elisseeff & Guyon, 2002).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from fullcycle.metrics import per_block
from fullcycle.tasks.base import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from fullcycle.tasks.base import Array, Blocks

MEASURED = 2000  # rows, evenly spaced: the silhouette compares each with every other
REFITS = 10
MOST_ROWS = 20000  # of a resample
REFIT, PLACE = "refit_", "x_"


class Clustering(Task):
    """An answer is a row's cluster and its place; on validation rows also its clusters by refitted models."""

    name: ClassVar[str] = "clustering"
    primary: ClassVar[str] = "silhouette"
    labelled: ClassVar[bool] = False

    def label(self, rows: pd.DataFrame, column: str, part: str) -> pd.Series[Any]:  # noqa: ARG002
        """Nothing to learn from: zeros."""
        return pd.Series(0, index=rows.index)

    def outcome(self, rows: pd.DataFrame, column: str) -> npt.NDArray[Any]:  # noqa: ARG002
        """Nothing to compare with: zeros."""
        return np.zeros(len(rows))

    def answer(self, pipeline: Any, features: pd.DataFrame) -> pd.DataFrame:
        """The cluster, and the place in the space that the first step prepared."""
        places = np.asarray(pipeline[0].transform(features), dtype="float64")
        columns = [f"{PLACE}{number}" for number in range(places.shape[1])]
        answers = pd.DataFrame(places, columns=columns)
        answers.insert(0, "cluster", pipeline.predict(features).astype("int64"))
        return answers

    def table(self, answers: pd.DataFrame) -> pd.DataFrame:
        """As they are."""
        return answers

    def read(self, table: pd.DataFrame) -> pd.DataFrame:
        """The clusters and places."""
        return table[[name for name in table if name == "cluster" or str(name).startswith((REFIT, PLACE))]]

    def refits(
        self, fit: Callable[[npt.NDArray[np.int64]], Any], rows: int, asked: pd.DataFrame
    ) -> pd.DataFrame:
        """For each refit on rows drawn with replacement a column with the clusters of the rows asked."""
        random = np.random.default_rng(0)  # the same draws for every candidate
        drawn = [np.sort(random.integers(0, rows, min(rows, MOST_ROWS))) for _ in range(REFITS)]
        models = (fit(places) for places in drawn)
        return pd.DataFrame(
            {f"{REFIT}{n}": model.predict(asked).astype("int64") for n, model in enumerate(models)}
        )

    def measure(
        self,
        y: npt.NDArray[Any],
        answers: pd.DataFrame,
        decision: None,  # noqa: ARG002
        bins: int,  # noqa: ARG002
        block: Blocks,
        weights: Array,
    ) -> dict[str, Array]:
        """Silhouette (Rousseeuw, 1987), Davies-Bouldin (1979), stability as adjusted Rand (Ben-Hur, 2002).

        Weights choose among the rows' silhouettes, each of which is taken among all rows. One cluster
        alone has neither of the first two.
        """
        from sklearn.metrics import adjusted_rand_score, silhouette_samples  # noqa: PLC0415

        step = -(-len(y) // MEASURED)
        thin, block = answers.iloc[::step], block[::step]
        cluster = thin["cluster"].to_numpy()
        places = thin[[name for name in thin if str(name).startswith(PLACE)]].to_numpy("float64")
        none = np.full(len(weights), np.nan)
        result = {"silhouette": none, "davies_bouldin": none}
        if 1 < len(np.unique(cluster)) < len(cluster):
            each = silhouette_samples(places, cluster).astype("float64")
            rows = per_block(np.ones(len(cluster)), block, weights)
            with np.errstate(invalid="ignore", divide="ignore"):
                result["silhouette"] = per_block(each, block, weights) / rows
            result["davies_bouldin"] = np.array([davies_bouldin(places, cluster, w[block]) for w in weights])
        refits = [str(name) for name in answers if str(name).startswith(REFIT)]
        if refits:
            again = [adjusted_rand_score(answers["cluster"], answers[name]) for name in refits]
            result["stability"] = np.full(len(weights), float(np.mean(again)))
        return result

    def describe(self, y: npt.NDArray[Any]) -> dict[str, Any]:  # noqa: ARG002
        """Nothing: there are no labels."""
        return {}


def davies_bouldin(places: Array, cluster: npt.NDArray[Any], weight: Array) -> float:
    """The mean, over clusters, of the worst ratio of two clusters' widths to their distance.

    Each row counts `weight` times; NaN where fewer than two clusters have weight.
    """
    there = weight > 0
    places, cluster, weight = places[there], cluster[there], weight[there]
    found = np.unique(cluster)
    if len(found) < 2:
        return float("nan")
    centres, widths = [], []
    for each in found:
        own = cluster == each
        centre = np.average(places[own], axis=0, weights=weight[own])
        centres.append(centre)
        widths.append(np.average(np.linalg.norm(places[own] - centre, axis=1), weights=weight[own]))
    centre, width = np.array(centres), np.array(widths)
    apart = np.linalg.norm(centre[:, None] - centre[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (width[:, None] + width[None]) / apart
    return float(ratio.max(axis=1).mean())


TASK = Clustering()
