"""Days and durations, as ``params.yaml`` writes them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated

from pydantic import BeforeValidator

DURATION = re.compile(r"(\d+)\s*(min|h|d)")
LONGEST = 36_500  # days; pandas counts nanoseconds, which end at 106,751 days


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("a duration is a whole number and its unit: 90min, 2h or 28d")
    minutes = int(found[1]) * {"min": 1, "h": 60, "d": 1440}[found[2]]
    if minutes >= LONGEST * 1440:
        raise ValueError(f"a duration is shorter than {LONGEST:,} days")
    return timedelta(minutes=minutes)


def _day(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    raise ValueError('a day is quoted text, as in "2013-07-01" (DVC takes no YAML dates)')


Day = Annotated[date, BeforeValidator(_day)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
