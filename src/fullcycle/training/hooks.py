"""What a sweep adds to a fit. None of it may change a byte of the result: tests hold it to that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Hooks:
    """`watch` sees a LightGBM model after every round; `memory` keeps fitted preprocessing."""

    watch: Callable[[Any], None] | None = None
    memory: Kept | None = None

    @property
    def callbacks(self) -> list[Callable[[Any], None]]:
        """The watcher in the form that LightGBM takes."""
        return [self.watch] if self.watch else []


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
