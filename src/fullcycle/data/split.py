"""Stage `split`: which rows train, which choose, which test, and which stand for the future.

By time, a row belongs to the part in which its own time lies. A row whose label became known only
after the next part had begun to be decided on is purged: at that moment nobody could have trained on
it (Lopez de Prado, Advances in Financial Machine Learning, 2018, section 7.4.1).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import read_table, replacing, write_json, write_table
from fullcycle.params import Split
from fullcycle.tasks import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from fullcycle.tasks.base import Task

PARTS = Split.PARTS
UNLABELLED, PURGED, OUTSIDE = "unlabelled", "purged", "outside"


def by_time(
    rows: pd.DataFrame, settings: Split, time: str, known_at: str, horizon: timedelta
) -> pd.Series[str]:
    """The part of each row, or ``purged`` or ``outside``, by the UTC days at which the parts start."""
    starts = pd.to_datetime(pd.Series(list(settings.starts.values())), utc=True)
    # Without their zone (UTC) numpy compares moments as numbers, not as Python objects.
    edges, moments = (each.dt.tz_convert(None).to_numpy() for each in (starts, rows[time]))
    place = np.searchsorted(edges, moments, side="right")
    part = pd.Series(np.array([OUTSIDE, *PARTS, OUTSIDE])[place], index=rows.index, dtype="str")
    nearest = starts.shift(-1).iloc[np.clip(place - 1, 0, len(PARTS) - 1)].set_axis(rows.index)
    too_late = rows[known_at] >= nearest - horizon
    # The live part has no successor: its labels may come when they come.
    return part.mask(too_late & part.isin(PARTS[:-1]), PURGED)


def by_share(keys: pd.Series[Any], shares: Mapping[Any, float], seed: int) -> pd.Series[str]:
    """The part of each row by a hash of its key: equal keys share a part, whatever else is added."""
    unique = pd.Series(keys.astype("str").unique())
    draws = unique.map(lambda key: _uniform(f"{seed}:{key}")).set_axis(unique)
    edges = np.cumsum([shares[part] for part in PARTS])[:-1]
    drawn = keys.astype("str").map(draws).to_numpy()
    return pd.Series(
        np.array(PARTS)[np.searchsorted(edges, drawn, side="right")], index=keys.index, dtype="str"
    )


def _uniform(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


def stratified(
    rows: pd.DataFrame, shares: Mapping[Any, float], seed: int, identity: str, label: str
) -> pd.Series[str]:
    """The part of each row so that every part has the same share of each label."""
    order = rows[identity].astype("str").map(lambda key: _uniform(f"{seed}:{key}"))
    rank = order.groupby(rows[label]).rank(method="first", pct=True) - 1e-12
    edges = np.cumsum([shares[part] for part in PARTS])[:-1]
    return pd.Series(
        np.array(PARTS)[np.searchsorted(edges, rank, side="right")], index=rows.index, dtype="str"
    )


def assign(
    rows: pd.DataFrame,
    settings: Split,
    problem: Mapping[str, str],
    horizon: timedelta,
    *,
    labelled: bool = True,
) -> pd.Series[str]:
    """The part of each row by the method in `settings`; `labelled` ones without a label have none.

    Raises:
        Refusal: the group column does not exist.
    """
    match settings.method:
        case "time":
            part = by_time(rows, settings, problem["time"], problem["known_at"], horizon)
        case "group":
            if settings.group not in rows:
                raise Refusal(f"split.group = {settings.group!r} is no column; there are {list(rows)}")
            part = by_share(rows[settings.group], settings.shares, settings.seed)
        case "stratified":
            part = stratified(rows, settings.shares, settings.seed, problem["id"], problem["label"])
        case "random":
            part = by_share(rows[problem["id"]], settings.shares, settings.seed)
    return part.mask(rows[problem["label"]].isna(), UNLABELLED) if labelled else part


def summary(
    rows: pd.DataFrame, part: pd.Series[str], problem: Mapping[str, str], task: Task
) -> dict[str, Any]:
    """Rows, first and last time and what the labels of each part are like; and the rows set aside."""
    result: dict[str, Any] = {"rows": {"in": len(rows)}}
    for name in PARTS:
        own = rows[part == name]
        result[name] = {
            "rows": len(own),
            "first": own[problem["time"]].min().isoformat(),
            "last": own[problem["time"]].max().isoformat(),
        } | task.describe(task.outcome(own, problem["label"]))
    for reason in (UNLABELLED, PURGED, OUTSIDE):
        result["rows"][reason] = int((part == reason).sum())
    result["rows"]["kept"] = sum(result[name]["rows"] for name in PARTS)
    return result


def main(*, features: Path, out: Path) -> None:
    """Split the features into parts; rows without a part go to ``set_aside.parquet`` with the reason."""
    settings = params.read("split")
    problem = {name: params.read(f"problem.{name}") for name in ("id", "time", "label", "known_at")}
    rows = read_table(features)
    task, label = task_of(params.read("problem.task")), rows[problem["label"]]
    part = assign(rows, settings, problem, params.read("problem.horizon"), labelled=task.labelled)
    for name in PARTS:
        if not (part == name).any() or (task.labelled and label[part == name].nunique() < 2):
            raise Refusal(
                f"split: the part {name} has {int((part == name).sum())} rows and fewer than two classes of"
                f" {problem['label']} (for task {task.name}); widen it in split.starts or split.shares"
            )
    with replacing(out) as folder:
        folder.mkdir()
        for name in PARTS:
            write_table(rows[part == name], folder / f"{name}.parquet")
        aside = ~part.isin(PARTS)
        write_table(rows[aside].assign(reason=part[aside]), folder / "set_aside.parquet")
        write_json({"method": settings.method} | summary(rows, part, problem, task), folder / "summary.json")
