"""What the expressions of `--where` and `--expect` may do with values: bounded, never surprising.

Values come from records, so any of them may be of any JSON type. Arithmetic is for numbers only
(a `%` on a string formats, a `*` on a list fills the memory), and no integer grows beyond
`_MOST_BITS`.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from xgit.record.figures import format_value
from xgit.record.model import Json

_MOST_BITS = 4096
_MOST_DIGITS = 20
_SHOWN = 40


class NotPossible(Exception):
    """The operation has no answer for these values; the text says why."""


class Missing:
    """The value of a name that an experiment does not have: false in every comparison."""

    def __bool__(self) -> bool:
        return False


def _number(value: Json) -> int | float:
    if isinstance(value, int | float):
        return value
    raise NotPossible(f"{shown(value)} is not a number")


def shown(value: Json) -> str:
    """The value as it is named in a message, cut to a few words."""
    text = repr(value) if isinstance(value, str) else format_value(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _bits(value: int | float) -> int:
    return abs(value).bit_length() if isinstance(value, int) else 1


def _power(left: Json, right: Json) -> Json:
    base, exponent = _number(left), _number(right)
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and _bits(base) * abs(exponent) > _MOST_BITS:
        raise NotPossible(f"{shown(base)} ** {shown(exponent)} is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise NotPossible(f"{shown(base)} ** {shown(exponent)} is not a real number")
    return result


def _times(left: Json, right: Json) -> Json:
    one, other = _number(left), _number(right)
    if _bits(one) + _bits(other) > _MOST_BITS:
        raise NotPossible(f"{shown(one)} * {shown(other)} is too large")
    return one * other


def _arithmetic(act: Callable[[Any, Any], Json]) -> Callable[[Json, Json], Json]:
    return lambda left, right: act(_number(left), _number(right))


def _is_nan(value: Json) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _ordering(act: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def ordered(left: Json, right: Json) -> bool:
        if _is_nan(left) or _is_nan(right):
            return False
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if numbers or (isinstance(left, str) and isinstance(right, str)):
            return act(left, right)
        raise NotPossible(f"{shown(left)} and {shown(right)} cannot be put in order")

    return ordered


def _equal(left: Json, right: Json) -> bool:
    return bool(left == right)


def _unequal(left: Json, right: Json) -> bool:
    return not (_is_nan(left) or _is_nan(right)) and bool(left != right)


def _contained(item: Json, container: Json) -> bool:
    if isinstance(container, str) and not isinstance(item, str):
        raise NotPossible(f"{shown(item)} is not text, and {shown(container)} is")
    if isinstance(container, Mapping):
        return isinstance(item, str) and item in container
    if isinstance(container, str | list | tuple):
        return item in container
    raise NotPossible(f"{shown(container)} holds nothing that could be looked for")


def _round(value: Json, digits: Json = None) -> Json:
    if digits is None:
        return round(_number(value))
    if not isinstance(digits, int) or abs(digits) > _MOST_DIGITS:
        raise NotPossible(f"a number cannot be rounded to {shown(digits)} digits")
    return round(_number(value), digits)


def _length(value: Json) -> int:
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise NotPossible(f"{shown(value)} has no length")


def _least(*values: Json) -> Json:
    return min(_numbers(values))


def _greatest(*values: Json) -> Json:
    return max(_numbers(values))


def _numbers(values: tuple[Json, ...]) -> list[int | float]:
    items = values[0] if len(values) == 1 and isinstance(values[0], list | tuple) else values
    if not items:
        raise NotPossible("there is no least or greatest of nothing")
    return [_number(item) for item in items]


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    raise NotPossible(f"{shown(value)} is not text")


BINARY: Mapping[type[ast.operator], Callable[[Json, Json], Json]] = {
    ast.Add: _arithmetic(operator.add),
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _times,
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
    ast.Pow: _power,
}
UNARY: Mapping[type[ast.unaryop], Callable[[Json], Json]] = {
    ast.USub: lambda value: -_number(value),
    ast.UAdd: _number,
}
COMPARE: Mapping[type[ast.cmpop], Callable[[Json, Json], bool]] = {
    ast.Eq: _equal,
    ast.NotEq: _unequal,
    ast.Lt: _ordering(operator.lt),
    ast.LtE: _ordering(operator.le),
    ast.Gt: _ordering(operator.gt),
    ast.GtE: _ordering(operator.ge),
    ast.In: _contained,
    ast.NotIn: lambda item, container: not _contained(item, container),
}
FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Json]]] = {
    "abs": (1, 1, lambda value: abs(_number(value))),
    "isnan": (1, 1, _is_nan),
    "len": (1, 1, _length),
    "lower": (1, 1, lambda value: _text(value).lower()),
    "max": (1, 99, _greatest),
    "min": (1, 99, _least),
    "round": (1, 2, _round),
    "startswith": (2, 2, lambda value, start: _text(value).startswith(_text(start))),
}
"""Name → fewest arguments, most arguments, and what it does."""
