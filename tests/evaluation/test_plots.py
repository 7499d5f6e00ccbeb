"""Curves with the numbers of scikit-learn, and pictures with the same bytes everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics as oracle

from fullcycle.evaluation import plots

ROOT = Path(__file__).parents[2]


def _answers(rows: int = 150, decimals: int = 2):
    random = np.random.default_rng(0)
    y = (random.random(rows) < 0.3).astype("float64")
    return y, np.clip(random.normal(0.3 + 0.2 * y, 0.2), 0, 1).round(decimals)


def test_the_curves_are_scikit_learns():
    """Every threshold of a small table: its false and true positive rates, its precision and recall."""
    y, p = _answers()
    roc, pr = plots.curves(y, p)
    falses, hits, _ = oracle.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(roc.to_numpy(), np.column_stack([falses, hits]), atol=1e-6)
    precision, recall, _ = oracle.precision_recall_curve(y, p)
    np.testing.assert_allclose(pr.to_numpy()[::-1], np.column_stack([recall, precision])[:-1], atol=1e-6)


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    """About 200 points, from nothing warned to everything."""
    y, p = _answers(5000, decimals=12)
    roc, pr = plots.curves(y, p)
    assert len(roc) == plots.POINTS + 1
    assert roc.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert pr["recall"].iloc[-1] == 1
    assert (roc.diff().dropna() >= 0).all(axis=None)
    assert abs(np.trapezoid(roc.iloc[:, 1], roc.iloc[:, 0]) - oracle.roc_auc_score(y, p)) < 0.002


def test_calibration_counts_every_row_once():
    """Bins of equal size with their mean prediction and their real share."""
    y, p = _answers(1000, decimals=12)
    table = plots.calibration(y, p, 10)
    assert table["rows"].tolist() == [100] * 10
    assert abs(np.average(table["predicted"], weights=table["rows"]) - p.mean()) < 1e-6
    assert abs(np.average(table["real"], weights=table["rows"]) - y.mean()) < 1e-6
    assert table["predicted"].is_monotonic_increasing


SCRIPT = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from fullcycle.evaluation import plots
random = np.random.default_rng(0)
y = (random.random(500) < 0.3).astype("float64"); p = random.random(500)
out = Path(sys.argv[1]); out.mkdir()
roc, pr = plots.curves(y, p)
plots.draw_curve(roc, "ROC", ([0, 1], [0, 1]), out / "roc.png")
plots.draw_calibration(plots.calibration(y, p, 5), out / "calibration.png")
counts = {"true_positives": 1, "false_positives": 2000, "false_negatives": 3, "true_negatives": 4}
plots.draw_confusion(counts, "late", out / "confusion.png")
ranked = pd.DataFrame({"feature": list("abc"), "importance": [3.0, 2, -1]})
plots.draw_importance(ranked, out / "importance.png")
month = {"roc_auc": {"value": 0.7, "low": 0.6, "high": 0.75}}
plots.draw_months({"2013-09": month, "2013-10": month}, "roc_auc", out / "months.png")
assert "matplotlib.pyplot" not in sys.modules
"""


def test_pictures_have_the_same_bytes_in_another_process(tmp_path):
    """With another hash seed, time zone, locale and time of day; and each shows something else."""
    found = []
    for seed, zone, language in (("1", "UTC", "C.UTF-8"), ("2", "Asia/Tokyo", "C")):
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "LC_ALL": language,
        }
        subprocess.run([sys.executable, "-c", SCRIPT, seed], cwd=tmp_path, env=environment, check=True)
        files = sorted(tmp_path.joinpath(seed).iterdir())
        found.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert len(set(found[0].values())) == 5
    assert found[0] == found[1]


def test_the_25_costliest_features_are_drawn(tmp_path):
    """More cannot be read: the picture of 40 is the picture of their first 25."""
    table = pd.DataFrame({"feature": [f"f{n:02}" for n in range(40)], "importance": np.arange(40)[::-1] / 40})
    plots.draw_importance(table, tmp_path / "a.png")
    plots.draw_importance(table.head(25), tmp_path / "b.png")
    plots.draw_importance(table.head(24), tmp_path / "c.png")
    first, second, third = (tmp_path.joinpath(f"{name}.png").read_bytes() for name in "abc")
    assert first == second != third
