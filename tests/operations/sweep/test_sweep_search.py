"""What a trial's values are, what a sweep may search, and which trials are hopeless."""

from __future__ import annotations

import pytest
import yaml

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.operations.sweep_search import LAG, Past, Search, hopeless
from fullcycle.params.sweep import Sweep

SPACE = {
    "rounds": {"low": 100, "high": 600, "int": True, "log": True},
    "learning_rate": {"low": 0.01, "high": 0.2, "log": True},
    "l2": {"choices": [0.0, 1.0, 10.0]},
}


def settings(**changes):
    """A section ``sweep``."""
    given = {
        "candidate": "lightgbm",
        "method": "tpe",
        "space": SPACE,
        "metric": "roc_auc",
        "budget": {"trials": 30, "minutes": 1.0},
        "seed": 1,
        "workers": 1,
    }
    return Sweep.model_validate(given | changes)


def searched(search, count, lag, order):
    """Draw and end so many trials, those that may run ended by `order` of their numbers; values by number."""
    drawn, ended = {}, {}
    while len(ended) < count:
        while len(drawn) < count and all(n in ended for n in range(len(drawn) - lag + 1)):
            number = len(drawn)
            past = [ended[n] if n <= number - lag else Past(drawn[n]) for n in range(number)]
            drawn[number] = search.draw(number, past)
        number = order(set(drawn) - set(ended))
        value = -abs(drawn[number]["learning_rate"] - 0.05)
        ended[number] = Past(drawn[number], "complete", value, {10: value})
    return [drawn[number] for number in range(count)]


def test_tpe_draws_the_same_whatever_order_trials_end_in():
    """Trials that run beside each other may end in any order: the values of all stay the same."""
    search = Search(settings())
    assert searched(search, 25, LAG, min) == searched(search, 25, LAG, max)


def test_tpe_learns():
    """After its random start it draws nearer to where the best were: the median distance shrinks."""
    drawn = searched(Search(settings()), 60, LAG, min)
    distance = [abs(one["learning_rate"] - 0.05) for one in drawn]
    assert sorted(distance[40:])[10] < sorted(distance[:20])[10] / 2


def test_another_seed_draws_other_values():
    """The seed decides what is drawn."""
    first, second = (Search(settings(seed=seed, method="random")).draw(0, []) for seed in (1, 2))
    assert first != second


def test_drawn_values_stay_in_their_range_and_type():
    """Numbers lie within their ends also after rounding, whole ones are whole, choices are among them."""
    search = Search(settings(method="random"))
    for number in range(200):
        values = search.values(search.draw(number, []))
        assert type(values["rounds"]) is int
        assert 100 <= values["rounds"] <= 600
        assert 0.01 <= values["learning_rate"] <= 0.2
        assert len(f"{values['learning_rate']:.10g}".lstrip("0.")) <= 6
        assert values["l2"] in {0.0, 1.0, 10.0}


def test_grid_has_each_combination_once():
    """A grid is all combinations, in order, and ends before a larger budget."""
    space = {"rounds": {"choices": [100, 200]}, "l2": {"choices": [0.0, 1.0, 2.0]}}
    search = Search(settings(method="grid", space=space))
    assert search.size == 6
    drawn = [search.draw(number, []) for number in range(6)]
    assert drawn[0] == {"rounds": 100, "l2": 0.0}
    assert len({tuple(one.values()) for one in drawn}) == 6
    assert Search(settings(method="grid", space=space, budget={"trials": 4, "minutes": 1.0})).size == 4


@pytest.mark.parametrize(("metric", "better", "worse"), [("roc_auc", 0.8, 0.6), ("log_loss", 0.6, 0.8)])
def test_only_a_trial_worse_than_half_of_the_others_is_hopeless(metric, better, worse):
    """The median rule respects the metric's direction, and waits for warm-up and enough trials."""
    curves = [{10: 0.7, 50: 0.7}] * 10
    assert hopeless(metric, curves, {50: worse})
    assert not hopeless(metric, curves, {50: better})
    assert not hopeless(metric, curves, {10: worse})
    assert not hopeless(metric, curves[1:], {50: worse})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"candidate": "forest"}, ["sweep.candidate = 'forest'", "baseline, logistic, lightgbm"]),
        ({"space": {"leafs": {"low": 1, "high": 2}}}, ["sweep.space.leafs", "num_leaves"]),
        ({"space": {"kind": {"choices": ["baseline"]}}}, ["sweep.space.kind", "no such key"]),
        (
            {"space": {"num_leaves": {"low": 1, "high": 9, "int": True}}},
            ["num_leaves: 1 breaks", "equal to 2"],
        ),
        ({"space": {"row_share": {"low": 0.5, "high": 1.5}}}, ["row_share: 1.5 breaks"]),
        ({"space": {"num_leaves": {"low": 3, "high": 9}}}, ["num_leaves: 3.0 breaks", "int: true"]),
        ({"space": {"num_leaves": {"choices": [3, "many"]}}}, ["'many' breaks"]),
        ({"space": {"l2": {"low": 2, "high": 1}}}, ["space.l2", "low (2) is below high (1)"]),
        ({"space": {"l2": {"low": 0, "high": 1, "log": True}}}, ["begins above 0"]),
        ({"space": {"num_leaves": {"low": 2.5, "high": 9, "int": True}}}, ["whole ends"]),
        ({"space": {"l2": {"low": 1, "hihg": 2}}}, ["hihg", "unknown key"]),
        ({"space": {"l2": {"choices": []}}}, ["choices"]),
        ({"space": {}}, ["sweep.space"]),
        (
            {"budget": {"trials": 0, "minutes": 1.0}},
            ["sweep.budget.trials = 0", "greater than or equal to 1"],
        ),
        ({"budget": {"trials": 1, "minutes": 0.0}}, ["sweep.budget.minutes = 0.0", "greater than 0"]),
        ({"metric": "cost"}, ["sweep.metric = 'cost'", "roc_auc"]),
        ({"method": "grid"}, ["grid needs choices"]),
        ({"workers": 0}, ["sweep.workers = 0"]),
        ({"patience": 3}, ["sweep.patience", "unknown key"]),
    ],
)
def test_a_mistake_in_the_section_is_refused(tmp_path, change, words):
    """The refusal names the key, the value and the rule."""
    document = yaml.safe_load(params.PARAMS.read_text(encoding="utf-8"))
    document["sweep"] |= change
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(Refusal) as refusal:
        params.load(path)
    for word in words:
        assert word in str(refusal.value)
