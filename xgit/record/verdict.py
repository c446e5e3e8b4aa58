"""The nouns of a reproduction: what came out again, and what was different about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from xgit.record.model import NOTHING, Experiment, Metrics, Number, Person

Result = Literal["identical", "within-tolerance", "different", "failed"]
"""Of a whole reproduction: the gravest of what its parts came to, or why there are none."""
AGREE: Final = ("identical", "within-tolerance")
"""The results that mean it came out again."""
Agreement = Literal["identical", "within-tolerance", "different", "missing", "ignored", "new"]
"""Of one metric or output: `missing` did not come again, `new` was not recorded."""
Step = Literal["fetch", "environment", "data", "run"]
"""Where a reproduction failed: at the code, the packages, the pinned data, or the command."""


class Tolerance(NamedTuple):
    """How far a metric may be off: |reproduced - recorded| <= atol + rtol * |recorded|.

    Attributes:
        source: where it comes from, for the user: `settings`, `--rtol`, `--repeat` or empty.
        ignore: it is not judged at all.
    """

    rtol: float = 0.0
    atol: float = 0.0
    source: str = ""
    ignore: bool = False


EXACT = Tolerance()


class Tolerances(NamedTuple):
    """Which tolerance holds for which metric or output; see `reproduce.tolerances`.

    Attributes:
        named: by a name or a glob, from the settings.
        rtol, atol: from the command line, for every metric that is not ignored; None where it
            says nothing.
    """

    named: Mapping[str, Tolerance] = NOTHING
    rtol: float | None = None
    atol: float | None = None


class MetricVerdict(NamedTuple):
    """One metric, recorded and come again.

    Attributes:
        recorded: None where the experiment had no such metric.
        reproduced: of each repetition in turn; None where it did not come.
        interval: where the next value would lie in 95 of 100 cases, from the spread of the
            repetitions; None with fewer than two, or where one is no finite number.
    """

    name: str
    agreement: Agreement
    recorded: Number | None
    reproduced: tuple[Number | None, ...]
    tolerance: Tolerance = EXACT
    interval: tuple[float, float] | None = None


class OutputVerdict(NamedTuple):
    """One output that is compared byte for byte, such as an artifact or the metrics over time.

    Attributes:
        name: the artifact's path, or `metrics.jsonl` for the series.
        recorded: its hash, or None where the experiment had none.
        reproduced: the hash of each repetition in turn, or None.
    """

    name: str
    agreement: Agreement
    recorded: str | None
    reproduced: tuple[str | None, ...]


class Suspect(NamedTuple):
    """Something that was not as in the recorded run, and may be why the result is not either.

    Attributes:
        kind: `guards` (what already spoke against the recorded run), `data`, `code`, `params`,
            `environment`, `variables`, `hardware` or `randomness`; the order of suspicion is that
            of the list they come in.
        recorded, reproduced: as a person reads them; empty where there is nothing to set against.
    """

    kind: str
    name: str
    recorded: str = ""
    reproduced: str = ""


class Manner(NamedTuple):
    """How a reproduction was made, which is what it proves.

    Attributes:
        code: `remote` when the commit was fetched from a remote, `here` when from this clone.
        remote: the credential-free URL it came from, or None.
        environment: `pylock` (by hash, from the record), `lock` (from a lock file of the project),
            `names` (by name and version alone), or `here` (what was installed already).
        hermetic: no network, no home, only what the record names.
        builds: packages may have been built from source.
        missing_packages: what could not be installed, as `name version: why`.
    """

    code: Literal["remote", "here"] = "remote"
    remote: str | None = None
    environment: Literal["pylock", "lock", "names", "here"] = "pylock"
    hermetic: bool = False
    builds: bool = False
    missing_packages: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What a reproduction of an experiment came to. Its JSON form is `verdict.json`.

    Attributes:
        of: the id of the experiment.
        tag: the id of the experiment's tag object, so that a moved tag makes the verdict stale.
        step, reason: of a failed one: where, and what was wrong, in a sentence.
        remedy: the command that may mend a failed one, or None.
        runs: how often the command ran.
        runs_exit_code: of a run that did not complete, or None.
        by: who reproduced it.
        notes: what the user should know, such as that the branch of the commit is gone.
    """

    of: str
    tag: str
    result: Result
    started: datetime
    finished: datetime
    by: Person
    xgit_version: str
    step: Step | None = None
    reason: str | None = None
    remedy: str | None = None
    runs: int = 0
    runs_exit_code: int | None = None
    metrics: tuple[MetricVerdict, ...] = ()
    outputs: tuple[OutputVerdict, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    manner: Manner = Manner()
    notes: tuple[str, ...] = ()

    @property
    def reproduced(self) -> bool:
        """Whether it came out again."""
        return self.result in AGREE


class Judgement(NamedTuple):
    """What comparing came to: those fields of a `Verdict`, under the same names."""

    result: Result
    step: Step | None = None
    reason: str | None = None
    runs: int = 0
    runs_exit_code: int | None = None
    metrics: tuple[MetricVerdict, ...] = ()
    outputs: tuple[OutputVerdict, ...] = ()
    suspects: tuple[Suspect, ...] = ()


class VerdictSummary(NamedTuple):
    """A verdict as its tag message tells it, without opening a tree.

    Attributes:
        number: the `<n>` of `reproduction/<id>/<n>`.
        tag: as in `Verdict`.
    """

    of: str
    number: int
    tag: str
    result: Result
    step: Step | None
    reason: str | None
    finished: datetime
    by: str
    hermetic: bool
    environment: str

    @property
    def reproduced(self) -> bool:
        """Whether it came out again."""
        return self.result in AGREE


class Rerun(NamedTuple):
    """What one repetition left.

    Attributes:
        experiment: the one it would be, with its files.
        outputs: name to hash of further outputs, beside those in `experiment`.
    """

    experiment: Experiment
    outputs: Mapping[str, str] = NOTHING

    @property
    def metrics(self) -> Metrics:
        """Its metrics."""
        return self.experiment.metrics
