"""The kinds of model: each takes its section of ``train`` and the training rows, and gives a Pipeline.

A new kind is one section in `fullcycle.params.sections` and one entry here. A tie in selection goes to
the lower complexity, so no two entries have the same.
"""

from __future__ import annotations

from fullcycle.training.candidates import baselines, clusters, lgbm, linear, neural, trees
from fullcycle.training.candidates.entry import Candidate, one_thread

CANDIDATES = {
    "baseline": Candidate(0, baselines.baseline),
    "last_value": Candidate(1, baselines.last_value, baselines.as_it_is),
    "lasso": Candidate(2, linear.lasso, linear.rounded),
    "ridge": Candidate(3, linear.ridge, linear.rounded),
    "logistic": Candidate(4, linear.logistic, linear.rounded),
    "kmeans": Candidate(5, clusters.kmeans, clusters.rounded, around=one_thread),
    "mixture": Candidate(6, clusters.mixture, clusters.rounded, around=one_thread),
    "forest": Candidate(7, trees.forest),
    "boosting": Candidate(8, trees.boosting, trees.anonymous, best_round=trees.best_round),
    "lightgbm": Candidate(
        9, lgbm.lightgbm, best_round=lgbm.best_round, continued=lgbm.continued, watched=True
    ),
    "mlp": Candidate(10, neural.mlp, neural.trimmed, around=neural.for_all_epochs),
}
