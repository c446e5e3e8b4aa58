"""A check of what stands twice in a record: parameters in the config, metrics in their series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xgit.capture.metrics.merging import LOGGED
from xgit.capture.params.leaves import leaves_of
from xgit.errors import XgitError
from xgit.record.json_form import to_json
from xgit.record.model import Experiment, Json
from xgit.record.redact import MASK
from xgit.verify.nouns import Check, failed, passed, unknown

_SHOWN = 3


def check_values(it: Experiment) -> Check:
    """The config, where it stands written out, and the last logged values agree with the record."""
    wrong = [*_metrics(it)]
    try:
        wrong += _params(it)
    except XgitError as error:
        return unknown("values", f"params.yaml cannot be read: {error.message}")
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        told = "; ".join(wrong[:_SHOWN]) + more
        return failed("values", told, f"git show experiment/{it.id}:.xgit/record.json")
    return passed("values")


def _metrics(it: Experiment) -> Iterator[str]:
    series: dict[str, set[str]] = {}
    for point in it.metrics.series:
        series.setdefault(point.name, set()).add(repr(point.value))
    for name, value in it.metrics.values.items():
        if it.metrics.sources.get(name) == LOGGED and repr(value) not in series.get(name, ()):
            yield f"{name} {value} was never logged, as metrics.jsonl has it"


def _params(it: Experiment) -> Iterator[str]:
    if it.params.text is None:
        return
    written = to_json(leaves_of(it.params.text, "params.yaml"))  # NaN by its name, as recorded
    for name, value in it.params.values.items():
        if name in written and _is_plain(written[name]) and not _same(written[name], value):
            yield f"{name} is {value} in the record and {written[name]} in params.yaml"


def _is_plain(value: Json) -> bool:
    """Neither an interpolation, nor masked, nor a list with one of them."""
    return "${" not in str(value) and MASK not in str(value)


def _same(written: Json, recorded: Json) -> bool:
    """YAML knows fewer kinds of values than the program: 1 and 1.0, and words, are compared."""
    if isinstance(written, bool) or isinstance(recorded, bool):
        return str(written).lower() == str(recorded).lower()
    if isinstance(written, int | float) and isinstance(recorded, int | float):
        return written == recorded or repr(written) == repr(recorded)
    if isinstance(written, Mapping) or isinstance(recorded, Mapping):
        return True
    return str(written) == str(recorded)
