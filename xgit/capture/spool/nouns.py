"""The nouns of a spool: what the processes of a job told about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xgit.record.model import Artifact, ComposedConfig, Json, Number, Point


@dataclass(frozen=True)
class PythonFacts:
    """One interpreter that ran in the job; `path` is its sys.path without xgit's own entry."""

    executable: str
    version: str
    implementation: str
    prefix: str
    base_prefix: str
    path: tuple[str, ...]
    flags: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class HydraJob:
    """One job of a Hydra app.

    Attributes:
        num: its number in a sweep, None in a single run.
        text: the config as written, interpolations kept, as YAML.
        leaves: dotted name to resolved value.
        raw: the written text of the values that hold an interpolation.
        unresolved: leaves that Hydra could not resolve, with the error; their value is the text.
        env: variables that the config names, with their values; None where unset.
        env_leaves: the variables that were read to resolve a leaf.
        env_required: the variables that were read without a default.
        status: `COMPLETED`, `FAILED`, or None when it never ended (sys.exit, a signal, a crash).
        values: the numbers it returned.
        other: what it returned beside numbers, by name with its type.
    """

    num: int | None
    mode: str | None
    config_name: str | None
    overrides: tuple[str, ...]
    choices: Mapping[str, str | None]
    output_dir: str | None
    cwd: str | None
    text: str | None
    leaves: Mapping[str, Json]
    raw: Mapping[str, str]
    unresolved: Mapping[str, str]
    env: Mapping[str, str | None]
    env_leaves: Mapping[str, tuple[str, ...]]
    started: float
    status: str | None = None
    values: Mapping[str, Number] = field(default_factory=dict)
    other: Mapping[str, str] = field(default_factory=dict)
    env_required: tuple[str, ...] = ()

    @property
    def composed(self) -> ComposedConfig:
        """The config as guards judge it; a value that could not be resolved is none."""
        return ComposedConfig(
            values={k: v for k, v in self.leaves.items() if k not in self.unresolved},
            variables={name: self.env.get(name) for name in self.env_required},
            readers={
                name: tuple(leaf for leaf, names in self.env_leaves.items() if name in names)
                for name in self.env_required
            },
        )


@dataclass(frozen=True)
class Spool:
    """All a job left.

    Attributes:
        pythons: in the order in which they started.
        jobs: Hydra jobs in the order in which they started.
        hydra_seen: a Hydra app started, whether or not a config arrived.
        points: what was logged, in the order of time.
        summary: final values the program set.
        artifacts: what `log_artifact` named; `stored` ones have their content in `files`.
        plots: paths of the figures in `files`.
        files: content by its path in the record, such as `artifacts/model.json`.
        notes: what was dropped or cut, each a sentence for the user.
    """

    pythons: tuple[PythonFacts, ...] = ()
    jobs: tuple[HydraJob, ...] = ()
    hydra_seen: bool = False
    points: tuple[Point, ...] = ()
    summary: Mapping[str, Number] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    plots: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def main_python(self) -> PythonFacts | None:
        """The interpreter of the program itself.

        That is the one that started last: launchers (`conda run`, `poetry run`, `dvc repro`) are
        Python programs in an environment of their own and start it.
        """
        return self.pythons[-1] if self.pythons else None

    @property
    def env(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each variable that a config named and that was set, over all jobs."""
        pairs = {(k, v) for job in self.jobs for k, v in job.env.items() if v is not None}
        return tuple(sorted(pairs))

    @property
    def env_leaves(self) -> Mapping[str, tuple[str, ...]]:
        """Leaves that are nothing but what one interpolation made of variables, over all jobs."""
        return {
            name: names
            for job in self.jobs
            for name, names in job.env_leaves.items()
            if _is_one_interpolation(job.raw.get(name, ""))
        }


def _is_one_interpolation(text: str) -> bool:
    """Whether the text is one `${…}` and nothing beside it."""
    if not text.startswith("${"):
        return False
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and at > 0:
            return at == len(text) - 1
    return False
