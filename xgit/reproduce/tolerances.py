"""Which tolerance holds for a metric, and how far repetitions of a run are apart by themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

from xgit.record.figures import difference
from xgit.record.model import Json, Number
from xgit.record.verdict import EXACT, Tolerance, Tolerances

CONFIDENCE = 0.95
_FEWEST = 2  # repetitions that tell something of a spread
_HALVINGS = 200  # of an interval of floats: more than there are bits in one


def tolerances_of(
    table: Mapping[str, Mapping[str, Json]], *, rtol: float | None = None, atol: float | None = None
) -> Tolerances:
    """The tolerances of `Settings.tolerances` and of the command line, which has the last word."""
    named = {
        name: Tolerance(
            float(entry.get("rtol", 0.0)),
            float(entry.get("atol", 0.0)),
            "settings",
            bool(entry.get("ignore", False)),
        )
        for name, entry in table.items()
    }
    return Tolerances(named, rtol, atol)


def tolerance_for(name: str, tolerances: Tolerances) -> Tolerance:
    """What holds for a metric.

    An entry of its very name, or else the glob with the most characters that are no wildcards; of
    two such globs the later one. What is ignored stays so, whatever the command line says.
    """
    found = _named(name, tolerances.named)
    if found.ignore or (tolerances.rtol is None and tolerances.atol is None):
        return found
    rtol = found.rtol if tolerances.rtol is None else tolerances.rtol
    atol = found.atol if tolerances.atol is None else tolerances.atol
    options = {"--rtol": tolerances.rtol, "--atol": tolerances.atol}
    source = ", ".join(option for option, value in options.items() if value is not None)
    return Tolerance(rtol, atol, source)


def is_ignored(name: str, tolerances: Tolerances) -> bool:
    """Whether a metric or an output is not to be judged."""
    return _named(name, tolerances.named).ignore


def _named(name: str, named: Mapping[str, Tolerance]) -> Tolerance:
    if name in named:
        return named[name]
    fitting = [pattern for pattern in named if fnmatchcase(name, pattern)]
    if not fitting:
        return EXACT
    return named[max(reversed(fitting), key=_specific)]


def _specific(pattern: str) -> int:
    return sum(letter not in "*?[]" for letter in pattern)


def is_within(recorded: Number, reproduced: Number, tolerance: Tolerance) -> bool:
    """|reproduced - recorded| <= atol + rtol * |recorded|, of two finite numbers.

    Equal ones are within every tolerance, and NaN agrees with NaN.
    """
    if agree(recorded, reproduced):
        return True
    size, change = _float(recorded), difference(recorded, reproduced)
    if size is None or change is None:
        return False
    return abs(change) <= tolerance.atol + tolerance.rtol * abs(size)


def agree(one: Number, other: Number) -> bool:
    """Exactly equal: 1 is 1.0, and NaN is NaN."""
    return one == other or (one != one and other != other)  # noqa: PLR0124 - only NaN is not itself


def _float(value: Number) -> float | None:
    """None for what is not finite, or an integer that no float can hold."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


# ---------------------------------------------------------------- the spread of repetitions


def prediction_interval(values: Sequence[Number | None]) -> tuple[float, float] | None:
    """Where one more value of the same distribution would lie, at 95 %; None where that is unknown.

    mean ± t(0.975, n-1) * s * sqrt(1 + 1/n), for values that scatter normally (Hahn, 1969).
    """
    numbers = [_float(value) for value in values if value is not None]
    known = [number for number in numbers if number is not None]
    count = len(known)
    if count < _FEWEST or count < len(values):
        return None
    mean = math.fsum(value / count for value in known)
    spread = math.hypot(*(value - mean for value in known)) / math.sqrt(count - 1)
    reach = student_t(count - 1) * spread * math.sqrt(1 + 1 / count)
    return (mean - reach, mean + reach) if math.isfinite(reach) else None


@cache
def student_t(freedom: int) -> float:
    """The 0.975 quantile of Student's t with so many degrees of freedom: 12.706 for 1."""
    low, high = 0.0, 1.0
    while _central(high, freedom) < CONFIDENCE:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if _central(middle, freedom) >= CONFIDENCE else (middle, high)
    return high


def _central(t: float, freedom: int) -> float:
    """P(|T| <= t): Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for at in range(1 + odd, freedom, 2):
        total += term
        term *= cosine * cosine * at / (at + 1)
    if odd:
        return (angle + math.sin(angle) * total) * 2 / math.pi
    return math.sin(angle) * total
