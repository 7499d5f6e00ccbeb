"""The witness inside each verified stage: installed as its ``sitecustomize``, before any other code runs.

It takes every folder off ``sys.path`` that is neither the interpreter's nor its site-packages (so an
editable install is gone), varies what only the process itself can vary (number of cores, order of
folders), and writes down each file that Python opens and each module that it looks for in vain.
Standard library only, and nothing of this package: it also runs where the package is not installed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOG, CPUS, REVERSED = "FULLCYCLE_WITNESS_LOG", "FULLCYCLE_WITNESS_CPUS", "FULLCYCLE_WITNESS_REVERSED"
SYSTEM = ("/proc/", "/dev/", "/sys/", "/etc/", "/usr/", "/lib", "/bin/", "/sbin/", "/run/", "/System/")
INTERPRETER = tuple(
    os.path.join(os.path.abspath(folder), "")  # noqa: PTH100, PTH118  pathlib would cost every process its import
    for folder in {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__)}  # noqa: PTH120
)


def strip_path() -> None:
    """Leave on ``sys.path`` only the interpreter's own folders; drop finders of editable installs."""
    site = sys.modules.get("site")
    user = str(getattr(site, "USER_SITE", None) or "/nonexistent")
    kept = (*INTERPRETER, user)
    sys.path[:] = [entry for entry in sys.path if entry == "" or f"{entry}/".startswith(kept)]
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if not str(getattr(finder, "__module__", "")).startswith("__editable__")
    ]


class Orphans:
    """The last finder: whatever module arrives here was found nowhere."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Write down the name and the folders that were searched."""
        del target
        note("missing", f"{name}\t{os.pathsep.join(path if path is not None else sys.path)}")


_seen: set[str] = set()
_log = -1


def note(kind: str, what: str) -> None:
    """One line for the log, once for each process."""
    line = f"{kind}\t{what}\n"
    if line not in _seen:
        _seen.add(line)
        os.write(_log, line.encode("utf-8", "surrogateescape"))


def witness(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook: files opened (for reading or writing) and folders listed."""
    if event not in {"open", "os.listdir", "os.scandir"}:
        return
    path = arguments[0]
    if path is None or isinstance(path, int):
        return
    name = os.fsdecode(path)
    if not name.startswith("/"):
        name = os.getcwd() + "/" + name  # noqa: PTH109
    if name.startswith(INTERPRETER) or name.startswith(SYSTEM):
        return
    kind = "list"
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or set(str(arguments[1] or "")) & set("wax+")
        kind = "write" if writes else "read"
    note(kind, os.path.normpath(name))


class Reversed:
    """``os.scandir`` in the opposite order, with what its users call."""

    def __init__(self, entries: list[Any]) -> None:
        """Take the entries of a folder."""
        self._entries = iter(entries[::-1])

    def __iter__(self) -> Iterator[Any]:
        """The entries, last first."""
        return self._entries

    def __next__(self) -> Any:
        """The entry before."""
        return next(self._entries)

    def __enter__(self) -> Reversed:  # noqa: PYI034  typing.Self costs an import
        """For ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def close(self) -> None:
        """Nothing is held open."""


def reverse_folders() -> None:
    """Folders are listed backwards from here on."""
    listdir, scandir = os.listdir, os.scandir

    def scan(path: Any = ".") -> Reversed:
        with scandir(path) as entries:
            return Reversed(list(entries))

    os.listdir = lambda path=".": listdir(path)[::-1]  # type: ignore[assignment]
    os.scandir = scan  # type: ignore[assignment]


def few_cpus(cpus: str) -> None:
    """Only these cores (``0,2``) exist from here on."""
    chosen = {int(cpu) for cpu in cpus.split(",")}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen)
    os.cpu_count = lambda: len(chosen)


def install() -> None:
    """Begin to watch and to vary, as the environment says."""
    global _log  # noqa: PLW0603  a hook has no other place
    strip_path()
    if os.environ.get(CPUS):
        few_cpus(os.environ[CPUS])
    if os.environ.get(REVERSED):
        reverse_folders()
    _log = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    note("start", str(os.getpid()))
    sys.meta_path.append(Orphans)
    sys.addaudithook(witness)


if __name__ == "sitecustomize" and LOG in os.environ:
    install()
