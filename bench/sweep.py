"""What a trial of `fullcycle sweep` costs, beside a bare Optuna loop, `dvc exp run` and its queue.

    python bench/sweep.py                                # 100 trials in 4 rounds: an hour on 2 cores
    python bench/sweep.py --trials 8 --rounds 1 --dvc 2  # a short look

It works in a clone of this checkout, whose DVC cache is copied, on the real training rows. In each round
`fullcycle sweep` (method random, one worker a core) and a bare loop run the same trials one after the
other, who comes first alternating. The bare loop is one process: it reads the rows and prepares the
features once, then fits and scores with Optuna's `n_jobs` threads, one LightGBM thread each, and keeps
nothing. Both times are of the whole process, from start to end.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import yaml

ROOT = Path(__file__).parents[1]
SWEEP = [sys.executable, "-c", "from fullcycle.cli import main; main()", "sweep"]
BARE = """
import json, os, sys
sys.path.insert(0, "src")
import stage
stage.pin_environment()
os.environ["OMP_NUM_THREADS"] = "1"
from pathlib import Path
import optuna
from sklearn.metrics import roc_auc_score
from fullcycle import params
from fullcycle.training.hooks import Hooks, Kept
from fullcycle.training.train import learnt, load
from fullcycle.operations.sweep_search import Search
whole = params.load()
first, last, cores = (int(word) for word in sys.argv[1:])
rows = load(Path("data/split/train.parquet"), Path("data/split/validation.parquet"))
label = rows.asked[rows.question.roles["label"]].to_numpy("int64")
section, search = whole.train["lightgbm"], Search(whole.sweep)
hooks = Hooks(memory=Kept())
def suggested(trial, key, d):
    if hasattr(d, "choices"):
        return trial.suggest_categorical(key, d.choices)
    suggest = trial.suggest_int if isinstance(d.low, int) else trial.suggest_float
    return suggest(key, d.low, d.high, log=d.log)
def objective(trial):
    values = search.values({key: suggested(trial, key, d) for key, d in search.space.items()})
    settings = type(section).model_validate(section.model_dump() | values)
    model, _ = learnt(settings, rows.rows, rows.question, rows.features, rows.label, hooks=hooks)
    return roc_auc_score(label, model.predict_proba(rows.asked[rows.features.columns])[:, 1])
study = optuna.create_study(direction="maximize")
for number in range(first, last):
    study.enqueue_trial(search.draw(number, []))
study.optimize(objective, n_trials=last - first, n_jobs=cores)
json.dump([trial.value for trial in study.trials], sys.stdout)
"""
PARTS = """
import json, sys, shutil, time
sys.path.insert(0, "src")
from pathlib import Path
from statistics import median
from fullcycle import params
from fullcycle.operations.experiments import Experiments, kept_in_git, store
from fullcycle.operations.sweep_journal import DRAWN, ENDED, Journal
from fullcycle.operations.sweep_search import Past, Search
from dataclasses import asdict
whole = params.load()
search = Search(whole.sweep.model_copy(update={"method": "tpe"}))
steps = dict.fromkeys(range(10, 100, 10), 0.5)
past = [Past(search.draw(n, []), "complete", n / 100, steps) for n in range(99)]
here = Experiments("train@lightgbm")
scratch = here.cache.parent / "bench"
journal = Journal(Path(".dvc/tmp/bench"))
names = ("draw (TPE after 99 trials)", "outputs into the cache", "journal", "experiment in Git")
times = {name: [] for name in names}
for number in range(50):
    shutil.copytree("models/candidates/lightgbm", scratch / "out")
    for file in (scratch / "out").iterdir():
        file.chmod(0o644)
        with file.open("ab") as stream:
            stream.write(str(number).encode())  # each its own content
    laps = [time.perf_counter()]
    drawn = search.draw(99, past); laps.append(time.perf_counter())
    outs = {"models/candidates/lightgbm": store(scratch / "out", here.cache)}
    outs["metrics/train/lightgbm.json"] = kept_in_git(Path("metrics/train/lightgbm.json"))
    laps.append(time.perf_counter())
    journal.append(ENDED, number, at=0.0, outs={k: asdict(v) for k, v in outs.items()})
    laps.append(time.perf_counter())
    values = {f"train.lightgbm.{k}": v for k, v in search.values(drawn).items()}
    here.write(f"bench-{number}", "bench", values, outs, int(time.time())); laps.append(time.perf_counter())
    for name, start, end in zip(times, laps, laps[1:]):
        times[name].append(1000 * (end - start))
json.dump({name: median(values) for name, values in times.items()}, sys.stdout)
"""


def spent() -> float:
    """Processor seconds of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(command: list[str], folder: Path, timeout: float | None = None) -> tuple[float, str]:
    """Seconds of wall time, and what the command wrote."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start, done.stdout


def cloned(folder: Path) -> Path:
    """A clone with this checkout's data and models."""
    timed(["git", "clone", "-q", str(ROOT), str(folder)], ROOT)
    cache = timed(["dvc", "cache", "dir"], ROOT)[1].strip()
    shutil.copytree(cache, folder / ".dvc/cache", dirs_exist_ok=True)
    timed(["dvc", "checkout", "-q"], folder)
    document = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    document["sweep"]["method"] = "random"  # no pruning: the same work on both sides
    (folder / "params.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    timed(["dvc", "repro", "-q"], folder)
    timed(
        ["git", "-c", "user.name=bench", "-c", "user.email=b@example.invalid", "commit", "-qam", "bench"],
        folder,
    )
    return folder


def side_by_side(folder: Path, trials: int, rounds: int, cores: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of sweep and bare loop in each round; their metrics must agree."""
    laps: dict[str, list[tuple[float, float]]] = {"sweep": [], "bare": []}
    edges = [trials * step // rounds for step in range(rounds + 1)]
    for turn, (first, last) in enumerate(pairwise(edges)):
        sides = [
            ("sweep", [*SWEEP, "--trials", str(last), "--minutes", "600"]),
            ("bare", [sys.executable, "-c", BARE, str(first), str(last), str(cores)]),
        ]
        for side, command in sides if turn % 2 == 0 else sides[::-1]:
            before = spent()
            lap, output = timed(command, folder)
            laps[side].append((lap, spent() - before))
            said = f"{lap:.1f} s, processor {laps[side][-1][1]:.1f} s"
            print(f"round {turn + 1}: {last - first} trials, {side} {said}", flush=True)
            if side == "bare":
                values = json.loads(output)
        table = (folder / "plots/sweep/trials.csv").read_text(encoding="utf-8").splitlines()
        column = table[0].split(",").index("roc_auc")
        swept = [float(line.split(",")[column]) for line in table[1 + first : 1 + last]]
        worst = max(abs(one - other) for one, other in zip(swept, values, strict=True))
        if worst > 1e-6:
            sys.exit(f"the two sides disagree by {worst}: not the same trials")
    return laps


def with_dvc(folder: Path, count: int, cores: int) -> dict[str, float]:
    """Seconds of a trial by `dvc exp run` and by its queue, and of the stage's command alone."""
    target, rounds = "train@lightgbm", iter(range(1, 1000))
    cmd = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"][target]["cmd"]
    change = ["-S", "train.lightgbm.rounds={}"]

    def command(*more: str) -> list[str]:
        return ["dvc", "exp", "run", *more, change[0], change[1].format(next(rounds)), target]

    elsewhere = cmd.replace("--out models", "--out scratch").replace("--metrics metrics", "--metrics scratch")
    params = folder / "params.yaml"
    document = yaml.safe_load(params.read_text(encoding="utf-8"))
    document["train"]["lightgbm"]["rounds"] = 1  # as few as the trials below have
    params.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    alone = [timed(["bash", "-c", elsewhere], folder)[0] for _ in range(count)]
    timed(["git", "checkout", "-q", "params.yaml"], folder)
    result = {"the stage's command alone": median(alone)}
    result["dvc exp run"] = median(timed(command(), folder)[0] for _ in range(count))
    timed(["git", "checkout", "-q", "."], folder)
    queueing = [timed(command("--queue"), folder)[0] for _ in range(count)]
    result["dvc exp run --queue (queueing only)"] = median(queueing)
    try:
        lap = timed(["dvc", "exp", "run", "--run-all", "-j", str(cores)], folder, timeout=60.0 * count)[0]
        result[f"dvc exp run --run-all -j {cores}"] = lap / count
    except subprocess.TimeoutExpired:
        print("dvc exp run --run-all hung and was given up")
    return result


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--trials", type=int, default=100)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--dvc", type=int, default=3, help="trials by dvc exp run and by its queue; 0: none")
    given = options.parse_args()
    cores = len(os.sched_getaffinity(0))
    commit = timed(["git", "describe", "--always", "--dirty"], ROOT)[1].strip()
    os.environ |= {"DVC_NO_ANALYTICS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    os.environ["PYTHONPATH"] = os.pathsep.join(["src", *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as temporary:
        folder = cloned(Path(temporary, "clone"))
        laps = side_by_side(folder, given.trials, given.rounds, cores)
        parts = json.loads(timed([sys.executable, "-c", PARTS], folder)[1])
        shown, listing = timed(["dvc", "exp", "show", "--json"], folder)
        lines = []
        for at, kind in enumerate(("wall", "processor")):
            whole, bare = (sum(lap[at] for lap in laps[side]) for side in ("sweep", "bare"))
            lines += [
                (f"sweep, {kind} time", f"{whole:.1f} s"),
                (f"bare Optuna loop, {kind} time", f"{bare:.1f} s"),
            ]
            lines += [(f"ratio of {kind} times", f"{whole / bare:.3f}")]
        lines += [(f"bookkeeping of a trial: {name}", f"{ms:.1f} ms") for name, ms in parts.items()]
        lines += [("bookkeeping of a trial: sum", f"{sum(parts.values()):.1f} ms")]
        lines += [(f"first dvc exp show of {len(json.loads(listing)[1]['experiments'])}", f"{shown:.1f} s")]
        if given.dvc:
            lines += [(name, f"{s:.2f} s a trial") for name, s in with_dvc(folder, given.dvc, cores).items()]
    print(
        f"\n{given.trials} LightGBM trials, {cores} cores, load {os.getloadavg()[0]:.1f}, commit {commit}\n"
    )
    print("\n".join(f"{name:<55}{value:>18}" for name, value in lines))


if __name__ == "__main__":
    main()
