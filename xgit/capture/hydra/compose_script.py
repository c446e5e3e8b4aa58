"""Composes configs with the project's own Hydra.

Run by the project's Python, never imported by xgit: the standard library and Hydra alone, Python
3.8. Reads one JSON request from standard input, writes one JSON answer to standard output; what
each has is told at `answer`. Nothing is resolved, so no resolver runs and no variable is needed.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Failure = dict[str, Any]

MOST_CHOICES = 20
_DEMANDED = re.compile(r"You must specify '.*', e\.g, (\S+)=<OPTION>\nAvailable options:\n\t(.+)")
_NOT_FOUND = re.compile(r"Could not (?:find|load) '([^']+)'")
_OPTIONS = re.compile(r"\nAvailable options in '.*':\n((?:\t.+\n?)+)")
_THERE_ALREADY = ("Multiple values for ", "appears more than once")
_SHOWN_OPTIONS = 5


def main() -> None:
    """Answer; whatever the project itself prints goes to standard error."""
    sys.path.pop(0)  # the directory of this file, which no import of the project may find
    own = os.dup(1)
    os.dup2(2, 1)
    text = json.dumps(answer(json.load(sys.stdin)))
    with os.fdopen(own, "w") as stream:
        stream.write(text)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Compose all that is asked for.

    Args:
        request: `root` of the project · `imports` modules that register configs · `seconds` after
            which nothing more is begun · `directories` a list of {`path`, `primary` names,
            `targets` [group, name] of each option to choose, `complete` name of each experiment
            that may leave no `???` to the names of all whose values it has}.

    Returns:
        `trouble` why nothing could be composed, or None · `failures` a list of {`directory` index,
        `group`, `name`, `reason`, `kind`, `missing`, `inside`} · `left` names that no time was for.
    """
    try:
        from hydra import compose, initialize_config_dir
    except ModuleNotFoundError as error:
        if error.name == "hydra":
            return _trouble("it has no Hydra")
        return _trouble(f"its Hydra cannot be imported: {error}")
    except Exception as error:  # noqa: BLE001 - a broken installation, told
        return _trouble(f"its Hydra cannot be imported: {error}")
    # Last, so that no file of the project stands in for a library.
    sys.path.extend([request["root"], os.path.join(request["root"], "src")])
    for name in request["imports"]:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the project's own code
            return _trouble(f"{name} cannot be imported: {type(error).__name__}: {error}")
    reply: dict[str, Any] = {"trouble": None, "failures": [], "left": []}
    end = monotonic() + request["seconds"]
    for index, directory in enumerate(request["directories"]):
        with initialize_config_dir(config_dir=directory["path"], version_base=None):
            for failure in _Directory(compose, directory, end, reply["left"]).failures():
                reply["failures"].append(dict(failure, directory=index))
    return reply


def _trouble(reason: str) -> dict[str, Any]:
    return {"trouble": reason, "failures": [], "left": []}


class _Directory:
    """The configs of one directory."""

    def __init__(
        self, compose: Callable[..., Any], asked: dict[str, Any], end: float, left: list[str]
    ) -> None:
        self.compose = compose
        self.asked = asked
        self.end = end
        self.left = left
        self.of_primary: dict[str, Failure | None] = {}

    def failures(self) -> list[Failure]:
        """What does not compose: primary configs first, then what is chosen on top of them."""
        found: list[Failure | None] = []
        for name in self.asked["primary"]:
            if self._is_late(name):
                continue
            _, failure = self._composed(name, [])
            self.of_primary[name] = failure
            found.append(failure and dict(failure, group="", name=name))
        for group, name in self.asked["targets"]:
            if not self._is_late(f"{group}={name}"):
                failure = self._target(group, name)
                found.append(failure and dict(failure, group=group, name=name))
        return [failure for failure in found if failure]

    def _is_late(self, name: str) -> bool:
        if monotonic() > self.end:
            self.left.append(name)
            return True
        return False

    def _target(self, group: str, name: str) -> Failure | None:
        """Why no primary config composes with this choice; None if one does, or fails without."""
        failures = []
        for primary, own in self.of_primary.items():
            config, failure = self._chosen(primary, group, name)
            if failure is None:
                return self._unfilled(config, name) if group == "experiment" else None
            if own is None or own["reason"] != failure["reason"]:
                failures.append(failure)
        if group != "experiment" and any(one["kind"] == "other" for one in failures):
            return None  # an option may be meant for a choice that is not made here
        return failures[0] if failures else None

    def _chosen(self, primary: str, group: str, name: str) -> tuple[Any, Failure | None]:
        """The group is added where the defaults list lacks it, else overridden."""
        choice = f"{group}={name}"
        config, failure = self._composed(primary, ["+" + choice])
        if failure and any(words in failure["reason"] for words in _THERE_ALREADY):
            config, other = self._composed(primary, [choice])
            if not (other and other["reason"].startswith(f"Could not override '{group}'")):
                return config, other
        return config, failure

    def _composed(self, primary: str, overrides: list[str]) -> tuple[Any, Failure | None]:
        """The config, else why there is none; a choice that is the user's to make is made."""
        overrides = list(overrides)
        given = len(overrides)
        while True:
            try:
                return self.compose(config_name=primary, overrides=overrides), None
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                demanded = _DEMANDED.match(str(error))
                if demanded is None or len(overrides) - given >= MOST_CHOICES:
                    failure = _told(error, self.asked["path"])
                    if len(overrides) > given and failure["kind"] == "other":
                        failure["kind"] = "unknown"  # it may be the choice that was wrong
                    return None, failure
                overrides.append(f"{demanded[1]}={demanded[2]}")

    def _unfilled(self, config: Any, name: str) -> Failure | None:
        """A `???` that an experiment has in its files and that nothing filled."""
        from omegaconf import OmegaConf

        own = set()
        for part in self.asked["complete"].get(name, ()):
            file = os.path.join(self.asked["path"], "experiment", part + ".yaml")
            own.update(_missing(OmegaConf.to_container(OmegaConf.load(file), resolve=False), ""))
        for key in _missing(OmegaConf.to_container(config, resolve=False), ""):
            if any(("." + key).endswith("." + one) for one in own):
                return {"reason": f"nothing fills {key}: ???", "kind": "missing value"}
        return None


def _missing(tree: Any, name: str) -> list[str]:
    """Dotted names of the values that are `???`; the defaults list and Hydra's own left out."""
    if isinstance(tree, dict):
        keep = ((key, item) for key, item in tree.items() if name or key not in _NOT_VALUES)
        pairs = [(f"{name}.{key}" if name else str(key), item) for key, item in keep]
        return [found for key, item in pairs for found in _missing(item, key)]
    return [name] if tree == "???" else []


_NOT_VALUES = ("defaults", "hydra")


def _told(error: Exception, path: str) -> Failure:
    """An error of Hydra in one line.

    Returns:
        `reason` · `kind` `syntax`, `missing` (a config that is not there), `unknown` (it may
        compose all the same, in the program) or `other` · `missing` the name of what is not there
        · `inside` the config that the error is in.
    """
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        where = os.path.relpath(str(mark.name), path)
        reason = f"line {mark.line + 1}: {getattr(error, 'problem', None) or 'not valid'}"
        return {"reason": reason, "kind": "syntax", "inside": where[: -len(".yaml")]}
    text = str(error) or str(error.__cause__ or "") or type(error).__name__
    if isinstance(error, RecursionError):
        text = "it includes itself"
    inside = re.match(r"In '?([^':]+)'?: ", text)
    missing = _NOT_FOUND.search(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    reason = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])
    return {
        "reason": reason.replace(path + os.sep, "") + _options(text),
        "kind": _kind(error, missing[1] if missing else None),
        "missing": missing[1] if missing else None,
        "inside": inside[1] if inside else None,
    }


def _kind(error: Exception, missing: str | None) -> str:
    kinds = [type(one).__name__ for one in (error, error.__cause__) if one is not None]
    # The compose API does not know all that a program knows: hydra.runtime, variables, plugins.
    unknown = any(kind.startswith(("Interpolation", "OverrideParse")) for kind in kinds)
    if unknown or "Error resolving interpolation" in str(error) or isinstance(error, ImportError):
        return "unknown"
    if missing is not None:
        return "unknown" if missing.startswith("hydra/") else "missing"
    return "syntax" if "GrammarParseError" in kinds else "other"


def _options(text: str) -> str:
    found = _OPTIONS.search(text)
    if found is None:
        return ""
    names = found[1].split()
    return f"; known: {', '.join(names[:_SHOWN_OPTIONS])}{', …' if names[_SHOWN_OPTIONS:] else ''}"


if __name__ == "__main__":
    main()
