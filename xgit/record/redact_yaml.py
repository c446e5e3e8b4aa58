"""Secrets in a config as text: found in the parsed YAML, cut out of the text in place.

So comments and layout stay, tags are not evaluated, and a value is found however it is quoted
or folded over lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from xgit.record.safe_yaml import compose
from xgit.record.secret_names import is_secret_name

if TYPE_CHECKING:
    import yaml

_TEXT = "tag:yaml.org,2002:str"
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


class Masker(Protocol):
    """What knows the secrets; see `redact.Secrets`."""

    def mask_text(self, text: str) -> str:
        """The text without them."""

    def mask_written(self, name: str, text: str, *, is_text: bool) -> str:
        """One value as a config has it under this name."""


def mask_yaml(text: str, secrets: Masker) -> str:
    """The YAML text with secret values replaced; text that is no YAML is masked as text."""
    import yaml

    try:
        root = compose(text)
    except yaml.YAMLError:
        return secrets.mask_text(text)
    if root is None:
        return secrets.mask_text(text)
    parts: list[str] = []
    at = 0
    for start, end, value in sorted(_cuts(root, secrets)):
        parts += [text[at:start], _replaced(text[start:end], value)]
        at = end
    return secrets.mask_text("".join([*parts, text[at:]]))


def _cuts(root: yaml.Node, secrets: Masker) -> set[tuple[int, int, str]]:
    """Start, end and new value of each scalar that changes.

    A scalar that several names share by an alias is masked where one of the names is secret.
    """
    found: dict[tuple[int, int], str] = {}
    for name, node in _scalars(root):
        masked = secrets.mask_written(name, str(node.value), is_text=node.tag == _TEXT)
        if masked != node.value:
            span = (node.start_mark.index, node.end_mark.index)
            found[span] = min(masked, found.get(span, masked), key=len)
    return {(start, end, value) for (start, end), value in found.items()}


def _scalars(root: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Every scalar under its dotted name. A container that aliases repeat is walked at most twice:
    once below a secret name, once below any other."""
    import yaml

    seen: set[tuple[int, bool]] = set()
    waiting: list[tuple[str, yaml.Node]] = [("", root)]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            yield name, node
            continue
        visit = (id(node), is_secret_name(name))
        if visit in seen:
            continue
        seen.add(visit)
        if isinstance(node, yaml.MappingNode):
            waiting += [(_below(name, key.value), value) for key, value in node.value]
        else:
            waiting += [(_below(name, at), value) for at, value in enumerate(node.value)]


def _replaced(span: str, value: str) -> str:
    """The new value in the place of the old: anchor and tag before it stay, and the newline that
    belongs to the span of a block."""
    properties = _PROPERTIES.match(span)
    before = properties[0] if properties else ""
    return before + json.dumps(value, ensure_ascii=False) + span[len(span.rstrip()) :]


def _below(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)
