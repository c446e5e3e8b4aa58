"""`xgit demo`: the whole story on a real data set, in a throw-away project."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click

from xgit.errors import REFUSED, XgitError
from xgit.run.execute import call
from xgit.templates import template

NEEDED = ("dvc", "hydra", "sklearn")
PROJECT = "digits"


@dataclass(frozen=True)
class Step:
    """A command of the story.

    Attributes:
        line: as a user would type it.
        said: a sentence before it, or empty.
        ends_with: the exit code it should have.
    """

    line: str
    said: str = ""
    ends_with: int = 0


AROUND = (
    Step("git init --quiet --bare origin.git", "A remote, and a project that pushes to it:"),
    Step(f"git init --quiet {PROJECT}"),
)
IDENTITY = (
    Step("git config user.name 'xgit demo'", "(git knows no name here, so the demo has its own)"),
    Step("git config user.email demo@example.com"),
)
STORY = (
    Step("git checkout --quiet -B main"),
    Step("git remote add origin ../origin.git"),
    Step("python make_data.py", "1,797 images of handwritten digits, written by a tracked script:"),
    Step("dvc init --quiet", "DVC pins the data and keeps a copy in a remote, here a directory:"),
    Step("dvc config core.analytics false"),
    Step("dvc remote add --quiet --default storage ../storage"),
    Step("dvc add --quiet data/digits.csv"),
    Step("dvc push --quiet"),
    Step("git add ."),
    Step("git commit --quiet --message 'A project whose runs can be repeated'"),
    Step("git push --quiet --set-upstream origin main"),
    Step('xgit exp run --why "a baseline"', "Now the experiments. The first is a baseline:"),
    Step(
        'xgit exp run model=svm model.C=10 --why "is a kernel better?" --expect "accuracy > 0.97"',
        "Another model, one parameter changed, and what we expect of it:",
    ),
    Step("touch features.py", "A new file, not committed yet. This run could not be repeated:"),
    Step("xgit exp run", ends_with=REFUSED),
    Step("rm features.py"),
    Step("xgit exp list", "What there is:"),
    Step("xgit exp compare @~1 @", "What made the difference:"),
    Step("xgit exp show @", "All that is known of the newest:"),
)


@click.command(name="demo")
@click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
def command(directory: Path | None) -> None:
    """Play the whole story in a throw-away project, printing each command before it runs.

    DIR is made for it; without one it is a new directory among the temporary files.

    Example: xgit demo /tmp/try-xgit
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise XgitError(f"the demo needs {', '.join(missing)}", "pip install 'xgit[demo]'")
    home = _make(directory)
    env = _environment()
    for step in AROUND:
        _play(step, home, env)
    project = home / PROJECT
    shutil.copytree(template("demo"), project, dirs_exist_ok=True)
    click.echo(f"\n$ cd {project}")
    if call(["git", "var", "GIT_COMMITTER_IDENT"], cwd=project, env=env, silent=True) != 0:
        for step in IDENTITY:
            _play(step, project, env)
    for step in STORY:
        _play(step, project, env)
    _say_what_is_next(home)


def _make(directory: Path | None) -> Path:
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="xgit-demo-"))
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise XgitError(f"{directory} is there already", f"xgit demo {directory}-2")
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()


def _environment() -> dict[str, str]:
    """The commands of the story are those of this very installation."""
    own = os.path.dirname(sys.executable)
    path = f"{own}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}


def _play(step: Step, cwd: Path, env: dict[str, str]) -> None:
    if step.said:
        click.echo(f"\n{click.style('# ' + step.said, dim=True)}")
    click.echo(f"{click.style('$', bold=True)} {step.line}")
    code = call(shlex.split(step.line), cwd=cwd, env=env)
    if code != step.ends_with:
        raise XgitError(
            f"the demo stopped: {step.line!r} ended with {code} instead of {step.ends_with}",
            f"look around in {cwd}",
        )


def _say_what_is_next(home: Path) -> None:
    click.echo(
        f"""
Made in {home}: a project, its remote origin.git and its data storage.
Two experiments are annotated tags there, on commits that hold everything above.

Try next:
  cd {home / PROJECT}
  xgit exp run model.C=0.1        # then: xgit exp compare @~2 @~1 @
  git push origin --tags          # then, in a fresh clone: xgit exp list
  rm -rf {home}   # when you have seen enough"""
    )
