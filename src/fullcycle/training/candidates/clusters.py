"""Groups of rows that lie together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from fullcycle.training import preprocess

if TYPE_CHECKING:
    import pandas as pd

    from fullcycle.training.context import Context

STORED_DECIMALS = 8


def kmeans(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """Lloyd's algorithm from k-means++ starts (Arthur & Vassilvitskii, 2007)."""
    from sklearn.cluster import KMeans  # noqa: PLC0415

    estimate = KMeans(settings.clusters, n_init=settings.starts, random_state=settings.seed)
    prepare = preprocess.prepared(features, settings.prepare, context.task)
    return Pipeline([("prepare", prepare), ("estimate", estimate)])


def mixture(settings: Any, features: pd.DataFrame, context: Context) -> Pipeline:
    """A mixture of Gaussian distributions by expectation maximisation (Dempster et al., 1977)."""
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415

    estimate = GaussianMixture(
        settings.clusters,
        covariance_type=settings.covariance,
        n_init=settings.starts,
        random_state=settings.seed,
        reg_covar=1e-4,  # columns of 0 and 1 that are constant within a cluster
    )
    prepare = preprocess.prepared(features, settings.prepare, context.task)
    return Pipeline([("prepare", prepare), ("estimate", estimate)])


def rounded(pipeline: Pipeline) -> None:
    """Keep the digits that every processor agrees on."""
    estimate = pipeline[-1]
    for name in (
        "cluster_centers_",
        "means_",
        "covariances_",
        "precisions_",
        "precisions_cholesky_",
        "weights_",
    ):
        if hasattr(estimate, name):
            setattr(estimate, name, getattr(estimate, name).round(STORED_DECIMALS))
