"""Real tables of January 2013, as ingest types them."""

import pandas as pd
import pytest

from flights.schema import TABLES
from fullcycle import params
from fullcycle.data.ingest import typed
from fullcycle.data.sources import fetch, read_strings


@pytest.fixture(scope="session")
def january():
    """All five tables, flights and weather cut to January (UTC): 27,004 flights, give or take the edge."""
    tables = {}
    for name, source in params.read("ingest.sources").items():
        fetched = fetch(source.url)
        table = typed(read_strings(fetched), TABLES[name].schema, fetched)
        if source.time:
            table = table[table[source.time] < pd.Timestamp("2013-02-01", tz="UTC")]
        tables[name] = table.reset_index(drop=True)
    return tables
