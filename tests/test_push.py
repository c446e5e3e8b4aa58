"""Push: data first, then code, then tags; nothing is overwritten, and a kill does no harm."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests import adversary
from tests.conftest import Project
from tests.dvc_project import copied, dvc, pins_of, shared_template
from tests.sharing import (
    clone,
    exp,
    files,
    git_that,
    hook,
    killing,
    on_origin,
    ours,
    recorded,
    start,
    states,
)
from tests.stored import make_experiment, store
from tests.untouched import everything, is_sound
from tests.verdict_samples import verdict
from xgit.git.plumbing import identity_line, open_repo
from xgit.store import verdicts

TAG = "refs/tags/experiment/"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shared_template(tmp_path_factory.getbasetemp())


@pytest.fixture
def pinned(template: Project, tmp_path: Path) -> Project:
    return copied(template, tmp_path / "copy")


# ---------------------------------------------------------------- tags


def test_what_is_printed_as_pushed_is_on_the_remote(project: Project) -> None:
    recorded(project, "one")
    recorded(project, "two")
    before = everything(project)
    assert states(exp(project, "push")) == {"two": "pushed", "one": "pushed"}
    assert everything(project) == before
    assert on_origin(project) == {TAG + name: ours(project, TAG + name) for name in ("one", "two")}
    assert states(exp(project, "push")) == {"two": "there", "one": "there"}
    assert os.listdir(project.root / ".git/xgit/outgoing") == []


def test_only_what_is_named_is_pushed(project: Project) -> None:
    recorded(project, "one")
    recorded(project, "two")
    assert states(exp(project, "push", "experiment/one")) == {"one": "pushed"}
    assert list(on_origin(project)) == [TAG + "one"]


def test_a_dry_run_pushes_nothing(project: Project) -> None:
    recorded(project, "one")
    assert states(exp(project, "push", "--dry-run")) == {"one": "would-push"}
    assert on_origin(project) == {}


def test_a_name_that_another_experiment_has_is_a_conflict(project: Project) -> None:
    other = clone(project, "other")
    recorded(other, "same", why="theirs")
    recorded(project, "same", why="ours")
    recorded(project, "fine")
    exp(other, "push")
    theirs = on_origin(project)
    document = exp(project, "push", code=1)
    assert states(document) == {"same": "conflict", "fine": "pushed"}
    assert on_origin(project)[TAG + "same"] == theirs[TAG + "same"]
    [conflict] = [one for one in document["experiments"] if one["state"] == "conflict"]
    assert theirs[TAG + "same"] in conflict["reason"]
    assert ours(project, TAG + "same") in conflict["reason"]
    adversary.shell(project, conflict["hint"])


def test_of_twenty_at_once_one_wins_and_the_others_are_told(project: Project) -> None:
    clones = [clone(project, f"clone-{number}") for number in range(20)]
    for number, one in enumerate(clones):
        recorded(one, "same", why=f"number {number}")
    running = [start(one, "exp", "push") for one in clones]
    ended = [process.communicate()[1] for process in running]
    codes = [process.returncode for process in running]
    winners = [one for one, code in zip(clones, codes, strict=True) if code == 0]
    assert sorted(codes) == [0] + [1] * 19, ended
    assert on_origin(project)[TAG + "same"] == ours(winners[0], TAG + "same")
    assert sum("conflict: experiment/same" in said for said in ended) == 19


def test_twenty_different_ones_at_once_all_get_there(project: Project) -> None:
    clones = [clone(project, f"clone-{number}") for number in range(20)]
    for number, one in enumerate(clones):
        recorded(one, f"exp-{number}")
    running = [start(one, "exp", "push") for one in clones]
    ended = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 20, ended
    assert len(on_origin(project)) == 20


def test_an_unreadable_tag_is_told_and_the_others_go(project: Project) -> None:
    recorded(project, "fine")
    project.git("tag", "experiment/light")
    document = exp(project, "push", code=1)
    assert states(document) == {"fine": "pushed", "light": "refused"}
    assert list(on_origin(project)) == [TAG + "fine"]


def test_nothing_to_push(project: Project) -> None:
    done = project.xgit("exp", "push")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no experiments" in done.stderr


# ---------------------------------------------------------------- kills


def killed(project: Project, step: str, head: str) -> int:
    """Push, and be killed at this step; how it ended."""
    if step.startswith(("pre-", "post-")):
        hook(project, step, killing("xgit exp push") + "\nexit 0")
        code = project.xgit("exp", "push").returncode
        (project.origin / "hooks" / step).unlink()
        return code
    real = shutil.which("git")
    assert real is not None
    word = {"the branch": f"{head}:refs/heads/main", "the tags": "--atomic"}.get(step, step)
    path = git_that(project, word, "kill -9 $PPID $$", real)
    return project.xgit("exp", "push", env=path).returncode


@pytest.mark.parametrize(
    "step", ["ls-remote", "rev-list", "the branch", "the tags", "pre-receive", "post-receive"]
)
def test_killed_anywhere_the_next_push_finishes(project: Project, step: str) -> None:
    project.write("train.py", "print('other')\n")
    head = project.commit("other", push=False)
    recorded(project, "one")
    recorded(project, "two")
    exp(project, "label", "one", "x")
    assert killed(project, step, head) == -9
    assert is_sound(project)
    time.sleep(0.2)  # the orphaned git comes to its end
    document = exp(project, "push")
    assert set(states(document)) == {"one", "two"}
    assert set(on_origin(project)) == {TAG + "one", TAG + "two"}
    assert on_origin(project, "refs/heads/main")["refs/heads/main"] == head
    assert on_origin(project, "refs/notes") == {"refs/notes/xgit": ours(project, "refs/notes/xgit")}
    assert os.listdir(project.root / ".git/xgit/outgoing") == []


def test_the_server_dies(project: Project) -> None:
    recorded(project, "one")
    hook(project, "pre-receive", "kill -9 $PPID")
    done = adversary.xgit(project, "exp", "push")
    adversary.assert_error(done, 2, "cannot push to origin")
    (project.origin / "hooks/pre-receive").unlink()
    assert states(exp(project, "push")) == {"one": "pushed"}


# ---------------------------------------------------------------- remotes that say no


def test_a_hook_that_declines_is_quoted(project: Project) -> None:
    recorded(project, "one")
    hook(project, "pre-receive", "echo 'tags are for managers \x1b[31m'; exit 1")
    done = project.xgit("exp", "push")
    assert done.returncode == 1
    assert "pre-receive hook declined: tags are for managers" in done.stderr
    assert "\x1b" not in done.stderr
    assert on_origin(project) == {}


def test_a_protected_tag_does_not_hold_up_the_others(project: Project) -> None:
    for name in ("a", "b", "c"):
        recorded(project, name)
    hook(project, "update", 'case $1 in */b) echo "b is protected"; exit 1;; esac')
    document = exp(project, "push", code=1)
    assert states(document) == {"a": "pushed", "b": "refused", "c": "pushed"}
    [refused] = [one for one in document["experiments"] if one["id"] == "b"]
    assert "b is protected" in refused["reason"]
    assert set(on_origin(project)) == {TAG + "a", TAG + "c"}


def test_a_remote_that_takes_nothing_atomic(project: Project) -> None:
    recorded(project, "one")
    subprocess.run(
        ["git", "config", "receive.advertiseAtomic", "false"], cwd=project.origin, check=True
    )
    assert states(exp(project, "push")) == {"one": "pushed"}


def test_no_remote(project: Project) -> None:
    recorded(project, "one")
    project.git("remote", "remove", "origin")
    done = adversary.xgit(project, "exp", "push")
    adversary.assert_error(done, 2, "there is no remote", "git remote add origin URL")


def test_a_remote_that_is_not_there(project: Project) -> None:
    recorded(project, "one")
    for url, said in (
        (str(project.root.parent / "gone.git"), "there is no repository"),
        ("https://ada:s3cretpw@localhost:1/x.git", "it cannot be reached"),
        ("ext::sh -c touch% /tmp/x", "https, ssh and to directories"),
        ("git://localhost/x", "https, ssh and to directories"),
    ):
        project.git("remote", "set-url", "origin", url)
        done = adversary.xgit(project, "exp", "push")
        adversary.assert_error(done, 2, said, "git ")
        assert "s3cretpw" not in done.stderr


def test_an_unborn_remote_at_a_path_with_spaces(project: Project) -> None:
    place = project.root.parent / "a new 'place'.git"
    subprocess.run(["git", "init", "--quiet", "--bare", place], check=True)
    recorded(project, "one")
    project.git("remote", "add", "new-one", str(place))
    document = exp(project, "push", "--remote", "new-one")
    assert states(document) == {"one": "pushed"}
    assert document["branches"] == {"main": project.git("rev-parse", "HEAD")}


def test_a_remote_whose_name_looks_like_an_option(project: Project) -> None:
    recorded(project, "one")
    marker = project.root.parent / "ran"
    name = f"--upload-pack=touch {marker};"
    project.git("config", "branch.main.remote", name)
    done = adversary.xgit(project, "exp", "push")
    adversary.assert_error(done, 2, "there is no remote called")
    project.git("config", f"remote.{name}.url", str(project.origin))
    adversary.xgit(project, "exp", "push")
    adversary.xgit(project, "exp", "push", f"--remote={name}")
    assert not marker.exists()


def test_programs_of_the_repository_are_not_run(project: Project) -> None:
    recorded(project, "one")
    marker = project.root.parent / "ran"
    script = project.root.parent / "script"
    script.write_text(f'#!/bin/sh\ntouch {marker}\nexec "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    pre_push = project.root / ".git/hooks/pre-push"
    pre_push.parent.mkdir(exist_ok=True)
    shutil.copy(script, pre_push)
    for key in ("remote.origin.receivepack", "remote.origin.uploadpack", "core.askPass",
                "core.sshCommand", "core.alternateRefsCommand", "core.fsmonitor"):  # fmt: skip
        project.git("config", key, str(script))
    assert states(exp(project, "push")) == {"one": "pushed"}
    assert not marker.exists()


def test_the_remote_is_the_one_that_git_would_choose(project: Project) -> None:
    recorded(project, "one")
    project.git("remote", "add", "backup", str(project.origin))
    for key, value, chosen in (
        ("branch.main.remote", "backup", "backup"),
        ("remote.pushDefault", "origin", "origin"),
        ("branch.main.pushRemote", "backup", "backup"),
    ):
        assert exp(project, "push", "-n")["remote"] != chosen
        project.git("config", key, value)
        assert exp(project, "push", "-n")["remote"] == chosen


def test_config_of_the_user_bends_nothing(project: Project) -> None:
    recorded(project, "one")
    project.git("tag", "-a", "-m", "mine", "private")
    for key, value in (
        ("remote.origin.mirror", "true"), ("push.followTags", "true"), ("push.default", "matching"),
        ("remote.origin.push", "+refs/*:refs/*"), ("push.recurseSubmodules", "check"),
    ):  # fmt: skip
        project.git("config", key, value)
    assert states(exp(project, "push")) == {"one": "pushed"}
    assert list(on_origin(project)) == [TAG + "one"]


def test_from_a_linked_work_tree_and_from_a_bare_clone(project: Project) -> None:
    recorded(project, "one")
    linked = project.root.parent / "linked"
    project.git("worktree", "add", "--quiet", str(linked), "-b", "side")
    assert project.xgit("exp", "push", "@", cwd=linked).returncode == 0
    bare = project.root.parent / "bare.git"
    subprocess.run(["git", "clone", "--quiet", "--mirror", project.origin, bare], check=True)
    done = project.xgit("exp", "push", cwd=bare)
    assert done.returncode == 0, done.stderr
    assert "there already: experiment/one" in done.stderr


def test_from_a_shallow_clone(project: Project) -> None:
    project.write("a", "1")
    project.commit("more")
    root = project.root.parent / "shallow"
    url = f"file://{project.origin}"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", url, root], check=True)
    shallow = Project(root, project.origin)
    recorded(shallow, "one")
    assert states(exp(shallow, "push")) == {"one": "pushed"}


def test_in_a_repository_of_sha256(tmp_path: Path) -> None:
    from tests.conftest import make_project

    project = make_project(tmp_path, "--object-format=sha256")
    recorded(project, "one")
    assert states(exp(project, "push")) == {"one": "pushed"}
    assert len(on_origin(project)[TAG + "one"]) == 64


# ---------------------------------------------------------------- code


def test_the_branch_goes_on_to_what_ran_and_no_further(project: Project) -> None:
    project.write("train.py", "print('two')\n")
    ran = project.commit("ran", push=False)
    recorded(project, "one")
    project.write("train.py", "print('three')\n")
    project.commit("not yet for others", push=False)
    assert exp(project, "push")["branches"] == {"main": ran}
    assert on_origin(project, "refs/heads/main") == {"refs/heads/main": ran}
    assert ours(project, "refs/remotes/origin/main") == ran


def test_a_branch_that_cannot_go_on_is_left_and_the_tag_keeps_the_code(project: Project) -> None:
    other = clone(project, "other")
    other.write("theirs", "1")
    theirs = other.commit("theirs")
    project.write("ours", "1")
    project.commit("ours", push=False)
    recorded(project, "one")
    document = exp(project, "push")
    assert states(document) == {"one": "pushed"}
    assert document["branches"] == {}
    assert any("the tag alone keeps the code of one" in note for note in document["notes"])
    assert on_origin(project, "refs/heads/main") == {"refs/heads/main": theirs}


def test_code_of_no_branch(project: Project) -> None:
    project.git("checkout", "--quiet", "--detach")
    project.write("a", "1")
    project.commit("detached", push=False)
    here = project.git("rev-parse", "HEAD")
    it = make_experiment("one", data=())
    store(project, it._replace(code=it.code._replace(commit=here, branch=None)))
    recorded(project, "gone", code=it.code._replace(commit=here, branch="deleted"))
    document = exp(project, "push")
    assert states(document) == {"gone": "pushed", "one": "pushed"}
    assert any("no branch" in note for note in document["notes"])
    assert any("deleted is not here" in note for note in document["notes"])


def test_a_rewritten_branch(project: Project) -> None:
    project.write("a", "1")
    project.commit("first try", push=False)
    recorded(project, "one")
    project.git("commit", "--quiet", "--amend", "-m", "second try")
    document = exp(project, "push")
    assert states(document) == {"one": "pushed"}
    assert any("rewritten" in note for note in document["notes"])


def test_a_protected_branch_does_not_hold_up_the_tag(project: Project) -> None:
    project.write("a", "1")
    project.commit("a", push=False)
    recorded(project, "one")
    hook(project, "update", 'case $1 in refs/heads/*) echo "use a pull request"; exit 1;; esac')
    document = exp(project, "push")
    assert states(document) == {"one": "pushed"}
    assert any("use a pull request" in note for note in document["notes"])


# ---------------------------------------------------------------- data


def used(project: Project, name: str, *paths: str) -> None:
    """An experiment that used the pinned data of the work tree as it is now."""
    pins = pins_of(project)
    store(project, make_experiment(name, data=tuple(pins[path] for path in paths)))


def remote_store(project: Project) -> Path:
    return project.root.parent / "store"


def test_data_goes_first(pinned: Project) -> None:
    used(pinned, "one", "data/digits.csv", "data/images")
    shutil.rmtree(remote_store(pinned))
    shutil.rmtree(pinned.root / ".git/xgit", ignore_errors=True)
    before = everything(pinned)
    document = exp(pinned, "push")
    assert everything(pinned) == before
    assert states(document) == {"one": "pushed"}
    assert sorted(document["data"]) == ["data/digits.csv", "data/images"]
    assert len(files(remote_store(pinned))) == 8


def test_data_of_an_older_commit_goes_too(pinned: Project) -> None:
    pinned.write("data/digits.csv", "old\n")
    dvc(pinned.root, "add", "--quiet", "data/digits.csv")
    pinned.commit("old data")
    used(pinned, "old", "data/digits.csv")
    pinned.write("data/digits.csv", "new\n")
    dvc(pinned.root, "add", "--quiet", "data/digits.csv")
    pinned.commit("new data")
    before = len(files(remote_store(pinned)))
    assert exp(pinned, "push")["data"] == ["data/digits.csv"]
    contents = [path.read_text(encoding="utf-8") for path in files(remote_store(pinned))]
    assert len(contents) == before + 1
    assert "old\n" in contents
    assert "new\n" not in contents


def test_data_that_is_nowhere_stops_its_experiment_alone(pinned: Project) -> None:
    pinned.write("lost.csv", "lost\n")
    dvc(pinned.root, "add", "--quiet", "lost.csv")
    pinned.commit("lost", push=False)
    used(pinned, "lost", "lost.csv")
    used(pinned, "fine", "data/digits.csv")
    shutil.rmtree(pinned.root / ".dvc/cache")
    document = exp(pinned, "push", code=1)
    assert states(document) == {"lost": "refused", "fine": "pushed"}
    [lost] = [one for one in document["experiments"] if one["id"] == "lost"]
    assert "lost.csv" in lost["reason"]
    assert "nor in the cache" in lost["reason"]
    assert list(on_origin(pinned)) == [TAG + "fine"]


def test_where_the_data_cannot_go_nothing_goes(pinned: Project, small_disk: Path) -> None:
    pinned.write("big.bin", os.urandom(5_000_000).hex())
    dvc(pinned.root, "add", "--quiet", "big.bin")
    dvc(pinned.root, "remote", "modify", "--quiet", "--local", "store", "url", str(small_disk))
    pinned.commit("big", push=False)
    used(pinned, "one", "big.bin")
    head = on_origin(pinned, "refs/")
    document = exp(pinned, "push", code=1)
    assert states(document) == {"one": "refused"}
    assert "No space left" in document["experiments"][0]["reason"]
    assert on_origin(pinned, "refs/") == head
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    document = exp(pinned, "push", code=1)
    assert "Read-only" in document["experiments"][0]["reason"]
    assert on_origin(pinned, "refs/") == head


def test_no_data_remote(pinned: Project) -> None:
    used(pinned, "one", "data/digits.csv")
    dvc(pinned.root, "remote", "remove", "store")
    shutil.rmtree(pinned.root / ".git/xgit", ignore_errors=True)
    document = exp(pinned, "push", code=1)
    assert "there is no DVC remote" in document["experiments"][0]["reason"]
    assert "dvc remote add" in document["experiments"][0]["hint"]
    assert on_origin(pinned) == {}


def test_hostile_paths_of_pins_are_used_for_nothing(pinned: Project) -> None:
    pin = pins_of(pinned)["data/digits.csv"]
    paths = ("/etc/passwd", "../../x", ".git/config", "a\nb", "//x", "~/.ssh/id")
    hostile = tuple(pin._replace(path=path, source=f"{path}.dvc") for path in paths)
    store(pinned, make_experiment("one", data=(*hostile, pin._replace(hash="md5:../../../x"))))
    done = adversary.xgit(pinned, "exp", "push")
    assert done.returncode == 0, done.stderr
    assert set(on_origin(pinned)) == {TAG + "one"}


# ---------------------------------------------------------------- exp run --push


def run(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    return project.xgit("exp", "run", *args)


def test_a_run_is_pushed_when_it_is_recorded(project: Project) -> None:
    done = run(project, "--name", "one", "--push", "--", "sh", "-c", "exit 3")
    assert done.returncode == 3
    assert "pushed: experiment/one" in done.stderr
    assert list(on_origin(project)) == [TAG + "one"]


def test_a_run_that_cannot_be_pushed_is_recorded_all_the_same(project: Project) -> None:
    hook(project, "pre-receive", "echo no; exit 1")
    done = run(project, "--name", "one", "--push", "--", "true")
    assert done.returncode == 0
    assert "refused: experiment/one: pre-receive hook declined: no" in done.stderr
    project.git("remote", "set-url", "origin", "/nowhere")
    done = run(project, "--name", "two", "--push", "-q", "--allow", "unpushed", "--", "true")
    assert done.returncode == 0
    assert "experiment/two is recorded, and not pushed" in done.stderr
    assert "hint: xgit exp push two" in done.stderr
    assert project.git("tag").split() == ["experiment/one", "experiment/two"]


def test_with_nowhere_to_push_to_nothing_is_run(project: Project) -> None:
    project.git("remote", "remove", "origin")
    done = run(project, "--push", "--allow", "unpushed", "--", "touch", "ran")
    adversary.assert_error(done, 125, "there is no remote")
    assert not (project.root / "ran").exists()


def test_a_verdict_goes_also_where_the_data_is_gone(pinned: Project) -> None:
    used(pinned, "one", "data/digits.csv")
    exp(pinned, "push")
    for folder in (remote_store(pinned), pinned.root / ".dvc/cache", pinned.root / ".git/xgit"):
        shutil.rmtree(folder)
    pinned.git("tag", "-a", "-m", "x", "reproduction/one/1", "experiment/one^{commit}")
    assert states(exp(pinned, "push")) == {"one": "there"}
    document = exp(pinned, "push", "one", code=1)
    assert states(document) == {"one": "refused"}
    assert set(on_origin(pinned)) == {TAG + "one", "refs/tags/reproduction/one/1"}


def test_a_verdict_that_is_refused(project: Project) -> None:
    """The experiment is there, what was to be pushed is not; and what is new is told as new."""
    recorded(project, "one")
    exp(project, "push")
    repo = open_repo(project.root)
    it = verdict("one", ours(project, TAG + "one"))
    verdicts.save(repo, it, None, identity=identity_line(repo))
    hook(project, "update", 'case $1 in */reproduction/*) echo "not yours"; exit 1;; esac')
    document = exp(project, "push", code=1)
    assert states(document) == {"one": "there"}
    assert document["experiments"][0]["verdicts"] == 0
    [told] = document["refused"]
    assert told.startswith("reproduction/one/1 is not on origin: ")
    assert "not yours" in told
    done = project.xgit("exp", "push", "--quiet")
    assert (done.returncode, done.stderr) == (1, f"refused: {told}\n")
    hook(project, "update", "exit 0")
    done = project.xgit("exp", "push")
    assert done.returncode == 0
    assert "there already: experiment/one; new there: 1 verdict\n" in done.stderr
    assert "there already: experiment/one\n" in project.xgit("exp", "push").stderr


def test_verdicts_of_two_clones_are_both_kept(project: Project) -> None:
    recorded(project, "one")
    exp(project, "push")
    other = clone(project, "other")
    exp(other, "pull")
    for minute, one in enumerate((project, other)):
        repo = open_repo(one.root)
        it = verdict("one", ours(one, TAG + "one"), minute)
        verdicts.save(repo, it, None, identity=identity_line(repo))
    exp(project, "push")
    document = exp(other, "push")
    assert document["experiments"][0]["verdicts"] == 1
    assert any("reproduction/one/1 is another verdict there" in one for one in document["notes"])
    exp(project, "pull")
    exp(other, "pull")
    both = {f"refs/tags/reproduction/one/{number}" for number in (1, 2)}
    assert set(on_origin(project)) == {TAG + "one", *both}
    assert project.git("show-ref", "--tags") == other.git("show-ref", "--tags")
