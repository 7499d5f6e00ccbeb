"""The model card: what the champion is for, what it is worth and for whom, and what it cannot do."""

from __future__ import annotations

from typing import Any

from fullcycle.page import Block, Heading, Items, Paragraph, Quoted, Strong, Table, Words
from fullcycle.params.metrics import LOWER_IS_BETTER

Files = dict[str, Any]


def model_card(files: Files, settings: Files) -> list[Block]:
    """The whole card; `files` by name as in ``metrics/``, `settings` by key as in ``params.yaml``."""
    return [
        Heading(1, "Model card"),
        *details(files, settings),
        *intended_use(settings["problem"]),
        *evaluation(files, settings),
        *slices(files, settings),
        *robustness(files.get("robustness", {})),
        *verdict(files["gate"]),
        *limits(files, settings),
        *reproduce(),
    ]


def number(value: Any) -> str:
    """A number in few digits, thousands apart; a dash where there is none.

    >>> number(55310.0), number(0.748986), number(None)
    ('55,310', '0.749', '-')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-"
    return f"{int(value):,}" if value == int(value) else f"{value:.4g}"


def interval(ends: Any) -> str:
    """A number and its interval, where it has one that is wider than nothing.

    >>> interval({"value": 0.75, "low": 0.7, "high": 0.8}), interval({"value": 1, "low": 1, "high": 1})
    ('0.75 (0.7 to 0.8)', '1')
    """
    if not isinstance(ends, dict):
        return number(ends)
    value, low, high = (number(ends.get(end)) for end in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"


def measured(report: Files) -> dict[str, Any]:
    """The metrics of a report that have intervals, by name."""
    return {name: ends for name, ends in report.items() if isinstance(ends, dict) and "low" in ends}


def details(files: Files, settings: Files) -> list[Block]:
    """What the model is: its kind, settings, origin and files."""
    name = files["gate"]["champion"]["candidate"]
    rows: list[list[Words]] = [
        [Quoted(key), Quoted(str(value))]
        for key, value in settings["train"][name].model_dump(exclude_unset=True).items()
    ]
    hashes = sorted(files["gate"]["champion"].get("files", {}).items())
    trained = files["split"]["train"]
    return [
        Heading(2, "Model details"),
        Paragraph(("Candidate ", Quoted(name), ", chosen by ", Quoted(files["selection"]["reason"]), ".")),
        Table(["setting", "value"], rows),
        Paragraph(
            f"Trained on {number(trained['rows'])} rows, {day(trained, 'first')} to {day(trained, 'last')}"
            " (see the data card). Its files, by SHA-256:"
        ),
        Items([(Quoted(file), ": ", Quoted(digest)) for file, digest in hashes]),
    ]


def day(part: Files, end: str) -> str:
    """The day on which a part of the split begins or ends."""
    return str(part.get(end, "-"))[:10]


def intended_use(problem: Any) -> list[Block]:
    """The question that it answers, for what decision, and at what cost of being wrong."""
    hours = problem.horizon.total_seconds() / 3600
    words = f"It answers {hours:g} hours before the event; what becomes known later is not used."
    items: list[Words] = [words]
    if costs := getattr(problem, "costs", None):
        wrong = ", ".join(
            f"{name.replace('_', ' ')} {value:g}"
            for name, value in costs.model_dump(exclude_unset=True).items()
        )
        items.append(f"Its threshold minimises the costs of wrong decisions: {wrong} (in one unit).")
    items.append("Not meant for other questions, horizons or places than those it was trained and tested on.")
    return [Heading(2, "Intended use"), Paragraph(Strong(problem.statement)), Items(items)]


def evaluation(files: Files, settings: Files) -> list[Block]:
    """Metrics on test and live rows with intervals, beside the other candidates."""
    parts = {part: files[part] for part in ("test", "live")}
    names = sorted(set(measured(parts["test"])) | set(measured(parts["live"])))
    rows: list[list[Words]] = [
        [Quoted(name), *(interval(report.get(name)) for report in parts.values())] for name in names
    ]
    head = ["metric", *(f"{part} ({number(report['rows'])} rows)" for part, report in parts.items())]
    confidence = f"{settings['evaluate'].confidence:.0%}"
    spans = "; ".join(
        f"{part}: {day(files['split'][part], 'first')} to {day(files['split'][part], 'last')}"
        for part in parts
        if part in files["split"]
    )
    blocks: list[Block] = [
        Heading(2, "Metrics"),
        Paragraph(f"With {confidence} intervals over resampled days. {spans}."),
        Table(head, rows),
    ]
    deciding = settings["select.metric"]
    gains: list[list[Words]] = [
        [Quoted(name), interval(each.get(deciding)), interval(each.get("champion_gains", {}).get(deciding))]
        for name, each in sorted(files["details"].get("test", {}).get("candidates", {}).items())
    ]
    if gains:
        blocks.append(
            Table(["other candidate", f"{deciding} on test rows", "the champion is better by"], gains)
        )
    return blocks


def slices(files: Files, settings: Files) -> list[Block]:
    """The deciding metric by slice and by month, the worst first."""
    deciding, least = settings["select.metric"], settings["evaluate"].min_slice_rows
    sign = -1 if deciding in LOWER_IS_BETTER else 1
    rows: list[tuple[float, list[Words]]] = []
    for part in ("test", "live"):
        report = files["details"].get(part, {})
        groups = [*report.get("slices", {}).items(), ("month", report.get("months", {}))]
        for column, values in groups:
            for value, each in values.items():
                line: list[Words] = [part, Quoted(f"{column} {value}"), number(each.get("rows"))]
                ends = each.get(deciding)
                if isinstance(ends, dict):
                    rows.append((sign * ends["value"], [*line, interval(ends)]))
    words = f"Slices with fewer than {least} rows are not reported. The worst stands first."
    head = ["part", "slice", "rows", deciding]
    return [
        Heading(2, "Slices"),
        Paragraph(words),
        Table(head, [line for _, line in sorted(rows, key=lambda r: r[0])]),
    ]


def robustness(report: Files) -> list[Block]:
    """What damaged input costs, and whether monitoring would notice; nothing where it was not measured."""
    damages = report.get("damages", {})
    if not damages:
        return []
    metrics = sorted({metric for damage in damages.values() for metric in damage.get("drop", {})})
    rows: list[list[Words]] = [
        [
            Quoted(name),
            Quoted(str(damage.get("kind", "-"))),
            *(interval(damage.get("drop", {}).get(metric)) for metric in metrics),
            "yes" if damage.get("monitoring", {}).get("noticed") else Strong("no"),
        ]
        for name, damage in sorted(damages.items())
    ]
    return [
        Heading(2, "Robustness"),
        Paragraph(
            "How much worse each metric gets when test rows are damaged, and whether a monitor would notice."
        ),
        Table(["damage", "kind", *(f"{metric} drops by" for metric in metrics), "noticed"], rows),
    ]


def verdict(gate: Files) -> list[Block]:
    """The gate's verdict, criterion by criterion."""
    rows: list[list[Words]] = [
        [Quoted(name), Quoted(str(line.get("metric"))), interval(line), bound(line), Quoted(line["verdict"])]
        for name, line in sorted(gate["criteria"].items())
    ]
    return [
        Heading(2, ("Gate: ", Quoted(gate["verdict"]))),
        Table(["criterion", "metric", "value", "bound", "verdict"], rows),
    ]


def bound(line: Files) -> str:
    """A criterion's bound."""
    return next(
        (f"{word} {line[end]:g}" for end, word in (("min", "at least"), ("max", "at most")) if end in line),
        "-",
    )


def limits(files: Files, settings: Files) -> list[Block]:
    """What the numbers do not say."""
    split, rows = files["split"], files["split"].get("rows", {})
    first, last = day(split["test"], "first"), day(split.get("live", split["test"]), "last")
    items: list[Words] = [
        f"Measured on {first} to {last} only; the world after that may be another.",
        "What holds for all rows may not hold for a slice, and not for one that is too small to be reported.",
    ]
    if unlabelled := rows.get("unlabelled"):
        words = "rows have no label and are in no part: nothing is known of the answers to such rows."
        items.append(f"{number(unlabelled)} {words}")
    honesty = next((v for v in split.get("honesty", {}).values() if isinstance(v, dict)), {})
    if {"random_split", "time_split"} <= set(honesty):
        promised, real = (honesty[name]["value"] for name in ("random_split", "time_split"))
        items.append(
            f"A random split would have promised {number(promised)}, not {number(real)}: never to be quoted."
        )
    columns = ", ".join(settings["problem"].slices)
    items.append(f"Fairness was looked at by {columns or 'no column'} alone.")
    return [Heading(2, "Limits"), Items(items)]


def reproduce() -> list[Block]:
    """How to get the same bytes again."""
    return [
        Heading(2, "How to reproduce"),
        Items(
            [
                "Check out the commit that holds this card.",
                (Quoted("make repro"), " rebuilds the model from the sources; dvc.lock stays as committed."),
                (Quoted("make verify"), " proves every stage alone."),
                (Quoted("dvc pull"), " brings the files instead, from a remote that has them."),
            ]
        ),
    ]
