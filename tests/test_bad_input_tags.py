"""Tags called `experiment/…` that xgit did not make: named, passed over, never obeyed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import adversary, samples
from tests.adversary import assert_error, run, tags
from tests.conftest import Project, make_project
from tests.forge import BAD_RECORDS, forge
from xgit.cli import exp_list
from xgit.cli.exp_show import page_lines
from xgit.cli.list_columns import as_table, default_keys
from xgit.cli.table import Screen, json_text, render
from xgit.compare.experiments import compare
from xgit.errors import Unreadable, XgitError
from xgit.git import plumbing
from xgit.record import codec, json_form, message, page

HOSTILE = "\x1b[31m\x07<script>|`$(x)`\n\u202e\udcff"


def xgit(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    return adversary.xgit(project, *args, fsck=False)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with one good experiment and every bad one; its tests only read it."""
    project = make_project(tmp_path_factory.mktemp("crowd"))
    for key, value in {"user.name": "Ada", "user.email": "ada@example.com"}.items():
        project.git("config", key, value)
    assert run(project, "--name", "good", "--", "python", "train.py").returncode == 0
    project.git("tag", "experiment/light")
    project.git("tag", "experiment/pointer", "experiment/good^{commit}")
    project.git("tag", "experiment/renamed", "experiment/good")
    project.git("tag", "-a", "-m", "hello", "experiment/plain")
    project.git("tag", "-a", "-m", "x\n\nXgit-Summary: {", "experiment/cut")
    project.git("tag", "-a", "-m", "x\n\nXgit-Summary: " + "[" * 90_000, "experiment/nested")
    project.git("tag", "-a", "-m", "x", "experiment/on-a-blob", "HEAD:train.py")
    project.git("tag", "-a", "-m", "x", "experiment/on-a-tree", "HEAD^{tree}")
    project.git("tag", "-a", "-m", "x", "experiment/on-a-tag", "experiment/good")
    project.git("tag", "-a", "-m", "x", "experiment/Upper/case")
    for name, content in BAD_RECORDS.items():
        forge(project, name, content)
    newer = {"schema": "xgit/record/v99", "id": "newer"}
    forge(project, "newer", json.dumps(newer).encode())
    return project


BAD = ["light", "pointer", "renamed", "plain", "on-a-blob", "on-a-tree", "on-a-tag", "newer",
       *BAD_RECORDS]  # fmt: skip


def test_the_list_goes_on(crowd: Project) -> None:
    done = xgit(crowd, "exp", "list")
    assert done.returncode == 0, done.stderr
    rows = json.loads(xgit(crowd, "exp", "list", "--json").stdout)
    assert "good" in [row["id"] for row in rows if row["status"] == "completed"]
    unreadable = {row["id"] for row in rows if row["status"] == "unreadable"}
    assert unreadable >= {*BAD, "cut", "nested", "Upper/case"} - {"newer"}
    assert len(rows) == len(tags(crowd))
    for form in ("csv", "markdown"):
        assert xgit(crowd, "exp", "list", "--format", form).returncode == 0
    assert xgit(crowd, "exp", "list", "--where", "status == 'completed'").returncode == 0


@pytest.mark.parametrize("name", BAD)
def test_each_is_a_clear_error(crowd: Project, name: str) -> None:
    for args in (["show", name], ["show", "--json", name], ["compare", "good", name]):
        assert_error(xgit(crowd, "exp", *args), 2, "")
    log = xgit(crowd, "exp", "log", name)
    if name in ("light", "pointer", "renamed"):
        assert_error(log, 2, f"experiment/{name}")
        assert log.stdout == ""


def test_the_newest_is_one_that_can_be_read(crowd: Project) -> None:
    assert xgit(crowd, "exp", "log", "@").returncode in (0, 2)
    assert xgit(crowd, "exp", "run", "--name", "later", "--", "true").returncode == 0
    assert "experiment/later" in xgit(crowd, "exp", "show", "@").stdout


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [("goood", "there is no experiment 'goood'", "did you mean good?"),
     ("zzz", "there is no experiment 'zzz'", "xgit exp list"), ("on-a", "could be any of 3", None),
     ("@~99999", "goes back too far", "xgit exp list"), ("@~-1", "is not the name", "@~1"),
     ("", "is not the name", "xgit exp list"), ("../good", "is not the name", "xgit exp list"),
     ("good^{tree}", "is not the name", "xgit exp list"), ("new\nline", "is not the", "xgit exp")],
)  # fmt: skip
def test_names_that_mean_nothing(crowd: Project, name: str, said: str, hint: str | None) -> None:
    for command in ("show", "log"):
        assert_error(xgit(crowd, "exp", command, name), 2, said, hint)


# ---------------------------------------------------------------- valid by the schema, and odd


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from leaves(item, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


STRANGE: list[Any] = [
    None, True, 0, -1, 10**400, 1e308, "NaN", "", HOSTILE, "9999-99-99T99:99:99.999999Z",
    "0001-01-01T00:00:00.000000Z", [], {}, [[]], {"": {"": None}}, {HOSTILE: HOSTILE}, ["a"],
]  # fmt: skip


def readers(commit: str) -> list[Callable[[Any], object]]:
    def show(it: Any) -> object:
        return list(page_lines(it, Screen(), now=samples.START, everything=True))

    return [show, page.page, lambda it: compare([it, samples.full("b", commit)], [])]


def test_a_strange_record_is_read_or_refused(project: Project) -> None:
    """Whatever stands in it: an error of the user's kind, or a page that is harmless."""
    commit = samples.head(plumbing.open_repo(project.root))
    document = json.loads(json_form.encode(codec.to_record(samples.full("a", commit))))
    read = 0
    for path in list(leaves(document))[1:]:
        for value in STRANGE:
            try:
                strange = changed(document, path, value)
                codec.check(strange)
                it = codec.from_record(strange)
            except XgitError:
                continue
            read += 1
            for reader in readers(commit):
                text = reader(it)
                lines = text if isinstance(text, list) else str(text).splitlines()
                assert not any({"\x1b", "\x07", "\u202e"} & set(line) for line in lines), path
    assert read > 100


def test_a_strange_summary_is_read_or_named(project: Project) -> None:
    commit = samples.head(plumbing.open_repo(project.root))
    body, _, line = message.tag_message(samples.full("a", commit)).rpartition("Xgit-Summary: ")
    document = json.loads(line)
    read = 0
    for path in leaves(document):
        for value in STRANGE:
            text = f"{body}Xgit-Summary: {json.dumps(changed(document, path, value))}"
            try:
                row = message.parse_summary(text)
            except Unreadable:
                continue
            read += 1
            table = as_table(default_keys([row]), [row], samples.START, full_names=True)
            shown = json_text(exp_list.document(row)) + render(table, "table")
            assert not {"\x1b", "\x07", "\u202e"} & set(shown), path
    assert read > 20
