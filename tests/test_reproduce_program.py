"""The recorded command and variables in another place; nothing is started here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.samples import experiment
from xgit.record.model import (
    Environment,
    EnvironmentLock,
    Experiment,
    Package,
    Python,
    Unlocked,
)
from xgit.reproduce.environment import Rebuilt
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.program import child_variables, program_in, recorded_roots

REBUILT = Rebuilt(Path("/new/environment"), Path("/new/environment/bin/python"),
                  Path("/new/environment/bin"), "pylock")  # fmt: skip
CHECKOUT = Path("/new/checkout")


def ran_with() -> Experiment:
    """Recorded in `/home/ada/p`, with its environment in `.venv` there."""
    python = Python("3.11", "cpython", "", "/home/ada/p/.venv/bin/python", "/home/ada/p/.venv")
    return experiment("one", "a" * 40, environment=Environment(python))


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("python train.py", "python train.py"),
        ("/home/ada/p/.venv/bin/python train.py", "/new/environment/bin/python train.py"),
        ("/home/ada/p/.venv/bin/train a", "/new/environment/bin/train a"),
        (".venv/bin/python train.py", "/new/environment/bin/python train.py"),
        ("./.venv/bin/train", "/new/environment/bin/train"),
        ("./bin/train", "./bin/train"),
        ("uv run python train.py", "uv run python train.py"),
        ("python /home/ada/p/train.py", "python /new/checkout/train.py"),
        ("python d=/home/ada/p/d,/home/ada/p", "python d=/new/checkout/d,/new/checkout"),
        ("python t.py a=[/home/ada/p/x]", "python t.py a=[/new/checkout/x]"),
        ("python t.py /home/ada/project/x", "python t.py /home/ada/project/x"),
        ("python t.py x/home/ada/p", "python t.py x/home/ada/p"),
    ],
)  # fmt: skip
def test_a_command_is_carried_over(recorded: str, expected: str) -> None:
    one = ran_with()._replace(command=tuple(recorded.split()))
    assert program_in(REBUILT, one, CHECKOUT).argv == tuple(expected.split())


def test_a_home_is_not_taken_for_the_repository() -> None:
    one = ran_with()
    python = Python("3.11", "cpython", "", "/home/ada/.venv/bin/python", "/home/ada/.venv")
    environment = one.environment._replace(python=python)
    one = one._replace(environment=environment, command=("python", "/home/ada/x"))
    assert program_in(REBUILT, one, CHECKOUT).argv == one.command


def test_paths_that_are_left_are_told_and_masked_secrets_refused() -> None:
    one = ran_with()._replace(command=("python", "t.py", "data=/data/x.csv", "/home/ada/p/y"))
    (note,) = program_in(REBUILT, one, CHECKOUT).notes
    assert note == "the command names /data/x.csv, which is outside of the repository"
    secret = one._replace(command=("python", "t.py", "db.password=***"))
    with pytest.raises(CannotReproduce, match="secret"):
        program_in(REBUILT, secret, CHECKOUT)


def test_the_variables_are_those_of_the_record() -> None:
    variables = {"PYTHONHASHSEED": "0", "DATA": "/home/ada/p/data"}
    one = ran_with()
    one = one._replace(environment=one.environment._replace(variables=variables))
    environ = {
        "PATH": "/usr/bin",
        "OMP_NUM_THREADS": "4",
        "TEAM": "x",
        "PYTHONPATH": "/x",
        "CONDA_PREFIX": "/x",
        "VIRTUAL_ENV": "/x",
        "VIRTUAL_ENV_PROMPT": "x",
        "UV_PYTHON": "3.9",
        "EDITOR": "vi",
    }
    found = child_variables(REBUILT, one, CHECKOUT, environ, ["TEAM", "DATA"])
    assert found == {
        "PATH": "/new/environment/bin:/usr/bin",
        "PYTHONHASHSEED": "0",
        "DATA": "/new/checkout/data",
        "EDITOR": "vi",
        "VIRTUAL_ENV": "/new/environment",
        "UV_PROJECT_ENVIRONMENT": "/new/environment",
        "UV_NO_SYNC": "1",
    }


@pytest.mark.parametrize(("path", "below"), [("/srv/p", "."), ("/srv/p/libs/mine", "libs/mine")])
def test_where_the_project_was_installed_from_tells_where_the_repository_was(
    path: str, below: str
) -> None:
    python = Python("3.11", "cpython", "", "/opt/envs/a/bin/python", "/opt/envs/a")
    env = Environment(
        python,
        packages={"mine": Package("1", f"editable:{path}")},
        lock=EnvironmentLock("f", missing=(Unlocked("mine", "1", "why", below),)),
    )
    assert recorded_roots(ran_with()._replace(environment=env)) == ("/srv/p",)
