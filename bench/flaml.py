"""What FLAML, left alone, makes of the same training and validation rows, beside the champion.

    python bench/flaml.py --seconds 1500    # five times the wall time of the sweep (bench/sweep.py)

FLAML runs in an environment of its own, on all cores. It sees the features and the label of the training
and the validation rows, chooses by ROC AUC on the latter, and is then asked for the test rows: as chosen,
and as it would by default deliver it, fitted once more on both parts. The champion answers beside it, and
the difference has a paired interval over days. Run `dvc repro` first.

    python bench/flaml.py --seconds 60 --found '{"xgb_limitdepth": {"n_estimators": 4348, ...}}'

fits what an earlier search found and printed, without searching again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from environment import environment

from fullcycle import params
from fullcycle.evaluation.rows import Rows
from fullcycle.intervals import estimates, flat, gain
from fullcycle.tasks import task_of
from fullcycle.training import store

ROOT = Path(__file__).resolve().parents[1]
SEARCH = """
import json, sys
import flaml, pandas as pd
from flaml import AutoML
from sklearn.metrics import roc_auc_score
roles, seconds, known = json.loads(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
again = {"starting_points": known, "estimator_list": list(known), "max_iter": 1} if known else {}
def read(part):
    rows = pd.read_parquet(f"data/split/{part}.parquet")
    features = rows.drop(columns=[roles[role] for role in ("id", "time", "known_at", "label")])
    texts = features.select_dtypes(["object", "string", "category"]).columns
    return features.astype(dict.fromkeys(texts, "category")), rows[roles["label"]].astype(int)
(x, y), (xv, yv), (xt, yt) = (read(part) for part in ("train", "validation", "test"))
for name in x.select_dtypes("category"):
    kind = pd.CategoricalDtype(x[name].cat.categories)
    xv[name], xt[name] = xv[name].astype(kind), xt[name].astype(kind)
auc = lambda model, rows, label: float(roc_auc_score(label, model.predict_proba(rows)[:, 1]))
found = {"version": flaml.__version__}
search = AutoML()
search.fit(x, y, X_val=xv, y_val=yv, task="classification", metric="roc_auc", time_budget=seconds,
           eval_method="holdout", retrain_full=False, n_jobs=-1, seed=1, verbose=1, **again)
found |= {"estimator": search.best_estimator, "config": search.best_config, "trials": search._track_iter + 1,
          "validation": auc(search, xv, yv), "test": auc(search, xt, yt)}
both = pd.concat([x, xv]), pd.concat([y, yv])
again = search.model.__class__(task="binary", n_jobs=-1, **search.best_config)
again.fit(*both)
found["test_fitted_on_both"] = auc(again, xt, yt)
pd.DataFrame({"probability": search.predict_proba(xt)[:, 1].astype(float)}).to_parquet(sys.argv[4])
print(json.dumps(found))
"""


def beside(theirs: npt.NDArray[np.float64]) -> tuple[dict[str, float], dict[str, float]]:
    """The champion's ROC AUC on the test rows, and by how much it is better, each with its interval."""
    settings, task = params.read("evaluate", ROOT / "params.yaml"), task_of("binary")
    roles = {role: params.read(f"problem.{role}", ROOT / "params.yaml") for role in ("time", "label")}
    rows = Rows(pd.read_parquet(ROOT / "data/split/test.parquet"), settings, roles, task)
    model = store.load(ROOT / "models/champion")
    own = task.answer(model, rows.rows[store.columns(ROOT / "models/champion")])
    ours, other = (rows.resamples(answers, task.undecided) for answers in (own, theirs))
    found = flat(estimates(ours, settings.confidence))["roc_auc"]
    return found, gain(other, ours, settings.confidence)["roc_auc"]


def main() -> None:
    """Search and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seconds", type=float, required=True, help="FLAML's budget of wall time")
    options.add_argument("--found", default="{}", help="estimator and values of an earlier search, as JSON")
    given = options.parse_args()
    python = environment("flaml", "flaml[automl]", "pyarrow")
    if python is None:
        sys.exit(1)
    problem = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["problem"]
    with tempfile.NamedTemporaryFile(suffix=".parquet") as answers:
        command = [python, "-W", "ignore", "-c", SEARCH, json.dumps(problem), str(given.seconds), given.found]
        done = subprocess.run(
            [*command, answers.name], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        theirs = pd.read_parquet(answers.name)["probability"].to_numpy()
    found = json.loads(done.stdout.splitlines()[-1])
    champion, gained = beside(theirs)
    print(f"FLAML {found['version']}, {given.seconds:.0f} s, {found['trials']} trials: "
          f"{found['estimator']} {found['config']}\n")  # fmt: skip
    print("| | validation ROC AUC | test ROC AUC |\n|---|---|---|")
    print(f"| FLAML's choice | {found['validation']:.4f} | {found['test']:.4f} |")
    print(f"| the same, fitted on training and validation rows | | {found['test_fitted_on_both']:.4f} |")
    print(f"| champion | | {champion['value']:.4f} |")
    print(f"\nThe champion's gain over FLAML's choice on test rows: {gained['value']:.4f}"
          f" [{gained['low']:.4f}, {gained['high']:.4f}], paired over days")  # fmt: skip


if __name__ == "__main__":
    main()
