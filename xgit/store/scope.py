"""What the names of an expression stand for, and what becomes of those that are not there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from xgit.record.model import Json
from xgit.store.operators import Missing, NotPossible

FLAT = ("metrics", "params")
_LONGEST_NAME = 200
_IMPOSSIBLE = (NotPossible, TypeError, ValueError, ArithmeticError)


class Scope(NamedTuple):
    """What names stand for while an expression is evaluated.

    Attributes:
        values: root name → value; `metrics` and `params` are flat mappings of dotted names.
        strict: whether a name that is not there, or values that do not go together, raise
            `NotPossible`; otherwise they make their comparison false.
    """

    values: Mapping[str, Json]
    strict: bool = False


def closest(name: str, names: Collection[str]) -> str | None:
    """The one of `names` that is most like `name`, or None when none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name[:_LONGEST_NAME], names, n=1)), None)


def find(scope: Scope, root: str, path: list[str | int]) -> Json:
    """What lies under the longest dotted key; what is left of the path must be indices."""
    value = scope.values[root]
    if not isinstance(value, Mapping):
        return _inside(scope, root, value, path)
    for length in range(len(path), 0, -1):
        key = ".".join(str(part) for part in path[:length])
        if key in value:
            return _inside(scope, f"{root}.{key}", value[key], path[length:])
    return _missing(scope, root, ".".join(str(part) for part in path))


def _inside(scope: Scope, name: str, value: Json, path: list[str | int]) -> Json:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            if scope.strict:
                raise NotPossible(f"{name} has no {part!r}") from None
            return Missing()
    return value


def _missing(scope: Scope, root: str, key: str) -> Missing:
    if not scope.strict:
        return Missing()
    names = scope.values[root]
    near = closest(key, [name for name in names if isinstance(name, str)])
    told = f" (closest: {near})" if near else f" (there are no {root})" if not names else ""
    raise NotPossible(f"no {root.removesuffix('s')} named {key}{told}")


def apply(act: Callable[..., Json], scope: Scope, *values: Json) -> Any:
    """The result, or Missing where there is none; raises `NotPossible` in a strict scope."""
    if any(isinstance(value, Missing) for value in values):
        return Missing()
    try:
        return act(*values)
    except _IMPOSSIBLE as problem:
        if scope.strict:
            raise NotPossible(str(problem)) from problem
        return Missing()
