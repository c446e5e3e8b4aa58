"""Whether a run came out again: a pure function of what was recorded and of what came.

Every recorded metric and output must be there again. It cannot pass emptily: with nothing to
compare a reproduction has failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xgit.record.model import Experiment, Number, Outcome
from xgit.record.page import ending
from xgit.record.verdict import (
    Agreement,
    Judgement,
    MetricVerdict,
    OutputVerdict,
    Rerun,
    Result,
    Tolerance,
    Tolerances,
)
from xgit.reproduce.outputs import outputs_of
from xgit.reproduce.suspects import suspects, with_chance
from xgit.reproduce.tolerances import (
    agree,
    is_ignored,
    is_within,
    prediction_interval,
    tolerance_for,
)

NOTHING_RECORDED = "nothing to compare: the experiment recorded no metric and no output"
ALL_IGNORED = "nothing to compare: the tolerances ignore every recorded metric and output"
CUT_SHORT = "the recorded run was interrupted, so there is no end to compare with"
_COUNTED: tuple[Agreement, ...] = ("identical", "within-tolerance", "different", "missing")
_AGAINST: tuple[Agreement, ...] = ("different", "missing")


def why_not(recorded: Experiment, tolerances: Tolerances) -> str | None:
    """Why no rerun of this experiment could be judged, or None; worth asking before one is made."""
    if recorded.outcome.status == "interrupted":
        return CUT_SHORT
    names = [*recorded.metrics.values, *outputs_of(recorded)]
    if not names:
        return NOTHING_RECORDED
    return ALL_IGNORED if all(is_ignored(name, tolerances) for name in names) else None


def judge(
    recorded: Experiment, runs: Sequence[Rerun], tolerances: Tolerances, *, root: str = ""
) -> Judgement:
    """Compare the repetitions with the recorded run.

    Args:
        recorded: with its figures among its `files` (see `store.figures.with_figures`).
        runs: at least one.
        root: the top of the checkout that the repetitions ran in.
    """
    found = with_chance(suspects(recorded, runs[0].experiment, root=root), runs)
    cut = next(
        (run.experiment for run in runs if run.experiment.outcome.status != "completed"), None
    )
    told = Judgement(
        "failed",
        runs=len(runs),
        runs_exit_code=cut.outcome.exit_code if cut else None,
        suspects=found,
    )
    problem = why_not(recorded, tolerances) or _other_failure(recorded, runs)
    if problem is not None:
        return told._replace(step="run", reason=problem)
    metrics = judge_metrics(recorded, runs, tolerances)
    outputs = judge_outputs(recorded, runs, tolerances)
    result = overall(metrics, outputs)
    reason = _other_ending(recorded, runs)
    told = told._replace(reason=reason, metrics=metrics, outputs=outputs)
    if reason is None and result == "identical":
        # What was different all the same did not matter; chance was no cause of anything.
        causes = tuple(one for one in found if one.kind != "randomness")
        return told._replace(result=result, suspects=causes)
    return told._replace(result="different" if reason else result)


def overall(metrics: Iterable[MetricVerdict], outputs: Iterable[OutputVerdict]) -> Result:
    """The result of the whole.

    *identical* when every metric and every output is. *within-tolerance* when the metrics agree,
    be it that an output differs in its bytes: a model file may hold a date, a figure the version of
    what drew it. An output that did not come at all, or differs where no metric vouches for the
    run, is *different*. *failed* when nothing was compared.
    """
    by_metric = [one.agreement for one in metrics if one.agreement in _COUNTED]
    by_output = [one.agreement for one in outputs if one.agreement in _COUNTED]
    if not by_metric and not by_output:
        return "failed"
    if "missing" in by_output or any(one in _AGAINST for one in by_metric):
        return "different"
    if all(one == "identical" for one in (*by_metric, *by_output)):
        return "identical"
    return "within-tolerance" if by_metric else "different"


# ---------------------------------------------------------------- how it ended


def _other_failure(recorded: Experiment, runs: Sequence[Rerun]) -> str | None:
    """A repetition that did not complete, unless it ended just as the recorded run did."""
    for run in runs:
        it = run.experiment
        if it.outcome.status != "completed" and _end(it.outcome) != _end(recorded.outcome):
            return f"the run {ending(it)}, and the recorded one {ending(recorded)}"
    return None


def _other_ending(recorded: Experiment, runs: Sequence[Rerun]) -> str | None:
    """A repetition that completed where the recorded run failed."""
    if any(_end(run.experiment.outcome) != _end(recorded.outcome) for run in runs):
        return f"the recorded run {ending(recorded)}, and this one completed"
    return None


def _end(outcome: Outcome) -> tuple[str, int | None, str | None]:
    return outcome.status, outcome.exit_code, outcome.signal


# ---------------------------------------------------------------- metric by metric


def judge_metrics(
    recorded: Experiment, runs: Sequence[Rerun], tolerances: Tolerances
) -> tuple[MetricVerdict, ...]:
    """Each recorded metric in its order, then the new ones, which count for nothing."""
    names = dict.fromkeys(recorded.metrics.values)
    for run in runs:
        names.update(dict.fromkeys(run.metrics.values))
    return tuple(
        _judge_metric(
            name,
            recorded.metrics.values.get(name),
            tuple(run.metrics.values.get(name) for run in runs),
            tolerance_for(name, tolerances),
        )
        for name in names
    )


def _judge_metric(
    name: str, old: Number | None, new: tuple[Number | None, ...], tolerance: Tolerance
) -> MetricVerdict:
    interval = prediction_interval(new)
    agreement = _agreement(old, new, tolerance)
    if agreement == "different" and old is not None and _is_noise(old, interval):
        agreement, tolerance = "within-tolerance", tolerance._replace(source="--repeat")
    return MetricVerdict(name, agreement, old, new, tolerance, interval)


def _agreement(
    old: Number | None, new: tuple[Number | None, ...], tolerance: Tolerance
) -> Agreement:
    if tolerance.ignore:
        return "ignored"
    if old is None:
        return "new"
    known = [value for value in new if value is not None]
    if len(known) < len(new):
        return "missing"
    if all(agree(old, value) for value in known):
        return "identical"
    within = all(is_within(old, value, tolerance) for value in known)
    return "within-tolerance" if within else "different"


def _is_noise(old: Number, interval: tuple[float, float] | None) -> bool:
    """Whether the recorded value could be one more repetition; without any spread it is change."""
    return interval is not None and interval[0] < interval[1] and interval[0] <= old <= interval[1]


# ---------------------------------------------------------------- output by output


def judge_outputs(
    recorded: Experiment, runs: Sequence[Rerun], tolerances: Tolerances
) -> tuple[OutputVerdict, ...]:
    """Each recorded output, byte for byte, then the new ones, which count for nothing."""

    def is_compared(metric: str) -> bool:
        return metric in logged and not is_ignored(metric, tolerances)

    logged = frozenset(point.name for point in recorded.metrics.series)
    before = outputs_of(recorded, is_compared)
    came = [{**outputs_of(run.experiment, is_compared), **run.outputs} for run in runs]
    names = dict.fromkeys(name for found in (before, *came) for name in found)
    return tuple(_judge_outputs(names, before, came, tolerances))


def _judge_outputs(
    names: Iterable[str],
    before: Mapping[str, str],
    came: Sequence[Mapping[str, str]],
    tolerances: Tolerances,
) -> Iterator[OutputVerdict]:
    for name in names:
        old, new = before.get(name), tuple(found.get(name) for found in came)
        yield OutputVerdict(name, _same_bytes(old, new, is_ignored(name, tolerances)), old, new)


def _same_bytes(old: str | None, new: tuple[str | None, ...], ignored: bool) -> Agreement:
    if ignored:
        return "ignored"
    if old is None:
        return "new"
    if None in new:
        return "missing"
    return "identical" if all(value == old for value in new) else "different"
