"""`params.yaml` into dotted leaves, read from the node graph.

The graph is walked with a budget instead of being built into Python objects: aliases and merge
keys cannot make more of it than is counted here. Scalars are read as YAML 1.2 has them, which is
how DVC reads them: `1e-3` is a number, `yes` and `1:30` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, NoReturn

from xgit.errors import XgitError
from xgit.inject.xgit_values import leaves, plain
from xgit.record.model import Json
from xgit.record.safe_yaml import DEEPEST, compose

if TYPE_CHECKING:
    import yaml

MOST_VALUES = 100_000
_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
_BOOLEANS = {"true": True, "false": False}


def leaves_of(text: str, shown: str) -> dict[str, Json]:
    """The leaves of a params file under dotted names; an empty file has none.

    Args:
        shown: the file's name, for messages.

    Raises:
        XgitError: it is not YAML, holds no mapping, or unfolds into too much.
    """
    import yaml

    try:
        root = compose(text)
    except yaml.YAMLError as error:
        raise _invalid(shown, error) from error
    if root is None or root.tag == "tag:yaml.org,2002:null":
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise XgitError(
            f"{shown} line {root.start_mark.line + 1} is no mapping of names to values",
            f"write {shown} as `name: value` lines",
        )
    return {name: _json(value) for name, value in leaves(_Unfolding(shown).value(root, 0))}


def _invalid(shown: str, error: Exception) -> XgitError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f" line {mark.line + 1}" if mark is not None else ""
    return XgitError(f"{shown}{where} is not valid YAML: {problem}", f"mend {shown}")


class _Unfolding:
    """One walk over the graph."""

    def __init__(self, shown: str) -> None:
        import yaml

        self.shown = shown
        self.count = 0
        self.scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, depth: int) -> object:
        """The node as dicts, lists and scalars."""
        import yaml

        self._spend(node, depth)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, object]:
        """A mapping; what it merges (`<<`) gives way to its own keys."""
        merged: dict[str, object] = {}
        own: dict[str, object] = {}
        for key, item in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for other in self._merged(item, depth):
                    merged = {**other, **merged}
            else:
                own[str(plain(_json(self.value(key, depth + 1))))] = self.value(item, depth + 1)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, depth: int) -> Iterator[dict[str, object]]:
        import yaml

        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(part, yaml.MappingNode):
                self._refuse(part, "merges what is no mapping")
            self._spend(part, depth)
            yield self.mapping(part, depth + 1)

    def scalar(self, node: yaml.Node) -> object:
        """A scalar of YAML 1.2; a date or a time is its ISO text."""
        import yaml

        kind = node.tag.rpartition(":")[2]
        text = str(node.value)
        if kind == "str" and not getattr(node, "style", None) and _FLOAT.fullmatch(text):
            return float(text)
        if kind == "bool":
            return _BOOLEANS.get(text.lower(), text)
        if kind in ("int", "float") and ":" in text:
            return text
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self._refuse(node, str(getattr(error, "problem", None) or error))

    def _spend(self, node: yaml.Node, depth: int) -> None:
        self.count += 1
        if self.count > MOST_VALUES:
            self._refuse(node, f"the aliases unfold into more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            self._refuse(node, f"nested deeper than {DEEPEST} levels")

    def _refuse(self, node: yaml.Node, problem: str) -> NoReturn:
        line = node.start_mark.line + 1
        raise XgitError(f"{self.shown} line {line}: {problem}", f"mend {self.shown}")


def _json(value: object) -> Json:
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and math.isnan(value):
        return math.nan
    return plain(value)
