"""What partitions may be like, and what they may not."""

import gc
import importlib

import dask
import distributed  # its defaults must stand before one is changed
import pandas as pd
import pytest

from fullcycle.errors import Refusal
from fullcycle.features.distributed import compute_distributed
from fullcycle.features.rolling import Events, rolling

TRIPS = Events("trips", id="id", keys=["taxi"], values={"fare": "paid"})
SUM = rolling("fare", "taxi", "1h", "sum", "paid", "earned", table=TRIPS)
NOON = pd.Timestamp("2024-05-01T12:00", tz="UTC")


def written(folder, name, minutes, **more):
    """A file of taxi A, one line per minute after noon."""
    times = pd.Series([NOON + pd.Timedelta(minutes=m) for m in minutes]).astype("datetime64[us, UTC]")
    frame = pd.DataFrame({"taxi": "A", "time": times, "paid": times, "fare": 10.0} | more, index=times.index)
    frame.to_parquet(folder / name)
    return folder / name


def earned(folder, rows, events, horizon="0min"):
    """The feature of all rows, computed in this process."""
    files = compute_distributed(
        rows, {"trips": events}, [SUM], horizon, folder / "out", scheduler="synchronous"
    )
    return [value for file in files for value in pd.read_parquet(file)["earned"]]


def test_a_partition_reads_from_its_first_windows_begin_to_its_last_decision(tmp_path):
    """An event exactly at the begin of the look-back counts, one at the decision does not."""
    events = [written(tmp_path, f"e{m}", [m], id=[i]) for i, m in enumerate([-71, -70, -11, -10, 0])]
    rows = [written(tmp_path, "rows", [0])]
    assert earned(tmp_path, rows, events, "10min") == [20.0]


def test_a_repeated_event_counts_where_it_was_delivered_first(tmp_path):
    """The first delivery lies in a partition that the second row's task has no window on."""
    events = [written(tmp_path, "e1", [0], id=[7]), written(tmp_path, "e2", [600], id=[7])]
    rows = [written(tmp_path, "r1", [5]), written(tmp_path, "r2", [605])]
    assert earned(tmp_path, rows, events) == [10.0, 0.0]


def test_empty_partitions_are_no_trouble(tmp_path):
    """Files without rows or events give files without rows and empty windows."""
    events = [written(tmp_path, "e1", [], id=pd.Series(dtype="int64"))]
    rows = [written(tmp_path, "r1", []), written(tmp_path, "r2", [5])]
    assert earned(tmp_path, rows, events) == [0.0]


def test_a_table_without_partitions_is_refused(tmp_path):
    """No file is a mistake in a path, not an empty table."""
    with pytest.raises(Refusal, match="table 'trips' has no partitions"):
        earned(tmp_path, [written(tmp_path, "r1", [5])], [])


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "tcp://127.0.0.1:x", "tls://127.0.0.1:1"])
def test_an_address_without_a_scheduler_is_refused(tmp_path, scheduler):
    """An address that does not answer, or cannot, is named with its key and value."""
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "100ms"}),
        pytest.raises(Refusal, match=f"scale.scheduler = '{scheduler}': no Dask scheduler can be reached"),
    ):
        compute_distributed([], {}, [SUM], "0min", tmp_path, scheduler=scheduler)


def test_nothing_of_a_client_that_found_no_scheduler_is_left(tmp_path):
    """Left to the garbage collector it closes at any time: while another client starts it waits for ever."""
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "100ms"}),
        pytest.raises(Refusal, match="no Dask scheduler can be reached"),
    ):
        compute_distributed([], {}, [SUM], "0min", tmp_path, scheduler="tcp://127.0.0.1:1")
    assert not [each for each in gc.get_objects() if isinstance(each, distributed.Client)]


def test_without_dask_the_error_says_what_to_install(tmp_path, monkeypatch):
    """Dask is an extra: its absence is told with the remedy."""

    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ModuleNotFoundError, match=r"dask is not installed: pip install -r requirements/dev\.txt"
    ):
        compute_distributed([], {}, [SUM], "0min", tmp_path)
