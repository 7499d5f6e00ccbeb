"""Stage `featurize`: clean tables into one row of features for each thing to be predicted."""

from __future__ import annotations

import importlib
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.features.offline import compute
from fullcycle.files import read_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from fullcycle.features.rolling import Feature

ROLES = ("id", "time", "label", "known_at")


def checked(rows: pd.DataFrame, roles: dict[str, str], expected: int, task: str = "binary") -> pd.DataFrame:
    """The rows in the order of time and id, if they keep what every problem promises.

    Raises:
        Refusal: a role has no column or impossible values, rows were lost or multiplied, or an id is not
            unique.
    """
    for role, column in roles.items():
        if column not in rows:
            raise Refusal(f"problem.{role} = {column!r}: featurize made no such column")
    if len(rows) != expected:
        raise Refusal(f"featurize made {len(rows)} rows of {expected}; a join lost or multiplied some")
    if rows[roles["id"]].duplicated().any():
        twice = rows.loc[rows[roles["id"]].duplicated(), roles["id"]].iloc[0]
        raise Refusal(f"featurize: the id {twice!r} stands on more than one row")
    label = rows[roles["label"]]
    impossible = {
        f"problem.id = {roles['id']!r} is missing": rows[roles["id"]].isna(),
        f"problem.time = {roles['time']!r} is missing": rows[roles["time"]].isna(),
        f"problem.known_at = {roles['known_at']!r} is missing beside a label": label.notna()
        & rows[roles["known_at"]].isna(),
    }
    if task == "binary":  # what other tasks need of a label, `train` demands
        rule = f"problem.label = {roles['label']!r} is neither 0 nor 1 nor missing"
        impossible[rule] = label.notna() & ~label.isin([0, 1])
    for name, values in rows.select_dtypes("number").items():
        impossible[f"the feature {name} is infinite"] = values.isin([np.inf, -np.inf])
    for rule, broken in impossible.items():
        if broken.any():
            raise Refusal(
                f"featurize: {rule} on {int(broken.sum())} rows, first {dict(rows[broken].iloc[0])}"
            )
    return rows.sort_values([roles["time"], roles["id"]], ignore_index=True)


def on_dask(
    rows: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    features: Iterable[Feature],
    horizon: timedelta,
    *,
    scheduler: str,
    time: str = "time",
) -> pd.DataFrame:
    """`offline.compute` on a Dask cluster: the same frame, made from monthly partitions.

    `scheduler` is ``local`` for a cluster on this machine, or the address of one that sees its files.
    """
    from fullcycle.features.distributed import compute_distributed  # noqa: PLC0415  an extra

    with tempfile.TemporaryDirectory(prefix="fullcycle-") as name:
        folder = Path(name)
        order = rows[time].argsort(kind="stable").to_numpy()
        ordered = rows.iloc[order].reset_index(drop=True)
        months = ordered[time].dt.strftime("%Y-%m")
        parts = [_put(part, folder / "rows" / f"{month}.parquet") for month, part in ordered.groupby(months)]
        events = {table: [_put(frame, folder / f"{table}.parquet")] for table, frame in tables.items()}
        address = None if scheduler == "local" else scheduler
        done = compute_distributed(
            parts, events, features, horizon, folder / "done", scheduler=address, time=time
        )
        result = pd.concat([read_table(path) for path in done], ignore_index=True)
    return result.set_axis(rows.index[order]).reindex(rows.index)


def _put(table: pd.DataFrame, path: Path) -> Path:
    write_table(table, path)
    return path


def main(*, clean: Path, out: Path) -> None:
    """Build the problem's rows from the clean tables as known one horizon before each row's time."""
    module = params.read("problem.module")
    problem = importlib.import_module(f"{module}.features")
    tables = {path.stem: read_table(path) for path in sorted(clean.glob("*.parquet"))}
    horizon = pd.Timedelta(params.read("problem.horizon"))
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    scheduler = params.read("scale.scheduler")
    execute = compute if scheduler is None else partial(on_dask, scheduler=scheduler)
    rows = problem.build(tables, horizon, execute)
    expected, task = len(tables[params.read("problem.table")]), params.read("problem.task")
    write_table(checked(rows, roles, expected, task), out)
