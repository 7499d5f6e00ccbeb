"""Other values in a YAML file whose comments, order and spacing stay as they are, to the byte."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping


class YamlText:
    """The text of a YAML file, and where each of its scalar values stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: dict[str, tuple[int, int]] = {}
        self._collect(yaml.compose(text, Loader=yaml.SafeLoader), "")

    def _collect(self, node: yaml.Node | None, path: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._collect(value, f"{path}.{key.value}" if path else str(key.value))
        elif isinstance(node, yaml.ScalarNode):
            self.spans[path] = (node.start_mark.index, node.end_mark.index)

    def replaced(self, values: Mapping[str, Any]) -> str:
        """The text with other values at some keys, such as ``{"train.lightgbm.rounds": 200}``.

        Raises:
            KeyError: the file has no scalar at that key.
        """
        result, until = [], len(self.text)
        for path in sorted(values, key=self.spans.__getitem__, reverse=True):
            start, end = self.spans[path]
            result += [self.text[end:until], scalar(values[path])]
            until = start
        return self.text[:until] + "".join(reversed(result))


def scalar(value: Any) -> str:
    """A value as YAML text that every reader (1.1 as PyYAML, 1.2 as DVC) takes for the same.

    >>> scalar(1e-05), scalar(True), scalar("off"), scalar("word")
    ('1.0e-05', 'true', '"off"', 'word')
    """
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value) and yaml.safe_load(value) == value:
        return value
    if isinstance(value, float) and re.fullmatch(r"-?\d+e.*", repr(value)):
        return repr(value).replace("e", ".0e")
    return json.dumps(value)
