"""Stage `featurize`: clean tables into one row of features for each thing to be predicted."""

from __future__ import annotations

import importlib
import importlib.util
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
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta
    from types import ModuleType

    from fullcycle.features.rolling import Feature

ROLES = ("id", "time", "label", "known_at")


def checked(
    rows: pd.DataFrame,
    roles: dict[str, str],
    expected: int,
    task: str = "binary",
    slices: Sequence[str] = (),
) -> pd.DataFrame:
    """The rows in the order of time and id, if they keep what every problem promises.

    Raises:
        Refusal: a role has no column or impossible values, a slice has no column, rows were lost or
            multiplied, or an id is not unique.
    """
    _there(rows, roles, slices)
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


def _there(rows: pd.DataFrame, roles: dict[str, str], slices: Sequence[str]) -> None:
    """Refuse rows in which a role or a slice has no column, or times are not in UTC."""
    for role, column in roles.items():
        if column not in rows:
            raise Refusal(f"problem.{role} = {column!r}: featurize made no such column")
        kind = rows[column].dtype
        if role in ("time", "known_at") and str(getattr(kind, "tz", None)) != "UTC":
            raise Refusal(
                f"problem.{role} = {column!r}: the column is {kind}, and its times must be in UTC;"
                " use pd.to_datetime(..., utc=True)"
            )
    if missing := [name for name in slices if name not in rows]:
        there = ", ".join(map(str, rows))
        raise Refusal(f"problem.slices: {missing[0]!r} is no column that featurize made; there are {there}")


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
        months = ordered[time].dt.strftime("%Y-%m").fillna("undated")
        by_month = dict(iter(ordered.groupby(months))) or {"none": ordered}
        parts = [_put(part, folder / "rows" / f"{month}.parquet") for month, part in by_month.items()]
        events = {table: [_put(frame, folder / f"{table}.parquet")] for table, frame in tables.items()}
        address = None if scheduler == "local" else scheduler
        done = compute_distributed(
            parts, events, features, horizon, folder / "done", scheduler=address, time=time
        )
        result = pd.concat([read_table(path) for path in done], ignore_index=True)
    return result.take(np.argsort(order)).set_axis(rows.index)  # by place: labels may be equal


def _put(table: pd.DataFrame, path: Path) -> Path:
    write_table(table, path)
    return path


def _problem(module: str) -> ModuleType:
    """The problem's ``features``, which has ``build``."""
    name = f"{module}.features"
    try:
        problem = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in {module, name}:
            raise
        raise Refusal(f"problem.module = {module!r}: there is no src/{module}/features.py") from error
    if not hasattr(problem, "build"):
        raise Refusal(f"src/{module}/features.py defines no build(tables, horizon, execute)")
    return problem


def main(*, clean: Path, out: Path) -> None:
    """Build the problem's rows from the clean tables as known one horizon before each row's time."""
    problem = _problem(params.read("problem.module"))
    tables = {path.stem: read_table(path) for path in sorted(clean.glob("*.parquet"))}
    horizon = pd.Timedelta(params.read("problem.horizon"))
    roles = {role: params.read(f"problem.{role}") for role in ROLES}
    slices, scheduler = params.read("problem.slices"), params.read("scale.scheduler")
    if scheduler is not None and not all(map(importlib.util.find_spec, ("dask", "distributed"))):
        raise Refusal(
            f"scale.scheduler = {scheduler!r}: Dask is not installed;"
            " `.venv/bin/pip install -r requirements/dev.txt`, or set it to null"
        )
    execute = compute if scheduler is None else partial(on_dask, scheduler=scheduler)
    rows = problem.build(tables, horizon, execute)
    expected, task = len(tables[params.read("problem.table")]), params.read("problem.task")
    write_table(checked(rows, roles, expected, task, slices), out)
