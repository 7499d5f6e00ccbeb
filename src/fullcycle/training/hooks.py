"""What a sweep adds to a fit. None of it may change a byte of the result: tests hold it to that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Hooks:
    """`watch` sees a LightGBM model after every round; `memory` keeps fitted preprocessing."""

    watch: Callable[[Any], None] | None = None
    memory: Kept | None = None

    def fit(
        self, pipeline: Pipeline, features: pd.DataFrame, label: pd.Series[Any], *, watched: bool
    ) -> None:
        """Fit a Pipeline `prepare`, `estimate`; `watched`: its estimate calls back after each round."""
        extra = {"estimate__callbacks": [self.watch]} if self.watch and watched else {}
        pipeline.set_params(memory=self.memory)
        pipeline.fit(features, label, **extra)
        pipeline.set_params(memory=None)


@dataclass
class Kept:
    """The last fitted preprocessing and what it made of the training rows; for ``Pipeline(memory=...)``.

    It holds for one table of training rows: a process that fits on others needs another.
    """

    entries: dict[str, Any] = field(default_factory=dict)

    def cache(self, function: Callable[..., Any], ignore: object = None) -> Callable[..., Any]:  # noqa: ARG002
        """scikit-learn's protocol: wrap the function that fits and applies one step."""

        def kept(transformer: Any, *rows: Any, **options: Any) -> Any:
            key = repr(transformer.get_params())
            if key not in self.entries:
                self.entries.clear()  # one at a time: it is as large as the rows
                self.entries[key] = function(transformer, *rows, **options)
            return self.entries[key]

        return kept

    @property
    def fitted(self) -> Any:
        """The preprocessing of the fit at work."""
        (entry,) = self.entries.values()
        return entry[1]


NONE = Hooks()
