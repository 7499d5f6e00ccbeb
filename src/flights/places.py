"""Where the destinations lie: weather and traffic control hold up flights of a whole region."""

from __future__ import annotations

from typing import Any

import pandas as pd

# Destinations that airports.csv lacks: Puerto Rico and the Virgin Islands.
OTHER_PLACES = {"SJU": (18.44, -66.0), "BQN": (18.49, -67.13), "PSE": (18.01, -66.56), "STT": (18.34, -64.97)}
DEGREES = 10


def regions(dest: pd.Series[Any], airports: pd.DataFrame) -> pd.Series[Any]:
    """The square of `DEGREES` by `DEGREES` that a destination lies in, named by its south-western corner.

    Null where nobody knows the place: an unknown region shares no history with another.
    """
    known = airports.set_index("faa")[["lat", "lon"]]
    other = pd.DataFrame.from_dict(OTHER_PLACES, orient="index", columns=["lat", "lon"])
    corners = (pd.concat([known, other]) // DEGREES * DEGREES).astype("int64").astype("str")
    return dest.map(corners["lat"] + "," + corners["lon"])
