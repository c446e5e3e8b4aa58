"""An item added to a list of a YAML file as text; everything else stays byte for byte.

The place is found in the node graph, and what came out is read again: unless exactly the item was
added, the file is left to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from xgit.capture.documents import BadDocument, parse_yaml
from xgit.record.model import Json
from xgit.record.safe_yaml import compose
from xgit.setup.nouns import ByHand
from xgit.setup.texts import appended, inserted, line_list

if TYPE_CHECKING:
    import yaml

Item = Callable[[int], Sequence[str]]
"""The lines of an item, without indentation; the argument is how far lists are indented."""


def add_item(text: str, key: str, item: Item, comment: str) -> str:
    """The text with one more item at the end of the list under `key`, at the top of the file.

    Args:
        text: valid YAML.
        comment: a line before the item, or before the whole list where it is made.

    Raises:
        ByHand: the list is written in a form that this does not change.
    """
    root = compose(text)
    found = _value(root, key)
    if found is not None:
        after = _into(text, found, item, comment)
    elif root is None or not _is_flow(root):
        lines = (f"  {line}" for line in item(2))
        after = appended(text, [f"# {comment}", f"{key}:", *lines], apart=True)
    else:
        after = None
    if after is None or not _is_only_added(text, after, key, item):
        raise ByHand("\n".join((f"{key}:", *(f"  {line}" for line in item(2)))))
    return after


def _value(root: yaml.Node | None, key: str) -> yaml.Node | None:
    import yaml

    if not isinstance(root, yaml.MappingNode):
        return None
    return next((value for name, value in root.value if name.value == key), None)


def _into(text: str, found: yaml.Node, item: Item, comment: str) -> str | None:
    import yaml

    if not isinstance(found, yaml.SequenceNode) or not found.value or found.flow_style:
        return None
    column = found.start_mark.column
    lines = line_list(text)
    at = _after_comments(lines, _last_line(found) + 1, max(column, 1))
    block = (f"# {comment}", *item(min(column, 2)))
    return inserted(text, at, [" " * column + line for line in block])


def _last_line(node: yaml.Node) -> int:
    """The line on which the last thing inside the node ends; nodes themselves end later."""
    import yaml

    if isinstance(node, yaml.ScalarNode) or _is_flow(node) or not node.value:
        end: yaml.Mark = node.end_mark
        is_before = end.column == 0 and end.line > node.start_mark.line
        return end.line - 1 if is_before else end.line
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)


def _is_flow(node: yaml.Node) -> bool:
    return bool(getattr(node, "flow_style", False))


def _after_comments(lines: Sequence[str], at: int, column: int) -> int:
    """Past the comments that belong to the list because they are indented as deep."""
    end = at
    for number in range(at, len(lines)):
        bare = lines[number].lstrip(" ")
        if bare.startswith("#") and len(lines[number]) - len(bare) >= column:
            end = number + 1
        elif bare.strip():
            break
    return end


def _is_only_added(before: str, after: str, key: str, item: Item) -> bool:
    try:
        old, new = parse_yaml(before), parse_yaml(after)
        added = parse_yaml("\n".join(item(2)))
    except BadDocument:
        return False
    wanted: dict[Json, Json] = {} if old is None else old
    if not isinstance(wanted, dict) or not isinstance(wanted.get(key, []), list):
        return False
    return bool(new == {**wanted, key: [*wanted.get(key, []), *added]})
