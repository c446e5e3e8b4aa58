"""From what is known before, during and after the command to one experiment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import xgit
from xgit.capture import code, data, environment
from xgit.capture import metrics as metric_files
from xgit.capture.metrics import MetricFiles
from xgit.capture.params import params_of
from xgit.capture.spool import Spool, read_spool
from xgit.record.model import (
    Artifact,
    Expectation,
    Experiment,
    GuardResult,
    Metrics,
    Outcome,
    Params,
    Pin,
    RepoState,
    Request,
)
from xgit.record.redact import Secrets
from xgit.run.output import read_log
from xgit.settings import Settings
from xgit.store import query


@dataclass(frozen=True)
class Circumstances:
    """What is needed to make sense of a run's directory, beside the directory itself.

    Attributes:
        environ: xgit's own environment, from which allowed variables and secrets are known.
        fallback: the parameters of a program that is no Hydra app.
        files: the metric files as they were before the run; None when nobody looked.
    """

    root: Path
    settings: Settings
    environ: Mapping[str, str]
    fallback: Params = field(default_factory=Params)
    files: MetricFiles | None = None

    @property
    def allowed(self) -> frozenset[str]:
        """Variables whose values may be kept."""
        return frozenset(environment.allowed_variables(self.settings.variables))


def provisional(
    experiment_id: str,
    request: Request,
    state: RepoState,
    results: tuple[GuardResult, ...],
    *,
    snapshot: str | None,
    started: datetime,
) -> Experiment:
    """The experiment as it stands before the command: interrupted, until it is known otherwise."""
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


def finish(
    known: Experiment, outcome: Outcome, directory: Path, around: Circumstances
) -> Experiment:
    """Add what the run left in its directory, and take out what must not be kept."""
    spool = read_spool(directory / "spool")
    params, param_notes = params_of(spool, around.fallback)
    metrics = _metrics(spool, params, around)
    notes = (*known.notes, *spool.notes, *param_notes, *metrics.notes)
    if not metrics.values:
        notes = (*notes, "no metrics were found: log them with xgit.log, or write metrics.json")
    if not spool.pythons and _looks_like_python(known.command):
        notes = (*notes, "the Python program was not watched: was it started with -E, -I or -S?")
    whole = replace(
        known,
        outcome=outcome,
        params=params,
        metrics=metrics,
        environment=_environment(known, spool, around),
        artifacts=_artifacts(spool),
        expectations=tuple(
            query.expectation(one.expression, metrics.values, params.values)
            for one in known.expectations
        ),
        log=read_log(directory, around.settings.log_bytes),
        files=spool.files,
        notes=tuple(dict.fromkeys(notes)),
    )
    reasons = tuple(reasons_against(whole))
    whole = replace(whole, reproducible=not reasons, reasons=reasons)
    return _redacted(whole, Secrets.of(spool.variables, around.environ, around.allowed))


def _metrics(spool: Spool, params: Params, around: Circumstances) -> Metrics:
    hydra = params.hydra
    outputs = [Path(hydra.output_dir)] if hydra is not None and hydra.output_dir else []
    readings = around.files.read_changed(outputs) if around.files is not None else ()
    return metric_files.merge(spool, readings)


def _environment(known: Experiment, spool: Spool, around: Circumstances):  # type: ignore
    """Read while the command ran, unless its Python started too late for that."""
    if known.environment.python is not None or not spool.pythons:
        return known.environment
    variables = environment.recorded_variables(around.environ, around.settings.variables)
    return environment.environment(spool.main_python, variables)


def _artifacts(spool: Spool) -> tuple[Artifact, ...]:
    return spool.artifacts


def _looks_like_python(argv: Iterable[str]) -> bool:
    program = next(iter(argv), "").rpartition("/")[2]
    return program.startswith("python")


def reasons_against(it: Experiment) -> Iterable[str]:
    """Why the experiment may not be repeatable, the gravest first."""
    for result in it.guards:
        if result.outcome != "passed":
            first = result.violations[0].subject if result.violations else ""
            more = f" and {len(result.violations) - 1} more" if len(result.violations) > 1 else ""
            yield f"{result.id} was allowed: {first}{more}"
    if it.outcome.status != "completed":
        yield f"the run did not complete: {it.outcome.status}"


def _redacted(it: Experiment, secrets: Secrets) -> Experiment:
    """The experiment without any secret, wherever one turned up."""
    mask = secrets.mask_text
    return replace(
        it,
        command=tuple(mask(one) for one in it.command),
        why=None if it.why is None else mask(it.why),
        labels=tuple(mask(one) for one in it.labels),
        params=secrets.mask_params(it.params),
        data=tuple(_redacted_pin(pin, secrets) for pin in it.data),
        expectations=tuple(
            replace(one, expression=mask(one.expression)) for one in it.expectations
        ),
        notes=tuple(mask(one) for one in it.notes),
        log=secrets.mask_bytes(it.log),
    )


def _redacted_pin(pin: Pin, secrets: Secrets) -> Pin:
    command = None if pin.command is None else secrets.mask_text(pin.command)
    return replace(pin, command=command)
