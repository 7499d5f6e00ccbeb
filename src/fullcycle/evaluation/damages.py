"""Kinds of damage to a table of features, as happen to data in use; each is a pure function.

Every function takes rows (features and roles), the feature columns to hit, its section of
``stress.damages`` and a generator of chance, and gives the damaged rows in the same order. No row is
lost; `duplicated` alone adds some.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fullcycle.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

UNSEEN = "never seen before"


def matching(patterns: list[str], columns: list[str], key: str) -> list[str]:
    """The columns that match one of the patterns (``*`` and ``?``), in their order.

    Raises:
        Refusal: a pattern matches none, as after a column was renamed.
    """
    for pattern in patterns:
        if not any(fnmatchcase(column, pattern) for column in columns):
            raise Refusal(f"params.yaml: {key}: {pattern!r} is no feature; there are {', '.join(columns)}")
    return [column for column in columns if any(fnmatchcase(column, pattern) for pattern in patterns)]


def hit(rows: pd.DataFrame, features: list[str], name: str, settings: Any, time: str) -> list[str]:
    """The features that one damage of ``stress.damages`` hits.

    Raises:
        Refusal: it names what is no feature, a key that is no column, or another unit of what is no number.
    """
    damage, key = settings.damages[name], f"stress.damages.{name}"
    patterns = settings.sources[damage.source] if hasattr(damage, "source") else ["*"]
    columns = matching(getattr(damage, "columns", patterns), features, key)
    there = [str(column) for column in rows if column != time]
    for each in damage.keys if damage.kind == "stale" else ():
        if each not in there:
            raise Refusal(f"params.yaml: {key}.keys: {each!r} is no column; there are {', '.join(there)}")
    for each in columns if damage.kind == "unit" else ():
        if not is_number(rows[each]):
            raise Refusal(
                f"params.yaml: {key}.columns: {each!r} ({rows[each].dtype}) is no number, so it has no unit;"
                f" there are {', '.join(_numbers(rows, features))}"
            )
    return columns


def is_number(column: pd.Series[Any]) -> bool:
    """Whether the model takes the column for a number (a flag is a category)."""
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def _numbers(rows: pd.DataFrame, columns: list[str]) -> list[str]:
    return [name for name in columns if is_number(rows[name])]


def noise(rows: pd.DataFrame, columns: list[str], settings: Any, chance: np.random.Generator) -> pd.DataFrame:
    """Normal noise of `sd` standard deviations of each number."""
    moved = {
        name: rows[name] + chance.normal(0, settings.sd * rows[name].std(), len(rows))
        for name in _numbers(rows, columns)
    }
    return rows.assign(**moved)


def missing(
    rows: pd.DataFrame, columns: list[str], settings: Any, chance: np.random.Generator
) -> pd.DataFrame:
    """Each value is lost with probability `share`."""
    return rows.assign(**{n: rows[n].mask(chance.random(len(rows)) < settings.share) for n in columns})


def gone(rows: pd.DataFrame, columns: list[str], _settings: Any, _chance: Any) -> pd.DataFrame:
    """Every value is lost: the source did not answer."""
    return rows.assign(**{name: rows[name].mask(np.ones(len(rows), bool)) for name in columns})


def outliers(
    rows: pd.DataFrame, columns: list[str], settings: Any, chance: np.random.Generator
) -> pd.DataFrame:
    """A `share` of the numbers lies `sd` standard deviations off its mean, up or down."""
    hit = {}
    for name in _numbers(rows, columns):
        far = rows[name].mean() + settings.sd * rows[name].std() * chance.choice([-1, 1], len(rows))
        hit[name] = rows[name].mask(chance.random(len(rows)) < settings.share, far)
    return rows.assign(**hit)


def unseen(
    rows: pd.DataFrame, columns: list[str], settings: Any, chance: np.random.Generator
) -> pd.DataFrame:
    """A `share` of the categories are ones that training never saw."""
    texts = [name for name in columns if pd.api.types.is_string_dtype(rows[name].dtype)]
    return rows.assign(
        **{name: rows[name].mask(chance.random(len(rows)) < settings.share, UNSEEN) for name in texts}
    )


def duplicated(
    rows: pd.DataFrame, _columns: list[str], settings: Any, chance: np.random.Generator
) -> pd.DataFrame:
    """A `share` of the rows stands there twice, each copy after its original."""
    twice = np.flatnonzero(chance.random(len(rows)) < settings.share)
    order = np.sort(np.concatenate([np.arange(len(rows)), twice]), kind="stable")
    return rows.iloc[order].reset_index(drop=True)


def unit(rows: pd.DataFrame, columns: list[str], settings: Any, _chance: Any) -> pd.DataFrame:
    """Numbers in another unit: `scale` times the value, plus `offset`."""
    return rows.assign(**{name: rows[name] * settings.scale + settings.offset for name in columns})


def stale(
    rows: pd.DataFrame, columns: list[str], settings: Any, history: pd.DataFrame, time: str
) -> pd.DataFrame:
    """The values that stood in the last row of `history` at least `by` earlier: a feed that lags.

    Rows with equal `keys` (such as a station) alone can stand for each other; where there is no earlier
    one the value is lost. The keys themselves stay.
    """
    keys = list(dict.fromkeys(settings.keys))
    columns = [name for name in columns if name not in keys]
    then = rows[[time, *keys]].assign(**{time: rows[time] - settings.by})
    past = history.sort_values(time, kind="stable")[[time, *keys, *columns]]
    order = np.argsort(then[time].to_numpy(), kind="stable")
    found = pd.merge_asof(then.iloc[order], past, on=time, by=keys or None)
    found = found.set_axis(order, axis="index").sort_index()
    return rows.assign(**{name: found[name].to_numpy() for name in columns})


DAMAGES: dict[str, Callable[[pd.DataFrame, list[str], Any, np.random.Generator], pd.DataFrame]] = {
    "noise": noise,
    "missing": missing,
    "gone": gone,
    "outliers": outliers,
    "unseen": unseen,
    "duplicated": duplicated,
    "unit": unit,
}
