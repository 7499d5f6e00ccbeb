"""`fullcycle promote` makes the accepted champion the one in use; `fullcycle rollback` returns to the last.

Promotion believes nothing: the verdict, the metrics and the model in hand must be those that the gate
judged, `dvc.lock` recorded and Git has committed, and the gate must have compared with the champion in
use. `promoted/` then holds that model, by its hash in ``promoted.dvc``; the next gate compares with it.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.files import read_json, read_table, sha256
from fullcycle.operations.hashes import tree, tree_hash
from fullcycle.operations.install import POINTER, PROMOTED, install
from fullcycle.operations.lookup import looked_up
from fullcycle.operations.promotions import Promotion, forget, git, promotions, record

GATE, CHAMPION, TEST = Path("metrics/gate.json"), Path("models/champion"), Path("data/split/test.parquet")
LOCK = Path("dvc.lock")
REPEATS = 51  # of one answer; the median counts


def in_hand(judged: dict[str, Any]) -> None:
    """Check that model and metrics are, file by file, those that the gate judged.

    Raises:
        Refusal: with the first file that is another, missing or new.
    """
    folders = {CHAMPION: judged["champion"]["files"], PROMOTED: judged["previous"]["files"]}
    said = {f"{folder}/{name}": digest for folder, files in folders.items() for name, digest in files.items()}
    there = {f"{folder}/{name}" for folder in folders for name in tree(folder)}
    for name, digest in sorted((said | judged["read"]).items()):
        path = Path(name)
        if not path.is_file():
            raise Refusal(f"{name} is missing: the gate judged it; run `dvc checkout` or `dvc repro`")
        if sha256(path.read_bytes()) != digest:
            then = f"then SHA-256 {digest[:12]}..."
            raise Refusal(f"{name} was changed after the gate judged it ({then}); run `dvc repro`")
    if new := sorted(there - set(said)):
        raise Refusal(f"{new[0]} was not there when the gate judged; run `dvc repro`")


def recorded() -> str:
    """Check that the gate's run in ``dvc.lock`` is of what is in hand; gives the model's hash in it.

    Raises:
        Refusal: with the first file or parameter that is another than the one recorded.
    """
    lock = yaml.safe_load(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else {}
    stages: dict[str, Any] = (lock or {}).get("stages", {})
    gate = stages.get("gate")
    if gate is None:
        raise Refusal(f"{LOCK} has no stage gate; run `dvc repro`")
    outs = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
    files = {file["path"]: file["md5"] for file in [*gate["deps"], *gate["outs"]]}
    for name, md5 in files.items():
        if outs.get(name, md5) != md5:
            raise Refusal(f"{name} was made anew since the gate ran, {LOCK} says; run `dvc repro`")
        current = tree_hash(Path(name))
        # The rows themselves need not be in hand; that they are the recorded ones is DVC's business.
        if current != md5 and not (current is None and name.startswith("data/")):
            raise Refusal(f"{name} is not what {LOCK} records for the gate's run; run `dvc repro`")
    now = yaml.safe_load(params.PARAMS.read_text(encoding="utf-8"))
    for key, value in gate["params"][str(params.PARAMS)].items():
        if looked_up(now, key) != value:
            raise Refusal(f"{params.PARAMS}: {key} is not what the gate judged by; run `dvc repro`")
    return str(files[CHAMPION.as_posix()])


def compared(judged: dict[str, Any], made: list[Promotion], afresh: str) -> None:
    """Check that the gate compared with the champion in use.

    Raises:
        Refusal: it compared with another model, or with none.
    """
    before, last = judged["previous"], made[-1] if made else None
    if last is None or (afresh and "gain" not in before):
        return
    if tree_hash(PROMOTED) != last.model:
        with_what = "another model" if "gain" in before else "none"
        raise Refusal(
            f"{last.tag} is in use, but the gate compared with {with_what}: `git checkout {POINTER}`,"
            f" `dvc checkout {POINTER}` and `dvc repro` (or, where the two cannot be compared,"
            " `fullcycle promote --afresh REASON` with promoted/none.json in its place)"
        )


def milliseconds(folder: Path, rows: Path) -> float:
    """The median time of one row's answer, on this machine, now."""
    from fullcycle.tasks import task_of  # noqa: PLC0415  2 s that only a promotion pays
    from fullcycle.training import store  # noqa: PLC0415

    task = task_of(params.read("problem.task"))
    pipeline, columns = store.load(folder), store.columns(folder)
    row = read_table(rows, columns=columns)[columns].head(1)
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        task.answer(pipeline, row)
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def promote(afresh: str = "") -> str:
    """Promote the champion in hand; gives the name of the new tag.

    Raises:
        Refusal: the verdict is not accept, or what is in hand is not what was judged, recorded and committed.
    """
    judged = read_json(GATE)
    in_hand(judged)
    model = recorded()
    if changes := git("status", "--porcelain", "--untracked-files=no").strip():
        raise Refusal(f"not everything is committed, so no commit names this model:\n{changes}")
    made = promotions()
    compared(judged, made, afresh)
    if judged["verdict"] != "accept":
        unmet = [name for name, each in judged["criteria"].items() if each["verdict"] != "accept"]
        raise Refusal(f"the gate says {judged['verdict']}, because of {', '.join(unmet)}; see {GATE}")
    if made and made[-1].model == model:
        raise Refusal(f"this model is in use already, as {made[-1].tag}")
    taken, most = milliseconds(CHAMPION, TEST), params.read("gate.milliseconds")
    if taken > most:
        raise Refusal(
            f"one answer takes {taken:.1f} ms here, gate.milliseconds is {most:g}: too slow to promote"
        )
    facts = {
        "candidate": judged["champion"]["candidate"],
        "verdict": judged["verdict"],
        "model": model,
        "gate": sha256(GATE.read_bytes()),
        "before": made[-1].tag if made else "none",
        "milliseconds": f"{taken:.1f}",
    }
    return _use(model, "HEAD", made, facts | ({"afresh": " ".join(afresh.split())} if afresh else {}))


def rollback() -> str:
    """Return to the champion before the one in use, by one more tag; gives its name.

    Raises:
        Refusal: there is none before, or its model cannot be had; nothing has changed then.
    """
    made = {each.version: each for each in promotions()}
    if not made:
        raise Refusal("nothing has been promoted yet, so there is nothing to roll back")
    last = made[max(made)]
    back = made.get(last.before) if last.before is not None else None
    if back is None:
        raise Refusal(f"{last.tag} is the first champion: there is none before it")
    facts = {
        "model": back.model,
        "rolls-back": last.tag,
        "restores": back.tag,
        "before": made[back.before].tag if back.before in made else "none",
    }
    return _use(back.model, back.commit, list(made.values()), facts)


def _use(model: str, commit: str, made: list[Promotion], facts: dict[str, str]) -> str:
    name = record(made[-1].version + 1 if made else 1, commit, facts)
    try:
        install(model)
    except BaseException:
        forget(name)
        raise
    return name


def promote_command(
    afresh: Annotated[
        str, typer.Option(metavar="REASON", help="Begin anew, where the champion in use cannot be compared.")
    ] = "",
) -> None:
    """Make the accepted champion the one in use: tag it, and keep it in promoted/."""
    name = promote(afresh)
    typer.echo(f"{name} is in use. Next: git commit, git push origin {name}, dvc push")


def rollback_command() -> None:
    """Return to the champion before the one in use."""
    name = rollback()
    typer.echo(f"{name} is in use. Next: git commit, git push origin {name}, dvc push")
