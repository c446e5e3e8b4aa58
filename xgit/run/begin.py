"""The experiment as it stands before its command starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime

import xgit
from xgit.capture import code
from xgit.capture.data import find as data
from xgit.record.model import (
    Expectation,
    Experiment,
    GuardResult,
    Outcome,
    Params,
    RepoState,
    Request,
)
from xgit.record.secret_names import is_secret_variable
from xgit.settings import DEFAULT_VARIABLES, Settings


def provisional(
    experiment_id: str,
    request: Request,
    state: RepoState,
    results: tuple[GuardResult, ...],
    *,
    params: Params,
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
        params=params,
        data=state.pins,
        guards=results,
        notes=state.notes,
    )


def telling_variables(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The variables that may be recorded, and those whose values must not be found anywhere."""
    allowed = {*DEFAULT_VARIABLES, *settings.variables}
    return {
        name: value
        for name, value in environ.items()
        if name in allowed or is_secret_variable(name)
    }
