"""The cards, from this repository's own results and from results that lack what is optional."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fullcycle import params
from fullcycle.evaluation import card
from fullcycle.evaluation.datacard import data_card
from fullcycle.evaluation.modelcard import interval, model_card
from fullcycle.page import markdown

ROOT = Path(__file__).parents[2]
ROBUSTNESS = {
    "damages": {
        "no_weather": {
            "kind": "gone",
            "drop": {"roc_auc": {"value": 0.02, "low": 0.01, "high": 0.03}},
            "monitoring": {"noticed": True},
        },
        "noise_1": {
            "kind": "noise",
            "drop": {"roc_auc": {"value": 0.001, "low": -0.002, "high": 0.004}},
            "monitoring": {"noticed": False},
        },
    }
}


@pytest.fixture
def files():
    """The metrics files as they are committed."""
    return {
        name: json.loads((ROOT / f"metrics/{name}.json").read_text(encoding="utf-8")) for name in card.FILES
    }


@pytest.fixture
def settings(monkeypatch):
    """The parameters as they are committed."""
    monkeypatch.chdir(ROOT)
    return {key: params.read(key) for key in card.SETTINGS}


@pytest.fixture
def sources(settings):
    """A provenance for each source."""
    return {
        name: {
            "url": source.url,
            "version": "1.0",
            "sha256": "ab" * 32,
            "until": "2014-01-02",
            "rows": {"read": 10, "kept": 9, "after_until": 1},
            "partitions": {"2013-02": 4, "2013-01": 5, "undated": 0} if source.time else {"all": 9},
        }
        for name, source in settings["ingest"].sources.items()
    }


def test_the_model_card_says_what_a_reader_must_know(files, settings):
    """Purpose, metrics with intervals, slices, verdict, limits, costs and how to reproduce."""
    text = markdown(model_card(files, settings))
    assert settings["problem"].statement in text
    for name, ends in files["test"].items():
        if isinstance(ends, dict) and "low" in ends:
            assert f"| `{name}` | {interval(ends)} |" in text
    for column, values in files["details"]["test"]["slices"].items():
        for value in values:
            assert f"`{column} {value}`" in text
    for name, line in files["gate"]["criteria"].items():
        assert f"| `{name}` |" in text
        assert line["verdict"] in text
    for head in ("Model details", "Intended use", "Metrics", "Slices", "Gate", "Limits", "How to reproduce"):
        assert f"## {head}" in text
    for name, cost in settings["problem"].costs.model_dump().items():
        assert f"{name.replace('_', ' ')} {cost:g}" in text
    for digest in files["gate"]["champion"]["files"].values():
        assert digest in text


def test_slices_stand_from_worst_to_best(files, settings):
    """A reader sees first whom the model serves worst."""
    section = markdown(model_card(files, settings)).partition("## Slices")[2].partition("## ")[0]
    values = [
        float(line.split("|")[4].split()[0])
        for line in section.splitlines()
        if line.startswith(("| test", "| live"))
    ]
    assert len(values) > 10
    assert values == sorted(values)


def test_robustness_stands_by_damage(files, settings):
    """The drop, and whether a monitor would notice."""
    text = markdown(model_card(files | {"robustness": ROBUSTNESS}, settings))
    assert "| `no_weather` | `gone` | 0.02 (0.01 to 0.03) | yes |" in text
    assert "| `noise_1` | `noise` | 0.001 (-0.002 to 0.004) | **no** |" in text


def test_the_data_card_says_where_the_rows_come_from(files, settings, sources):
    """Every source with url, version, checksum, rows and span; quarantine; the parts of the split."""
    text = markdown(data_card(files, settings, sources))
    for name, source in settings["ingest"].sources.items():
        span = "2013-01 to 2013-02" if source.time else "-"
        assert f"| `{name}` | `{source.url}` | `1.0` | `{'ab' * 32}` | 9 of 10 | {span} |" in text
    for table, line in files["quality"]["rows"]["validate"].items():
        assert f"| `{table}` | {line['in']:,} | {line['kept']:,} | {line['quarantined']:,} |" in text
    for part in ("train", "validation", "test", "live"):
        assert f"| {part} | {files['split'][part]['rows']:,} |" in text


def test_the_stage_writes_the_same_bytes_again(files, sources, tmp_path):
    """Both cards, from files alone; names that look like markup stay names."""
    files["quality"]["rules"]["weather"] = {"<b>|`x`": 2}
    (tmp_path / "metrics").mkdir()
    for name, content in files.items():
        (tmp_path / f"metrics/{name}.json").write_text(json.dumps(content), encoding="utf-8")
    for name, content in sources.items():
        (tmp_path / "raw" / name).mkdir(parents=True)
        (tmp_path / "raw" / name / "provenance.json").write_text(json.dumps(content), encoding="utf-8")
    for folder in ("one", "two"):
        card.main(metrics=tmp_path / "metrics", raw=tmp_path / "raw", model=tmp_path / folder / "model.md",
                  data=tmp_path / folder / "data.md")  # fmt: skip
    for name in ("model.md", "data.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    text = (tmp_path / "one/data.md").read_text(encoding="utf-8")
    assert "<code>&#60;b&#62;&#124;&#96;x&#96;</code>" in text
    assert text.startswith("# Data card\n")


def test_a_problem_of_another_kind_has_a_card_too(files, settings):
    """Without positives, a threshold, a rival or a random split the card has less to say, and says it."""
    files["split"].pop("honesty")
    files["details"]["test"].pop("candidates")
    files["split"]["rows"].pop("unlabelled")
    for part in ("test", "live"):
        files[part] = {"rows": 10, "rmse": {"value": 1.0, "low": 0.9, "high": 1.1}}
    text = markdown(model_card(files, settings))
    assert "| `rmse` | 1 (0.9 to 1.1) | 1 (0.9 to 1.1) |" in text
    assert "random split" not in text
    assert "other candidate" not in text
