"""The report prints each metric with its interval over days and, for this champion, its band over seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fullcycle.cli import app
from fullcycle.files import sha256, write_json

METRIC = {"value": 0.7491, "low": 0.7224, "high": 0.7718}
BAND = {"mean": 0.7485, "sd": 0.0006, "low": 0.7478, "high": 0.7492}


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Run the command on what a run would have left."""
    monkeypatch.chdir(tmp_path)
    model = Path("models/champion/pipeline.skops")
    model.parent.mkdir(parents=True)
    model.write_bytes(b"a model")
    for part in ("test", "live"):
        write_json({"rows": 55310, "part": part, "roc_auc": METRIC, "threshold": 0.3,
                    "gain_over_baseline": {"roc_auc": METRIC}}, Path(f"metrics/{part}.json"))  # fmt: skip
    write_json({"verdict": "undecided", "champion": {"candidate": "lightgbm"}}, Path("metrics/gate.json"))

    def run() -> str:
        ended = CliRunner().invoke(app, ["report"])
        assert ended.exit_code == 0, ended.output
        return ended.output

    return run


def _noise(content: bytes) -> None:
    bands = {"candidate": "lightgbm", "model": sha256(content), "seeds": [2, 3, 4],
             "metrics": {"test": {"roc_auc": BAND}}}  # fmt: skip
    write_json(bands, Path("metrics/noise.json"))


def test_each_metric_stands_beside_both_kinds_of_luck(report):
    """Test rows have a band over seeds, live rows have none; what is no metric is no line."""
    _noise(b"a model")
    lines = report().splitlines()
    assert lines[0] == "champion lightgbm, gate: undecided; over 3 other seeds of lightgbm"
    assert [line.split()[0] for line in lines if line] == ["champion", "test,", "roc_auc", "live,", "roc_auc"]
    on_test, on_live = (line for line in lines if line.startswith("roc_auc"))
    assert on_test.split()[1:] == ["0.7491", "0.7224", "to", "0.7718", "0.7478", "to", "0.7492", "0.0006"]
    assert on_live.split()[1:] == ["0.7491", "0.7224", "to", "0.7718"]


def test_a_band_of_another_champion_is_left_out(report):
    """It says nothing of this one; the report says how to measure it."""
    _noise(b"an earlier model")
    output = report()
    assert "metrics/noise.json is of another champion: `fullcycle noise` measures" in output
    assert "0.7478" not in output


def test_without_a_band_the_report_says_how_to_get_one(report):
    """And prints the rest."""
    assert "no band of seeds: `fullcycle noise` measures it" in report()
