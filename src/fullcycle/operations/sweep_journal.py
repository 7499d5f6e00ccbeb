"""What a sweep has done, one line of JSON for each event, so that a `kill -9` loses running trials only."""

from __future__ import annotations

import fcntl
import hashlib
import json
from typing import TYPE_CHECKING, Any

from fullcycle.errors import Refusal
from fullcycle.operations.sweep_search import Past

if TYPE_CHECKING:
    from pathlib import Path

DRAWN, ENDED = "drawn", "ended"


def identity(facts: dict[str, Any]) -> str:
    """Eight hexadecimal digits that stand for everything a trial's result depends on."""
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Journal:
    """The events of one sweep, read at the start and appended to; one process at a time.

    Args:
        folder: the sweep's own; made if it is missing.

    Raises:
        Refusal: the same sweep is running in another process.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.jsonl"
        self._file = self._path.open("a+b")
        try:
            # The kernel gives the lock back however this process ends.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Refusal(
                f"{folder}: this sweep is running in another process; wait, or end that one"
            ) from error
        self.drawn: dict[int, dict[str, Any]] = {}
        self.ended: dict[int, dict[str, Any]] = {}
        self._read()

    def _read(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(whole))  # half a line: the process was killed while it wrote
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == DRAWN:
            self.drawn[event["number"]] = event["drawn"]
        else:
            self.ended[event["number"]] = event

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()

    def append(self, event: str, number: int, **more: Any) -> None:
        """Write one event and hand it to the operating system at once."""
        record = {"event": event, "number": number, **more}
        self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
        self._file.flush()
        self._take(record)

    @property
    def seconds(self) -> float:
        """How long the sweep has run, all starts together."""
        return max((record["at"] for record in self.ended.values()), default=0.0)

    @property
    def unfinished(self) -> list[int]:
        """Trials that were drawn and have not ended."""
        return sorted(set(self.drawn) - set(self.ended))

    def past(self, number: int, lag: int) -> list[Past]:
        """All trials before one, as it may know them: those less than `lag` before it count as running."""
        trials = []
        for earlier in range(number):
            record = self.ended.get(earlier) if earlier <= number - lag else None
            drawn = self.drawn[earlier]
            if record is None:
                trials.append(Past(drawn))
            else:
                steps = {int(step): value for step, value in record["steps"].items()}
                trials.append(Past(drawn, record["state"], record["value"], steps))
        return trials

    def may_start(self, number: int, lag: int) -> bool:
        """Whether all trials that it must know have ended."""
        return not lag or all(earlier in self.ended for earlier in range(number - lag + 1))
