"""A fresh repository gets one ref by its full name, and keeps nothing of how it was reached."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from xgit.git import fresh
from xgit.git.plumbing import GitError, Repo, open_repo

REF = "refs/tags/experiment/one"


def fetched(project: Project, at: Path, ref: str = REF) -> Repo:
    repo = open_repo(project.root)
    at.mkdir()
    url = fresh.remote_url(repo, "origin")
    made = fresh.make_fresh(at, repo, url)
    fresh.fetch_ref(made, url, ref, repo)
    return made


@pytest.fixture
def tagged(project: Project) -> Project:
    project.git("tag", "-a", "experiment/one", "-m", "one")
    project.git("branch", "experiment/one")  # a clone by name would take this one
    project.write("train.py", "later")
    project.commit("later", push=False)
    project.git("branch", "--force", "experiment/one")
    project.git(
        "push", "--quiet", "origin", "refs/tags/experiment/one", "refs/heads/experiment/one"
    )
    return project


def test_the_tag_is_fetched_and_no_branch_of_its_name(tagged: Project, tmp_path: Path) -> None:
    made = fetched(tagged, tmp_path / "fresh")
    fresh.check_out(made, tagged.git("rev-parse", f"{REF}^{{commit}}"), open_repo(tagged.root))
    assert (tmp_path / "fresh/train.py").read_text() == "print('trained')\n"
    copy = Project(tmp_path / "fresh", tagged.origin)
    assert copy.git("rev-parse", REF) == tagged.git("rev-parse", REF)
    assert copy.git("status", "--porcelain") == ""
    assert copy.git("config", "user.name") == "Ada Lovelace"
    assert not (made.git_dir / "objects/info/alternates").exists()


def test_branches_that_have_the_commit(tagged: Project, tmp_path: Path) -> None:
    made = fetched(tagged, tmp_path / "fresh")
    first = tagged.git("rev-parse", f"{REF}^{{commit}}")
    assert fresh.branches_with(made, first) == ["experiment/one", "main"]
    later = tagged.git("rev-parse", "HEAD")
    assert fresh.branches_with(made, later) == ["experiment/one"]


def test_a_ref_that_is_not_there(tagged: Project, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="couldn't find remote ref"):
        fetched(tagged, tmp_path / "fresh", "refs/tags/experiment/two")


def test_in_the_hash_of_the_repository(tmp_path: Path) -> None:
    project = make_project(tmp_path, "--object-format=sha256")
    project.git("tag", "-a", "experiment/one", "-m", "one")
    project.git("push", "--quiet", "origin", REF)
    assert fetched(project, tmp_path / "fresh").object_format == "sha256"


def test_a_path_as_remote_is_made_absolute(project: Project) -> None:
    project.git("remote", "set-url", "origin", "../origin.git")
    assert fresh.remote_url(open_repo(project.root), "origin") == str(project.origin)
    for url in ("git@host.example:a/b.git", "https://host.example/x.git"):
        project.git("remote", "set-url", "origin", url)
        assert fresh.remote_url(open_repo(project.root), "origin") == url


def test_what_reaches_a_server_is_lent_and_taken_back(tagged: Project, tmp_path: Path) -> None:
    """A token in the repository's own configuration, as CI leaves it there."""
    secret = 'Authorization: bearer "s3cr3t"\\\n#;'
    tagged.git("config", "http.https://host.example/x.git.extraHeader", secret)
    tagged.git("config", f"url.{tagged.origin}.insteadOf", "file:///nowhere")
    tagged.git("remote", "set-url", "origin", "file:///nowhere")
    repo = open_repo(tagged.root)
    at = tmp_path / "fresh"
    at.mkdir()
    made = fresh.make_fresh(at, repo, "file:///nowhere")
    with fresh._access(made, repo) as options:
        [path] = at.glob(".git/access*")
        assert path.stat().st_mode & 0o777 == 0o600
        shown = subprocess.run(
            ["git", *options, "config", "--get-urlmatch", "http.extraHeader",
             "https://host.example/x.git"],
            cwd=at, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert shown == secret + "\n"
    fresh.fetch_ref(made, "file:///nowhere", REF, repo)
    everything = b"".join(path.read_bytes() for path in at.rglob(".git/*") if path.is_file())
    assert b"s3cr3t" not in everything


def test_credentials_in_the_url_do_not_stay(project: Project, tmp_path: Path) -> None:
    at = tmp_path / "fresh"
    at.mkdir()
    fresh.make_fresh(at, open_repo(project.root), "https://host.example/x.git")
    assert "url = https://host.example/x.git" in (at / ".git/config").read_text()


def test_wiped_it_is_as_it_was_checked_out(tagged: Project, tmp_path: Path) -> None:
    tagged.git("submodule", "add", "--quiet", str(tagged.origin), "sub")
    tagged.git("commit", "--quiet", "-m", "with a submodule")
    tagged.git("tag", "-f", "-a", "experiment/one", "-m", "one")
    tagged.git("push", "--quiet", "--force", "origin", REF)
    made = fetched(tagged, tmp_path / "fresh")
    repo = open_repo(tagged.root)
    commit = tagged.git("rev-parse", "HEAD")
    fresh.check_out(made, commit, repo)
    fresh.check_out_submodules(made, repo)
    copy = Project(tmp_path / "fresh", tagged.origin)
    for path in ("new.py", "ignored/x", "sub/new.py", "sub/ignored/x", "train.py", "sub/train.py"):
        copy.write(path, "changed")
    copy.git("commit", "--quiet", "--all", "-m", "a program that commits")
    fresh.wipe(made, commit, repo)
    assert copy.git("rev-parse", "HEAD") == commit
    assert copy.git("status", "--porcelain", "--ignored") == ""
    assert Project(copy.root / "sub", copy.origin).git("status", "--porcelain", "--ignored") == ""


def test_a_planted_repository_is_not_followed(tagged: Project, tmp_path: Path) -> None:
    """A program in a sandbox may rewrite what tells git where a submodule's repository is."""
    tagged.git("submodule", "add", "--quiet", str(tagged.origin), "sub")
    tagged.git("commit", "--quiet", "-m", "with a submodule")
    tagged.git("tag", "-f", "-a", "experiment/one", "-m", "one")
    tagged.git("push", "--quiet", "--force", "origin", REF)
    made, repo = fetched(tagged, tmp_path / "fresh"), open_repo(tagged.root)
    fresh.check_out(made, tagged.git("rev-parse", "HEAD"), repo)
    fresh.check_out_submodules(made, repo)
    copy = Project(tmp_path / "fresh", tagged.origin)
    own = Project(copy.root / "sub", tagged.origin)
    shutil.copytree(made.git_dir / "modules/sub", copy.root / "planted")
    (copy.root / "sub/.git").write_text("gitdir: ../planted\n")
    planted = ("config", "--file", str(copy.root / "planted/config"))
    copy.git(*planted, "core.worktree", str(own.root))
    copy.git(*planted, "filter.x.smudge", f"touch {tmp_path}/ran; cat")
    own.write(".gitattributes", "* filter=x\n")
    fresh.wipe(made, tagged.git("rev-parse", "HEAD"), repo)
    assert not (tmp_path / "ran").exists()
    assert own.git("status", "--porcelain", "--ignored") == ""
    assert not (copy.root / "planted").exists()


def test_programs_of_the_repositorys_own_configuration_do_not_run(
    tagged: Project, tmp_path: Path
) -> None:
    trap = f"touch {tmp_path}/ran;"
    for key in ("core.sshCommand", "core.gitProxy", "core.askPass", "core.fsmonitor"):
        tagged.git("config", key, trap)
    tagged.git("config", "credential.helper", f"!{trap}")
    tagged.git("config", "credential.https://host.example.username", "ada")
    made, repo = fetched(tagged, tmp_path / "fresh"), open_repo(tagged.root)
    with fresh._access(made, repo):
        text = (made.git_dir / "access").read_text()
    assert "ada" in text
    assert "touch" not in text
    for url in ("ssh://host.invalid/x", "https://127.0.0.1:9/x"):
        with pytest.raises(GitError):
            fresh.fetch_ref(made, url, REF, repo)
    assert not (tmp_path / "ran").exists()
