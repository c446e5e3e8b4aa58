"""The jobs of CI that check and reproduce: a workflow of GitHub, or jobs of GitLab."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Final

from xgit.capture.documents import parse_yaml
from xgit.capture.environment.packages import installed_packages
from xgit.record.model import Json
from xgit.setup.nouns import ByHand
from xgit.setup.yaml_lists import add_item
from xgit.templates import template

HOSTS: Final = ("github", "gitlab")
WORKFLOW: Final = ".github/workflows/xgit-reproduce.yml"
GITLAB: Final = ".gitlab-ci.yml"
GITLAB_JOBS: Final = ".gitlab/xgit-reproduce.yml"
UNKNOWN: Final = "git+https://URL-OF-XGIT@COMMIT"
_STAGE = "test"  # of GitLab's own, for projects that name none
_SOURCE = re.compile(r"git\+(https|ssh)://[\w.:/@~+#=-]+@[0-9a-f]{40,64}[\w.#/=-]*")
_COMMENT = "xgit checks and reproduces experiments"


def jobs(host: str, *, stage: str = _STAGE, source: str | None = None) -> str:
    """The template, told where xgit is to be installed from.

    Args:
        host: one of `HOSTS`.
        stage: the stage of GitLab that the jobs belong to.
        source: as `uv tool install` takes it after `xgit @`; None leaves `UNKNOWN` standing.
    """
    text = (template("ci") / f"{host}.yml").read_text(encoding="utf-8")
    if stage != _STAGE:
        text = text.replace(f"\n  stage: {_STAGE}\n", f"\n  stage: {_scalar(stage)}\n", 1)
    return text.replace(UNKNOWN, source or UNKNOWN)


def _scalar(text: str) -> str:
    """A text as YAML has it: quoted as JSON is, which YAML reads too."""
    return text if re.fullmatch(r"[A-Za-z][\w-]*", text) else json.dumps(text)


def own_source() -> str | None:
    """The repository and commit that this xgit was installed from.

    None where that is a directory, or nothing that another machine could reach.
    """
    found = installed_packages(tuple(sys.path))[0].get("xgit")
    known = found is not None and _SOURCE.fullmatch(found.source)
    return found.source if found is not None and known else None


def stage_for(text: str) -> str:
    """The stage of a `.gitlab-ci.yml` in which the jobs may be: `test`, else its last one.

    Raises:
        BadDocument: it is not YAML.
    """
    config = parse_yaml(text)
    stages = config.get("stages") if isinstance(config, Mapping) else None
    named = [one for one in stages if isinstance(one, str)] if isinstance(stages, list) else []
    return _STAGE if not named or _STAGE in named else named[-1]


def has_jobs(text: str) -> bool:
    """Whether a `.gitlab-ci.yml` has the jobs itself.

    Raises:
        BadDocument: it is not YAML.
    """
    config = parse_yaml(text)
    return isinstance(config, Mapping) and "xgit-reproduce" in config


def with_include(text: str) -> str:
    """A `.gitlab-ci.yml` that includes the file of the jobs, or as it is where it does.

    Raises:
        BadDocument: it is not YAML.
        ByHand: it is written in a form that is not changed here.
    """
    config = parse_yaml(text)
    included = config.get("include") if isinstance(config, Mapping) else None
    if any(_names_jobs(one) for one in (included if isinstance(included, list) else [included])):
        return text
    if included is not None and not isinstance(included, list):
        raise ByHand(f"include:\n  - local: {GITLAB_JOBS}\nbeside what it includes already")
    return add_item(text, "include", lambda _: [f"- local: {GITLAB_JOBS}"], _COMMENT)


def _names_jobs(one: Json) -> bool:
    local = one.get("local") if isinstance(one, Mapping) else one
    return isinstance(local, str) and local.lstrip("/") == GITLAB_JOBS
