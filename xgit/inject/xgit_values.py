"""What counts as a number, and how a tree of values becomes dotted leaves."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Tuple, Union

    Number = Union[int, float]

DEEPEST = 100
MOST_RETURNED = 1000
BIGGEST_INT_BITS = 10_000  # Python refuses to print integers of more than 4,300 digits


def number_of(value: Any) -> Number | None:
    """The value as an int or a float, or None when it is no number.

    True and False are 1 and 0. Scalars of numpy, torch and the like are asked by `.item()`.
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return value if value.bit_length() <= BIGGEST_INT_BITS else None
    if isinstance(value, int):
        return number_of(int(value))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (str, bytes, bytearray, type)) or value is None:
        return None
    return _asked(value)


def _asked(value: Any) -> Number | None:
    try:
        if hasattr(value, "item"):
            inner = value.item()
            return number_of(inner) if isinstance(inner, (int, float)) else None
        return float(value) if hasattr(type(value), "__float__") else None
    except Exception:
        return None  # an array of many, a value on a device that is gone


def leaves(tree: Any, name: str = "") -> Iterator[Tuple[str, Any]]:
    """The leaves of nested dicts and lists under dotted names.

    A list of scalars is one leaf; a list that holds a dict or a list is indexed (`layers.0.size`).
    An empty dict has no leaf, an empty list is one.
    """
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, "%s.%s" % (name, key) if name else str(key))
    elif isinstance(tree, list) and any(isinstance(item, (dict, list)) for item in tree):
        for index, item in enumerate(tree):
            yield from leaves(item, "%s.%d" % (name, index) if name else str(index))
    else:
        yield name, tree


def plain(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one return a kind
    """The value in what JSON has: enums by their name, all that has no form as text."""
    if value is None or isinstance(value, (bool, float)):
        return value
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if value.bit_length() <= BIGGEST_INT_BITS else hex(value)
    if depth > DEEPEST:
        return "(nested too deep)"
    if isinstance(value, dict):
        return {str(plain(key, depth + 1)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    return _text_or_number(value)


def _text_or_number(value: Any) -> Any:
    from enum import Enum

    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return str.__str__(value)
    number = number_of(value)
    try:
        return number if number is not None else str(value)
    except Exception as error:
        return "(%s that cannot be printed: %s)" % (type(value).__name__, type(error).__name__)


def numbers_in(value: Any, alone: str) -> Tuple[Dict[str, Number], Dict[str, str]]:
    """The numbers a function returned, and the type names of what is no number.

    Args:
        value: a number, a mapping, a list or tuple of such; nested names are dotted.
        alone: the name of a number that has none of its own.
    """
    found = {}  # type: Dict[str, Number]
    other = {}  # type: Dict[str, str]
    _collect(value, "", alone, found, other, 0)
    return found, other


def _collect(
    value: Any, name: str, alone: str, found: Dict[str, Number], other: Dict[str, str], depth: int
) -> None:
    from collections.abc import Mapping, Sequence

    if len(found) + len(other) >= MOST_RETURNED or depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for key in value:
            _collect(value[key], _joined(name, key), alone, found, other, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        for index, item in enumerate(value):
            _collect(item, _joined(name or alone, index), alone, found, other, depth + 1)
    else:
        number = number_of(value)
        if number is not None:
            found[name or alone] = number
        elif value is not None or name:
            other[name or alone] = type(value).__name__


def _joined(name: str, key: Any) -> str:
    return "%s.%s" % (name, key) if name else str(key)
