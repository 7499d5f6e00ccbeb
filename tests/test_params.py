"""`params.yaml` is parsed once, strictly, and every refusal names key, value and rule."""

from __future__ import annotations

import copy
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml

from fullcycle import check, params
from fullcycle.errors import Refusal

REAL = Path(__file__).parents[1] / "params.yaml"
REMOVED = object()


@pytest.fixture(scope="module")
def document():
    """The real file as plain dicts."""
    return yaml.safe_load(REAL.read_text(encoding="utf-8"))


@pytest.fixture
def changed(document, tmp_path):
    """Write the real parameters with one key changed, added or removed."""

    def write(key: str, value: Any) -> Path:
        content = copy.deepcopy(document)
        *parents, last = key.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return write


def _refusal(path, read=params.load):
    with pytest.raises(Refusal) as refused:
        read(path=path)
    return str(refused.value)


def test_the_real_file_keeps_its_rules():
    """The parameters in the repository are valid, and durations and days arrive as such."""
    loaded = params.load(REAL)
    assert loaded.problem.horizon == timedelta(hours=2)
    assert loaded.split.starts["train"] == date(2013, 1, 1)
    assert {candidate.kind for candidate in loaded.train.values()} == {"baseline", "logistic", "lightgbm"}


UNKNOWN = ["surprise", "problem.surprise", "problem.costs.surprise", "ingest.sources.flights.surprise",
           "validate.surprise", "split.surprise", "train.logistic.surprise", "train.lightgbm.surprise",
           "select.surprise", "evaluate.surprise", "stress.surprise",
           "gate.criteria.ranks_flights.surprise"]  # fmt: skip


@pytest.mark.parametrize("key", UNKNOWN)
def test_an_unknown_key_is_refused_at_any_depth(changed, key):
    """A key that no rule knows stops the run, under the path that it has in the file."""
    message = _refusal(changed(key, 7))
    assert re.search(rf"^  {re.escape(key)}: unknown key \(value 7\)", message, re.MULTILINE), message


@pytest.mark.parametrize(
    "key",
    ["problem", "problem.horizon", "problem.costs.missed", "ingest.until", "split.starts", "split.group",
     "problem.task", "train.lightgbm.seed", "select.refit", "gate.enforce",
     "gate.criteria.ranks_flights.why"],
)  # fmt: skip
def test_a_missing_key_is_refused(changed, key):
    """Nothing has a silent default."""
    assert f"  {key}: this key is missing" in _refusal(changed(key, REMOVED))


BAD = [
    # strict types: nothing is converted
    ("split.seed", "1", "'1'", "valid integer"),
    ("split.seed", True, "True", "valid integer"),
    ("split.seed", 1.0, "1.0", "valid integer"),
    ("problem.costs.missed", "3", "'3'", "valid number"),
    ("gate.enforce", 1, "1", "valid boolean"),
    ("gate.enforce", "yes", "'yes'", "valid boolean"),
    ("problem.table", 5, "5", "valid string"),
    ("problem.slices", "carrier", "'carrier'", "valid list"),
    # a number that YAML takes for text
    ("train.lightgbm.learning_rate", "1e-3", "'1e-3'", "write a point, as in 1.0e-3"),
    # ranges
    ("problem.costs.missed", 0.0, "0.0", "greater than 0"),
    ("validate.max_quarantined", 1.5, "1.5", "less than or equal to 1"),
    ("split.seed", -1, "-1", "greater than or equal to 0"),
    ("split.seed", 2**31, str(2**31), f"less than {2**31}"),
    ("train.lightgbm.learning_rate", 0.0, "0.0", "greater than 0"),
    ("train.lightgbm.num_leaves", 1, "1", "greater than or equal to 2"),
    ("train.lightgbm.row_share", 1.01, "1.01", "less than or equal to 1"),
    ("train.logistic.knots", 51, "51", "less than or equal to 50"),
    ("train.logistic.c", -1.0, "-1.0", "greater than 0"),
    ("select.tie", -0.1, "-0.1", "greater than or equal to 0"),
    ("evaluate.resamples", 49, "49", "greater than or equal to 50"),
    ("evaluate.confidence", 1.0, "1.0", "less than 1"),
    ("evaluate.confidence", 0.5, "0.5", "greater than 0.5"),
    # not a number, infinite
    ("select.tie", float("nan"), "nan", "finite number"),
    ("gate.criteria.ranks_flights.min", float("inf"), "inf", "finite number"),
    # choices and patterns
    ("select.metric", "auc", "'auc'", "'roc_auc'"),
    ("split.method", "times", "'times'", "'time', 'group', 'stratified' or 'random'"),
    ("problem.task", "ranking", "'ranking'", "'binary', 'multiclass', 'regression' or 'clustering'"),
    ("problem.module", "../etc", "'../etc'", "match pattern"),
    ("ingest.sources.flights.url", "http://x/y.csv", "'http://x/y.csv'", "match pattern"),
    ("ingest.sources.flights.sha256", "ABC", "'ABC'", "match pattern"),
    ("gate.criteria.ranks_flights.metric", "live.roc_auc", "'live.roc_auc'", "match pattern"),
    ("gate.criteria.ranks_flights.otherwise", "accept", "'accept'", "'reject' or 'undecided'"),
    ("stress.alpha", 0.5, "0.5", "less than 0.5"),
    ("gate.milliseconds", 0.0, "0.0", "greater than 0"),
    # durations and days
    ("problem.horizon", "2 hours", "'2 hours'", "90min, 2h or 28d"),
    ("problem.horizon", 7200, "7200", "90min, 2h or 28d"),
    ("problem.horizon", "-2h", "'-2h'", "90min, 2h or 28d"),
    ("problem.horizon", "99999999999999d", "'99999999999999d'", "shorter than"),
    ("problem.horizon", "36500d", "'36500d'", "shorter than 36,500 days"),
    ("problem.horizon", "876000h", "'876000h'", "shorter than 36,500 days"),
    ("ingest.until", date(2014, 1, 2), "datetime.date(2014, 1, 2)", "a day is quoted text"),
    ("ingest.until", "2014-02-30", "'2014-02-30'", "day"),
    ("split.starts.test", "2013/09/01", "'2013/09/01'", "a day is quoted text"),
    ("split.starts.tests", "2013-09-01", "'tests'", "'test'"),
]


def test_clusterings_in_different_spaces_are_refused(changed):
    """A silhouette is measured where a candidate's preprocessing puts the rows: two spaces, two scales."""
    kmeans = {"kind": "kmeans", "clusters": 2, "seed": 1}
    other = {"kind": "mixture", "clusters": 2, "seed": 1, "prepare": {"numbers": {"scale": "none"}}}
    path = changed("train", {"baseline": {"kind": "baseline"}, "near": kmeans, "far": other})
    text = path.read_text(encoding="utf-8").replace("task: binary", "task: clustering")
    path.write_text(text, encoding="utf-8")
    assert "train.near, train.far: prepare differs" in _refusal(path)


NAMED = ["ingest.sources", "train", "stress.sources", "stress.damages", "gate.criteria"]


@pytest.mark.parametrize("name", ["a.b", "a/b", "../a", "a b", "a@b", "", "-a", "\u00fc"])
@pytest.mark.parametrize("section", NAMED)
def test_a_name_that_is_no_part_of_a_stage_a_path_or_a_key_is_refused(changed, document, section, name):
    """Names become stages, files and dotted keys: a dot, a slash, a space would be read as something else."""
    content = document
    for part in section.split("."):
        content = content[part]
    value = next(iter(content.values()))
    message = _refusal(changed(section, content | {name: value}))
    assert f"{section}.{name} = {name!r}: a name is made of letters" in message, message


@pytest.mark.parametrize(("key", "value", "shown", "rule"), BAD, ids=[f"{k}={v!r}" for k, v, *_ in BAD])
def test_a_bad_value_is_refused_with_key_value_and_rule(changed, key, value, shown, rule):
    """A wrong type, range, choice or form stops the run; nothing is converted silently."""
    line = next(line for line in _refusal(changed(key, value)).splitlines() if line.startswith(f"  {key}"))
    assert line.startswith(f"  {key} = {shown}: ")
    assert rule in line


def test_a_candidate_of_unknown_kind_is_refused(changed):
    """The kinds that there are stand in the refusal."""
    assert "'baseline', 'last_value', 'logistic'" in _refusal(changed("train.logistic.kind", "tree"))


CONTRADICTIONS = [
    ("split.starts", {"train": "2013-01-01", "validation": "2013-07-01", "test": "2013-06-01",
                      "live": "2013-11-01", "end": "2014-01-02"}, "begins after the one before"),
    ("split.starts", {"train": "2013-01-01", "end": "2014-01-02"}, "needs the keys train, validation"),
    ("split.shares", {"train": 0.6, "validation": 0.15, "test": 0.15, "live": 0.2}, "add up to 1.1"),
    ("split.shares", {"train": 1.0}, "shares needs the keys train, validation, test, live"),
    ("split.group", "carrier", "method group needs a column"),
    ("split.method", "group", "method group needs a column"),
    ("stress.damages.no_weather", {"kind": "gone", "source": "sea"}, "source = 'sea' is none of sources"),
    ("gate.criteria.ranks_flights.max", 0.9, "either min or max"),
    ("gate.criteria.ranks_flights", {"metric": "test.f1", "why": "no bound at all"}, "either min or max"),
    ("ingest.until", "2014-01-01", "split.starts.end (2014-01-02) lies after ingest.until (2014-01-01)"),
    ("train.baseline", REMOVED, "train needs a candidate of kind baseline"),
    ("problem.time", "late", "four columns"),
    ("problem.table", "trains", "problem.table = 'trains' is none of ingest.sources"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "rule"), CONTRADICTIONS, ids=[rule for *_, rule in CONTRADICTIONS])
def test_settings_that_contradict_each_other_are_refused(changed, key, value, rule):
    """Values that are fine alone but not together stop the run before its first stage."""
    assert rule in _refusal(changed(key, value))


def test_until_binds_only_a_split_by_time(changed):
    """A random split has no last day, so nothing lies after what is fetched."""
    path = changed("ingest.until", "2013-02-01")
    path.write_text(path.read_text(encoding="utf-8").replace("method: time", "method: random"), "utf-8")
    assert params.load(path).split.method == "random"


TEXTS = [
    ("a: 1\na: 2\n", "line 2: key 'a' is given twice"),
    ("a:\n  b: 1\n  c: 2\n  b: 3\n", "line 4: key 'b' is given twice"),
    ("a: [1, 2\n", "is not YAML"),
    ("a: 1\n---\nb: 2\n", "is not YAML"),
    ("a: !!python/object/apply:os.getcwd []\n", "is not YAML"),
    ("a: \x07\n", "is not YAML"),
    ("", "the whole file = None"),
    ("- 1\n", "the whole file = [1]"),
]


@pytest.mark.parametrize(("text", "rule"), TEXTS, ids=[rule for _, rule in TEXTS])
def test_a_file_that_is_no_plain_yaml_mapping_is_refused(tmp_path, text, rule):
    """Duplicate keys, broken syntax, objects and control characters end in words, not in a traceback."""
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    assert rule in _refusal(path)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    """Latin-1 is not guessed."""
    path = tmp_path / "params.yaml"
    path.write_bytes("why: früh\n".encode("latin-1"))
    assert "is not UTF-8 text" in _refusal(path)


def test_a_missing_file_is_refused(tmp_path):
    """The refusal says where to stand."""
    assert "run from the repository's root" in _refusal(tmp_path / "params.yaml")


def test_at_most_eight_broken_rules_are_listed(changed):
    """One screen is enough; the others are counted."""
    message = _refusal(changed("evaluate", {f"x{number}": 1 for number in range(9)}))
    assert "breaks 15 rule(s)" in message
    assert message.endswith("and 7 more")


KEYS = ["problem", "problem.horizon", "problem.costs", "problem.slices", "ingest.until",
        "ingest.sources.flights", "split", "split.group", "validate.max_quarantined", "train.logistic",
        "train.lightgbm", "select", "evaluate.bins", "stress", "gate",
        "gate.criteria.ranks_flights"]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_read_needs_no_more_of_the_file_than_its_key(document, tmp_path, key):
    """A stage runs with a file cut down to the keys that it declares (law 3)."""
    path, content = tmp_path / "params.yaml", document
    for part in key.split("."):
        content = content[part]
    for part in reversed(key.split(".")):
        content = {part: content}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    whole = params.load(REAL)
    for part in key.split("."):
        whole = (
            whole[part]
            if isinstance(whole, dict)
            else getattr(whole, {"validate": "validation"}.get(part, part))
        )
    assert params.read(key, path) == whole


READS = [
    ("problem.horizons", "'horizons' is not one of module, statement"),
    ("surprise", "'surprise' is not one of problem, ingest, validate"),
    ("train.forest", "train.forest is missing"),
    ("ingest.sources.trains", "ingest.sources.trains is missing"),
]


@pytest.mark.parametrize(("key", "rule"), READS)
def test_read_refuses_a_key_that_is_not_there(key, rule):
    """A misspelt key says which keys there are, a missing entry that it is missing."""
    with pytest.raises(Refusal, match=re.escape(rule)):
        params.read(key, REAL)


@pytest.mark.parametrize(
    ("key", "value", "read", "line"),
    [("train.logistic.c", -1.0, "train.logistic", "  train.logistic.c = -1.0: "),
     ("train.lightgbm.rounds", 0, "train.lightgbm", "  train.lightgbm.rounds = 0: "),
     ("problem.horizon", "2", "problem.horizon", "  problem.horizon = '2': "),
     ("split.seed", "x", "split", "  split.seed = 'x': ")],
)  # fmt: skip
def test_read_checks_what_it_reads(changed, key, value, read, line):
    """A bad value is refused under its full path, read alone as in the whole file."""
    path = changed(key, value)
    with pytest.raises(Refusal) as refused:
        params.read(read, path)
    assert line in str(refused.value)


def test_read_does_not_look_at_other_keys(changed):
    """A mistake elsewhere is the check stage's business."""
    assert params.read("select", changed("evaluate.bins", "many")).metric == "roc_auc"


def test_parameters_are_frozen():
    """Nobody changes a setting after it was checked."""
    settings = params.read("select", REAL)
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.tie = 0.5


DURATIONS = [
    ("90min", timedelta(minutes=90)),
    ("2h", timedelta(hours=2)),
    ("28d", timedelta(days=28)),
    ("28 d", timedelta(days=28)),
    ("36499d", timedelta(days=36_499)),
]


@pytest.mark.parametrize(("text", "duration"), DURATIONS)
def test_a_duration_is_a_number_and_its_unit(changed, text, duration):
    """Minutes, hours and days."""
    assert params.read("problem.horizon", changed("problem.horizon", text)) == duration


def test_a_whole_number_may_stand_for_a_float(changed):
    """`missed: 3` means 3.0: YAML writers leave the point out, and nothing is lost."""
    assert params.read("problem.costs", changed("problem.costs.missed", 3)).missed == 3.0


# One comment stands above several keys of a kind; the others have their own.
TOGETHER = {
    "problem.time": "problem.id",
    "problem.label": "problem.id",
    "train.lightgbm.feature_share": "train.lightgbm.row_share",
}
# Entries whose keys a comment above their mapping explains.
EXPLAINED_ABOVE = re.compile(
    r"(ingest\.sources|sweep\.space|split\.starts|split\.shares|stress\.(sources|damages)|gate\.criteria)\..+"
    r"|train\.\w+(\.kind)?"
)


def _keys_and_whether_commented():
    stack: list[tuple[int, str]] = []
    above = ""
    for line in REAL.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"( *)(\w+):", line):
            indent = len(found[1])
            stack = [*(entry for entry in stack if entry[0] < indent), (indent, found[2])]
            yield ".".join(name for _, name in stack), above.lstrip().startswith("#")
        above = line


def test_every_parameter_has_a_comment_above_it():
    """`params.yaml` is the manual: a key without a comment of its own is one of a named few."""
    commented = dict(_keys_and_whether_commented())
    assert len(commented) > 100
    alone = {
        key for key, has in commented.items()
        if not has and "." in key and key not in TOGETHER and not EXPLAINED_ABOVE.fullmatch(key)
    }  # fmt: skip
    assert not alone
    assert all(commented[first] for first in TOGETHER.values())
    assert all(
        commented[key]
        for key in (
            "ingest.sources",
            "split.starts",
            "split.shares",
            "stress.sources",
            "stress.damages",
            "gate.criteria",
            "train",
        )
    )


def test_the_sections_stand_in_the_order_of_the_life_cycle(document):
    """The file's order is the order of the types, which is that of the pipeline."""
    assert list(document) == [field.alias or name for name, field in params.Params.model_fields.items()]


def test_the_check_stage_writes_the_same_words_for_other_parameters(changed, tmp_path, monkeypatch):
    """Its output never changes, so that stages waiting for it do not rerun; a mistake leaves none."""
    monkeypatch.chdir(tmp_path)
    changed("select.tie", 0.5)
    check.main(out=Path("data/params.ok"))
    first = Path("data/params.ok").read_bytes()
    changed("select.tie", 0.25)
    check.main(out=Path("data/params.ok"))
    assert Path("data/params.ok").read_bytes() == first
    changed("select.tie", -1.0)
    with pytest.raises(Refusal, match=r"select\.tie = -1\.0"):
        check.main(out=Path("other/params.ok"))
    assert not Path("other").exists()
