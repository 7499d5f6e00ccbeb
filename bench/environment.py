"""Python environments of their own under the temp folder, for what Fullcycle is measured against."""

import subprocess
import tempfile
import venv
from pathlib import Path

LOCKED = Path(__file__).resolve().parents[1] / "requirements.txt"


def environment(name: str, *packages: str, locked: bool = False) -> str | None:
    """The Python of an environment with these packages, or None, said loudly, if pip could not make it.

    Args:
        name: of its folder; an environment that is there is brought up to date.
        packages: what pip installs.
        locked: install the project's own locked requirements first.
    """
    folder = Path(tempfile.gettempdir()) / f"fullcycle-bench-{name}"
    python = folder / "bin/python"
    try:
        if not python.exists():
            venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "-q"]
        if locked:
            subprocess.run([*install, "--require-hashes", "-r", LOCKED], check=True)
        subprocess.run([*install, *packages], check=True)
    except subprocess.CalledProcessError as error:
        print(f"!!! SKIPPED: no environment for {', '.join(packages)}: {error}")
        return None
    return str(python)
