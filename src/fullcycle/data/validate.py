"""Stage `validate`: every row is either clean or in quarantine with the rules that it broke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.errors

from fullcycle import params
from fullcycle.data.contract import Table, contracts
from fullcycle.errors import Refusal
from fullcycle.files import partitions, read_table, replacing, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DUPLICATE = "repeats an earlier row"
KEY = "shares its key with another row"
PARTITION = "partition"  # which file of the raw table a row came from, for messages


def broken_rules(table: pd.DataFrame, contract: Table) -> pd.Series[str]:
    """For each row the names of the rules it breaks, joined by ``; ``, empty where there is none.

    Raises:
        Refusal: the table as a whole is not of its contract's shape (a column or type is wrong).
    """
    broken = _schema_failures(table, contract)
    columns = list(contract.schema.columns)
    repeated = table.duplicated(columns)
    first = table.loc[~repeated]
    conflicting = first.index[first.duplicated(list(contract.key), keep=False)]
    rules = [(row, DUPLICATE) for row in table.index[repeated]]
    rules += [(row, f"{KEY} ({', '.join(contract.key)})") for row in conflicting]
    return _joined([*broken, *rules], table.index)


def _schema_failures(table: pd.DataFrame, contract: Table) -> list[tuple[int, str]]:
    try:
        contract.schema.validate(table, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        # A wrong type also makes checks fail, in their own words: the type is the cause, so it comes first.
        shape = cases["check"].str.match("dtype|column_in")
        whole = pd.concat([cases[shape], cases[cases["index"].isna() & ~shape]])
        if len(whole):
            case = whole.iloc[0]
            where = "" if pd.isna(case["column"]) else f"column {case['column']!r}: "
            raise Refusal(f"{where}{case['check']} fails on {case['failure_case']!r}") from None
        # A rule between columns is reported once for each of them: its name alone tells it.
        rules = cases["check"].where(
            cases["schema_context"] == "DataFrameSchema", cases["column"].astype(str) + ": " + cases["check"]
        )
        return list(dict.fromkeys(zip(cases["index"].astype(int), rules, strict=True)))
    return []


def _joined(broken: list[tuple[int, str]], index: pd.Index[Any]) -> pd.Series[str]:
    reasons = pd.Series("", index=index, dtype="str", name="reasons")
    if broken:
        found = pd.DataFrame(broken, columns=["row", "rule"]).sort_values(["row", "rule"])
        joined = found.groupby("row")["rule"].agg("; ".join)
        reasons.loc[joined.index] = joined.to_numpy()
    return reasons


def unmatched(table: pd.DataFrame, column: str, known: pd.Series[Any]) -> pd.Series[bool]:
    """Rows whose value in `column` is present but is not among `known`."""
    return table[column].notna() & ~table[column].isin(known)


def validate(
    tables: Mapping[str, pd.DataFrame], contracts_: Mapping[str, Table]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], dict[str, Any]]:
    """Part tables into clean rows and quarantined rows (with `reasons`), and count both.

    Returns:
        clean and quarantine by table name, and a report of rows, rules and unmatched references.
    """
    reasons = {}
    for name, table in tables.items():
        try:
            reasons[name] = broken_rules(table, contracts_[name])
        except Refusal as refusal:
            raise Refusal(f"table {name}, {refusal}") from refusal
    clean = {name: table[reasons[name] == ""] for name, table in tables.items()}
    loose = _loose(clean, contracts_, reasons)
    held = {name: tables[name].assign(reasons=reasons[name])[reasons[name] != ""] for name in tables}
    report = {name: _report(tables[name], held[name], loose[name]) for name in tables}
    return clean, held, report


def _loose(
    clean: dict[str, pd.DataFrame], contracts_: Mapping[str, Table], reasons: dict[str, pd.Series[str]]
) -> dict[str, dict[str, int]]:
    """Count rows without a partner, and move them from `clean` to `reasons` where one is required.

    A row that goes may have been the partner of another, so this repeats until none goes.
    """
    found: dict[str, dict[str, int]] = {name: {} for name in clean}
    moved = True
    while moved:
        moved = False
        for name, contract in contracts_.items():
            for reference in contract.references:
                lonely = unmatched(clean[name], reference.column, clean[reference.table][reference.to])
                label = f"{reference.column} is in {reference.table}.{reference.to}"
                before = found[name].get(label, 0) if reference.required else 0
                found[name][label] = before + int(lonely.sum())
                if reference.required and lonely.any():
                    reasons[name].loc[lonely.index[lonely]] = label
                    clean[name] = clean[name][~lonely]
                    moved = True
    return found


def _report(table: pd.DataFrame, held: pd.DataFrame, loose: dict[str, int]) -> dict[str, Any]:
    rules = held["reasons"].str.split("; ").explode().value_counts().sort_index()
    return {
        "rows": {"in": len(table), "kept": len(table) - len(held), "quarantined": len(held)},
        "rules": {str(rule): int(count) for rule, count in rules.items()},
        "unmatched": loose,
    }


def tolerated(held: pd.DataFrame, rows: int, limit: float, name: str) -> None:
    """Refuse a table of which more than the share `limit` is in quarantine.

    Raises:
        Refusal: with the commonest rule, its partition and one row.
    """
    if not rows or len(held) / rows <= limit:  # divided, not multiplied: 29 of 100 is 0.29 exactly
        return
    worst = held["reasons"].value_counts().index[0]
    cases = held[held["reasons"] == worst]
    example = cases.drop(columns=["reasons", PARTITION]).iloc[0].to_dict()
    where = ", ".join(
        f"{part} ({count} rows)" for part, count in cases[PARTITION].value_counts().head(3).items()
    )
    raise Refusal(
        f"table {name}: {len(held)} of {rows} rows break a rule; validate.max_quarantined = {limit:g}\n"
        f"  rule:  {worst} ({len(cases)} rows)\n"
        f"  where: {where}\n"
        f"  row:   {', '.join(f'{key}={value}' for key, value in example.items())}\n"
        "  next:  mend the source, or raise validate.max_quarantined if these rows may be lost"
    )


def read_partitions(folder: Path) -> pd.DataFrame:
    """A raw table with, for each row, the name of the partition that held it."""
    parts = [
        read_table(path).assign(**{PARTITION: f"{folder.name}/{path.name}"}) for path in partitions(folder)
    ]
    return pd.concat(parts, ignore_index=True)


def main(*, raw: Path, clean: Path, quarantine: Path) -> None:
    """Check the tables under ``raw`` and write the clean and the quarantined rows."""
    known = contracts(params.read("problem.module"))
    limit = params.read("validate.max_quarantined")
    tables = {name: read_partitions(raw / name) for name in known}
    good, held, report = validate(tables, known)
    for name, table in tables.items():
        tolerated(held[name], len(table), limit, name)
    with replacing(clean) as folder, replacing(quarantine) as bin_folder:
        folder.mkdir()
        bin_folder.mkdir()
        for name in tables:
            write_table(good[name].drop(columns=PARTITION), folder / f"{name}.parquet")
            write_table(held[name], bin_folder / f"{name}.parquet")
        write_json(report, bin_folder / "report.json")
