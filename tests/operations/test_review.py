"""``fullcycle review``, on this repository's own results: a fresh clone with a branch that changes them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from fullcycle.cli import app
from fullcycle.errors import Refusal
from fullcycle.operations.review import opening, plots, review, write
from fullcycle.operations.snapshot import History
from fullcycle.page import Fold, markdown

BRANCH = "a`b|<img/src=x>&@octocat"
STATEMENT = "<script>alert(1)</script> | `@octocat` #1 [x](javascript:1) will it be late in the end?"


class Cells(HTMLParser):
    """The tables of a page as rows of texts, by the heading or summary before each; and all tags."""

    def __init__(self, page):
        """Read a page."""
        super().__init__()
        self.rows, self.tags, self.text, self._under, self._in = [], [], "", "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Open what holds text."""
        self.tags.append((tag, dict(attrs)))
        if tag in {"h2", "h3", "summary"}:
            self._under, self._in = "", "head"
        elif tag == "tr":
            self.rows.append((self._under, []))
        elif tag in {"td", "th"}:
            self.rows[-1][1].append("")
            self._in = "cell"

    def handle_endtag(self, tag):
        """Close it."""
        if tag in {"h2", "h3", "summary", "td", "th"}:
            self._in = None

    def handle_data(self, data):
        """Take the text."""
        self.text += data
        if self._in == "head":
            self._under += data
        elif self._in == "cell":
            self.rows[-1][1][-1] += data

    def under(self, head):
        """The rows of the tables below a heading."""
        return [cells for place, cells in self.rows if place == head]


def edit(path, change):
    """Change a JSON file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def shift(interval, by):
    """Move a number with its interval."""
    for end in interval:
        interval[end] = round(interval[end] + by, 6)


@pytest.fixture(scope="module")
def changed(cloned, tmp_path_factory):
    """A clone with an awkwardly named branch: parameters, data, metrics, slices and a plot differ."""
    clone = cloned(tmp_path_factory.mktemp("review") / "clone")
    clone.git("checkout", "-q", "-B", "main")  # whatever branch this checkout is on
    clone.git("checkout", "-q", "-B", BRANCH)
    path = clone.path

    def worse(test):
        shift(test["roc_auc"], -0.05)
        shift(test["log_loss"], 0.000001)
        shift(test["brier"], -0.01)

    def slower(details):
        name = next(iter(details["test"]["slices"]))
        value = next(iter(details["test"]["slices"][name]))
        shift(details["test"]["slices"][name][value]["roc_auc"], -0.3)

    def dirtier(quality):
        quality["rows"]["validate"]["weather"]["quarantined"] += 7
        quality["missing_share"]["new_column"] = 0.25
        quality["rules"]["weather"]["a rule | with `marks`"] = 7

    def refused(gate):
        gate["verdict"] = "reject"
        gate["criteria"]["ranks_flights"]["verdict"] = "reject"
        gate["criteria"].pop("is_calibrated")

    edit(path / "metrics/test.json", worse)
    edit(path / "metrics/details.json", slower)
    edit(path / "metrics/quality.json", dirtier)
    edit(path / "metrics/gate.json", refused)
    text = (path / "params.yaml").read_text(encoding="utf-8")
    statement = yaml.safe_load(text)["problem"]["statement"]
    text = text.replace(statement, json.dumps(STATEMENT)).replace("num_leaves: 31", "num_leaves: 15")
    (path / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copyfile(path / "plots/split.png", path / "plots/test/roc.png")
    clone.git("commit", "-qam", "Worse")
    return clone


@pytest.fixture
def inside(changed, monkeypatch):
    """The clone, as the current folder."""
    monkeypatch.chdir(changed.path)
    return changed


@pytest.fixture(scope="module")
def page(changed):
    """The HTML page of the branch against main, read again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(changed.path)
        ended = CliRunner().invoke(
            app, ["review", "--base", "main", "--head", BRANCH], catch_exceptions=False
        )
    assert ended.exit_code == 0
    return Cells((changed.path / "review/review.html").read_text(encoding="utf-8"))


def written(value):
    """A value as the page writes it."""
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)


def test_a_fresh_clone_needs_no_data(changed, page):
    """The clone's cache is empty, and nothing was pulled."""
    assert page.rows
    assert not (changed.path / ".dvc/cache").exists()
    assert changed.git("status", "--short") == ""


def test_its_numbers_are_those_of_dvc_metrics_diff(changed, page):
    """Every number that `dvc metrics diff --json` lists stands on the page, and no other."""
    said = json.loads(changed.dvc("metrics", "diff", "--json", "main", BRANCH))
    assert sum(map(len, said.values())) > 10
    for file, keys in said.items():
        rows = page.under(f"All {len(keys)} numbers that changed in {file}")
        assert [row[:3] for row in rows[1:]] == [
            [key, written(change.get("old")), written(change.get("new"))]
            for key, change in sorted(keys.items())
        ]
        for row in rows[1:]:
            by = keys[row[0]].get("diff")
            assert float(row[3] or 0) == pytest.approx(by or 0)
    assert sum(cells == ["number", "before", "after", "change"] for _, cells in page.rows) == len(said)


def test_its_parameters_are_those_of_dvc_params_diff(changed, page):
    """The parameters that `dvc params diff --json` lists, with their values."""
    said = json.loads(changed.dvc("params", "diff", "--json", "main", BRANCH))["params.yaml"]
    rows = page.under("Parameters")[1:]
    assert [row[:3] for row in rows] == [
        [key, written(change["old"]), written(change["new"])] for key, change in sorted(said.items())
    ]
    assert ["train.lightgbm.num_leaves", "31", "15", "-16"] in rows
    assert STATEMENT in [row[2] for row in rows]


def test_metrics_are_judged_by_the_noise(page):
    """A loss of 0.05 ROC AUC is worse, 0.01 of the Brier score better, a millionth of a log loss noise."""
    verdicts = {row[0]: row[-1] for row in page.under("metrics/test.json")[1:]}
    assert verdicts["roc_auc"] == "worse"
    assert verdicts["brier"] == "better"
    assert verdicts["log_loss"] == "noise"
    assert verdicts["recall"] == "same"
    assert "1 better, 1 worse, 1 within noise" in page.text
    assert "A change within ± noise is called noise" in page.text


def test_slices_that_got_worse_are_named(page):
    """The one slice that lost 0.3 stands alone in the table, all others in the fold."""
    worse = page.under("Slices")[1:]
    assert [row[-1] for row in worse] == ["worse"]
    assert worse[0][4] == "-0.3"
    assert len(page.under("All slices")) > 10
    assert "1 got worse" in page.text


def test_data_and_gate_are_told(page):
    """Rows, columns and rules of quarantine; the verdict, what changed in it, and a criterion taken away."""
    assert ["validate.weather.quarantined", "1", "8", "+7"] in page.under("Rows")
    columns = page.under("Columns and their share of missing values (-: there is no such column)")
    assert ["new_column", "-", "0.25", ""] in columns
    rules = page.under("Rules that put rows into quarantine, with the number of rows")
    assert ["weather.a rule | with `marks`", "-", "7", ""] in rules
    first = page.under("Gate: reject")[1]
    assert (first[0], first[3], first[4]) == ("ranks_flights", "reject", "accept")
    assert "Criteria that were taken away: is_calibrated" in page.text
    assert "Gate: reject (before: accept)" in page.text


def test_a_record_that_does_not_fit_is_said_first(page):
    """Metrics edited by hand and parameters that no run has seen: dvc.lock betrays both."""
    assert "The numbers below are not proven." in page.text
    assert "metrics/test.json is not as recorded for evaluate" in page.text
    assert "train.lightgbm has another value than that recorded for train@lightgbm" in page.text


def test_plots_stand_side_by_side(changed, page):
    """Only the plot that changed, as data on both sides."""
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["plots/test/roc.png"] * 2
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    assert images[0]["src"] != images[1]["src"]
    text = (changed.path / "review/review.md").read_text(encoding="utf-8")
    assert "![plots/test/roc.png](images/1-before.png) | ![plots/test/roc.png](images/1-after.png)" in text
    after = (changed.path / "review/images/1-after.png").read_bytes()
    assert after == (changed.path / "plots/test/roc.png").read_bytes()


def test_nothing_on_the_page_is_markup_of_the_branch(changed, page):
    """Neither the branch's name nor a parameter's value becomes a tag, in HTML or Markdown."""
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "a", "iframe", "link"})
    assert BRANCH in page.text
    text = (changed.path / "review/review.md").read_text(encoding="utf-8")
    assert text.startswith("<!-- fullcycle review -->\n# Review\n")
    assert "<script" not in text
    assert "<img" not in text
    assert len(text) <= 65_000


def test_the_cards_are_in_it(changed, page):
    """Both cards as they stand in the reviewed commit, and whether they changed."""
    assert "Model card (models/card.md, unchanged)" in page.text
    assert (changed.path / "data/card.md").read_text(encoding="utf-8").strip() in page.text


def test_the_same_commit_has_no_differences(inside):
    """A clean work tree against its own commit: nothing changed, nothing judged."""
    history = History(inside.path)
    blocks, summary = review(history, history.at("HEAD"), history.workspace())
    assert "0 parameters changed. Metrics: 0 better, 0 worse, 0 within noise." in summary
    text = markdown(blocks)
    assert "No number in any metrics file changed." in text
    assert "None changed." in text
    assert "Every output has the same hash" in text


def test_the_work_tree_counts_as_it_is(inside):
    """Without --head, what is not committed is reviewed too."""
    file = inside.path / "metrics/test.json"
    was = file.read_text(encoding="utf-8")
    try:
        edit(file, lambda test: test.update(rows=1))
        history = History(inside.path)
        blocks, _ = review(history, history.at("HEAD"), history.workspace())
    finally:
        file.write_text(was, encoding="utf-8")
    folds = [block for block in blocks if isinstance(block, Fold)]
    assert "All 1 numbers that changed in metrics/test.json" in [fold.summary for fold in folds]


@pytest.mark.parametrize("word", [["accept"], 1, None, "accept @octocat", "none"])
def test_a_verdict_is_one_of_the_gates_words(inside, word):
    """Whatever else stands in the branch's file is unknown, in the sentence and in the table."""

    def spoil(gate):
        gate["verdict"] = gate["criteria"]["ranks_flights"]["verdict"] = word

    file = inside.path / "metrics/gate.json"
    was = file.read_text(encoding="utf-8")
    try:
        edit(file, spoil)
        history = History(inside.path)
        blocks, summary = review(history, history.at("main"), history.workspace())
    finally:
        file.write_text(was, encoding="utf-8")
    assert summary.startswith("Gate: unknown (before: accept).")
    text = markdown(blocks)
    assert "## Gate: `unknown`" in text
    assert re.search(r"\| `ranks_flights` .*\*\*unknown\*\*", text)


def test_a_base_that_has_moved_on_is_said(inside):
    """Commits of the base that the branch lacks could be taken for the branch's own changes, undone."""
    history = History(inside.path)
    tree, parent = history.git.head.peel().tree.id, history.at("main").commit.id
    who = history.git.default_signature
    ahead = history.git.create_commit(None, who, who, "More", tree, [parent])
    blocks = opening(history, history.at(str(ahead)), history.at(BRANCH), "")
    assert "The base has 1 commits that this side lacks" in markdown(blocks)
    assert "lacks" not in markdown(opening(history, history.at("main"), history.at(BRANCH), ""))


def test_markdown_can_name_images_by_commit(inside, tmp_path):
    """With --raw the page needs no folder beside it: a host shows the images of each commit."""
    history = History(inside.path)
    blocks = plots(history.at("main"), history.at(BRANCH), "https://host/o/r/raw/")
    write(blocks, tmp_path / "out")
    text = (tmp_path / "out/review.md").read_text(encoding="utf-8")
    for revision in ("main", BRANCH):
        commit = inside.git("rev-parse", revision).strip()
        assert f"](https://host/o/r/raw/{commit}/plots/test/roc.png)" in text
    assert not (tmp_path / "out/images").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base", "no-such"], "'no-such' is no commit here"),
        (["--base", "--all"], "'--all' is no commit here"),
        (["--base", "main", "--head", "HEAD~99999"], "'HEAD~99999' is no commit here"),
        (["--base", "main", "--raw", "https://x"], "so it needs --head"),
        (["--base", "main", "--out", "src"], "--out src holds something else than a review"),
    ],
)
def test_a_mistake_is_refused(inside, arguments, said):
    """An unknown revision and the like end in one sentence."""
    ended = CliRunner().invoke(app, ["review", *arguments])
    assert isinstance(ended.exception, Refusal)
    assert said in str(ended.exception)
    assert (inside.path / "src").is_dir()


def test_a_base_without_metrics_is_refused(inside):
    """There is nothing to compare with before the first run was committed."""
    root = inside.git("commit-tree", "-m", "Empty", "4b825dc642cb6eb9a060e54bf8d69288fbee4904").strip()
    with pytest.raises(Refusal, match="has no metrics that Git holds"):
        CliRunner().invoke(app, ["review", "--base", root], catch_exceptions=False)


@pytest.mark.parametrize("kind", ["nothing", "git", "empty", "dvc"])
def test_a_folder_that_is_no_repository_is_refused(tmp_path, monkeypatch, kind):
    """Without Git, without DVC, without a commit, without a main branch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    said = {"nothing": "is in no Git repository", "git": "is in no DVC repository",
            "empty": "has no commit yet", "dvc": "neither a branch main nor origin/main"}  # fmt: skip
    if kind != "nothing":
        subprocess.run(["git", "init", "-q", "-b", "trunk"], check=True)
    if kind in {"empty", "dvc"}:
        Path(".dvc").mkdir()
    if kind == "dvc":
        commit = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-q"]
        subprocess.run([*commit, "--allow-empty", "-m", "x"], check=True, env=environment)
    with pytest.raises(Refusal, match=said[kind]):
        CliRunner().invoke(app, ["review"], catch_exceptions=False)


def test_a_broken_metrics_file_is_refused(inside):
    """What DVC cannot read is no silent gap on the page."""
    file = inside.path / "metrics/live.json"
    was = file.read_text(encoding="utf-8")
    try:
        file.write_text(was[:50], encoding="utf-8")
        with pytest.raises(Refusal, match="cannot compare"):
            CliRunner().invoke(app, ["review", "--base", "main"], catch_exceptions=False)
    finally:
        file.write_text(was, encoding="utf-8")
