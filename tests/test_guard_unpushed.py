"""A HEAD that is on no remote is refused, and the printed command mends it."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from tests.dvc_project import paste
from tests.untouched import everything
from xgit.git import plumbing, remotes
from xgit.guards import unpushed
from xgit.guards.checking import check_repo
from xgit.record.model import RepoState, Violation


def state_of(project: Project) -> RepoState:
    return check_repo(plumbing.open_repo(project.root), "run", ("unpushed",))[0]


def commit(project: Project, count: int = 1) -> None:
    for number in range(count):
        project.write("train.py", f"{number}")
        project.commit("change", push=False)


def mended(project: Project, subject: str, remedy: str, **placeholders: str) -> None:
    """Check what is said, run it as printed with the placeholders filled in, and check again."""
    assert unpushed.check(state_of(project)) == (Violation("unpushed", subject, remedy),)
    for placeholder, value in placeholders.items():
        remedy = remedy.replace(placeholder, value)
    paste(project, remedy)
    assert unpushed.check(state_of(project)) == ()


def test_pushed_passes(project: Project) -> None:
    assert unpushed.check(state_of(project)) == ()


def test_nothing_committed_is_refused_elsewhere() -> None:
    assert unpushed.check(RepoState("/x", None, "main", pushed=False)) == ()


def test_branch_with_an_upstream(project: Project) -> None:
    project.git("push", "--quiet", "-u", "origin", "main")
    commit(project, 3)
    mended(project, "main is 3 commits ahead", "git push")


def test_branch_without_an_upstream(project: Project) -> None:
    commit(project)
    mended(project, "main is 1 commit ahead", "git push -u origin main")


def test_upstream_of_another_name(project: Project) -> None:
    project.git("push", "--quiet", "origin", "HEAD:refs/heads/there")
    project.git("fetch", "--quiet")
    project.git("branch", "--set-upstream-to", "origin/there")
    commit(project)
    mended(project, "main is 1 commit ahead", "git push origin HEAD:there")


@pytest.mark.parametrize("branch", ["it's", "$(touch${IFS}x)", "a;b", "ünï"])
def test_branch_names_are_quoted(project: Project, branch: str) -> None:
    project.git("checkout", "--quiet", "-b", branch)
    commit(project)
    [found] = unpushed.check(state_of(project))
    paste(project, found.remedy)
    assert unpushed.check(state_of(project)) == ()
    assert not (project.root / "x").exists()


def test_no_remote(project: Project) -> None:
    project.git("remote", "remove", "origin")
    mended(
        project,
        "there is no remote",
        "git remote add origin URL && git push -u origin main",
        URL=str(project.origin),
    )


def test_detached(project: Project) -> None:
    project.git("checkout", "--quiet", "--detach")
    commit(project, 2)
    head = project.git("rev-parse", "HEAD")
    remedy = f"git push origin HEAD:refs/heads/commit-{head[:7]}"
    mended(project, "the detached HEAD is 2 commits ahead", remedy)


def test_remote_of_another_name(project: Project) -> None:
    project.git("remote", "rename", "origin", "the/hub")
    project.git("push", "--quiet", "-u", "the/hub", "main:other/one")
    commit(project)
    mended(project, "main is 1 commit ahead", "git push the/hub HEAD:other/one")


# ---------------------------------------------------------------- what the remote itself says


def asked(project: Project) -> tuple[Violation, ...]:
    """The violations with `--verify-remote`; nothing is written but objects."""
    before = everything(project)
    repo = plumbing.open_repo(project.root)
    state, _ = check_repo(repo, "run", ("unpushed",), verify_remote=True)
    assert everything(project) == before
    assert not (project.root / ".git/FETCH_HEAD").exists()
    return unpushed.check(state)


@pytest.fixture
def other(project: Project, tmp_path: Path) -> Project:
    """Another clone of the same origin."""
    subprocess.run(["git", "clone", "--quiet", project.origin, tmp_path / "other"], check=True)
    return Project(tmp_path / "other", project.origin)


def test_the_remote_has_it(project: Project) -> None:
    project.git("push", "--quiet", "-u", "origin", "main")
    assert asked(project) == ()


def test_the_remote_is_ahead(project: Project, other: Project) -> None:
    """Others have pushed on top of it: nothing is wrong, and no ref here moves."""
    commit(other, 2)
    other.git("push", "--quiet")
    assert asked(project) == ()
    assert asked(project) == ()


def test_the_remote_has_merged_it_and_deleted_the_branch(project: Project, other: Project) -> None:
    project.git("checkout", "--quiet", "-b", "topic")
    commit(project)
    project.git("push", "--quiet", "-u", "origin", "topic")
    commit(other)
    other.git("pull", "--quiet", "--no-rebase", "-X", "ours", "--no-edit", "origin", "topic")
    other.git("push", "--quiet", "origin", "main", ":topic")
    assert asked(project) == ()


def test_it_was_pushed_from_elsewhere(project: Project, other: Project) -> None:
    """The remote-tracking branches know nothing of it, the remote does."""
    commit(project)
    other.git("fetch", "--quiet", str(project.root), "main")
    other.git("push", "--quiet", "origin", "FETCH_HEAD:refs/heads/elsewhere")
    assert unpushed.check(state_of(project)) != ()
    assert asked(project) == ()


def test_a_tag_keeps_it(project: Project) -> None:
    commit(project)
    project.git("tag", "--annotate", "-m", "x", "experiment/one")
    project.git("push", "--quiet", "origin", "experiment/one")
    assert asked(project) == ()


def test_it_was_never_pushed(project: Project) -> None:
    project.git("push", "--quiet", "-u", "origin", "main")
    commit(project, 2)
    [found] = asked(project)
    assert (found.subject, found.remedy) == ("main is 2 commits ahead", "git push")
    paste(project, found.remedy)
    assert asked(project) == ()


def test_the_branch_was_rewritten(project: Project, other: Project) -> None:
    commit(project)
    project.git("push", "--quiet", "-u", "origin", "main")
    head = project.git("rev-parse", "HEAD")
    commit(other)
    other.git("commit", "--quiet", "--amend", "--message", "other")
    other.git("push", "--quiet", "--force")
    assert unpushed.check(state_of(project)) == ()
    [found] = asked(project)
    assert found.subject == f"origin has {head[:7]} no more: its branch main was rewritten"
    assert found.alternative == "or git pull --rebase, and run what comes of it"
    assert found.remedy == f"git push origin HEAD:refs/heads/main-{head[:7]}"
    paste(project, found.remedy)
    assert asked(project) == ()


def test_the_branch_was_moved_back(project: Project, other: Project) -> None:
    commit(project)
    project.git("push", "--quiet", "-u", "origin", "main")
    other.git("push", "--quiet", "--force", "origin", "origin/main:main")
    [found] = asked(project)
    assert "was rewritten" in found.subject
    paste(project, found.remedy)
    assert asked(project) == ()


@pytest.mark.parametrize("options", [("-u",), ()])
def test_the_branch_was_deleted(project: Project, other: Project, options: tuple[str, ...]) -> None:
    project.git("checkout", "--quiet", "-b", "topic")
    commit(project)
    project.git("push", "--quiet", *options, "origin", "topic")
    head = project.git("rev-parse", "HEAD")
    other.git("push", "--quiet", "origin", ":topic")
    assert unpushed.check(state_of(project)) == ()
    [found] = asked(project)
    assert found.subject == f"origin has {head[:7]} no more: it has no branch topic"
    assert found.remedy == ("git push" if options else "git push -u origin topic")
    paste(project, found.remedy)
    assert asked(project) == ()


def test_detached_and_deleted(project: Project, other: Project) -> None:
    project.git("checkout", "--quiet", "--detach")
    commit(project)
    project.git("push", "--quiet", "origin", "HEAD:refs/heads/there")
    other.git("push", "--quiet", "origin", ":there")
    [found] = asked(project)
    assert found.subject.endswith("no more: the detached HEAD is on none of its branches")
    paste(project, found.remedy)
    assert asked(project) == ()


def test_another_remote_has_it(project: Project, other: Project, tmp_path: Path) -> None:
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", project.origin, tmp_path / "b"], check=True
    )
    project.git("remote", "add", "backup", str(tmp_path / "b"))
    project.git("remote", "set-url", "origin", "/nowhere/at/all")
    assert asked(project) == ()


def test_the_remote_cannot_be_asked(project: Project) -> None:
    project.git("remote", "set-url", "origin", "file://ada:secret@host/nowhere/at/all")
    [found] = asked(project)
    assert found.subject.startswith("origin (file://host/nowhere/at/all) cannot be asked: ")
    assert "does not appear to be a git repository" in found.subject
    assert "secret" not in found.subject
    assert found.remedy == "git ls-remote origin"
    assert unpushed.check(state_of(project)) == ()


def test_a_protocol_that_runs_programs_is_not_asked(project: Project) -> None:
    project.git("remote", "set-url", "origin", "ext::sh -c touch% pwned")
    [found] = asked(project)
    assert "transport 'ext' not allowed" in found.subject
    assert not (project.root / "pwned").exists()


@pytest.mark.parametrize("key", ["core.sshCommand", "credential.helper", "core.askPass"])
def test_programs_of_the_repositorys_own_config_are_not_run(
    project: Project, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(plumbing.SAFE_ENVIRONMENT, "GIT_ALLOW_PROTOCOL", "http:ssh")
    pwned = project.root / ".git/pwned"
    program = project.write(".git/program", f"#!/bin/sh\ntouch {pwned}\nexit 1\n")
    program.chmod(0o755)
    value = f"!{program}" if key == "credential.helper" else str(program)
    url = "ssh://host.invalid/x" if key == "core.sshCommand" else demanding()
    project.git("remote", "set-url", "origin", url)
    project.git("config", key, value)
    project.git("ls-remote", "origin", check=False)
    assert pwned.exists(), "git itself would not run it: nothing is tested"
    pwned.unlink()
    [found] = asked(project)
    assert "cannot be asked" in found.subject
    assert not pwned.exists()
    project.git("config", "--unset", key)
    project.git("config", "--global", key, value)
    asked(project)
    assert pwned.exists(), "the user's own is run"


def demanding() -> str:
    """The URL of a server that wants a password, as long as the tests run."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Demanding(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Demanding)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/x"


def test_an_upload_pack_of_the_repositorys_own_config_is_not_run(project: Project) -> None:
    program = project.write(".git/program", "#!/bin/sh\ntouch pwned; exit 1\n")
    program.chmod(0o755)
    project.git("config", "remote.origin.uploadpack", str(program))
    assert asked(project) == ()


def test_in_a_shallow_clone(project: Project, other: Project, tmp_path: Path) -> None:
    """What is not here may be much: it is not fetched unasked."""
    commit(project, 2)
    project.git("push", "--quiet", "origin", "main")
    source = f"file://{project.origin}"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", source, tmp_path / "s"], check=True)
    shallow = replace(project, root=tmp_path / "s")
    assert asked(shallow) == ()
    commit(project)
    project.git("push", "--quiet", "origin", "main")
    [found] = asked(shallow)
    assert found.subject == (
        "whether origin has main is not known: main there has commits that are not here"
    )
    assert found.remedy == "git fetch origin"
    paste(shallow, found.remedy)
    (shallow.root / ".git/FETCH_HEAD").unlink()
    assert asked(shallow) == ()


def test_in_a_partial_clone(project: Project, other: Project, tmp_path: Path) -> None:
    project.git("-C", str(project.origin), "config", "uploadpack.allowFilter", "true")
    source = f"file://{project.origin}"
    clone = ["git", "clone", "--quiet", "--filter=blob:none", source, str(tmp_path / "p")]
    subprocess.run(clone, check=True)
    partial = replace(project, root=tmp_path / "p")
    commit(project)
    project.git("push", "--quiet", "origin", "main")
    assert asked(partial) == ()


def test_in_a_repository_with_sha256(tmp_path: Path) -> None:
    project = make_project(tmp_path, "--object-format=sha256")
    assert asked(project) == ()
    commit(project)
    [found] = asked(project)
    paste(project, found.remedy)
    assert asked(project) == ()


def test_by_the_settings_and_by_the_flag(project: Project, other: Project) -> None:
    project.git("checkout", "--quiet", "-b", "topic")
    project.write("xgit.toml", "[guards.unpushed]\nverify_remote = true\n")
    project.commit()
    other.git("push", "--quiet", "origin", ":topic")
    assert "no branch topic" in project.xgit("check", "unpushed").stderr
    argv = ("exp", "run", "--", "python", "train.py")
    refused = project.xgit(*argv)
    assert (refused.returncode, "no branch topic" in refused.stderr) == (125, True)
    project.write("xgit.toml", "")
    project.git("commit", "--quiet", "--all", "--message", "x")
    project.git("push", "--quiet", "origin", "topic")
    other.git("push", "--quiet", "origin", ":topic")
    assert project.xgit("check", "unpushed").returncode == 0
    flagged = ["exp", "run", "--verify-remote", "--", "python", "train.py"]
    for asking in (["check", "unpushed", "--verify-remote"], flagged):
        assert "git push -u origin topic" in project.xgit(*asking).stderr
    project.git("push", "--quiet", "origin", "topic")
    done = project.xgit(*flagged)
    assert done.returncode == 0, done.stderr


def test_a_setting_that_is_no_yes_or_no(project: Project) -> None:
    project.write("xgit.toml", '[guards.unpushed]\nverify_remote = "yes"\n')
    project.commit()
    for argv in (("check",), ("exp", "run", "--", "true")):
        assert "verify_remote in tool.xgit.guards.unpushed" in project.xgit(*argv).stderr
    project.write("xgit.toml", "[guards]\nunpushed = 1\n")
    project.commit()
    for asking in (["check", "--verify-remote"], ["exp", "run", "--verify-remote", "--", "true"]):
        assert "tool.xgit.guards.unpushed is not a table" in project.xgit(*asking).stderr


# ---------------------------------------------------------------- submodules


@pytest.fixture
def parent(project: Project, tmp_path: Path) -> Project:
    inner = make_project(tmp_path / "inner")
    project.git("submodule", "--quiet", "add", str(inner.origin), "the lib")
    project.commit("with a submodule")
    return project


def change_inside(parent: Project, *, detached: bool = False) -> str:
    """A commit in the submodule that the parent records; both are committed, one is pushed."""
    lib = replace(parent, root=parent.root / "the lib")
    if detached:
        lib.git("checkout", "--quiet", "--detach")
    commit(lib)
    parent.commit("use it")
    return lib.git("rev-parse", "HEAD")


def test_a_submodule_that_is_pushed_passes(parent: Project) -> None:
    state = state_of(parent)
    assert (unpushed.check(state), state.notes) == ((), ())
    assert asked(parent) == ()


def test_a_submodule_on_a_branch(parent: Project) -> None:
    change_inside(parent)
    mended(parent, "the lib is 1 commit ahead", "git -C 'the lib' push")


def test_a_submodule_with_a_detached_head(parent: Project) -> None:
    made = change_inside(parent, detached=True)
    remedy = f"git -C 'the lib' push origin {made}:refs/heads/commit-{made[:7]}"
    mended(parent, "the lib is 1 commit ahead", remedy)


def test_a_submodule_that_has_gone_on(parent: Project) -> None:
    """What counts is the commit that the parent records."""
    change_inside(parent)
    parent.git("-C", "the lib", "commit", "--quiet", "--allow-empty", "--message", "later")
    [found] = unpushed.check(state_of(parent))
    paste(parent, found.remedy)
    assert unpushed.check(state_of(parent)) == ()


def test_a_submodule_without_a_remote(parent: Project, tmp_path: Path) -> None:
    change_inside(parent)
    parent.git("-C", "the lib", "remote", "remove", "origin")
    remedy = "git -C 'the lib' remote add origin URL && git -C 'the lib' push -u origin main"
    inner = str(tmp_path / "inner/origin.git")
    mended(parent, "the lib has no remote", remedy, URL=inner)


def test_a_submodule_is_asked_for_at_its_remote(parent: Project, tmp_path: Path) -> None:
    change_inside(parent)
    parent.git("-C", "the lib", "push", "--quiet")
    assert asked(parent) == ()
    inner = str(tmp_path / "inner/origin.git")
    parent.git("-C", inner, "update-ref", "refs/heads/main", "main~1")
    assert unpushed.check(state_of(parent)) == ()
    [found] = asked(parent)
    assert "its branch main was rewritten" in found.subject
    paste(parent, found.remedy)
    assert asked(parent) == ()


def test_a_submodule_that_is_not_checked_out(parent: Project, tmp_path: Path) -> None:
    change_inside(parent)
    parent.git("submodule", "--quiet", "deinit", "--force", "the lib")
    [found] = unpushed.check(state_of(parent))
    assert found.subject == "the lib is 1 commit ahead"
    subprocess.run(["git", "clone", "--quiet", parent.origin, tmp_path / "c"], check=True)
    state = state_of(replace(parent, root=tmp_path / "c"))
    assert unpushed.check(state) == ()
    assert state.notes == ("not known to be on a remote, as its commit is not here: the lib",)


def test_a_submodule_from_within_a_hook(parent: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    change_inside(parent)
    monkeypatch.chdir(parent.root)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    [found] = unpushed.check(state_of(parent))
    assert found.remedy == "git -C 'the lib' push"


def test_a_submodule_that_gitmodules_does_not_name(project: Project, tmp_path: Path) -> None:
    """As `git add nested/` makes it: a clone could not find it."""
    inner = make_project(tmp_path / "inner")
    inner.root.rename(project.root / "it's nested")
    nested = replace(inner, root=project.root / "it's nested")
    nested.git("remote", "remove", "origin")
    project.commit("nested")
    [unpushed_one, found] = unpushed.check(state_of(project))
    assert unpushed_one.subject == "it's nested has no remote"
    assert found.subject == "it's nested is a repository that .gitmodules does not name"
    assert found.alternative == "then it can be made a submodule"
    paste(project, found.remedy.replace("URL", str(inner.origin)))
    [found] = unpushed.check(state_of(project))
    paste(project, found.remedy)
    project.git("push", "--quiet", "origin", "main")
    assert unpushed.check(state_of(project)) == ()
    assert project.git("status", "--porcelain") == ""


def test_a_submodule_of_which_there_is_nothing(project: Project, tmp_path: Path) -> None:
    head = project.git("rev-parse", "HEAD")
    project.git("update-index", "--add", "--cacheinfo", f"160000,{head},ghost")
    project.git("commit", "--quiet", "--message", "a ghost")
    project.git("push", "--quiet", "origin", "main")
    [found] = unpushed.check(state_of(project))
    paste(project, found.remedy)
    project.git("push", "--quiet", "origin", "main")
    assert unpushed.check(state_of(project)) == ()


def test_a_remote_that_hangs_is_waited_for_so_long(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        project.git("remote", "set-url", "origin", f"https://127.0.0.1:{port}/x")
        [found] = asked(project)
    assert "no answer within 0.5 seconds" in found.subject
