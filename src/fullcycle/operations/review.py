"""``fullcycle review``: what a change does to parameters, data, metrics, slices and plots, on one page.

Everything is read from Git and by `dvc params diff` and `dvc metrics diff`: a fresh clone without data,
remote or token will do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from fullcycle.errors import Refusal
from fullcycle.files import replacing
from fullcycle.operations import review_record, review_results
from fullcycle.operations.lookup import looked_up
from fullcycle.operations.review_noise import BETTER, NOISE, WORSE, Side, is_interval, rule
from fullcycle.operations.snapshot import History, Snapshot
from fullcycle.page import (
    Block,
    Fold,
    Heading,
    Image,
    Listing,
    Paragraph,
    Quoted,
    Strong,
    Table,
    Words,
    listed,
    markdown,
    web_page,
)

MARK = "<!-- fullcycle review -->"  # by it the workflow finds its comment again
COMMENT = 65_000  # characters; GitHub takes 65,536
PLOTS, PNG = "plots", b"\x89PNG\r\n"
VERDICTS = ("accept", "reject", "undecided")
QUALITY = "metrics/quality.json"
CARDS = {"Model card": "models/card.md", "Data card": "data/card.md"}


def command(
    base: Annotated[str | None, typer.Option(help="Compare with this commit; main, or origin/main.")] = None,
    head: Annotated[str | None, typer.Option(help="The commit to review; else the work tree.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write review.md and review.html to.")] = Path(
        "review"
    ),
    raw: Annotated[
        str | None, typer.Option(help="Markdown's images come from <raw>/<commit>/<path>; needs --head.")
    ] = None,
) -> None:
    """Compare a commit or the work tree with a base: one page, as Markdown and as HTML."""
    if raw and not head:
        raise Refusal("--raw names images by commit, so it needs --head: --head HEAD")
    history = History(Path())
    before = history.at(base) if base else history.default_base()
    after = history.at(head) if head else history.workspace()
    blocks, summary = review(history, before, after, raw)
    write(blocks, out)
    typer.echo(f"{summary}\n{out / 'review.md'}\n{out / 'review.html'}")


def review(
    history: History, before: Snapshot, after: Snapshot, raw: str | None = None
) -> tuple[list[Block], str]:
    """The page, and its first sentence.

    Raises:
        Refusal: one of the two sides has no metrics, or a file that cannot be read.
    """
    kinds = ("params", "metrics")
    with ThreadPoolExecutor(2) as pool:  # two processes of dvc
        found = pool.map(
            lambda kind: review_results.diff(history.root, kind, before.revision, after.revision), kinds
        )
        params, metrics = found
    for side, state in (("old", before), ("new", after)):
        if not review_results.has_side(metrics, side):
            raise Refusal(
                f"{state.label} has no metrics that Git holds: `dvc repro` makes them, a commit keeps them;"
                " or compare with a later commit"
            )
    settings = after.yaml("params.yaml")
    deciding = str(looked_up(settings, "select.metric"))
    confidence = float(looked_up(settings, "evaluate.confidence") or 0.95)
    sides = [_side(state) for state in (before, after)]
    luck = rule(sides[0], sides[1], confidence)
    changed = review_results.changed(params)
    measured, counts = review_results.results(metrics, luck, deciding)
    quality = review_results.changed(metrics).get(QUALITY, {})
    gates = [state.json("metrics/gate.json") or {} for state in (before, after)]
    summary = (
        f"Gate: {_verdict(gates[1])} (before: {_verdict(gates[0])})."
        f" {sum(map(len, changed.values()))} parameters changed."
        f" Metrics: {counts[BETTER]} better, {counts[WORSE]} worse, {counts[NOISE]} within noise."
    )
    blocks = [
        *opening(history, before, after, summary),
        *review_record.record(after),
        *_gate(*gates),
        *review_results.parameters(changed),
        *review_record.data(quality, before, after),
        *measured,
        *review_results.slices(sides[0].details, sides[1].details, luck, deciding),
        *plots(before, after, raw),
        *_cards(before, after),
    ]
    return blocks, summary


def _side(state: Snapshot) -> Side:
    names = ("test", "details", "split", "noise", "gate", "selection")
    files: dict[str, Any] = {name: state.json(f"metrics/{name}.json") or {} for name in names}
    champion = files["gate"].get("champion", {}).get("candidate") or files["selection"].get("champion")
    return Side(files["test"], files["details"], files["split"], files["noise"], champion)


def opening(history: History, before: Snapshot, after: Snapshot, summary: str) -> list[Block]:
    """What is compared, the first sentence, and whether the base has moved on."""
    sides = (_named(after), " compared with ", _named(before), ".")
    blocks: list[Block] = [Heading(1, "Review"), Paragraph(sides), Paragraph(Strong(summary))]
    if missing := history.missing(before, after):
        words = f"The base has {missing} commits that this side lacks; a change below may be theirs, undone. "
        alone = ("This side's own changes alone: --base ", Quoted("$(git merge-base BASE HEAD)"), ".")
        blocks.append(Paragraph((words, *alone)))
    return blocks


def _named(state: Snapshot) -> Words:
    short = str(state.commit.id)[:10]
    if state.is_workspace:
        return "The work tree on ", Quoted(short)
    named_by_hash = str(state.commit.id).startswith(state.label)
    return Quoted(short) if named_by_hash else (Quoted(state.label), " (", Quoted(short), ")")


def _verdict(said: dict[str, Any], otherwise: str = "none") -> str:
    """One of the gate's words, `unknown` for any other, `otherwise` where there is none."""
    if "verdict" not in said:
        return otherwise
    return said["verdict"] if said["verdict"] in VERDICTS else "unknown"


def _gate(before: dict[str, Any], after: dict[str, Any]) -> list[Block]:
    old, new = (each.get("criteria", {}) for each in (before, after))
    rows: list[list[Words]] = []
    for name in sorted(new, key=lambda name: (new[name].get("verdict") == "accept", name)):
        line = new[name]
        bound = next((f"{end} {line[end]:g}" for end in ("min", "max") if end in line), "")
        value = review_results.interval(line) if is_interval(line) else "-"
        verdict, was = _verdict(line, "-"), _verdict(old.get(name, {}), "-")
        now = Quoted(verdict) if verdict == "accept" else Strong(verdict)
        rows.append([Quoted(name), value, bound, now, Quoted(was), Quoted(line.get("why", ""))])
    blocks: list[Block] = [Heading(2, ("Gate: ", Quoted(_verdict(after))))]
    gone = [Quoted(name) for name in sorted(set(old) - set(new))]
    if gone:
        blocks.append(Paragraph((Strong("Criteria that were taken away: "), listed(gone), ".")))
    if rows:
        blocks.append(Table(["criterion", "value", "bound", "verdict", "before", "why"], rows))
    return blocks


def plots(before: Snapshot, after: Snapshot, raw: str | None) -> list[Block]:
    """The plots that changed, side by side."""
    paths = sorted(
        {path for side in (before, after) for path in side.tracked(PLOTS) if path.endswith(".png")}
    )
    rows: list[list[Words]] = []
    for path in paths:
        contents = [side.read(path) for side in (before, after)]
        if contents[0] != contents[1]:
            cells: list[Words] = [
                _image(side, path, content, raw, f"{len(rows) + 1}-{when}.png")
                for side, content, when in zip((before, after), contents, ("before", "after"), strict=True)
            ]
            rows.append([Quoted(path), *cells])
    same = f"{len(paths) - len(rows)} of {len(paths)} plots are the same to the byte."
    blocks: list[Block] = [Heading(2, "Plots"), Paragraph(same)]
    return [*blocks, Table(["plot", "before", "after"], rows)] if rows else blocks


def _image(side: Snapshot, path: str, content: bytes | None, raw: str | None, name: str) -> Words:
    if content is None:
        return "-"
    if not content.startswith(PNG):
        return "no PNG file"
    address = f"{raw.rstrip('/')}/{side.commit.id}/{quote(side.prefix + path)}" if raw else f"images/{name}"
    return Image(content, address, path)


def _cards(before: Snapshot, after: Snapshot) -> list[Block]:
    blocks: list[Block] = []
    for name, path in CARDS.items():
        old, new = (side.read(path) for side in (before, after))
        if new is not None:
            state = "unchanged" if new == old else "changed" if old is not None else "new"
            blocks.append(Fold(f"{name} ({path}, {state})", [Listing(new.decode("utf-8", "replace"))]))
    return [Heading(2, "Cards"), *blocks] if blocks else []


def write(blocks: list[Block], out: Path) -> None:
    """Write both pages and Markdown's images into a folder of our own, which takes the old one's place.

    Raises:
        Refusal: the folder holds something else.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / "review.md").is_file())):
        raise Refusal(f"--out {out} holds something else than a review; name a new folder")
    with replacing(out) as folder:
        folder.mkdir()
        (folder / "review.md").write_text(f"{MARK}\n{markdown(blocks, COMMENT)}", encoding="utf-8")
        (folder / "review.html").write_text(web_page(blocks, "Review"), encoding="utf-8")
        for image in _images(blocks):
            file = folder / image.address
            if image.address.startswith("images/"):
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(image.content)


def _images(blocks: list[Block]) -> list[Image]:
    cells = [cell for block in blocks if isinstance(block, Table) for row in block.rows for cell in row]
    return [cell for cell in cells if isinstance(cell, Image)]
