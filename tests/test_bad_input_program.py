"""Programs that behave badly: what they print, log, return, close, delete, and what they know."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.adversary import assert_error, kept_log, record, run, tags, xgit
from tests.conftest import Project


def program(project: Project, code: str, name: str = "train.py") -> None:
    project.write(name, textwrap.dedent(code))
    project.write(".gitignore", "outputs/\nmetrics.json\nmade/\n__pycache__/\n")
    project.commit("program")


def read_everywhere(project: Project) -> str:
    """Every reading command works, and says nothing that a terminal would obey."""
    shown = ""
    for args in (["list"], ["show", "@"], ["show", "@", "--json"], ["compare", "@", "@", "--all"]):
        done = xgit(project, "exp", *args)
        assert done.returncode == 0, done.stderr
        shown += done.stdout
    assert all(line.isprintable() for line in shown.splitlines())
    return shown


# ---------------------------------------------------------------- metrics


def test_strange_metrics_through_xgit_log(project: Project) -> None:
    program(
        project,
        """
        import xgit
        xgit.log({"nan": float("nan"), "big": 1e400, "low": float("-inf"), "huge": 10**400})
        xgit.log({"text": "0.9", "none": None, "list": [1], "ok": 1, "": 2, 3: 4})
        xgit.log({"\\x1b[31mred\\n|<b>": 1.5, "\\udcff": 2, "x" * 5000: 3})
        xgit.log(None); xgit.log(3); xgit.log([("a", 1)]); xgit.log({"ok": 2}, step="soon")
        xgit.summary(best=float("nan"))
        """,
    )
    for name in ("first", "second"):
        done = run(project, "--name", name, "--expect", "nan > 0", "--", "python", "train.py")
        assert done.returncode == 0, done.stderr
        assert all(line.isprintable() for line in done.stderr.splitlines())
    metrics = record(project, "experiment/first")["metrics"]
    assert (metrics["nan"], metrics["big"], metrics["low"]) == ("NaN", "Infinity", "-Infinity")
    assert metrics["best"] == "NaN"
    assert metrics["ok"] == 2
    assert "text" not in metrics
    assert "huge" in metrics
    notes = " ".join(record(project, "experiment/first")["notes"])
    assert "'text'" in notes
    read_everywhere(project)
    program(project, "import xgit; xgit.log({'huge': 0.5, 'nan': 1, 'big': 2})")
    assert run(project, "--", "python", "train.py").returncode == 0
    assert xgit(project, "exp", "compare", "first", "@").returncode == 0


@pytest.mark.parametrize(
    ("content", "metrics", "note"),
    [
        ("[1, 2]", {}, "metrics.json"),
        ('{"a": NaN, "b": 1e400, "c": "0.9", "d": -Infinity}',
         {"a": "NaN", "b": "Infinity", "d": "-Infinity"}, "c"),
        ('{"a": {"b": [1], "c": 2}}', {"a.c": 2}, "a.b"),
        ("{", {}, "metrics.json"),
        ('{"a":' * 100_000, {}, "metrics.json"),
        ("\udcff", {}, "metrics.json"),
        ("3", {}, "metrics.json"),
        ('{"big": ' + "9" * 5000 + "}", {}, "big"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_strange_metrics_json(
    project: Project, content: str, metrics: dict[str, object], note: str
) -> None:
    path = project.root.parent / "content"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    project.write(".gitignore", "metrics.json\n")
    project.commit()
    # Written before as well, so that the work tree is as it was.
    (project.root / "metrics.json").write_bytes(path.read_bytes())
    done = run(project, "--allow", "unpinned", "--", "cp", str(path), "metrics.json")
    assert done.returncode == 0, done.stderr
    assert record(project)["metrics"] == metrics
    assert note in done.stderr


HYDRA = """
import sys, hydra
from omegaconf import DictConfig

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig):
    print("lr", cfg.lr, flush=True)
    {body}

main()
"""


def hydra_app(project: Project, config: str, body: str = "return 0.5") -> None:
    project.write("conf/config.yaml", textwrap.dedent(config) + "hydra:\n  run:\n    dir: made\n")
    (project.root / "made").mkdir()
    project.write("made/train.log", "")
    program(project, HYDRA.format(body=body))


@pytest.mark.parametrize(
    ("body", "metrics"),
    [("return float('nan')", {"return_value": "NaN"}),
     ("return 1e400", {"return_value": "Infinity"}),
     ("return 'good'", {}), ("return {'a': 1, 'b': 'x'}", {"a": 1}), ("return [1, 2]", None)],
)  # fmt: skip
def test_a_strange_return_value(
    project: Project, body: str, metrics: dict[str, object] | None
) -> None:
    hydra_app(project, "lr: 0.1\n", body)
    done = project.xgit("exp", "run", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    if metrics is not None:
        assert record(project)["metrics"] == metrics


def test_a_config_that_hydra_rejects(project: Project) -> None:
    hydra_app(project, "defaults:\n  - model: nowhere\n  - _self_\nlr: 0.1\n")
    done = project.xgit("exp", "run", "--", "python", "train.py")
    assert done.returncode == 1
    doc = record(project)
    assert (doc["status"], doc["exit_code"], doc["hydra"]) == ("failed", 1, None)
    assert b"nowhere" in kept_log(project)
    assert "xgit exp log @" in done.stderr


def test_a_config_with_an_unset_variable(project: Project) -> None:
    hydra_app(project, "lr: ${oc.env:NOT_SET_AT_ALL}\n")
    refused = project.xgit("exp", "run", "--", "python", "train.py")
    assert_error(refused, 125, "could not be repeated")
    assert "export NOT_SET_AT_ALL=" in refused.stderr
    done = project.xgit("exp", "run", "--allow", "variables", "--", "python", "train.py")
    assert done.returncode == 1
    doc = record(project)
    assert doc["params"]["lr"] == "${oc.env:NOT_SET_AT_ALL}"
    assert any("lr could not be resolved" in note for note in doc["notes"])


# ---------------------------------------------------------------- secrets

PASSWORD = "hunter2 Gehéim/&"


def assert_absent(project: Project, *secrets: str) -> None:
    """In no object of the repository, and nowhere under `.git`."""
    out = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=project.root, capture_output=True, check=True,
    ).stdout  # fmt: skip
    files = [path.read_bytes() for path in (project.root / ".git").rglob("*") if path.is_file()]
    for secret in secrets:
        for form in (secret.encode(), secret.encode("unicode_escape")):
            assert form not in out
            assert not any(form in content for content in files)


def test_a_password_reached_through_interpolation(project: Project) -> None:
    hydra_app(
        project,
        """
        lr: 0.1
        db:
          pw: ${oc.env:PW}
          url: pg://u:${db.pw}@h
          safe: ${db.url}/x
        other: ${oc.env:PW,none}
        """,
        "import os; from urllib.parse import quote, quote_plus; p = cfg.db.pw; "
        "print(p, quote(p), quote(p).replace('%C3%A9', '%c3%a9'), p.encode()); "
        "print(quote(p, safe=''), quote_plus(p), repr(p), ascii(p)); "
        "raise ValueError(f'cannot log in with {p} at {cfg.db.url}')",
    )
    done = project.xgit(
        "exp", "run", "--why", f"try {PASSWORD}", "--label", PASSWORD,
        "--", "python", "train.py", f"+note={quote(PASSWORD, safe='')}", env={"PW": PASSWORD},
    )  # fmt: skip
    assert done.returncode == 1
    assert PASSWORD in done.stdout  # the user's own terminal is not censored
    forms = (
        PASSWORD,
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        quote(PASSWORD).replace("%C3%A9", "%c3%a9"),
    )
    assert_absent(project, *forms, repr(PASSWORD.encode())[2:-1])
    assert b"ValueError" in kept_log(project)
    read_everywhere(project)


# ---------------------------------------------------------------- output


def test_output_of_any_bytes(project: Project) -> None:
    output = b"\xff\xfe\x00 \x1b]0;title\x07\x1b[2J\x9b31m \xe2\x80\xae no newline"
    (project.root.parent / "bytes").write_bytes(output)
    done = run(
        project,
        "--allow",
        "unpinned",
        "--name",
        "a",
        "--",
        "cat",
        str(project.root.parent / "bytes"),
    )
    assert done.returncode == 0
    assert kept_log(project) == output
    raw = subprocess.run(
        [sys.executable, "-m", "xgit", "exp", "log", "a"],
        cwd=project.root, capture_output=True, check=True,
    )  # fmt: skip
    assert raw.stdout == output
    as_json = xgit(project, "exp", "log", "a", "--json")
    assert as_json.stdout.isascii()
    page = project.git("cat-file", "-p", "experiment/a:.xgit/README.md")
    assert "\x1b" not in page
    read_everywhere(project)


def test_output_as_json_of_any_bytes(project: Project) -> None:
    (project.root.parent / "bytes").write_bytes(b"\xff\x1b[2J\n")
    done = run(
        project, "--allow", "unpinned", "--json", "--", "cat", str(project.root.parent / "bytes")
    )
    assert done.returncode == 0
    assert done.stdout.isascii()


# ---------------------------------------------------------------- what it does to its surroundings

SURROUNDINGS = {
    "the spool is deleted": "import os, shutil; shutil.rmtree(os.environ['XGIT_SPOOL'])",
    "and then it logs": (
        "import os, shutil, xgit; shutil.rmtree(os.environ['XGIT_SPOOL']); xgit.log({'a': 1})"
    ),
    "the run's directory is deleted": (
        "import os, shutil; shutil.rmtree(os.path.dirname(os.environ['XGIT_SPOOL']))"
    ),
    "all of .git/xgit is deleted": "import shutil; shutil.rmtree('.git/xgit')",
    "the spool becomes a file": (
        "import os, shutil; s = os.environ['XGIT_SPOOL']; shutil.rmtree(s); open(s, 'w')"
    ),
    "the spool becomes a link": (
        "import os, shutil; s = os.environ['XGIT_SPOOL']; shutil.rmtree(s); os.symlink('/etc', s)"
    ),
    "the spool is filled with junk": (
        "import os; s = os.environ['XGIT_SPOOL'] + '/'\n"
        "open(s + 'events-x-1-a.jsonl', 'wb').write(b'\\xff{[\\n' * 1000 + b'[' * 100000)\n"
        "open(s + 'python-x.json', 'w').write('{}'); os.mkfifo(s + 'events-y-1-b.jsonl')"
    ),
    "it changes directory": "import os; os.chdir('/')",
    "it closes stdout": "import os; os.close(1)",
    "it closes everything": "import os; os.closerange(0, 1000)",
    "it clears its environment": "import os; os.environ.clear(); os.system('true')",
    "it moves the journal's record": (
        "import os; d = os.path.dirname(os.environ['XGIT_SPOOL']); os.remove(d + '/record.json')"
    ),
}


@pytest.mark.parametrize("case", SURROUNDINGS)
def test_what_a_program_may_do(project: Project, case: str) -> None:
    program(project, "print('begun', flush=True)\n" + SURROUNDINGS[case])
    done = run(project, "--name", "a", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    assert tags(project) == ["experiment/a"]
    assert record(project)["status"] == "completed"
    if "directory is" not in case and "all of" not in case:
        assert kept_log(project).startswith(b"begun\n")
    assert not list((project.root / ".git/objects/pack").glob("*.keep"))
    runs = project.root / ".git/xgit/runs"
    assert not runs.exists() or os.listdir(runs) == []


def test_a_program_that_changes_directory_keeps_its_metrics(project: Project) -> None:
    program(project, "import os, xgit; os.chdir('/'); xgit.log({'a': 1})")
    assert run(project, "--", "python", "train.py").returncode == 0
    assert record(project)["metrics"] == {"a": 1}


def test_programs_that_are_not_python(project: Project) -> None:
    static = Path("/sbin/ldconfig")  # which depends on no library, being their keeper
    commands = [
        ("sh", "-c", "echo $XGIT_SPOOL >/dev/null; printf x"),
        ("env", "-i", "/bin/echo", "x"),
    ]
    if static.exists():
        commands.append((str(static), "--version"))
    for number, command in enumerate(commands):
        done = run(project, "--name", f"e{number}", "--", *command)
        assert done.returncode == 0, done.stderr
        doc = record(project, f"experiment/e{number}")
        assert doc["environment"]["platform"]
        assert not any("not watched" in note for note in doc["notes"])
