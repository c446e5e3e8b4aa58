"""The expressions of workflows, `${{ … }}`: those operators and functions that ours use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[\w.-]+|&&|\|\||==|!=|[!(),])")
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "format": lambda text, *values: text.format(*values),
    "fromJSON": json.loads,
    "join": lambda values, between: between.join(values),
}
_WORDS = {"true": True, "false": False, "null": None}


class Functions(NamedTuple):
    """What the functions of the status say; nothing is ever cancelled here."""

    success: bool = True
    failure: bool = False
    cancelled: bool = False
    always: bool = True


def filled(text: str, contexts: Mapping[str, Any]) -> str:
    """A text with each `${{ … }}` replaced by what it says."""

    def value(found: re.Match[str]) -> str:
        it = evaluate(found[1], contexts)
        return "" if it is None else str(it).lower() if isinstance(it, bool) else str(it)

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


def evaluate(text: str, contexts: Mapping[str, Any], functions: Functions = Functions()) -> Any:  # noqa: B008
    """What an expression says.

    Raises:
        ValueError: it is none, or more than is known here.
    """
    reader = _Reader(_tokens(text), contexts, functions._asdict())
    value = reader.either()
    if reader.tokens:
        raise ValueError(f"{text!r}: {reader.tokens[0]!r} is not understood")
    return value


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text!r}: {text[at:]!r} is not understood")
        found.append(match[1])
        at = match.end()
    return found


class _Reader:
    """Reads from the front of the tokens; `||` binds least, then `&&`, then comparisons."""

    def __init__(
        self, tokens: list[str], contexts: Mapping[str, Any], status: Mapping[str, bool]
    ) -> None:
        self.tokens = tokens
        self._contexts = contexts
        self._status = status

    def _took(self, token: str) -> bool:
        if self.tokens[:1] != [token]:
            return False
        del self.tokens[0]
        return True

    def either(self) -> Any:
        value = self._both()
        while self._took("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._took("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:
        value = self._one()
        if self._took("=="):
            return (value or "") == (self._one() or "")
        if self._took("!="):
            return (value or "") != (self._one() or "")
        return value

    def _one(self) -> Any:
        if self._took("!"):
            return not self._one()
        if self._took("("):
            value = self.either()
            assert self._took(")")
            return value
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token in _WORDS:
            return _WORDS[token]
        if self._took("("):
            return self._call(token)
        return self._looked_up(token)

    def _call(self, name: str) -> Any:
        values = []
        while not self._took(")"):
            values.append(self.either())
            self._took(",")
        return self._status[name] if name in self._status else _FUNCTIONS[name](*values)

    def _looked_up(self, path: str) -> Any:
        """What a path of a context has; None where a part is missing, but contexts are there."""
        first, *rest = path.split(".")
        value = self._contexts[first]
        for part in rest:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value
