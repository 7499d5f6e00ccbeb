"""What a fit may know beside features and label: what is asked, and when each row was and became known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fullcycle import params
from fullcycle.errors import Refusal
from fullcycle.training.hooks import NONE, Hooks

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy.typing as npt
    import pandas as pd

    Mask = npt.NDArray[np.bool_]

ROLES = ("id", "time", "label", "known_at")


@dataclass(frozen=True)
class Question:
    """What the problem asks: the task, the columns that are no features, how long before its time."""

    task: str
    roles: dict[str, str]
    horizon: timedelta

    @classmethod
    def read(cls) -> Question:
        """As ``params.yaml`` states it."""
        roles = {role: params.read(f"problem.{role}") for role in ROLES}
        return cls(params.read("problem.task"), roles, params.read("problem.horizon"))

    def features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns without a role."""
        return rows.drop(columns=list(self.roles.values()))

    def context(self, rows: pd.DataFrame) -> Context:
        """What a fit on these rows may know."""
        return Context(self.task, rows[self.roles["time"]], rows[self.roles["known_at"]], self.horizon)


@dataclass(frozen=True)
class Context:
    """Times are those of the rows that are fitted on, in their order; None where rows have none."""

    task: str = "binary"
    time: pd.Series[Any] | None = None
    known_at: pd.Series[Any] | None = None
    horizon: timedelta | None = None
    hooks: Hooks = NONE

    def of(self, chosen: Mask) -> Context:
        """The same for some of the rows; hooks are for all of them."""
        time, known_at = (None if each is None else each[chosen] for each in (self.time, self.known_at))
        return replace(self, time=time, known_at=known_at, hooks=NONE)

    def latest(self, share: float, rows: int) -> tuple[Mask, Mask]:
        """Rows to fit on, and the latest `share` of the rows, on which something is then chosen.

        A row whose label became known later than one horizon before the latest rows begin is in neither:
        at that moment nobody could have fitted on it (as in `fullcycle.data.split`). Without times the
        last rows are the latest.

        Raises:
            Refusal: one of the two is empty.
        """
        if self.time is None:
            held = np.arange(rows) >= rows - round(rows * share)
            early = ~held
        else:
            moments = self.time.dt.tz_convert(None).to_numpy()
            start = np.sort(moments)[rows - max(1, round(rows * share))]
            held = moments >= start
            early = ~held
            if self.known_at is not None and self.horizon is not None:
                known = self.known_at.dt.tz_convert(None).to_numpy()
                early &= ~(known >= start - np.timedelta64(self.horizon))
        if not held.any() or not early.any():
            raise Refusal(
                f"train: a share of {share:g} of {rows} rows leaves {int(early.sum())} to fit on and"
                f" {int(held.sum())} to choose on; widen the training rows or change the share"
            )
        return early, held


NOTHING = Context()
