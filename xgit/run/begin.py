"""The experiment as it stands before its command starts."""

from __future__ import annotations

import os
from datetime import datetime

import xgit
from xgit.capture import code
from xgit.capture.data import find as data
from xgit.record.model import (
    Expectation,
    Experiment,
    GuardResult,
    Outcome,
    RepoState,
    Request,
)


def provisional(
    experiment_id: str,
    request: Request,
    state: RepoState,
    results: tuple[GuardResult, ...],
    *,
    snapshot: str | None,
    started: datetime,
) -> Experiment:
    """Interrupted, until it is known otherwise: so it is recorded if xgit dies."""
    return Experiment(
        id=experiment_id,
        outcome=Outcome("interrupted", None, None, started, started, 0.0),
        author=state.author,
        command=request.argv,
        cwd=os.path.relpath(request.cwd, state.root),
        code=code.code(state, snapshot),
        xgit_version=xgit.__version__,
        why=request.why,
        expectations=tuple(Expectation(text, None) for text in request.expressions),
        labels=(*request.labels, *data.data_labels(state.pins)),
        data=state.pins,
        guards=results,
        notes=state.notes,
    )
