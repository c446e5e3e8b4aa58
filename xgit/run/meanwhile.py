"""The slow facts, read by the parent while the command runs, so that they cost no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.record.model import EnvironmentLock, Experiment, GuardResult, Summary
from xgit.run.journal import Journal
from xgit.settings import Settings

_LOOKS_SECONDS = (0.1, 0.4, 1.5, 6.0, 24.0, 60.0)  # each after the one before


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
    ) -> Iterator[str | float]:
        """Take every step, while the command runs.

        Yields:
            The name of each step when it is done, then seconds to wait before another look.
        """
        steps: dict[str, Callable[[], None]] = {
            "the base tree": lambda: self._read_base_tree(repo),
            "the previous experiment": lambda: self._find_previous(repo),
            "the hardware": self._read_hardware,
            "the environment": lambda: self._read_environment(place.spool, settings, environ),
            "the project's lock": lambda: self._find_the_lock(repo),
            "the lock": lambda: self._ask_for_the_lock(repo, environ),
            "the journal": lambda: place.note(self.experiment),
            "the writer": _import_the_writer,
            "the schema": _load_the_schema,
            "the shapes of tokens": _load_the_shapes,
        }
        for name, step in steps.items():
            self._attempt(name, step)
            yield name
        for seconds in _LOOKS_SECONDS:
            yield seconds
            look = partial(self._look_again, repo, place, settings, environ)
            self._attempt("the environment", look)

    def _attempt(self, name: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the command goes on, and must be waited for
            self.note(f"{name} could not be read: {type(error).__name__}: {error}")

    def _look_again(
        self, repo: Repo, place: Journal, settings: Settings, environ: Mapping[str, str]
    ) -> None:
        """Read the environment of a Python that started late, or that a launcher has started."""
        from xgit.capture.spool.reading import read_main_python

        known, main = self.experiment.environment.python, read_main_python(place.spool)
        if main is None or (known is not None and known.executable == main.executable):
            return
        self._read_environment(place.spool, settings, environ)
        self._ask_for_the_lock(repo, environ)
        with suppress(OSError):  # as in `keep_guards`
            place.note(self.experiment)

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
        from xgit.capture.spool.reading import read_main_python

        variables = environment.recorded_variables(environ, settings.variables)
        found = environment.environment(read_main_python(spool), variables)
        found = found._replace(lock=self.experiment.environment.lock)
        self.experiment = self.experiment._replace(environment=found)

    def _find_the_lock(self, repo: Repo) -> None:
        """The project's own."""
        from xgit.capture.environment import locking

        found = self.experiment.environment
        project = locking.project_lock(repo, self.experiment.code.ran)
        lock = EnvironmentLock(locking.fingerprint_of(found), project=project)
        self.experiment = self.experiment._replace(environment=found._replace(lock=lock))

    def _ask_for_the_lock(self, repo: Repo, environ: Mapping[str, str]) -> None:
        """Let uv lock the environment meanwhile."""
        from xgit.capture.environment import locking

        locking.ask(self.experiment.environment, locking.lock_place(repo, environ))


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
