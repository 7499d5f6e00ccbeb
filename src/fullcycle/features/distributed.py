"""The executor for more rows than one process holds: Parquet partitions on Dask, each with its look-back.

Every partition of rows becomes one task. It reads the events that its rows can see (the longest window of
each time column before the decisions), and hands them to `offline.compute`: so the result is offline's, and
memory depends on a partition and its look-back, not on the whole. Events need no order, neither within files
nor between them; partitions in time merely make tasks read less.

An id that occurs more than once in a table is looked for beforehand: its deliveries may lie in different
partitions, and only together do they tell which one counts. These rows go to every task, so they should be
few (thousands): clean a table of repeated deliveries before it gets large.
"""

import gc
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fullcycle.errors import Refusal
from fullcycle.features.keys import NEVER, microseconds
from fullcycle.features.offline import compute, decisions
from fullcycle.features.rolling import DefinitionError, Feature, check_horizon, feature_set, reads

IN_PROCESS = ("synchronous", "threads")


@dataclass(frozen=True)
class _File:
    """A partition of events: where it is, and from when to when its times reach (microseconds)."""

    path: str
    spans: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class _Source:
    """A table: its partitions, the columns that are read, and all deliveries of ids that occur repeatedly."""

    files: Sequence[_File]
    id: str
    columns: Sequence[str]
    lookback: Mapping[str, int]
    repeated: pa.Table | None


def compute_distributed(
    row_partitions: Sequence[str | Path],
    table_partitions: Mapping[str, Sequence[str | Path]],
    features: Iterable[Feature],
    horizon: str | timedelta,
    out: str | Path,
    *,
    scheduler: str | None = None,
    workers: int = 2,
    time: str = "time",
) -> list[Path]:
    """The features of every row, one Parquet file per partition of rows.

    Args:
        row_partitions: Parquet files of rows.
        table_partitions: Parquet files of events by table name, in order of delivery.
        features: The definitions.
        horizon: As in `offline.compute`.
        out: Folder for the results; made if missing.
        scheduler: Address of a Dask scheduler whose workers see the same files; None starts a local cluster;
            "synchronous" or "threads" stay in this process.
        workers: Processes of a local cluster, one thread each.
        time: The rows' time column.

    Returns:
        The result files, in the order of the row partitions; rows and index as there.

    Raises:
        ModuleNotFoundError: Dask is not installed.
        DefinitionError: A table has no partition, or as in `offline.compute`.
        Refusal: The scheduler cannot be reached.
    """
    features = feature_set(features)
    check_horizon(horizon)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with _runner(scheduler, workers) as run:
        sources = {
            name: _source([f for f in features if f.table.name == name], table_partitions.get(name, ()), run)
            for name in dict.fromkeys(f.table.name for f in features)
        }
        targets = [out / f"part-{i:05d}.parquet" for i in range(len(row_partitions))]
        task = partial(_compute_partition, sources=sources, features=features, horizon=horizon, time=time)
        run(task, [str(path) for path in row_partitions], [str(path) for path in targets])
    return targets


@contextmanager
def _runner(scheduler: str | None, workers: int) -> Iterator[Any]:
    """A function that maps a task over arguments where the scheduler says."""
    try:
        dask: Any = importlib.import_module("dask")
        distributed: Any = importlib.import_module("distributed")
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{missing.name} is not installed: pip install -r requirements/dev.txt, or the extra `scale`"
        ) from missing
    if scheduler in IN_PROCESS:
        yield lambda task, *arguments: list(
            dask.compute(*map(dask.delayed(task), *arguments), scheduler=scheduler)
        )
        return
    if scheduler is not None:
        refused = None
        try:
            connected = distributed.Client(scheduler)
        except (OSError, ValueError, TypeError) as error:  # no answer, no port, no certificate
            refused = str(error)
        if refused is not None:
            gc.collect()  # ends the half-made client now: while another one starts it would wait for ever
            raise Refusal(
                f"scale.scheduler = {scheduler!r}: no Dask scheduler can be reached there ({refused}); start"
                " it, correct the address, or take local or null"
            )
        with connected as client:
            yield lambda task, *arguments: client.gather(client.map(task, *arguments, pure=False))
        return
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield lambda task, *arguments: client.gather(client.map(task, *arguments, pure=False))


def _source(features: Sequence[Feature], paths: Sequence[str | Path], run: Any) -> _Source:
    """Look through a table once: the span of every partition, and ids that occur more than once."""
    table = features[0].table
    if not paths:
        raise DefinitionError(f"table {table.name!r} has no partitions: an empty table is one empty file")
    columns, lookback = reads(features)
    names = [str(path) for path in paths]
    scanned = run(partial(_scan, id_column=table.id, times=tuple(lookback)), names)
    files = [_File(path, spans) for path, (spans, _) in zip(names, scanned, strict=True)]
    hashes = np.sort(np.concatenate([hashed for _, hashed in scanned]))
    again = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    repeated = None
    if len(again):
        pick = partial(_pick, columns=columns, id_column=table.id, hashes=again)
        repeated = pa.concat_tables(run(pick, names), promote_options="permissive")
    return _Source(files, table.id, columns, lookback, repeated)


def _hashed(ids: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    return pd.util.hash_array(ids.to_pandas().to_numpy())


def _scan(path: str, id_column: str, times: Sequence[str]) -> tuple[dict[str, tuple[int, int]], Any]:
    """The span of each time column of a file (absent if all null), and its ids' hashes."""
    table = pq.read_table(path, columns=[id_column, *times])
    spans = {}
    for column in times:
        known = microseconds(table[column].to_pandas().rename(column))
        known = known[known != NEVER]
        if len(known):
            spans[column] = (int(known.min()), int(known.max()))
    return spans, _hashed(table[id_column])


def _pick(path: str, columns: Sequence[str], id_column: str, hashes: npt.NDArray[np.uint64]) -> pa.Table:
    """The rows of a file whose id is among those that occur more than once."""
    table = pq.read_table(path, columns=list(columns))
    return table.filter(pa.array(np.isin(_hashed(table[id_column]), hashes)))


def _compute_partition(
    path: str,
    target: str,
    *,
    sources: Mapping[str, _Source],
    features: Sequence[Feature],
    horizon: str | timedelta,
    time: str,
) -> None:
    """One task: rows of a partition, the events that they can see, their features to a file."""
    asked = list(dict.fromkeys([time, *(row for f in features for row, _ in f.by)]))
    rows = pq.read_table(path, columns=asked, use_pandas_metadata=True).to_pandas()
    decision = decisions(rows[time], horizon)
    span = (int(decision.min()), int(decision.max())) if len(rows) else (0, 0)
    tables = {name: _visible(source, *span) for name, source in sources.items()}
    compute(rows, tables, features, horizon, time=time).to_parquet(target)


def _visible(source: _Source, first: int, last: int) -> pd.DataFrame:
    """The events that decisions from first to last can see, and all of repeated ids."""
    files = [
        file.path
        for file in source.files
        if any(
            low < last and high >= first - source.lookback[column]
            for column, (low, high) in file.spans.items()
        )
    ]
    columns = list(source.columns)
    if not files:
        found = ds.dataset(source.files[0].path).schema.empty_table().select(columns)
    else:
        data = ds.dataset(files)
        seen = pc.scalar(False)
        for column, lookback in source.lookback.items():
            kind = pa.timestamp("us", tz=data.schema.field(column).type.tz)
            known, begin = ds.field(column), pa.scalar(first - lookback, kind)
            seen |= (known >= begin) & (known < pa.scalar(last, kind))
        found = data.to_table(columns=columns, filter=seen)
    if source.repeated is not None:
        fresh = pc.invert(pc.is_in(found[source.id], value_set=source.repeated[source.id].combine_chunks()))
        found = pa.concat_tables([found.filter(fresh), source.repeated], promote_options="permissive")
    visible: pd.DataFrame = found.to_pandas()
    return visible
