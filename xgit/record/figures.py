"""Numbers, spans and series as a person reads them; the exact values stay in the record."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime

from xgit.record.model import Json, Number

MINUS = "\u2212"  # as wide as a plus sign, so that changes line up
SPARK_WIDTH = 40
_SPARKS = "▁▂▃▄▅▆▇█"
_DIGITS = 4
_MOST_DIGITS = 17  # tells any two floats apart
_WHOLE_UP_TO = 1e15
_DECEPTIVE = frozenset(("", "null", "none", "true", "false"))
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_MINUTE_ROUNDED = 59.95
_DAYS_ALONE = 10  # from there on the hours say little
_THOUSAND_ROUNDED = 999.5
_MOST_BYTES = 10**24  # a record may claim any number, also one that no float can hold
_THREE_DIGITS = 99.95


def format_number(value: Number, digits: int = _DIGITS) -> str:
    """`digits` significant digits, though never fewer than the whole part; integers exactly."""
    if isinstance(value, int):
        return _integer(value)
    if not math.isfinite(value):
        return _not_finite(value)
    size = abs(value)
    if 10**digits <= size < _WHOLE_UP_TO:
        return f"{value:.0f}"
    text = f"{value:.{digits}g}"
    return f"{text}.0" if text.lstrip("-").isdigit() else text


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _integer(value: int) -> str:
    if abs(value) < _WHOLE_UP_TO:
        return str(value)
    try:
        return f"{value:.3e}"
    except OverflowError:
        return f"{'-' if value < 0 else ''}about 2^{abs(value).bit_length() - 1}"


def format_numbers(values: Sequence[Number]) -> list[str]:
    """The numbers with as many digits as it takes for different ones to look different."""
    different = len(set(values))
    for digits in range(_DIGITS, _MOST_DIGITS + 1):
        texts = [format_number(value, digits) for value in values]
        if len(set(texts)) >= different:
            return texts
    return texts


def difference(old: Number, new: Number) -> Number | None:
    """How much `new` is more than `old`; None where that is no number, or too large for one."""
    try:
        change = new - old
    except OverflowError:  # an integer that no float can hold, and a float
        return None
    return change if isinstance(change, int) or math.isfinite(change) else None


def format_change(change: Number) -> str:
    """The number with its sign; no change at all is `0`."""
    if change == 0:
        return "0"
    sign = MINUS if change < 0 else "+"
    return sign + format_number(abs(change))


def format_value(value: Json) -> str:
    """A parameter exactly as recorded; a string that looks like a number or null is quoted."""
    if isinstance(value, str):
        return json.dumps(value) if _is_deceptive(value) else value
    if isinstance(value, float) and not math.isfinite(value):
        return _not_finite(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _integer(value)
    return json.dumps(value, ensure_ascii=False, default=list)


def _is_deceptive(text: str) -> bool:
    if text.casefold() in _DECEPTIVE:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def format_span(seconds: float) -> str:
    """A duration or an age: `0.6 s`, `12.3 s`, `5 min 3 s`, `3 h 20 min`, `12 d`."""
    if not math.isfinite(seconds):
        return "?"
    seconds = max(seconds, 0.0)
    if seconds < _MINUTE_ROUNDED:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    minutes, hours, days = rounded // 60, rounded // 3600, rounded // 86400
    if days >= _DAYS_ALONE:
        return f"{days} d"
    if days:
        return _two(days, "d", hours % 24, "h")
    if hours:
        return _two(hours, "h", minutes % 60, "min")
    return _two(minutes, "min", rounded % 60, "s")


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large} {unit} {small} {small_unit}" if small else f"{large} {unit}"


def format_age(moment: datetime, now: datetime) -> str:
    """How long ago, in one unit: `12 s`, `5 min`, `3 h`, `2 d`."""
    seconds = (now - moment).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def format_bytes(size: Number) -> str:
    """`512 B`, `1.2 MB`, `7.8 GB`: powers of 1,000, as disks and git hosts count."""
    amount = float(min(size, _MOST_BYTES))
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < _THOUSAND_ROUNDED:
            whole = unit == "B" or amount >= _THREE_DIGITS
            return f"{amount:.0f} {unit}" if whole else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} PB"


def short_hash(hash_: str) -> str:
    """`md5:1a2b3c4` from `md5:1a2b3c4…`, with `.dir` kept."""
    kind, colon, digits = hash_.rpartition(":")
    tail = ".dir" if digits.endswith(".dir") else ""
    return f"{kind}{colon}{digits.removesuffix('.dir')[:7]}{tail}"


def sparkline(values: Sequence[Number], width: int = SPARK_WIDTH) -> str:
    """The series as at most `width` bars, from its least to its greatest finite value.

    A series longer than that is averaged in equal parts; a part without a finite value is a gap.
    Fewer than two finite values make no line: the answer is empty.
    """
    finite = [_finite(value) for value in values]
    if sum(value is not None for value in finite) <= 1:
        return ""
    means = _means(finite, width)
    known = [value for value in means if value is not None]
    low, high = min(known), max(known)
    return "".join(" " if value is None else _bar(value, low, high) for value in means)


def _finite(value: Number) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _means(values: Sequence[float | None], width: int) -> list[float | None]:
    parts = min(len(values), width)
    edges = [len(values) * part // parts for part in range(parts + 1)]
    return [_mean(values[edges[part] : edges[part + 1]]) for part in range(parts)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    # Divided before the sum: values near the end of the range of floats must not overflow.
    return sum(value / len(known) for value in known) if known else None


def _bar(value: float, low: float, high: float) -> str:
    half_span = high / 2 - low / 2
    if half_span == 0:
        return _SPARKS[len(_SPARKS) // 2 - 1]
    share = (value / 2 - low / 2) / half_span
    return _SPARKS[min(int(share * len(_SPARKS)), len(_SPARKS) - 1)]
