"""Settings, ignored paths and metrics, added to the files that a project has for them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence

from xgit.capture.documents import parse_yaml
from xgit.setup.nouns import ByHand
from xgit.setup.texts import appended
from xgit.setup.yaml_lists import add_item

METRICS = ".xgit/metrics.json"
_METRICS_COMMENT = (
    "every experiment has its metrics here: dvc metrics diff experiment/ID experiment/ID"
)


def with_settings(text: str, commands: Sequence[str]) -> str:
    """A `pyproject.toml` with the table of xgit, or as it is where it has one.

    Args:
        text: valid TOML.
        commands: training commands that were found; one is taken, of several none.

    Raises:
        ByHand: a table cannot be appended to it.
    """
    before = tomllib.loads(text)
    tools = before.get("tool", {})
    if isinstance(tools, dict) and "xgit" in tools:
        return text
    lines = ["[tool.xgit]", *settings_lines(commands)]
    after = appended(text, lines, apart=True)
    added = tomllib.loads("\n".join(lines))["tool"]
    if not isinstance(tools, dict) or _parsed(after) != {**before, "tool": {**tools, **added}}:
        raise ByHand("\n".join(lines))
    return after


def _parsed(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def settings_lines(commands: Sequence[str]) -> list[str]:
    """The settings of xgit: the command, or a comment that asks for it."""
    if len(commands) == 1:
        told = json.dumps(commands[0], ensure_ascii=False)
        return ["# what `xgit exp run` starts; its overrides are appended", f"command = {told}"]
    likely = commands or ["python train.py"]
    return [
        "# what `xgit exp run` starts; its overrides are appended",
        *(f"# command = {json.dumps(one, ensure_ascii=False)}" for one in likely),
    ]


def with_ignored(text: str, entries: Sequence[str]) -> str:
    """A `.gitignore` with those of the entries that do not stand in it, word for word."""
    there = {line.strip() for line in text.splitlines()}
    missing = [entry for entry in entries if entry not in there]
    return appended(text, missing) if missing else text


def with_metrics(text: str) -> str:
    """A `dvc.yaml` that names the metrics of an experiment, or as it is where it does.

    Raises:
        BadDocument: it is not YAML.
        ByHand: it is written in a form that is not changed here.
    """
    before = parse_yaml(text)
    named = before.get("metrics") if isinstance(before, dict) else None
    if isinstance(named, list) and any(_names_metrics(one) for one in named):
        return text
    return add_item(text, "metrics", lambda _: [f"- {METRICS}"], _METRICS_COMMENT)


def _names_metrics(one: object) -> bool:
    return one == METRICS or (isinstance(one, dict) and METRICS in one)
