"""Stage `quality`: count every row again, stage by stage, and what is known of the tables' quality.

An auditor of the stages before it: it reads row counts from the files themselves, not from what the
stages say of themselves, and stops the run where rows in are not rows out (law 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.features.leakcheck import suspects
from fullcycle.files import count_rows, read_json, read_table, write_json

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

ROLES = ("id", "time", "label", "known_at")


def balanced(stage: str, rows_in: int, **rows_out: int) -> dict[str, int]:
    """One line of the ledger.

    Raises:
        Refusal: rows in and rows out differ.
    """
    if rows_in != sum(rows_out.values()):
        shown = " + ".join(f"{count} {name}" for name, count in rows_out.items())
        raise Refusal(
            f"{stage} does not conserve rows: {rows_in} came in, {shown} = {sum(rows_out.values())} went out"
        )
    return {"in": rows_in, **rows_out}


def ledger(raw: Path, clean: Path, quarantine: Path, features: Path, split: Path) -> dict[str, Any]:
    """Rows in and out of every stage up to the split, counted in the files.

    Raises:
        Refusal: some stage does not conserve rows, or a folder of ``raw`` belongs to a source that is gone.
    """
    tables = sorted(path.parent.name for path in raw.glob("*/provenance.json"))
    lines: dict[str, Any] = {"ingest": {}, "validate": {}}
    for name in tables:
        if not any((folder / f"{name}.parquet").exists() for folder in (clean, quarantine)):
            has = ", ".join(sorted(path.stem for path in clean.glob("*.parquet")))
            raise Refusal(
                f"{raw / name} belongs to no table of this run (clean has {has}): delete the folder"
            )
        read = read_json(raw / name / "provenance.json")["rows"]
        stored = count_rows(raw / name)
        lines["ingest"][name] = balanced(
            f"ingest@{name}", read["read"], kept=stored, after_until=read["after_until"]
        )
        lines["validate"][name] = balanced(
            f"validate ({name})",
            stored,
            kept=count_rows(clean / f"{name}.parquet"),
            quarantined=count_rows(quarantine / f"{name}.parquet"),
        )
    made = count_rows(features)
    aside = read_table(split / "set_aside.parquet", columns=["reason"])["reason"].value_counts().sort_index()
    parts = {
        path.stem: count_rows(path) for path in sorted(split.glob("*.parquet")) if path.stem != "set_aside"
    }
    lines["split"] = balanced(
        "split", made, **parts, **{str(reason): int(count) for reason, count in aside.items()}
    )
    return lines


def leaks(features: pd.DataFrame, label: pd.Series[Any], limit: float, task: str) -> dict[str, Any]:
    """Features that alone separate two classes too well, and their number; for other tasks why not.

    Without a number, a criterion of the gate that asks for one is refused instead of silently met.
    """
    if task != "binary":
        return {"skipped": f"the area under the ROC curve needs two classes; problem.task is {task}"}
    found = suspects(features, label, limit)
    return {"count": len(found), "features": found}


def main(*, raw: Path, clean: Path, quarantine: Path, features: Path, split: Path, metrics: Path) -> None:
    """Balance the rows of all stages and write the quality report."""
    lines = ledger(raw, clean, quarantine, features, split)
    made = count_rows(features)
    main_table = params.read("problem.table")
    lines["featurize"] = balanced("featurize", lines["validate"][main_table]["kept"], kept=made)
    roles = [params.read(f"problem.{role}") for role in ROLES]
    train = read_table(split / "train.parquet")
    known = train.drop(columns=roles)
    label, limit = train[params.read("problem.label")], params.read("quality.leak_limit")
    tables = read_json(quarantine / "report.json")
    read = sum(line["in"] for line in lines["validate"].values())
    held = sum(line["quarantined"] for line in lines["validate"].values())
    write_json(
        {
            "rows": lines,
            "quarantined_share": held / read,
            "rules": {name: report["rules"] for name, report in tables.items()},
            "unmatched": {name: report["unmatched"] for name, report in tables.items()},
            "missing_share": known.isna().mean().to_dict(),
            "suspected_leaks": leaks(known, label, limit, params.read("problem.task")),
        },
        metrics,
    )
