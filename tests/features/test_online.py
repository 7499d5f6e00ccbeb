"""What only a running service has to do: forget, refuse, save and restore."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from fullcycle.features.online import Online
from fullcycle.features.rolling import DefinitionError, Events, rolling

TRIPS = Events("trips", id="id", keys=["taxi"], values={"fare": "paid", "shared": "paid"}, planned=["booked"])
SUM = rolling("fare", "taxi", "1h", "sum", "paid", "earned", table=TRIPS)
SHARE = rolling("shared", "taxi", "1h", "share", "paid", "shared", table=TRIPS)
BOOKED = rolling(None, "taxi", "1h", "count", "booked", "booked", table=TRIPS)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def trip(name, minute, fare=10.0, **more):
    """A trip paid that many minutes after noon."""
    paid = NOON + timedelta(minutes=minute)
    return {"id": name, "taxi": "A", "fare": fare, "shared": True, "paid": paid, "booked": paid} | more


def asked(online, minute, taxi="A"):
    """The features of a request for that many minutes after noon."""
    return online.features({"taxi": taxi, "time": NOON + timedelta(minutes=minute)})


def held(online):
    """Events, keys and ids in memory."""
    streams = online.state()["streams"]
    return sum(len(key[1]) for s in streams for key in s), sum(map(len, streams)), len(online._seen["trips"])


def test_memory_is_bounded_by_the_window_and_not_by_the_run():
    """After 20,000 trips of ever new taxis, about the last hour's are held."""
    online = Online([SUM], "30min")
    for i in range(20_000):
        online.observe("trips", trip(i, i, taxi=f"taxi {i // 7}"))
    events, keys, ids = held(online)
    assert events < 500
    assert keys < 150
    assert ids < 1_500
    online.forget()
    assert held(online) == (91, 14, 91)


def test_planned_times_move_no_clock():
    """A timetable known for next week makes the service forget nothing of today."""
    online = Online([SUM, BOOKED], "0min")
    online.observe("trips", trip(1, 0))
    online.observe("trips", trip(2, 7 * 1440, fare=None, paid=None))
    online.forget()
    assert asked(online, 30) == {"earned": 10.0, "booked": 1}
    assert asked(online, 7 * 1440 + 1) == {"earned": 0.0, "booked": 1}


def test_requests_may_go_back_in_time_by_the_lateness():
    """A request asks without taking anything away; one older than the lateness is refused, not answered."""
    online = Online([SUM], "0min", lateness="20min")
    for minute in range(60):
        online.observe("trips", trip(minute, minute))
    assert [asked(online, minute)["earned"] for minute in (60, 40, 59)] == [600.0, 400.0, 590.0]
    with pytest.raises(ValueError, match="0:21:00 before the newest event: raise lateness"):
        asked(online, 38)


def test_an_event_at_the_decision_is_not_yet_known():
    """Known strictly before the decision, and at or after the window's begin."""
    online = Online([SUM], "10min")
    online.observe("trips", trip(1, 0))
    assert [asked(online, m)["earned"] for m in (10, 10 + 1e-6, 70, 70 + 1e-6)] == [0.0, 10.0, 10.0, 0.0]


REFUSED = {
    "no column": ({"id": 1, "taxi": "A", "fare": 1.0}, "an event of table 'trips' lacks column 'paid'"),
    "no id": (trip(None, 0), "no id"),
    "infinite": (trip(1, 0, fare=math.inf), "value 'fare' is infinite"),
    "no truth": (trip(1, 0, shared=3), "the share of 'shared' needs true or false, not 3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_event_is_refused_whole(case):
    """The message names the fault, and no stream has taken a part of the event."""
    event, message = REFUSED[case]
    online = Online([SUM, SHARE], "0min")
    with pytest.raises(ValueError, match=message):
        online.observe("trips", event)
    assert held(online) == (0, 0, 0)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"taxi": "A"}, "a request needs a time in 'time', not None"),
        ({"time": NOON}, "the request lacks field 'taxi'"),
        ({"taxi": "A", "time": None}, "a request needs a time"),
    ],
)
def test_a_bad_request_is_refused(request_, message):
    """A request without a time or a key field has no answer."""
    online = Online([SUM], "0min")
    with pytest.raises(ValueError, match=message):
        online.features(request_)


def test_a_state_of_other_definitions_is_refused():
    """Restoring checks features, horizon and lateness."""
    saved = Online([SUM], "0min").state()
    with pytest.raises(ValueError, match="saved with other definitions"):
        Online([SUM], "5min").restore(saved)


def test_times_come_as_text_or_objects():
    """ISO 8601, aware and naive datetimes (UTC) mean the same."""
    for time in ("2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", NOON, NOON.replace(tzinfo=None)):
        online = Online([SUM], "0min")
        online.observe("trips", trip(1, 0, paid=time))
        assert asked(online, 1) == {"earned": 10.0}


def test_a_table_that_no_feature_reads_is_ignored():
    """A stream may carry more than the features need."""
    Online([SUM], "0min").observe("weather", {"rain": 1})


def test_a_negative_horizon_is_refused():
    """As by every executor: a decision cannot come after its row."""
    with pytest.raises(DefinitionError, match="horizon -1 day, 23:00:00 is negative"):
        Online([SUM], timedelta(hours=-1))
