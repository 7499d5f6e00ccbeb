"""Real flights through the online executor, and the future rewritten under the offline one."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from flights.features import DERIVED, FEATURES, FLIGHTS, WEATHER, build, derived, histories, statics
from fullcycle.features.leakcheck import future_blindness
from fullcycle.features.offline import compute
from fullcycle.features.online import Online
from fullcycle.features.rolling import DefinitionError, Events, latest, rolling

HORIZON = pd.Timedelta("2h")
REPLAYED = 20_000
DEPARTING = ["dep_delay", "block_minutes", "cancelled", "departed", "settled"]
ARRIVING = ["arr_delay", "late", "made_up", "arrived"]


def told(events):
    """What the service is told, in order of time: the timetable, departures, arrivals and weather."""
    flights, weather = events["flights"], events["weather"]
    keys = ["flight_id", *FLIGHTS.keys, *FLIGHTS.planned]
    whole = [*keys, *DEPARTING, *ARRIVING]  # what is not yet known is null
    left = flights[flights["settled"].notna()]
    landed = flights[flights["arrived"].notna()]
    streams = [
        ("flights", flights["slot"], flights[keys].reindex(columns=whole)),
        ("flights", left["settled"], left[keys + DEPARTING].reindex(columns=whole)),
        ("flights", landed["arrived"], landed[whole]),
        ("weather", weather["time_hour"], weather[["reading", "origin", "time_hour", *WEATHER.known_from]]),
    ]
    messages = [
        (moment, name, event)
        for name, moments, table in streams
        for moment, event in zip(moments, table.to_dict("records"), strict=True)
    ]
    return sorted(messages, key=lambda message: message[0])


def test_online_replay_gives_the_rows_of_featurize(january):
    """20,000 real flights, told one by one as they became known, get the very features that `build` wrote."""
    written = build(january, HORIZON).set_index("flight_id")
    events = histories(january, HORIZON)
    rows = statics(events["flights"], january["planes"]).sort_values("time", kind="stable").head(REPLAYED)
    service = Online(FEATURES, HORIZON.to_pytimedelta())
    messages, position = told(events), 0
    answers = []
    for row in rows[["flight_id", "time", *FLIGHTS.keys]].to_dict("records"):
        while position < len(messages) and messages[position][0] < row["time"] - HORIZON:
            service.observe(messages[position][1], messages[position][2])
            position += 1
        answers.append(service.features(row))
    names = [feature.name for feature in FEATURES]
    online = derived(pd.DataFrame(answers, columns=names).astype("float64"), HORIZON)
    expected = written.loc[rows["flight_id"], [*names, *DERIVED]].reset_index(drop=True)
    assert position > REPLAYED
    pd.testing.assert_frame_equal(online, expected, check_exact=True)


@pytest.mark.parametrize("cut", ["2013-01-08T15:00", "2013-01-20T22:30"])
@pytest.mark.parametrize("rewrite", ["change", "delete"])
def test_the_future_changes_no_earlier_row(january, cut, rewrite):
    """Outcomes and weather known from a cut-off on can change or vanish: rows asked before stay."""
    cut = pd.Timestamp(cut, tz="UTC")
    before = build(january, HORIZON)
    asked = before["time"] - HORIZON <= cut
    events = histories(january, HORIZON)["flights"]
    flights, weather = january["flights"].copy(), january["weather"].copy()
    unknown_departure = ~(events["settled"] < cut).to_numpy()
    unknown_arrival = ~(events["arrived"] < cut).to_numpy()
    later_weather = (weather["time_hour"] >= cut).to_numpy()
    assert unknown_departure.sum() > 5_000
    assert later_weather.sum() > 500
    if rewrite == "change":
        # Still not before the cut-off: what was unknown then stays unknown, but for its content.
        late = 60.0 * 24 * 3
        flights.loc[unknown_departure, "dep_delay"] = flights.loc[unknown_departure, "dep_delay"].abs() + late
        flights.loc[unknown_arrival, "arr_delay"] = flights.loc[unknown_arrival, "arr_delay"].abs() + late
        weather.loc[later_weather, ["temp", "visib", "precip", "pressure"]] = 1.0
    else:
        flights.loc[unknown_arrival, "arr_delay"] = np.nan
        flights.loc[unknown_departure & (events["settled"] >= cut).to_numpy(), "dep_delay"] = np.nan
        weather = weather[~later_weather]
    after = build(january | {"flights": flights, "weather": weather}, HORIZON)
    features = [name for name in before if name not in {"late", "label_known_at"}]
    pd.testing.assert_frame_equal(before.loc[asked, features], after.loc[asked, features], check_exact=True)
    assert not before.loc[~asked, features].equals(after.loc[~asked, features])


def test_flight_features_are_blind_to_the_future(january):
    """The leak check, run on the flight definitions and the truth that they declare, finds nothing."""
    events = histories(january, HORIZON)
    rows = statics(events["flights"], january["planes"])

    def features(rows, tables):
        return compute(rows, tables, FEATURES, HORIZON.to_pytimedelta())

    cut = pd.Timestamp("2013-01-15T18:00", tz="UTC")
    leaks = future_blindness(features, rows, events, cut, [FLIGHTS, WEATHER], timedelta(hours=2))
    assert leaks == []


def test_a_planted_leak_is_found(january):
    """Filing the arrival delay under the departure is refused, and caught where it is declared so."""
    with pytest.raises(DefinitionError, match="a row would see its future"):
        rolling("arr_delay", "origin", "4h", "mean", "departed", table=FLIGHTS)
    wrong = Events(
        "flights",
        id="flight_id",
        keys=FLIGHTS.keys,
        values={"arr_delay": "departed"},
        planned=FLIGHTS.planned,
    )
    planted = [latest("arr_delay", "tailnum", "departed", wrong, "24h")]
    events = histories(january, HORIZON)
    rows = statics(events["flights"], january["planes"])

    def features(rows, tables):
        return compute(rows, tables, planted, HORIZON.to_pytimedelta())

    cut = pd.Timestamp("2013-01-15T18:00", tz="UTC")
    leaks = future_blindness(features, rows, events, cut, [FLIGHTS], timedelta(hours=2))
    assert {leak.feature for leak in leaks} == {planted[0].name}
