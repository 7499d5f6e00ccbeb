"""The metrics of each task, and which of them are better when lower."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error", "accuracy",
               "precision", "recall", "f1", "cost"),
    "multiclass": ("macro_f1", "log_loss", "accuracy", "macro_recall"),
    "regression": ("rmse", "mae", "r2", "pinball_10", "pinball_50", "pinball_90"),
    "clustering": ("silhouette", "davies_bouldin", "stability"),
}  # fmt: skip
LOWER_IS_BETTER = {"log_loss", "brier", "calibration_error", "cost", "rmse", "mae", "pinball_10",
                   "pinball_50", "pinball_90", "davies_bouldin"}  # fmt: skip
# Those of the answers alone, before costs and bins turn them into decisions; `train` measures them.
OF_ANSWERS = METRICS | {"binary": ("roc_auc", "average_precision", "log_loss", "brier")}


def known_metric(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: no task has such a metric.
    """
    known = list(dict.fromkeys(each for names in METRICS.values() for each in names))
    if name not in known:
        raise ValueError(f"no metric has this name; there are {str(known)[1:-1]}")
    return name


Metric = Annotated[str, AfterValidator(known_metric)]
