"""The documentation against the code: nothing is left out, nothing is named that is not there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

from tests.conftest import Project
from tests.samples import experiment, full
from tests.verdict_samples import verdict
from xgit.cli import exp_list
from xgit.cli.main import cli
from xgit.guards import registry
from xgit.guards.report import violation_lines
from xgit.record import message
from xgit.record.code_facts import (
    HiddenChange,
    NestedRepo,
    RemoteAnswer,
    UnnamedModule,
    UnpushedModule,
)
from xgit.record.model import (
    ComposedConfig,
    ConfigFailure,
    Credential,
    Installed,
    Lock,
    MentionedPath,
    Package,
    Pin,
    PushedRef,
    RepoState,
    RequiredVariable,
    StagedFile,
    Submodule,
    Trouble,
)
from xgit.record.verdict_message import SUMMARY_MARK as VERDICT_MARK
from xgit.record.verdict_message import verdict_message
from xgit.settings import DEFAULT_VARIABLES, Settings
from xgit.store.operators import FUNCTIONS
from xgit.store.query import WHERE_NAMES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
OURS = [path for path in PAGES if path.parent == DOCS or path.name == "README.md"]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one of the same level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", page, re.MULTILINE)
    assert found, f"there is no heading {title!r}"
    rest = page[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def spans(text: str) -> set[str]:
    """What stands in backticks, outside of code blocks."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", outside))


def in_tables(text: str) -> set[str]:
    """What stands in backticks in the first cells of tables."""
    rows = re.findall(r"^\| *(`[^|]*?) *\|", text, re.MULTILINE)
    return {span for row in rows for span in re.findall(r"`([^`]+)`", row)}


# ---------------------------------------------------------------- commands


def leaves(
    command: click.Command = cli, path: tuple[str, ...] = ("xgit",)
) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command, info_name=path[-1])
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


COMMANDS = dict(leaves())


def flags(command: click.Command) -> set[str]:
    return {
        text
        for param in command.params
        if isinstance(param, click.Option)
        for text in (*param.opts, *param.secondary_opts)
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_flag_is_documented(name: str) -> None:
    own = section(text_of("commands.md"), name)
    documented = {span.split(" ")[0] for span in in_tables(own) if span.startswith("-")}
    assert documented == flags(COMMANDS[name])
    assert f"[`{name}`](#{name.replace(' ', '-')})" in text_of("commands.md")
    assert f"$ {name}" in own, "an example"


@pytest.mark.parametrize("name", ["xgit", "xgit exp", *COMMANDS])
def test_every_help_has_an_example_that_works(name: str) -> None:
    command = COMMANDS.get(name) or (cli if name == "xgit" else cli.commands["exp"])
    said = re.sub(r"\s*\n\s*", " ", command.help or "").partition("Example: ")[2]
    assert said.startswith("xgit ")
    for line in (command.help or "").partition("Example: ")[2].splitlines():
        if line.strip():
            check_line(line.strip())


def test_each_choice_of_a_flag_is_documented() -> None:
    for name, command in COMMANDS.items():
        own = section(text_of("commands.md"), name)
        for param in command.params:
            if isinstance(param.type, click.Choice):
                assert {str(choice) for choice in param.type.choices} <= spans(own), name


def test_json_keys_of_the_list_are_documented() -> None:
    from xgit.record.model import Broken

    own = in_tables(section(text_of("commands.md"), "xgit exp list"))
    summary = message.parse_summary(message.tag_message(experiment("one", "a" * 40)))
    assert set(exp_list.document(summary)) <= own
    assert set(exp_list.document(Broken("one", "why"))) <= own


def test_the_language_is_documented() -> None:
    own = section(text_of("commands.md"), "Expressions")
    known = " ".join(spans(own))
    assert [name for name in FUNCTIONS if f"{name}(" not in known] == []
    assert [name for name in WHERE_NAMES if not re.search(rf"\b{name}\b", known)] == []


def test_columns_are_documented() -> None:
    from xgit.cli.list_columns import _FIELDS

    assert set(_FIELDS) <= spans(section(text_of("commands.md"), "xgit exp list"))


def test_exit_codes_are_documented() -> None:
    from xgit import errors

    codes = {
        value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)
    }
    own = section(text_of("commands.md"), "Exit codes")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", own, re.MULTILINE)}
    assert codes <= documented


def test_environment_variables_are_documented() -> None:
    own = section(text_of("commands.md"), "Environment variables")
    used = {
        name
        for path in (ROOT / "xgit").rglob("*.py")
        for name in re.findall(r"\"(XGIT_[A-Z]+|NO_COLOR|TERM)\"", path.read_text("utf-8"))
    }
    assert {"XGIT_SPOOL", "XGIT_DEBUG", "NO_COLOR"} <= used
    assert used <= spans(own)


# ---------------------------------------------------------------- examples


def shell_lines(path: Path) -> Iterator[str]:
    """The lines of code blocks that call xgit, without the prompt."""
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            call = re.match(r"(?:\$ )?((?:\w+=\S+ |git bisect run )*xgit .*)", line)
            if call:
                yield call[1]


def check_line(line: str) -> None:
    """Parse a line as xgit would; a command or flag that is not there raises."""
    words = shlex.split(line, comments=True)
    words = words[words.index("xgit") + 1 :]
    stops = [at for at, word in enumerate(words) if word in ("|", ">", "&&", ";")]
    words = words[: stops[0]] if stops else words
    command: click.Command = cli
    context = click.Context(cli, info_name="xgit")
    while isinstance(command, click.Group) and words:
        if words[0] in ("--version", "--help"):
            return
        found = command.get_command(context, words[0])
        assert found is not None, f"{line}: there is no command {words[0]!r}"
        command, words = found, words[1:]
    if not words and command is cli:
        return  # `_XGIT_COMPLETE=fish_source xgit`
    with command.make_context("xgit", words, parent=context):
        pass
    check_values(words)


def check_values(words: list[str]) -> None:
    """Expressions parse, names follow the grammar, guards exist."""
    from xgit.record import refs
    from xgit.store import query

    readers: dict[str, Any] = {
        "--where": query.parse,
        "--expect": query.parse_expectation,
        "--allow": registry.guard,
        "--name": refs.check_id,
    }
    own = words[: words.index("--")] if "--" in words else words
    for flag, value in pairwise(own):
        if flag in readers:
            readers[flag](value)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_examples_name_what_there_is(path: Path) -> None:
    for line in shell_lines(path):
        check_line(line)


def test_there_are_examples_to_check() -> None:
    assert len(list(shell_lines(DOCS / "commands.md"))) > 30
    with pytest.raises(click.UsageError):
        check_line("xgit exp run --bogus")
    with pytest.raises(AssertionError):
        check_line("xgit exp lis")


# ---------------------------------------------------------------- guards


def test_every_guard_has_a_section_and_a_row() -> None:
    page = text_of("guards.md")
    ids = [guard.id for guard in registry.GUARDS]
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \|.*\| (.*?) \| (\w+) \|$", page, re.M)
    assert [row[0] for row in rows] == ids
    for guard, (_, anchor, stages, mends) in zip(registry.GUARDS, rows, strict=True):
        assert anchor == guard.id
        assert tuple(stages.split(", ")) == guard.stages
        assert mends == ("yes" if guard.snapshot_mends else "no")
        assert f"\n  {guard.id}  " in section(page, guard.id), "an example with the real message"
    for stage in registry.STAGES:
        assert f"`{stage}`" in section(page, "Ask without running")


def pin(path: str, **changes: Any) -> Pin:
    return Pin(path, "dvc", "md5:0", source=f"{path}.dvc", **changes)


MINE = "5d41402abc4b2a76b9719d911017c592a3c1f0de"


def pushed(local_id: str) -> PushedRef:
    ref = "refs/tags/experiment/wider-net"
    return PushedRef(ref, local_id, ref, "b" * 40)


STATES: dict[str, dict[str, Any]] = {
    "several": {
        "untracked": ("features.py",), "modified": ("train.py",),
        "pushed": False, "ahead": 2, "upstream": "origin/main",
    },
    "untracked": {"untracked": ("features.py", "notes/")},
    "modified": {"modified": ("train.py",)},
    "submodule": {"submodules": (Submodule("libs/x", "b" * 40, dirty=True),)},
    "unpushed": {"pushed": False, "ahead": 2, "upstream": "origin/main"},
    "no upstream": {"pushed": False, "ahead": 1, "branch": "topic"},
    "no remote": {"pushed": False, "ahead": 2, "remotes": ()},
    "detached": {"pushed": False, "ahead": 1, "branch": None},
    "nested repository": {
        "untracked": ("vendor/lib/",),
        "nested": (NestedRepo("vendor/lib/", "https://host/team/lib.git"),),
    },
    "nested repository of no one else": {
        "untracked": ("try/",), "nested": (NestedRepo("try/"),),
    },
    "hidden change": {"hidden": (HiddenChange("conf/local.yaml", ("assume-unchanged",)),)},
    "unpushed submodule": {
        "unpushed_modules": (
            UnpushedModule("libs/x", "b" * 40, "main", "origin/main", ("origin",), 1),
        ),
    },
    "unnamed submodule": {
        "unnamed_modules": (
            UnnamedModule("vendor/lib", "https://host/team/lib.git", is_here=True),
        ),
    },
    "deleted branch": {
        "pushed": False, "ahead": 0, "branch": "topic", "upstream": "origin/topic",
        "answers": (RemoteAnswer("origin", "", "lacks", frozenset(["main"])),),
    },
    "rewritten branch": {
        "pushed": False, "ahead": 0, "upstream": "origin/main",
        "answers": (RemoteAnswer("origin", "", "lacks", frozenset(["main"])),),
    },
    "shallow clone": {
        "pushed": False, "ahead": 0, "answers": (RemoteAnswer(
            "origin", "", "unknown", reason="main there has commits that are not here"),),
    },
    "silent remote": {
        "pushed": False, "ahead": 0, "answers": (RemoteAnswer(
            "origin", "https://host/team/project.git", "silent",
            reason="unable to access 'https://host/team/project.git/': "
            "Could not resolve host: host"),),
    },
    "ignored data": {"dvc_homes": ("",), "mentioned": (
        MentionedPath("data/train.csv", "data.path in the config", "ignored", "data/train.csv"),)},
    "data elsewhere": {"dvc_homes": ("",), "mentioned": (
        MentionedPath("/mnt/nas/train.csv", "the command line", "outside"),)},
    "staged data": {
        "stage": "commit", "dvc_homes": ("",), "staged": (
            StagedFile("data/train.csv", "100644", "b" * 40, 3_400_000),),
    },
    "large file": {
        "stage": "commit", "dvc_homes": ("",), "staged": (
            StagedFile("models/base.bin", "100644", "b" * 40, 98_000_000),),
    },
    "large file, no DVC": {
        "stage": "commit", "staged": (
            StagedFile("demo.mp4", "100644", "b" * 40, 98_000_000),),
    },
    "stale": {"pins": (pin("data/train.csv", stale="content differs"),)},
    "unpushed data": {"pins": (pin("data/images", pushed=False),)},
    "moved tag": {"stage": "push", "pushes": (pushed(local_id=MINE),)},
    "deleted tag": {"stage": "push", "pushes": (pushed(local_id="0" * 40),)},
    "secret": {
        "stage": "commit", "credentials": (Credential("GitHub Token", "conf/db.yaml", 3),),
    },
    "secret URL": {
        "credentials": (
            Credential("password", remote="origin", url="https://host/team/project.git"),
        ),
    },
    "broken config": {
        "stage": "commit", "config_failures": (ConfigFailure(
            "conf/config.yaml", "Could not find 'model/bgi'; known: big, small",
            "conf/config.yaml"),),
    },
    "forgotten config": {
        "stage": "commit", "config_failures": (ConfigFailure(
            "conf/experiment/deep.yaml", "Could not find 'model/deep'",
            "conf/experiment/deep.yaml", "conf/model/deep.yaml"),),
    },
    "undeclared variable": {
        "stage": "commit", "required_variables": (
            RequiredVariable("DB_PASSWORD", "conf/db.yaml", 3, "pyproject.toml"),),
    },
    "unset variable": {
        "config": ComposedConfig(
            {}, {"DB_PASSWORD": None}, readers={"DB_PASSWORD": ("db.password",)}),
    },
    "other version": {
        "lock": Lock("requirements.txt", {"numpy": ("2.4.6",)}),
        "installed": Installed("/r/.venv", {"numpy": Package("2.4.5")}, "uv pip install"),
    },
    "stale lock": {
        "lock": Lock("uv.lock", {}, ("lacks scipy, which pyproject.toml asks for",)),
    },
    "local package": {
        "installed": Installed(
            "/r/.venv", {"mylib": Package("1", "editable:/home/ada/mylib")}, "uv pip install"
        ),
    },
    "no DVC remote": {
        "pins": (pin("data/train.csv", pushed=False, trouble=Trouble(
            "there is no DVC remote", "dvc remote add --default storage URL && dvc push")),)
    },
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_the_messages_of_guards_are_the_real_ones(name: str) -> None:
    usual = {
        "root": "/r", "commit": "a" * 40, "branch": "main", "pushed": True, "remotes": ("origin",),
    }  # fmt: skip
    state = RepoState(**{**usual, **STATES[name]})
    said = "\n".join(violation_lines(registry.judge(state, registry.guards_for(state.stage))))
    assert said
    assert f"\n{said}\n" in text_of("guards.md")


# ---------------------------------------------------------------- settings


def test_every_setting_is_documented_with_its_default() -> None:
    page = text_of("settings.md")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^`]+)` \|", page, re.MULTILINE)
    known = Settings._field_defaults
    assert {name: json.loads(default) for name, default in rows} == {
        name: list(default) if isinstance(default, tuple) else default
        for name, default in known.items()
    }
    assert all(f"**`{name}`**" in page for name in known)
    assert set(DEFAULT_VARIABLES) <= spans(page)


# ---------------------------------------------------------------- the record


def schema_keys(node: dict[str, Any], path: str = "") -> Iterator[str]:
    """The dotted names of all keys: `code.submodules[].path`, `packages.NAME.version`."""
    for form in (*node.get("anyOf", ()), node):
        for key, value in form.get("properties", {}).items():
            name = f"{path}.{key}" if path else key
            yield name
            yield from schema_keys(value, name)
        if "items" in form:
            yield from schema_keys(form["items"], f"{path}[]")
        if isinstance(form.get("additionalProperties"), dict):
            yield from schema_keys(form["additionalProperties"], f"{path}.NAME")


def test_every_key_of_the_record_is_documented_and_no_other() -> None:
    schema = json.loads((ROOT / "xgit/schema/record.v1.json").read_text(encoding="utf-8"))
    documented = in_tables(section(text_of("record.md"), "record.json"))
    assert documented == {*schema_keys(schema), "expectations[].problem"}


def test_every_key_of_the_verdict_is_documented_and_no_other() -> None:
    schema = json.loads((ROOT / "xgit/schema/verdict.v1.json").read_text(encoding="utf-8"))
    own = section(text_of("record.md"), "verdict.json")
    assert in_tables(own) == set(schema_keys(schema))
    line = verdict_message(verdict(), 1).splitlines()[-1]
    assert set(json.loads(line.removeprefix(VERDICT_MARK))) <= spans(own)


def test_what_a_reproduction_comes_to_is_documented() -> None:
    from typing import get_args

    from xgit.record.verdict import Result
    from xgit.reproduce.suspects import MOST_OF_A_KIND
    from xgit.store.standing import KINDS

    page = text_of("reproduction.md")
    assert in_tables(section(page, "Verdicts")) == set(get_args(Result))
    assert in_tables(section(page, "Reproduction debt")) == set(KINDS)
    assert set(KINDS) <= spans(section(text_of("commands.md"), "xgit exp status"))
    assert f"at most {MOST_OF_A_KIND} are named" in section(page, "Suspects")


def test_json_keys_of_the_status_are_documented() -> None:
    from xgit.cli.exp_status import document
    from xgit.store.standing import Debt

    own = section(text_of("commands.md"), "xgit exp status")
    assert set(document(Debt((), 0, 0, ()), ())) <= in_tables(own)


def test_every_key_of_the_summary_is_documented() -> None:
    line = message.tag_message(experiment("one", "a" * 40)).splitlines()[-1]
    keys = json.loads(line.removeprefix(message.SUMMARY_MARK))
    own = section(text_of("record.md"), "The tag")
    assert set(keys) <= spans(own)
    assert f"{message.SUMMARY_LIMIT_BYTES:,}" in own


def test_every_file_of_the_record_is_documented() -> None:
    from xgit.store.experiments import record_files

    documented = in_tables(section(text_of("record.md"), "The files"))
    folders = {name.partition("/")[0] for name in documented}
    for name in record_files(full("one", "a" * 40), b"{}"):
        assert name.partition("/")[0] in folders


def test_the_grammar_and_the_bounds_are_those_of_the_code() -> None:
    from xgit.capture.metrics import formats as metric_formats
    from xgit.capture.metrics import merging as metrics
    from xgit.capture.spool import reading as spool
    from xgit.record import refs
    from xgit.store.tags import RECORD_LIMIT_BYTES

    page = text_of("record.md")
    assert f"`{refs.ID_GRAMMAR.pattern}`" in page
    files = section(page, "The files")
    assert f"{spool.MOST_POINTS:,}" in files
    assert f"{metrics.MOST_NAMES:,} names, each at most {metric_formats.NAME_LENGTH}" in files
    mib = 1024 * 1024
    assert (Settings().log_bytes, spool.KEPT_FILE_BYTES) == (mib // 2, mib)
    assert {spool.KEPT_FILES_BYTES, RECORD_LIMIT_BYTES} == {32 * mib}


# ---------------------------------------------------------------- the threat model


def test_every_test_of_the_threat_model_is_there() -> None:
    model = section(text_of("security.md"), "Threat model")
    named = [span for span in spans(model) if "::" in span]
    assert len(named) > 50
    for one in named:
        file, _, name = one.partition("::")
        code = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", code, re.MULTILINE), one


def test_every_row_of_the_threat_model_names_a_test() -> None:
    page = section(text_of("security.md"), "Threat model")
    rows = [row for row in re.findall(r"^\| .*", page, re.MULTILINE) if "attacked by" not in row]
    assert len(rows) > 30
    assert [row for row in rows if "::" not in row] == []
    assert {"1", "2", "3", "4", "5", "6"} <= {row[2] for row in rows}


def test_every_check_of_verify_is_documented() -> None:
    from xgit.verify.nouns import CHECKS

    own = section(text_of("commands.md"), "xgit exp verify")
    rows = re.findall(r"^\| `(\w+)` \| .* \| .*\|$", own, re.MULTILINE)
    assert rows == list(CHECKS)
    shown = dict(re.findall(r"^  ✓ (\w+) +(.*)$", own, re.MULTILINE))
    usual = {"tag", "objects", "people", "parent", "tree", "record", "files", "values", "pins"}
    assert {name: shown[name] for name in usual} == {name: CHECKS[name] for name in usual}


# ---------------------------------------------------------------- links


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as git hosts make them."""
    outside = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    page = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name) if name else path
        assert other.exists(), f"{path.name}: {target}"
        if anchor:
            assert anchor in anchors(other.read_text("utf-8")), f"{path.name}: {target}"


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DOCS.glob("*.md") if f"(docs/{path.name})" not in readme] == []


# ---------------------------------------------------------------- what is written there works


def test_git_alone_reads_and_shares_experiments_as_the_page_says(project: Project) -> None:
    project.write("params.yaml", "lr: 0.1\n")
    project.write("train.py", "import sys, xgit\nxgit.log({'loss': len(sys.argv)})\n")
    project.commit("train")
    for name in ("a", "b", "baseline"):
        argv = ("exp", "run", "--quiet", "--name", name, "--", "python", "train.py", name)
        assert project.xgit(*argv).returncode == 0
    said = {
        line: done_by_shell(project, line)
        for line in git_lines(section(text_of("record.md"), "Reading it without xgit"))
    }
    assert len(said) > 10
    told = "\n".join(said.values())
    for part in ("Xgit-Summary: ", '"schema": "xgit/record/v1"', "lr: 0.1", "b: loss 2"):
        assert part in told
    assert '["a",{"lr":0.1},{"loss":2}]' in told or shutil.which("jq") is None
    assert project.git("tag", "--list", "experiment/*").split() == ["experiment/a", "experiment/b"]
    assert "experiment/baseline" not in project.git("ls-remote", "origin")


def git_lines(page: str) -> Iterator[str]:
    for block in re.findall(r"^```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield from (line for line in block.splitlines() if line.startswith("git "))


def done_by_shell(project: Project, line: str) -> str:
    """What a line of the page prints; `jq` is left out where there is none."""
    if shutil.which("jq") is None:
        line = line.partition(" | jq")[0]
    done = subprocess.run(
        ["sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout
