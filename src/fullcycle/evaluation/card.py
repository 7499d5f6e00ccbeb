"""Stage `card`: the model card and the data card, from the same files as the gate.

After Mitchell et al., Model Cards for Model Reporting (2019), and Gebru et al., Datasheets for Datasets
(2021), in brief: what a reader must know before using the model or the data, each number from a file
that a stage wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.evaluation.datacard import data_card
from fullcycle.evaluation.modelcard import model_card
from fullcycle.files import read_json, replacing
from fullcycle.page import Block, markdown

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("details", "gate", "live", "quality", "robustness", "selection", "split", "test")
SETTINGS = ("evaluate", "ingest", "problem", "select.metric", "split", "train")


def main(*, metrics: Path, raw: Path, model: Path, data: Path) -> None:
    """Write both cards; the sources' provenance is read from the raw tables' folders."""
    files: dict[str, Any] = {name: read_json(metrics / f"{name}.json") for name in FILES}
    settings = {key: params.read(key) for key in SETTINGS}
    sources = {name: read_json(raw / name / "provenance.json") for name in settings["ingest"].sources}
    _write(model_card(files, settings), model)
    _write(data_card(files, settings, sources), data)


def _write(blocks: list[Block], path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(markdown(blocks), encoding="utf-8", newline="\n")
