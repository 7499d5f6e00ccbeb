"""Definitions read like sentences, and bad ones are refused where they stand."""

import pytest

from fullcycle.errors import Refusal
from fullcycle.features.rolling import DefinitionError, Events, duration, feature_set, latest, rolling, since

TRIPS = Events(
    "trips",
    id="trip_id",
    keys=["zone", "taxi"],
    values={"fare": ("paid", "audited"), "tip": "paid", "shared": "started"},
    planned=["booked_for"],
)


def trips(value="fare", by="zone", window="1h", stat="mean", known_at="paid", **more):
    """A good definition, to be spoilt in one place."""
    return rolling(value, by, window, stat, known_at, table=TRIPS, **more)


REFUSED = {
    "unknown value": (lambda: trips("fair"), "'fair' is no value of 'trips'"),
    "unknown key": (lambda: trips(by="zon"), "'zon' is no key of table 'trips'"),
    "key of the event": (lambda: trips(by={"zone": "area"}), "'area' is no key"),
    "unknown time": (lambda: trips(known_at="payed"), "known_at 'payed' is no time of table 'trips'"),
    "known too early": (
        lambda: trips(known_at="started"),
        "'fare' is known from 'paid' on, not at 'started'",
    ),
    "planned is early": (lambda: trips(known_at="booked_for"), "a row would see its future"),
    "window without unit": (
        lambda: trips(window="90"),
        "'90' is no duration: write a whole number and a unit",
    ),
    "window is a number": (lambda: trips(window=90), "90 is no duration"),
    "unknown unit": (lambda: trips(window="3months"), "no duration"),
    "negative window": (lambda: trips(window="-1h"), "no duration"),
    "empty window": (lambda: trips(window="0h"), "a window must be longer than zero"),
    "unknown statistic": (lambda: trips(stat="median"), "stat 'median' is unknown: one of mean, sum"),
    "quantile of what": (lambda: trips(stat="quantile"), "takes q from 0 to 1, not None"),
    "quantile over 1": (lambda: trips(stat="quantile", q=90), "takes q from 0 to 1, not 90"),
    "q elsewhere": (lambda: trips(q=0.5), "'quantile', and it alone, takes q"),
    "mean of a condition": (lambda: trips("fare >= 15"), "use stat 'share', not 'mean'"),
    "mean of nothing": (lambda: trips(None), "stat 'mean' needs a value"),
    "change over nothing": (
        lambda: latest("fare", "zone", "paid", TRIPS, "1d", change_over="0h"),
        "a change is over a time longer than zero",
    ),
    "since no age": (lambda: since("zone", "paid", TRIPS, "0d"), "a window must be longer than zero"),
    "same name": (lambda: feature_set([trips(), trips()]), "'fare_mean_1h_by_zone' is used twice"),
    "two declarations": (
        lambda: feature_set(
            [trips(), rolling(None, [], "1h", "count", "t", table=Events("trips", "i", planned=["t"]))]
        ),
        "table 'trips' is declared in two ways",
    ),
    "value without time": (lambda: Events("t", id="i", values={"v": ()}), "'v' of table 't' needs a time"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_definition_is_refused_with_the_rule(case):
    """Writing it raises, so importing the module that has it fails; the message states value and rule."""
    write, message = REFUSED[case]
    with pytest.raises(DefinitionError, match=message.replace(".", r"\.")):
        write()


def test_a_bad_definition_is_the_users_to_mend():
    """Launchers print it without a traceback, and callers that expect a ValueError go on catching it."""
    assert issubclass(DefinitionError, Refusal)
    assert issubclass(DefinitionError, ValueError)


def test_names_say_what_is_computed():
    """Without a name a feature is called after its parts."""
    assert [
        f.name
        for f in (
            trips(),
            trips(by=["zone", "taxi"], window="7d", stat="sum"),
            trips(stat="quantile", q=0.9),
            trips("tip > 0", stat="share"),
            trips(None, by={"home": "zone"}, stat="count"),
            trips(by=[]),
            latest("fare", "taxi", "paid", TRIPS, "1d"),
            latest("fare", "taxi", "paid", TRIPS, "1d", change_over="3h"),
            since("taxi", "started", TRIPS, "1d"),
        )
    ] == [
        "fare_mean_1h_by_zone",
        "fare_sum_7d_by_zone_taxi",
        "fare_quantile90_1h_by_zone",
        "tip_gt_0_share_1h_by_zone",
        "trips_count_1h_by_home",
        "fare_mean_1h",
        "fare_latest_by_taxi",
        "fare_change_3h_by_taxi",
        "minutes_since_started_by_taxi",
    ]


def test_a_value_may_be_filed_under_a_later_time():
    """A time declared as never before the true one is allowed, at the price of older knowledge."""
    assert trips(known_at="audited").known_at == "audited"


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90min", 5_400), ("2h", 7_200), ("28d", 2_419_200), ("1w", 604_800)]
)
def test_durations_are_whole_microseconds(text, seconds):
    """Seconds to weeks, exact."""
    assert duration(text) == seconds * 1_000_000
