"""Verdicts to save, load and list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests import samples
from xgit.git.plumbing import Repo, git_line
from xgit.record.model import Person
from xgit.record.verdict import (
    Manner,
    MetricVerdict,
    OutputVerdict,
    Suspect,
    Tolerance,
    Verdict,
)

TAG = "c0ffee" + "0" * 34


def verdict(of: str = "a", tag: str = TAG, minute: int = 0, **changes: Any) -> Verdict:
    """An identical one that ended `minute` minutes after the first experiment."""
    finished = samples.START + timedelta(minutes=minute)
    values: dict[str, Any] = {
        "of": of,
        "tag": tag,
        "result": "identical",
        "started": finished - timedelta(seconds=30),
        "finished": finished,
        "by": Person("Bea Byron", "bea@example.com"),
        "xgit_version": "0.1.0",
        "runs": 1,
        "metrics": (MetricVerdict("accuracy", "identical", 0.9, (0.9,)),),
    }
    return Verdict(**{**values, **changes})


def full_verdict(of: str = "a", tag: str = TAG) -> Verdict:
    """One in which every field is set, some of them to what is hard to keep."""
    return verdict(
        of,
        tag,
        result="different",
        step="run",
        reason="the run failed\nwith `exit code 3` | <b>\x1b[31m",
        remedy="xgit exp reproduce a --here",
        runs=2,
        runs_exit_code=3,
        metrics=(
            MetricVerdict("big", "identical", 2**70, (2**70, 2**70)),
            MetricVerdict("loss", "different", 0.25, (0.5, None), Tolerance(1e-3, 0.0, "--rtol")),
            MetricVerdict("nan", "identical", float("nan"), (float("nan"), float("inf"))),
            MetricVerdict("new", "new", None, (1, 1.5)),
            MetricVerdict(
                "noisy", "within-tolerance", 0.5, (0.4, 0.6), Tolerance(source="--repeat"), (0, 1.5)
            ),
            MetricVerdict("s", "ignored", 1.0, (2.0, 3.0), Tolerance(0, 0, "settings", True)),
        ),
        outputs=(
            OutputVerdict("artifacts/m|x.bin", "different", "sha256:" + "a" * 64, ("sha256:b",)),
            OutputVerdict("plots/roc.png", "missing", "sha256:" + "a" * 64, (None, None)),
        ),
        suspects=(
            Suspect("data", "data/a.csv", "md5:abc", "md5:def"),
            Suspect("randomness", "nothing differs"),
        ),
        manner=Manner("here", "https://example.com/x.git", "names", True, True, ("x 1: gone",)),
        notes=("the branch is gone",),
    )


def object_of(repo: Repo, experiment_id: str) -> str:
    """The id of the experiment's tag object."""
    return git_line(repo, "rev-parse", f"refs/tags/experiment/{experiment_id}")
