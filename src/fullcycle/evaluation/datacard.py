"""The data card: where the rows come from, what was taken out, and how they were parted."""

from __future__ import annotations

from typing import Any

from fullcycle.evaluation.modelcard import Files, day, number
from fullcycle.page import Block, Heading, Items, Paragraph, Quoted, Strong, Table, Words

PARTS = ("train", "validation", "test", "live")


def data_card(files: Files, settings: Files, sources: Files) -> list[Block]:
    """The whole card; `sources` has each source's provenance by name."""
    return [
        Heading(1, "Data card"),
        *motivation(settings["problem"]),
        *collection(sources),
        *cleaning(files["quality"]),
        *composition(files, settings),
        *uses(settings),
    ]


def motivation(problem: Any) -> list[Block]:
    """What the data is gathered for."""
    words = (f"One row of {problem.table} for each answer; the label is ", Quoted(problem.label), ".")
    return [Heading(2, "Motivation"), Paragraph(Strong(problem.statement)), Paragraph(words)]


def collection(sources: Files) -> list[Block]:
    """Each source with url, version, checksum, rows and the months that it spans."""
    rows: list[list[Words]] = []
    for name, origin in sorted(sources.items()):
        read = origin["rows"]
        months = sorted(month for month in origin["partitions"] if month[:1].isdigit())
        span = f"{months[0]} to {months[-1]}" if months else "-"
        version, digest = str(origin.get("version") or "-"), str(origin["sha256"])
        kept = f"{number(read['kept'])} of {number(read['read'])}"
        rows.append([Quoted(name), Quoted(origin["url"]), Quoted(version), Quoted(digest), kept, span])
    until = sorted({str(origin["until"]) for origin in sources.values()})
    return [
        Heading(2, "Collection"),
        Paragraph(f"Fetched as they are; rows from {', '.join(until)} on are left in the source."),
        Table(["source", "url", "version", "SHA-256", "rows kept", "months"], rows),
    ]


def cleaning(quality: Files) -> list[Block]:
    """What was put into quarantine by which rule, and what does not match between tables."""
    tables = quality["rows"]["validate"]
    rows: list[list[Words]] = [
        [Quoted(name), number(line["in"]), number(line["kept"]), number(line["quarantined"])]
        for name, line in sorted(tables.items())
    ]
    broken: list[Words] = [
        (Quoted(table), ": ", Quoted(rule), f" ({number(count)} rows)")
        for table, rules in sorted(quality["rules"].items())
        for rule, count in sorted(rules.items())
    ]
    unmatched: list[Words] = [
        (Quoted(table), ": ", Quoted(reference), f" fails for {number(count)} rows, which are kept")
        for table, references in sorted(quality.get("unmatched", {}).items())
        for reference, count in sorted(references.items())
        if count
    ]
    return [
        Heading(2, "Cleaning"),
        Paragraph("No row leaves silently: rows in are rows kept and rows in quarantine."),
        Table(["table", "rows in", "kept", "in quarantine"], rows),
        Items(broken + unmatched or ["No rule was broken."]),
    ]


def composition(files: Files, settings: Files) -> list[Block]:
    """The parts of the split, the rows that are in none, and the columns with gaps."""
    split = files["split"]
    rows: list[list[Words]] = [
        [part, number(split[part]["rows"]), number(split[part].get("positive_share")),
         day(split[part], "first"), day(split[part], "last")]
        for part in PARTS if part in split
    ]  # fmt: skip
    others: list[Words] = [
        f"{number(split['rows'][name])} rows {why}."
        for name, why in (
            ("purged", "lie at a border: their label was not known in time for the next part"),
            ("unlabelled", "have no label"),
            ("outside", "lie outside every part"),
        )
        if split["rows"].get(name)
    ]
    missing = files["quality"]["missing_share"]
    gaps = sorted((name for name in missing if missing[name] >= 0.1), key=lambda name: (-missing[name], name))
    widest: list[list[Words]] = [[Quoted(name), f"{missing[name]:.1%}"] for name in gaps]
    leaks = files["quality"].get("suspected_leaks", {}).get("count", 0)
    return [
        Heading(2, "Composition"),
        Paragraph(f"Parted by {settings['split'].method}."),
        Table(["part", "rows", "share of positives", "first day", "last day"], rows),
        *([Items(others)] if others else []),
        Paragraph(f"{len(missing)} features, {len(gaps)} of them missing in a tenth of the rows or more:"),
        *([Table(["feature", "missing"], widest)] if widest else []),
        Paragraph(f"Features that alone separate the label suspiciously well: {number(leaks)}."),
    ]


def uses(settings: Files) -> list[Block]:
    """What the rows are fit for, and how to get them again."""
    known = settings["problem"].known_at
    items: list[Words] = [
        "Each part serves its one purpose; test rows that are looked at often are no test any more.",
        ("A label counts from ", Quoted(known), " on, the time when it became known."),
        "Licences and terms of the sources hold for what is made of them.",
        (
            Quoted("make repro"),
            " fetches every source again and refuses content with another checksum.",
        ),
    ]
    return [Heading(2, "Uses"), Items(items)]
