"""The slow facts, read by the parent while the command runs, so that they cost no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.record.model import Experiment, GuardResult, Summary
from xgit.run.journal import Journal
from xgit.settings import Settings


@dataclass
class Findings:
    """What is known so far; a step that fails leaves a note and costs nothing else.

    Attributes:
        experiment: the provisional one, with each fact added.
        previous: the newest experiment before this one.
        base_tree: the root tree of the commit that runs, as git has it.
    """

    experiment: Experiment
    previous: Summary | None = None
    base_tree: bytes | None = None

    def gather(
        self, repo: Repo, place: Journal, settings: Settings, environ: Mapping[str, str]
    ) -> Iterator[str]:
        """Take every step, while the command runs; yields the name of each when it is done."""
        steps: dict[str, Callable[[], None]] = {
            "the base tree": lambda: self._read_base_tree(repo),
            "the previous experiment": lambda: self._find_previous(repo),
            "the hardware": self._read_hardware,
            "the environment": lambda: self._read_environment(place.spool, settings, environ),
            "the journal": lambda: place.note(self.experiment),
            "the writer": _import_the_writer,
            "the schema": _load_the_schema,
            "the shapes of tokens": _load_the_shapes,
        }
        for name, step in steps.items():
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the command goes on, and must be waited for
                self.note(f"{name} could not be read: {type(error).__name__}: {error}")
            yield name

    def note(self, *texts: str) -> None:
        """Add what the user should know."""
        self.experiment = self.experiment._replace(notes=(*self.experiment.notes, *texts))

    def keep_guards(self, place: Journal, results: tuple[GuardResult, ...]) -> None:
        """What the guards said of the composed config, in the journal at once."""
        self.experiment = self.experiment._replace(guards=results)
        with suppress(OSError):  # a full disk: the next note says so
            place.note(self.experiment)

    def _read_base_tree(self, repo: Repo) -> None:
        self.base_tree = git_objects.tree_bytes(repo, self.experiment.code.ran)

    def _find_previous(self, repo: Repo) -> None:
        from xgit.store import experiments

        rows = experiments.list_summaries(repo, newest=1, deep=False)
        self.previous = next((row for row in rows if isinstance(row, Summary)), None)

    def _read_hardware(self) -> None:
        from xgit.capture.hardware import hardware

        self.experiment = self.experiment._replace(hardware=hardware())

    def _read_environment(
        self, spool: Path, settings: Settings, environ: Mapping[str, str]
    ) -> None:
        """Only if the program's Python has started by now; else it is read after the end."""
        from xgit.capture.environment import describe as environment
        from xgit.capture.spool.reading import read_spool

        variables = environment.recorded_variables(environ, settings.variables)
        facts = read_spool(spool).main_python
        found = environment.environment(facts, variables)
        self.experiment = self.experiment._replace(environment=found)


def _import_the_writer() -> None:
    """Import what the end of the run needs, so that the user does not wait for it then."""
    for name in ("xgit.run.assemble", "xgit.store.experiments"):
        import_module(name)


def _load_the_schema() -> None:
    from xgit.record import codec

    codec.load_validator()


def _load_the_shapes() -> None:
    from xgit.record import token_shapes

    with suppress(Exception):  # a broken scanner is told of when the record is assembled
        token_shapes.shapes()
