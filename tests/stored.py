"""Experiments for tests: built by hand, stored for real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conftest import Project
from xgit.git.plumbing import identity_line, open_repo
from xgit.record.model import (
    Code,
    Environment,
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
    Violation,
)
from xgit.store.experiments import save

STARTED = datetime(2026, 11, 23, 20, 15, 2, tzinfo=UTC)


def make_experiment(experiment_id: str = "baseline", **changes: Any) -> Experiment:
    """An experiment with something in every room; `changes` are fields of Experiment."""
    plain = Experiment(
        id=experiment_id,
        outcome=Outcome("completed", 0, None, STARTED, STARTED + timedelta(seconds=12.3), 12.3),
        author=Person("Ada Lovelace", "ada@example.com"),
        command=("python", "train.py", "optim.lr=0.1"),
        cwd=".",
        code=Code("a" * 40, "main", "origin https://example.com/x.git", True),
        xgit_version="0.1.0",
        why="does it learn?",
        expectations=(Expectation("accuracy > 0.95", True),),
        labels=("digits:v1",),
        params=Params(
            {"optim.lr": 0.1, "model.name": "svm"},
            "optim:\n  lr: 0.1\n",
            "hydra",
            HydraFacts("config", ("optim.lr=0.1",), {"model": "svm"}),
        ),
        data=(Pin("data/digits.csv", "dvc", "md5:" + "ab" * 16, 1234567, 1, "digits", "v1"),),
        environment=Environment(
            Python("3.11.7", "CPython", "main", "/usr/bin/python", "/usr"),
            "Linux-6.1-x86_64",
            {"numpy": Package("2.4.5"), "own": Package("0.1", "editable:.")},
            {"OMP_NUM_THREADS": "2"},
        ),
        hardware=Hardware("Xeon", 2, 8_000_000_000, (Gpu("H100", 85_000_000_000, "550", "u"),)),
        metrics=Metrics(
            {"accuracy": 0.961, "loss": 0.104},
            {"accuracy": "xgit.log", "loss": "xgit.log"},
            tuple(Point("loss", 1 / (step + 1), step, 0.0) for step in range(10)),
        ),
        guards=(
            GuardResult("modified", "passed"),
            GuardResult("untracked", "allowed", (Violation("untracked", "scratch.py", "git add"),)),
        ),
        reproducible=False,
        reasons=("scratch.py was untracked",),
        notes=("no GPU was used",),
        log=b"epoch 1\nepoch 2\n",
    )
    return plain._replace(**changes)


def store(project: Project, experiment: Experiment) -> Experiment:
    """Save it in the project, on HEAD unless its commit is there already."""
    repo = open_repo(project.root)
    if experiment.code.commit == "a" * 40:
        head = project.git("rev-parse", "HEAD")
        experiment = experiment._replace(code=experiment.code._replace(commit=head))
    save(repo, experiment, identity=identity_line(repo))
    return experiment


def later(experiment: Experiment, seconds: float) -> Outcome:
    """The outcome of an experiment, that much later."""
    by = timedelta(seconds=seconds)
    it = experiment.outcome
    return it._replace(started=it.started + by, finished=it.finished + by)


def two(project: Project) -> tuple[Experiment, Experiment]:
    """A baseline, and a later one with other code, params, packages and metrics."""
    first = store(project, make_experiment())
    project.write("train.py", "print('trained better')\n")
    project.commit("better")
    plain = make_experiment("wide-net")
    second = plain._replace(
        outcome=later(plain, 60),
        command=("python", "train.py", "optim.lr=0.3"),
        params=Params(
            {"optim.lr": 0.3, "model.name": "svm"},
            None,
            "hydra",
            HydraFacts("config", ("optim.lr=0.3",), {}),
        ),
        environment=plain.environment._replace(
            packages={"numpy": Package("2.4.6"), "own": Package("0.1", "editable:.")},
        ),
        metrics=Metrics({"accuracy": 0.973, "loss": 0.081}, {"accuracy": "xgit.log"}),
        why="is wider better?",
        reproducible=True,
        reasons=(),
    )
    return first, store(project, second)
