"""Dotted keys in documents of unknown shape."""

from __future__ import annotations

from typing import Any


def looked_up(document: Any, key: str) -> Any:
    """The value of a dotted key; None where there is none."""
    for part in key.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
