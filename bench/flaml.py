"""What FLAML, left alone, makes of the same training and validation rows, beside the champion.

    python bench/flaml.py --seconds 1500    # five times the wall time of the sweep (bench/sweep.py)

FLAML runs in an environment of its own, on all cores. It sees the features and the label of the training
and the validation rows, chooses by ROC AUC on the latter, and is then asked for the test rows: as chosen,
and as it would by default deliver it, fitted once more on both parts. The champion's figure is that of
metrics/test.json.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml
from environment import environment

ROOT = Path(__file__).resolve().parents[1]
SEARCH = """
import json, sys
import flaml, pandas as pd
from flaml import AutoML
from sklearn.metrics import roc_auc_score
roles, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
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
           eval_method="holdout", retrain_full=False, n_jobs=-1, seed=1, verbose=1)
found |= {"estimator": search.best_estimator, "config": search.best_config, "trials": search._track_iter + 1,
          "validation": auc(search, xv, yv), "test": auc(search, xt, yt)}
both = pd.concat([x, xv]), pd.concat([y, yv])
again = search.model.__class__(task="binary", n_jobs=-1, **search.best_config)
again.fit(*both)
found["test_fitted_on_both"] = auc(again, xt, yt)
print(json.dumps(found))
"""


def main() -> None:
    """Search and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seconds", type=float, required=True, help="FLAML's budget of wall time")
    given = options.parse_args()
    python = environment("flaml", "flaml[automl]", "pyarrow")
    if python is None:
        sys.exit(1)
    problem = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["problem"]
    command = [python, "-W", "ignore", "-c", SEARCH, json.dumps(problem), str(given.seconds)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    champion = json.loads((ROOT / "metrics/test.json").read_text(encoding="utf-8"))["roc_auc"]
    print(f"FLAML {found['version']}, {given.seconds:.0f} s, {found['trials']} trials: "
          f"{found['estimator']} {found['config']}\n")  # fmt: skip
    print("| | validation ROC AUC | test ROC AUC |\n|---|---|---|")
    print(f"| FLAML's choice | {found['validation']:.4f} | {found['test']:.4f} |")
    print(f"| the same, fitted on training and validation rows | | {found['test_fitted_on_both']:.4f} |")
    print(f"| champion | | {champion['value']:.4f} |")


if __name__ == "__main__":
    main()
