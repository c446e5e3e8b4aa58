"""`xgit init --ci`: the jobs of a host, beside what the project has for it already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Project
from tests.untouched import everything
from xgit.setup import ci_jobs
from xgit.setup.ci_jobs import GITLAB, GITLAB_JOBS, WORKFLOW, jobs, own_source, with_include
from xgit.setup.nouns import ByHand


def told(project: Project, host: str, *args: str) -> dict[str, Any]:
    done = project.xgit("init", "--ci", host, "--json", *args)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture
def ready(project: Project) -> Project:
    """A project that has everything but the jobs."""
    assert project.xgit("init").returncode == 0
    project.commit("xgit")
    return project


def test_github(ready: Project) -> None:
    document = told(ready, "github")
    assert (document["created"], document["changed"]) == ([WORKFLOW], [])
    assert document["next"] == f'git add {WORKFLOW} && git commit -m "Add xgit"'
    text = (ready.root / WORKFLOW).read_text(encoding="utf-8")
    assert text == jobs("github", source=own_source())
    assert any(ci_jobs.UNKNOWN in note for note in document["notes"]) == (own_source() is None)
    assert told(ready, "github")["created"] == []


def test_a_workflow_that_is_there_stays(ready: Project) -> None:
    ready.write(WORKFLOW, "name: mine\n")
    document = told(ready, "github")
    assert (document["created"], document["changed"], document["notes"]) == ([], [], [])
    assert (ready.root / WORKFLOW).read_text() == "name: mine\n"


def test_gitlab(ready: Project) -> None:
    document = told(ready, "gitlab")
    assert (document["created"], document["changed"]) == ([GITLAB], [])
    assert (ready.root / GITLAB).read_text() == jobs("gitlab", source=own_source())
    again = told(ready, "gitlab")
    assert (again["created"], again["changed"]) == ([], [])


MINE = """\
# ours
stages: [build, "ship it"]
include:
  - local: other.yml   # keep

build:
  stage: build
  script: [ !reference [.setup, script], make ]
"""


def test_a_pipeline_of_gitlab_that_is_there_includes_the_jobs(ready: Project) -> None:
    ready.write(GITLAB, MINE)
    document = told(ready, "gitlab")
    assert (document["created"], document["changed"]) == ([GITLAB_JOBS], [GITLAB])
    after = (ready.root / GITLAB).read_text()
    added = f"  # xgit checks and reproduces experiments\n  - local: {GITLAB_JOBS}\n"
    assert after == MINE.replace("# keep\n", f"# keep\n{added}")
    own = yaml.safe_load((ready.root / GITLAB_JOBS).read_text())
    assert own[".xgit"]["stage"] == "ship it"
    again = told(ready, "gitlab")
    assert (again["created"], again["changed"]) == ([], [])


@pytest.mark.parametrize("stages", ["", "stages: [build, test, deploy]\n"])
def test_the_stage_test_is_taken_where_there_is_one(ready: Project, stages: str) -> None:
    ready.write(GITLAB, f"{stages}build: {{script: make}}\n")
    told(ready, "gitlab")
    assert (ready.root / GITLAB_JOBS).read_text() == jobs("gitlab", source=own_source())
    included = yaml.safe_load((ready.root / GITLAB).read_text())["include"]
    assert included == [{"local": GITLAB_JOBS}]


def test_an_include_in_another_form_is_left_to_a_person(ready: Project) -> None:
    text = "include: other.yml\nbuild: {script: make}\n"
    ready.write(GITLAB, text)
    document = told(ready, "gitlab")
    assert (document["created"], document["changed"]) == ([GITLAB_JOBS], [])
    [note] = [one for one in document["notes"] if one.startswith(GITLAB)]
    assert f"  - local: {GITLAB_JOBS}\n" in note
    assert (ready.root / GITLAB).read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        f"include: {GITLAB_JOBS}\n",
        f"include: [/{GITLAB_JOBS}]\n",
        f"include: {{local: {GITLAB_JOBS}}}\n",
        f"include:\n- remote: x\n- local: /{GITLAB_JOBS}\n",
    ],
)
def test_an_include_that_is_there_in_any_form(text: str) -> None:
    assert with_include(text) == text


def test_a_list_in_one_line_is_left_to_a_person() -> None:
    with pytest.raises(ByHand, match=r"^include:\n  - local: "):
        with_include("include: [a.yml]\n")


def test_a_pipeline_that_is_no_yaml(ready: Project) -> None:
    ready.write(GITLAB, "stages: [\n")
    before = everything(ready)
    done = ready.xgit("init", "--ci", "gitlab")
    assert done.returncode == 2
    assert f"{GITLAB}: it is not valid YAML" in done.stderr
    assert everything(ready) == before


def test_a_new_project_with_jobs(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    new = Project(folder, tmp_path / "none")
    assert WORKFLOW in told(new, "github")["created"]
    assert (folder / "train.py").exists()


def test_a_dry_run(ready: Project) -> None:
    before = everything(ready)
    document = told(ready, "github", "--dry-run")
    assert f"+++ b/{WORKFLOW}\n" in document["diff"]
    assert everything(ready) == before


def test_a_directory_that_leads_out_of_the_project(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (ready.root / ".github").symlink_to(tmp_path / "elsewhere")
    done = ready.xgit("init", "--ci", "github")
    assert done.returncode == 2
    assert "leads out of the project" in done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("source", "known"),
    [
        (f"git+https://host.example/team/xgit.git@{'a' * 40}", True),
        (f"git+ssh://git@host.example/team/xgit@{'a' * 40}#subdirectory=x", True),
        (f"git+file:///home/ada/xgit@{'a' * 40}", False),
        ("editable:/home/ada/xgit", False),
        ("index", False),
        (f"git+https://host/${{{{ secrets.X }}}}@{'a' * 40}", False),
        (f"git+https://host/x: y@{'a' * 40}", False),
    ],
)
def test_where_xgit_is_installed_from(
    monkeypatch: pytest.MonkeyPatch, source: str, known: bool
) -> None:
    from xgit.record.model import Package

    packages = {"xgit": Package("1", source)}
    monkeypatch.setattr(ci_jobs, "installed_packages", lambda _: (packages, ()))
    assert own_source() == (source if known else None)
    for host in ci_jobs.HOSTS:
        text = jobs(host, source=own_source())
        document = yaml.safe_load(text)
        where = document["env"] if host == "github" else document[".xgit"]["variables"]
        assert where["XGIT"] == f"xgit @ {source if known else ci_jobs.UNKNOWN}"
