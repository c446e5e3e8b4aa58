"""`xgit demo`: the whole story on a real data set, in a throw-away project."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import click

from xgit.errors import REFUSED, XgitError
from xgit.git.plumbing import Repo, identity_line, open_repo
from xgit.run.execute import call
from xgit.store.experiments import list_summaries
from xgit.templates import template

NEEDED = {"dvc": "dvc", "hydra": "hydra-core", "sklearn": "scikit-learn"}
PROJECT = "digits"
_STDERR = 2


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
    Step(
        "git init --quiet --initial-branch main --bare origin.git",
        "A remote, and a project that pushes to it:",
    ),
    Step(f"git init --quiet --initial-branch main {PROJECT}"),
)
IDENTITY = (
    Step("git config user.name 'xgit demo'", "(git knows no name here, so the demo has its own)"),
    Step("git config user.email demo@example.com"),
)
STORY = (
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
@click.option("--json", "as_json", is_flag=True, help="Tell the story on stderr, then print JSON.")
def command(directory: Path | None, as_json: bool) -> None:
    """Play the whole story in a throw-away project, printing each command before it runs.

    DIR is made for it; without one it is a new directory among the temporary files.

    With --json a document {"directory", "project", "experiments"} is printed at the end: two paths
    and the ids of the experiments, the newest first.

    Example: xgit demo /tmp/try-xgit
    """
    _check_packages()
    home = _make(directory)
    stage = Stage(home, _environment(), stdout=2 if as_json else 1)
    for step in AROUND:
        stage.play(step)
    project = home / PROJECT
    shutil.copytree(template("demo"), project, dirs_exist_ok=True)
    stage = replace(stage, cwd=project)
    stage.say(f"\n$ cd {project}")
    repo = open_repo(project)
    for step in (*(() if _knows_its_user(repo) else IDENTITY), *STORY):
        stage.play(step)
    stage.say(_what_is_next(home))
    if as_json:
        ids = [row.id for row in list_summaries(repo)]
        document = {"directory": str(home), "project": str(project), "experiments": ids}
        click.echo(json.dumps(document, indent=2))


def _check_packages() -> None:
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        needed = " ".join(missing)
        python = shlex.quote(sys.executable)
        raise XgitError(f"the demo needs {needed}", f"{python} -m pip install {needed}")


def _knows_its_user(repo: Repo) -> bool:
    try:
        identity_line(repo)
    except XgitError:
        return False
    return True


@dataclass(frozen=True)
class Stage:
    """Where the story is played: `stdout` is the descriptor that all of it comes out at."""

    cwd: Path
    env: Mapping[str, str]
    stdout: int

    def say(self, text: str) -> None:
        """A text between the commands."""
        click.echo(text, err=self.stdout == _STDERR)

    def play(self, step: Step) -> None:
        """Print the command and run it.

        Raises:
            XgitError: it ended otherwise than the story has it.
        """
        if step.said:
            self.say(f"\n{click.style('# ' + step.said, dim=True)}")
        self.say(f"{click.style('$', bold=True)} {step.line}")
        sys.stdout.flush()
        code = call(shlex.split(step.line), cwd=self.cwd, env=self.env, stdout=self.stdout)
        if code != step.ends_with:
            raise XgitError(
                f"the demo stopped: {step.line!r} ended with {code} instead of {step.ends_with}",
                f"look around in {self.cwd}",
            )


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


def _what_is_next(home: Path) -> str:
    own = Path(sys.executable).parent
    here = str(own) in os.environ.get("PATH", "").split(os.pathsep)
    path = "" if here else f"\n  export PATH={shlex.quote(str(own))}:$PATH"
    return f"""
Made in {home}: a project, its remote origin.git and its data storage.
The experiments are annotated tags there, on commits that hold everything above.

Try next:{path}
  cd {home / PROJECT}
  xgit exp run model.C=0.1        # another one, then: xgit exp compare @~2 @~1 @
  git push origin --tags          # then, in a fresh clone: xgit exp list
  rm -rf {home}   # when you have seen enough"""
