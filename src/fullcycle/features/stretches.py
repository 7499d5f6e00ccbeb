"""A long history in stretches of time, each with the events that its rows can see.

Beyond some hundred thousand rows, arrays outgrow the processor's cache and every search in them waits for
memory; a stretch keeps them short, so that time grows with the rows and working memory does not. A row sees
the same events in its stretch as in the whole, so the features are the same to the last bit.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from fullcycle.features.fixedpoint import Indices
from fullcycle.features.keys import NEVER, Times, microseconds
from fullcycle.features.rolling import Feature, reads

STRETCH = 2**17  # rows at least, and less than twice as many: the fastest over ten years (docs/log.md)


class Visible:
    """The events of a table that decisions in a span of time can see.

    Args:
        table: The events, in order of delivery.
        features: The definitions over this table.
    """

    def __init__(self, table: pd.DataFrame, features: Sequence[Feature]) -> None:
        """Sort by each time column; see the class for the arguments."""
        columns, self._lookback = reads(features)
        self._table = table[list(columns)]
        self._sorted: dict[str, tuple[Times, Indices]] = {}
        for known_at in self._lookback:
            known = microseconds(table[known_at])
            order = np.argsort(known, kind="stable")
            order = order[np.searchsorted(known[order], NEVER, side="right") :]
            self._sorted[known_at] = known[order], order
        # All deliveries of a repeated id go together: only together do they tell which of them counts.
        self._repeated = np.flatnonzero(table[features[0].table.id].duplicated(keep=False))

    def between(self, first: int, last: int) -> pd.DataFrame:
        """What decisions from ``first`` to ``last`` (microseconds) can see, in order of delivery."""
        seen = np.zeros(len(self._table), dtype=bool)
        seen[self._repeated] = True
        for known_at, (times, order) in self._sorted.items():
            begin, end = np.searchsorted(times, [first - self._lookback[known_at], last])
            seen[order[begin:end]] = True
        return self._table.iloc[np.flatnonzero(seen)]


def stretches(
    decision: Times, tables: Mapping[str, pd.DataFrame], features: Sequence[Feature]
) -> Iterator[tuple[Indices, Mapping[str, pd.DataFrame]]]:
    """Positions of the rows of each stretch, in order of decision, and the tables as these rows see them.

    Args:
        decision: Each row's moment of decision, microseconds.
        tables: Events by table name.
        features: The definitions.
    """
    order = np.argsort(decision, kind="stable")
    if len(order) < 2 * STRETCH:
        yield order, tables
        return
    by_table = {name: [f for f in features if f.table.name == name] for name in tables}
    visible = {name: Visible(tables[name], ours) for name, ours in by_table.items() if ours}
    for positions in np.array_split(order, len(order) // STRETCH):
        first, last = int(decision[positions[0]]), int(decision[positions[-1]])
        yield positions, {name: table.between(first, last) for name, table in visible.items()}
