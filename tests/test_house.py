"""The rules of the house (CONTRIBUTING.md), read from the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "xgit"

# Imports go from a wing to one further down the list, or within a wing.
FLOORS = [
    ["errors", "program", "templates", "inject", ""],
    ["settings"],
    ["git"],
    ["record"],
    ["capture", "store"],
    ["guards", "compare", "verify"],
    ["run", "setup"],
    ["reproduce", "share"],
    ["cli"],
]
RANK = {wing: floor for floor, wings in enumerate(FLOORS) for wing in wings}
HEAVY = [
    "detect_secrets", "dvc", "git", "hydra", "importlib.metadata", "jsonschema", "numpy",
    "omegaconf", "psutil", "pynvml", "rich", "sqlite3", "yaml",
]  # fmt: skip


def modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        wing = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        yield path, "" if wing in ("__init__", "__main__") else wing


def imported_wings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import"
            names = [node.module]
            if node.module == "xgit":
                names = [f"xgit.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "xgit" and isinstance(node, ast.stmt):
                wing = parts[1] if len(parts) > 1 else ""
                yield node.lineno, wing if (PACKAGE / wing).is_dir() or wing in RANK else ""


def test_imports_run_one_way() -> None:
    wrong = []
    for path, wing in modules():
        if wing in ("", "inject") or path.name == "__main__.py":
            continue
        for line, other in imported_wings(path):
            if other != wing and (other not in RANK or RANK[other] >= RANK[wing]):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {other}")
    assert wrong == []


def test_what_runs_in_the_users_process_imports_nothing_of_the_house() -> None:
    for path, wing in modules():
        if wing == "inject":
            assert {other for _, other in imported_wings(path)} <= {"inject", ""}, path


def test_every_wing_is_on_a_floor() -> None:
    wings = {wing for _, wing in modules()}
    assert wings == set(RANK)


@pytest.mark.parametrize(
    "module",
    ["xgit", "xgit.guards.registry", "xgit.git.plumbing", "xgit.cli.exp_run", "xgit.cli.exp_list",
     "xgit.cli.exp_show", "xgit.cli.exp_compare", "xgit.cli.exp_verify", "xgit.cli.main",
     "xgit.guards.main"],
)  # fmt: skip
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_guards_do_not_even_import_click() -> None:
    code = "import sys, xgit.guards.main, xgit.guards.checking; print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_public_api_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import xgit; "
        "print(sorted(set(sys.modules) - before - {'xgit'}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() in ("[]", "['__future__']")


def owners(text: str) -> set[str]:
    """Modules of the package whose code, strings included and comments too, has this text."""
    return {
        str(path.relative_to(PACKAGE))
        for path, _ in modules()
        if text in path.read_text(encoding="utf-8")
    }


def test_one_door_each() -> None:
    assert owners("import subprocess") == {
        "git/plumbing.py",
        "run/execute.py",
        "capture/data/dvc_program.py",
        "capture/environment/uv_program.py",
        "capture/hardware.py",
        "capture/hydra/project_python.py",
        "reproduce/sandbox.py",
        "reproduce/uv.py",
    }
    assert owners('"refs/tags/experiment') == {"record/refs.py"}
    assert owners('"refs/tags/reproduction') == {"record/refs.py"}
    assert owners('"Xgit-Summary') == {"record/message.py"}
    assert owners('"Xgit-Verdict') == {"record/verdict_message.py"}
    assert owners("eval(") == set()
    assert owners("shell=True") == set()


def test_only_the_cli_and_the_console_script_of_the_guards_print() -> None:
    for name in ("click.echo", "print("):
        assert all(owner.startswith("cli/") for owner in owners(name)), name
    own = {"capture/hardware.py", "inject/xgit_spool.py"}  # an answer to the parent; the one line
    for name in ("sys.stdout.write", "sys.stderr.write"):
        others = owners(name) - own - {"guards/main.py"}
        assert all(owner.startswith("cli/") for owner in others), name


def test_files_and_functions_fit_in_a_glance() -> None:
    long = []
    for path, _ in modules():
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 400:
            long.append(str(path.relative_to(ROOT)))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno
                if lines > 70:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} ({lines})")
    assert long == []


def test_nothing_speaks_of_a_machine() -> None:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".yaml", ".yml", ".json", "") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for word in ("/work" + "/main", "/root" + "/", "pypi" + ".org"):
                assert word not in text, f"{name} says {word}"
