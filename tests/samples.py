"""Experiments to save, load and compare."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from xgit.git.plumbing import Repo, git_line
from xgit.record.model import (
    Artifact,
    Code,
    Environment,
    EnvironmentLock,
    Expectation,
    Experiment,
    Gpu,
    GuardResult,
    Hardware,
    HydraFacts,
    Metrics,
    Outcome,
    Package,
    Params,
    Person,
    Pin,
    Point,
    Python,
    Submodule,
    Unlocked,
    Violation,
)

START = datetime(2026, 11, 23, 20, 15, 2, 123456, tzinfo=UTC)
IDENTITY = "Ada Lovelace <ada@example.com> 1795464902 +0000"


def identity(minute: int = 0) -> str:
    """An identity line whose time is that of `outcome(minute)`."""
    seconds = int((START + timedelta(minutes=minute)).timestamp())
    return f"Ada Lovelace <ada@example.com> {seconds} +0000"


def outcome(minute: int = 0, **changes: Any) -> Outcome:
    """Twelve seconds that end `minute` minutes after the first."""
    finished = START + timedelta(minutes=minute)
    values: dict[str, Any] = {
        "status": "completed",
        "exit_code": 0,
        "signal": None,
        "started": finished - timedelta(seconds=12),
        "finished": finished,
        "duration_seconds": 12.0,
    }
    return Outcome(**{**values, **changes})


def experiment(experiment_id: str, commit: str, minute: int = 0, **changes: Any) -> Experiment:
    """A small experiment; `changes` are fields of `Experiment`."""
    values: dict[str, Any] = {
        "id": experiment_id,
        "outcome": outcome(minute),
        "author": Person("Ada Lovelace", "ada@example.com"),
        "command": ("python", "train.py", "lr=0.1"),
        "cwd": ".",
        "code": Code(commit, "main", "origin file:///srv/origin.git", pushed=True),
        "xgit_version": "0.1.0",
        "params": Params(
            {"lr": 0.1, "model.name": "svm"}, "lr: 0.1\nmodel:\n  name: svm\n", "hydra"
        ),
        "metrics": Metrics({"accuracy": 0.9, "loss": 0.25}, {"accuracy": "xgit.log"}),
        "log": b"trained\n",
        "reproducible": True,
    }
    return Experiment(**{**values, **changes})


def full(experiment_id: str, commit: str) -> Experiment:
    """An experiment in which every field is set, some of them to what is hard to keep."""
    return experiment(
        experiment_id,
        commit,
        why='does "it" learn | faster?\nsecond line: é',
        expectations=(
            Expectation("accuracy > 0.95", met=False),
            Expectation("nothing > 1", None, "no metric named nothing"),
        ),
        labels=("baseline", "digits:1.0"),
        sweep_id="sweep",
        sweep_index=3,
        code=Code(commit, None, None, pushed=False, submodules=(Submodule("lib", commit, True),)),
        params=Params(
            {"lr": 1e-300, "n": 2**70, "name": "a`b|c", "on": True, "none": None, "list": [1, "x"]},
            "lr: ${base}\n",
            "hydra",
            HydraFacts("config", ("lr=1e-300", "+x=1"), {"model": "svm", "opt": None}, "/out"),
        ),
        data=(
            Pin("data/a.csv", "dvc", "md5:abc", 10, 1, "a", "1", "data/a.csv.dvc"),
            Pin("feat", "dvc", "md5:def.dir", None, None, "feat", "def", "dvc.lock", "python f.py"),
        ),
        environment=Environment(
            Python("3.11.7", "cpython", "gcc", "/usr/bin/python", "/usr"),
            "Linux 6.1 x86_64",
            {"numpy": Package("2.4.6"), "own": Package("0.1", "editable:/src")},
            {"OMP_NUM_THREADS": "1"},
            lock=EnvironmentLock(
                "0f" * 16,
                "uv",
                (Unlocked("own", "0.1", "it is an | editable install", "libs/own"),),
                project="uv.lock",
            ),
        ),
        hardware=Hardware("CPU", 2, 2**34, (Gpu("H100", 2**36, "560", "GPU-1"),)),
        utilization={"cpu": 0.5},
        metrics=Metrics(
            {"nan": math.nan, "inf": math.inf, "low": -math.inf, "int": 3, "float": 3.0},
            {"nan": "xgit.log"},
            (Point("val/acc", 0.5, 1, 1.5), Point("val/acc", math.nan, None, 2.5)),
        ),
        artifacts=(Artifact("artifacts/m.json", "sha256:00", 3, stored=True),),
        evidence={"reach": "none"},
        guards=(
            GuardResult("untracked", "allowed", (Violation("untracked", "a b", "git add 'a b'"),)),
            GuardResult("modified", "passed"),
        ),
        reproducible=False,
        reasons=("untracked was allowed: a b",),
        notes=("a note",),
        files={"artifacts/m.json": b"{}\n", "pylock.toml": b'lock-version = "1.0"\n'},
    )


def head(repo: Repo) -> str:
    """The commit that is checked out."""
    return git_line(repo, "rev-parse", "HEAD")
