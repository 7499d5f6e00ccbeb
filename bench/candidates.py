"""What other kinds and options do to the default problem: one fit each, scored on the validation rows.

    python bench/candidates.py [--only NAME ...]

Prints Markdown. Needs `data/split` (run `dvc repro` or `dvc pull` first). Nothing is chosen by the second
table's test and live scores; they show what `select.refit` does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
import stage

stage.pin_environment()

import pandas as pd  # noqa: E402  after the pins

from fullcycle import params  # noqa: E402
from fullcycle.files import read_table  # noqa: E402
from fullcycle.tasks import task_of  # noqa: E402
from fullcycle.training.context import Question  # noqa: E402
from fullcycle.training.train import fitted  # noqa: E402

PREPARED = {"numbers": {"clip": 0.001}, "categories": {"encode": "target"}}
BOOSTING = {"kind": "boosting", "rounds": 150, "learning_rate": 0.08, "max_leaves": 31, "min_leaf_rows": 200,
            "l2": 10.0, "min_category_rows": 50, "seed": 1}  # fmt: skip
FOREST = {"kind": "forest", "trees": 60, "min_leaf_rows": 50, "feature_share": 0.2, "seed": 1,
          "prepare": PREPARED}  # fmt: skip
MLP = {"kind": "mlp", "layers": [32], "alpha": 1.0, "learning_rate": 0.001, "epochs": 4, "batch_rows": 512,
       "seed": 1, "prepare": PREPARED}  # fmt: skip
SHOWN = ("roc_auc", "log_loss", "calibration_error", "cost")


def variants() -> dict[str, dict[str, Any]]:
    """Sections of `train` by name: the default ones, changed in one way, and other kinds."""
    lightgbm, logistic = (
        params.read(f"train.{name}").model_dump(exclude_unset=True) for name in ("lightgbm", "logistic")
    )

    def late(method: str) -> dict[str, Any]:
        return {"calibration": {"share": 0.15, "method": method}}

    stop = {"rounds": 600, "early_stopping": {"share": 0.15, "patience": 30}}
    return {
        "lightgbm": lightgbm,
        "lightgbm, early stopping": lightgbm | stop,
        "lightgbm, sigmoid": lightgbm | late("sigmoid"),
        "lightgbm, isotonic": lightgbm | late("isotonic"),
        "lightgbm, class_weight balanced": lightgbm | {"class_weight": "balanced"},
        "lightgbm, screening l1": lightgbm | {"screening": {"by": "l1", "keep": 40}},
        "lightgbm, screening permutation": lightgbm | {"screening": {"by": "permutation", "keep": 40}},
        "logistic": logistic,
        "logistic, isotonic": logistic | late("isotonic"),
        "boosting": BOOSTING,
        "forest": FOREST,
        "mlp": MLP,
    }


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", help="names of the first column, or refit")
    only = parser.parse_args().only
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    question, costs = Question.read(), params.read("problem.costs").model_dump()
    task, bins = task_of(question.task), params.read("evaluate.bins")
    parts = {
        part: read_table(Path(f"data/split/{part}.parquet"))
        for part in ("train", "validation", "test", "live")
    }
    truth = {part: task.outcome(rows, question.roles["label"]) for part, rows in parts.items()}
    sections = variants()

    def row(name: str, model: Any, part: str, decision: Any, *more: str) -> None:
        answers = task.answer(model, parts[part][list(model.feature_names_in_)])
        chosen = decision or task.decide(truth[part], answers, costs)
        values = task.values(truth[part], answers, task.decision(chosen), bins)
        print("|", " | ".join([name, *(f"{values[metric]:.4f}" for metric in SHOWN), *more]), "|", flush=True)

    print(f"Commit {commit.stdout.strip()}, fitted on the training rows, scored on the validation rows.\n")
    print(f"| candidate | {' | '.join(SHOWN)} | features | s |\n|{'---|' * 7}")
    for name in only or sections:
        if name in sections:
            started = time.monotonic()
            model, _ = fitted(params.candidate(sections[name]), parts["train"], question)
            seconds = f"{time.monotonic() - started:.0f}"
            row(name, model, "validation", None, str(len(model.feature_names_in_)), seconds)
    if only is None or "refit" in only:
        print(f"\n| lightgbm, fitted on | part | {' | '.join(SHOWN[:3])} | cost |\n|{'---|' * 6}")
        both = pd.concat([parts["train"], parts["validation"]], ignore_index=True)
        settings = params.candidate(sections["lightgbm"])
        model, _ = fitted(settings, parts["train"], question)
        answers = task.answer(model, parts["validation"][list(model.feature_names_in_)])
        decision = task.decide(truth["validation"], answers, costs)
        for name, each in (("train", model), ("train and validation", fitted(settings, both, question)[0])):
            for part in ("test", "live"):
                row(f"{name} | {part}", each, part, decision)


if __name__ == "__main__":
    main()
