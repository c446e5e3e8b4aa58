"""What differs between two runs only because they ran at another place, or at another time."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from xgit.record.model import Experiment, Json

_TIMES = re.compile(r"\d{4}-\d\d-\d\d([/_T-])\d\d-\d\d-\d\d")  # as Hydra names its directories


def without_times(text: str) -> str:
    """The text without the times that Hydra names output directories by."""
    return _TIMES.sub("<time>", text)


class Moved(NamedTuple):
    """The top of the checkout of the recorded run and of the other; empty where not known."""

    recorded: str = ""
    reproduced: str = ""

    def same(self, old: Json, new: Json) -> bool:
        """Whether both values are the same, but for where and when the runs were made."""
        # As JSON, for True is not 1.
        texts = (_settled(old, self.recorded), _settled(new, self.reproduced))
        return json.dumps(texts[0], default=str) == json.dumps(texts[1], default=str)


def moved(recorded: Experiment, rerun: Experiment, root: str) -> Moved:
    """Find out where the recorded run was made: a record does not tell.

    A path of the rerun that lies under its `root` had, in the recorded run, the same end.
    """
    found: Counter[str] = Counter()
    for old, new in _pairs(recorded, rerun):
        if root and new.startswith(f"{root}/"):
            rest = without_times(new.removeprefix(root))
            before = without_times(old)
            if before.startswith("/") and before.endswith(rest):
                found[before.removesuffix(rest)] += 1
    likely = found.most_common(1)
    return Moved(likely[0][0], root) if likely else Moved("", root)


def _pairs(recorded: Experiment, rerun: Experiment) -> Iterator[tuple[str, str]]:
    """Texts of both runs that may be paths in their checkouts."""
    if recorded.params.hydra and rerun.params.hydra:
        dirs = (recorded.params.hydra.output_dir, rerun.params.hydra.output_dir)
        yield (dirs[0] or "", dirs[1] or "")
    for name, value in recorded.params.values.items():
        yield from _texts(value, rerun.params.values.get(name))
    yield from zip(recorded.command, rerun.command, strict=False)
    for name, one in recorded.environment.packages.items():
        other = rerun.environment.packages.get(name)
        if other is not None:
            yield one.source.partition(":")[2], other.source.partition(":")[2]
    pythons = (recorded.environment.python, rerun.environment.python)
    if pythons[0] and pythons[1]:
        yield pythons[0].prefix, pythons[1].prefix


def _texts(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    if isinstance(old, str) and isinstance(new, str):
        yield old, new
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        for one, other in zip(old, new, strict=False):
            yield from _texts(one, other)


def _settled(value: Json, root: str) -> Json:
    """The value with the root and the times in its texts put out of the way."""
    if isinstance(value, str):
        text = without_times(value)
        return re.sub(rf"{re.escape(root)}(?![^/:,;\s'\"\]])", "<root>", text) if root else text
    if isinstance(value, list | tuple):
        return [_settled(item, root) for item in value]
    return value
