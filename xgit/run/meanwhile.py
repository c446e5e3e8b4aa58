"""The slow facts, read by the parent while the command runs, so that they cost no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.record.model import Experiment, Summary
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
    ) -> None:
        """Take every step; called once, while the command runs."""
        steps: dict[str, Callable[[], None]] = {
            "the base tree": lambda: self._read_base_tree(repo),
            "the previous experiment": lambda: self._find_previous(repo),
            "the hardware": self._read_hardware,
            "the environment": lambda: self._read_environment(place.spool, settings, environ),
            "the journal": lambda: place.note(self.experiment),
            "the writer": _warm_up,
        }
        for name, step in steps.items():
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the command goes on, and must be waited for
                self.note(f"{name} could not be read: {type(error).__name__}: {error}")

    def note(self, *texts: str) -> None:
        """Add what the user should know."""
        self.experiment = self.experiment._replace(notes=(*self.experiment.notes, *texts))

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


def _warm_up() -> None:
    """Import what the end of the run needs, so that the user does not wait for it then."""
    from xgit.record import codec

    for name in ("xgit.run.assemble", "xgit.store.experiments"):
        import_module(name)
    codec.load_validator()
