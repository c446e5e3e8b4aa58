"""xgit's hooks in a `.pre-commit-config.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xgit.capture.documents import parse_yaml
from xgit.setup.yaml_lists import add_item

NAMES = (".pre-commit-config.yaml", ".pre-commit-config.yml")
COMMENT = "xgit refuses what could not be repeated; it needs xgit-guard on PATH"


def with_hooks(text: str) -> str:
    """The configuration with xgit's hooks, or as it is where it has one.

    Raises:
        BadDocument: it is not YAML.
        ByHand: it is written in a form that is not changed here.
    """
    if has_hooks(parse_yaml(text)):
        return text
    return add_item(text, "repos", _item, COMMENT)


def has_hooks(config: object) -> bool:
    """Whether a configuration calls xgit in any way."""
    return any(
        str(hook.get("id", "")).startswith("xgit") or "xgit" in str(hook.get("entry", ""))
        for hook in _hooks(config)
    )


def installs_pushes(config: object) -> bool:
    """Whether `pre-commit install` also installs the hook of a push."""
    types = config.get("default_install_hook_types") if isinstance(config, Mapping) else None
    return isinstance(types, list) and "pre-push" in types


def _hooks(config: object) -> Iterator[Mapping[str, Any]]:
    repos = config.get("repos") if isinstance(config, Mapping) else None
    for repo in repos if isinstance(repos, list) else ():
        hooks = repo.get("hooks") if isinstance(repo, Mapping) else None
        yield from (one for one in hooks or () if isinstance(one, Mapping))


def _item(indent: int) -> list[str]:
    hooks = [*_hook("xgit-commit", "commit"), *_hook("xgit-push", "push")]
    return ["- repo: local", "  hooks:", *(" " * (2 + indent) + line for line in hooks)]


def _hook(hook_id: str, stage: str) -> list[str]:
    return [
        f"- id: {hook_id}",
        f"  name: xgit guards of a {stage}",
        f"  entry: xgit-guard --stage {stage}",
        "  language: system",
        f"  stages: [pre-{stage}]",
        "  pass_filenames: false",
        "  always_run: true",
    ]
