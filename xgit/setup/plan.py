"""What `xgit init` would do, decided before anything is written.

A directory with nothing in it becomes a project from a template. To any other the convention is
added: settings, ignored paths, hooks, and the metrics file where DVC reads metrics. To both come
the jobs of CI, where the user names its host.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xgit.capture.documents import BadDocument, parse_yaml
from xgit.errors import XgitError
from xgit.git.plumbing import Repo, git_done, git_fields
from xgit.settings import Settings, load_settings
from xgit.setup import ci_jobs, files, hook_config, project_files, switching
from xgit.setup.finding import Project, find_project
from xgit.setup.native_hooks import native_hooks
from xgit.setup.new_project import is_new, laid_down
from xgit.setup.nouns import ByHand, Change, Plan

HYDRA_OUTPUTS = ("outputs/", "multirun/")


@dataclass
class _Draft:
    """A plan in the making."""

    repo: Repo
    hooks_dir: Path
    changes: list[Change] = field(default_factory=list)
    convention: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.repo.work_tree

    def edit(self, name: str, change: Callable[[str], str], *, make: bool = False) -> None:
        """Change the text of a file; one that is not there only with `make`.

        Raises:
            XgitError: the file cannot be read, or is not what its name says.
        """
        before = files.read_text(self.root, name)
        if before is None and not make:
            return
        try:
            after = change(before or "")
        except ByHand as error:
            self.notes.append(f"{name} is written in its own way; add to it by hand:\n{error}")
            return
        except BadDocument as error:
            raise _is_no(name, error) from error
        self._put(name, before, after)

    def _put(self, name: str, before: str | None, after: str) -> None:
        if before is not None or after:
            self.convention.append(name)
        if after != (before or ""):
            path = files.real_path(self.root, name)
            old = None if before is None else before.encode()
            self.changes.append(Change(name, path, old, after.encode()))


def _is_no(name: str, error: BadDocument) -> XgitError:
    return XgitError(f"{name}: {error}; nothing was changed", f"${{EDITOR:-vi}} {name}")


def make_plan(repo: Repo, *, template: str | None, new_repo: bool, ci: str | None = None) -> Plan:
    """Decide on all changes.

    Args:
        template: the one that the user names; None to lay one down only where nothing is.
        new_repo: `git init` is still to come.
        ci: the host whose CI gets jobs, one of `ci_jobs.HOSTS`; None for no jobs.

    Raises:
        XgitError: a file that is to be added to cannot be read or written, or is not valid; or a
            template was named and a project is there.
    """
    _ = repo.config  # read before git looks at any content: it disarms the repository's filters
    git_dir = repo.work_tree / ".git" if new_repo else repo.common_dir
    draft = _Draft(repo, git_dir / "hooks")
    if is_new(repo):
        found: tuple[str, ...] = ()
        _new_project(draft, template or "project")
    elif template is not None:
        raise XgitError("a template is for an empty directory, and this is none", "xgit init")
    else:
        found = _convention(draft)
    if ci is not None:
        _add_ci(draft, ci)
    files.check_writable(draft.changes)
    installs = _switch_on(draft)
    return Plan(
        draft.root,
        new_repo,
        tuple(draft.changes),
        found,
        tuple(draft.convention),
        tuple(draft.notes),
        installs,
    )


# ---------------------------------------------------------------- a new project


def _new_project(draft: _Draft, template: str) -> None:
    for name, content in laid_down(template, draft.root.name):
        if name == ".gitignore":
            _ignore(draft, content.decode().splitlines())
        elif (draft.root / name).exists():
            draft.notes.append(f"{name} was there, and was left as it is")
        else:
            draft.convention.append(name)
            draft.changes.append(Change(name, files.real_path(draft.root, name), None, content))


# ---------------------------------------------------------------- the convention


def _convention(draft: _Draft) -> tuple[str, ...]:
    settings = load_settings(draft.root)
    dvc_yaml = files.read_text(draft.root, "dvc.yaml")
    project = find_project(draft.repo, _chosen_directory(settings), dvc_yaml)
    _add_settings(draft, project)
    if project.hydra:
        _add_ignored(draft)
    if project.dvc:
        draft.edit("dvc.yaml", project_files.with_metrics)
    _add_hooks(draft)
    return tuple(_told(project, settings))


def _chosen_directory(settings: Settings) -> str:
    options = settings.guards.get("config")
    chosen = options.get("directory") if isinstance(options, dict) else None
    return chosen if isinstance(chosen, str) else ""


def _told(project: Project, settings: Settings) -> Iterator[str]:
    if project.config_directories:
        yield f"Hydra configs in {', '.join(project.config_directories)}"
    elif project.hydra:
        yield "Hydra"
    if project.dvc:
        yield "DVC"
    if settings.command:
        yield f"the command {' '.join(settings.command)}"
    elif len(project.commands) == 1:
        yield f"what trains: {project.commands[0]}"


def _add_settings(draft: _Draft, project: Project) -> None:
    if files.read(draft.root, "xgit.toml") is not None:
        draft.convention.append("xgit.toml")
    elif files.read(draft.root, "pyproject.toml") is not None:
        draft.edit(
            "pyproject.toml", lambda text: project_files.with_settings(text, project.commands)
        )
    else:
        lines = "".join(f"{line}\n" for line in project_files.settings_lines(project.commands))
        draft.edit("xgit.toml", lambda _: lines, make=True)


def _add_ignored(draft: _Draft) -> None:
    wanted = [entry for entry in HYDRA_OUTPUTS if not _is_ignored(draft.repo, entry)]
    tracked = [entry for entry in wanted if git_fields(draft.repo, "ls-files", "-z", "--", entry)]
    draft.notes.extend(
        f"git tracks files in {entry}, so it was not ignored; what a run writes there makes the "
        "next run refused"
        for entry in tracked
    )
    entries = [entry for entry in wanted if entry not in tracked]
    if entries:
        _ignore(draft, entries)
    elif (draft.root / ".gitignore").exists():
        draft.convention.append(".gitignore")


def _ignore(draft: _Draft, entries: Sequence[str]) -> None:
    draft.edit(".gitignore", lambda text: project_files.with_ignored(text, entries), make=True)


def _is_ignored(repo: Repo, entry: str) -> bool:
    """Whether a `.gitignore` of the repository says so: others must get it with the clone."""
    done = git_done(
        repo, "check-ignore", "-z", "-v", "--no-index", "--stdin", data=f"{entry}x\0".encode()
    )
    source, _, pattern = (*os.fsdecode(done.stdout).split("\0"), "", "", "")[:3]
    inside = not source.startswith((".git/", "/")) and os.path.basename(source) == ".gitignore"
    return inside and not pattern.startswith("!")


def _add_hooks(draft: _Draft) -> None:
    name = _config_name(draft.root)
    if name is not None:
        draft.edit(name, hook_config.with_hooks)
    elif os.path.lexists(draft.root / "prek.toml"):
        draft.notes.append("prek.toml was left as it is: see docs/hooks.md for the hooks of xgit")
    else:
        changes, notes = native_hooks(draft.repo, draft.hooks_dir)
        draft.changes.extend(changes)
        draft.notes.extend(notes)


def _config_name(root: Path) -> str | None:
    return next((name for name in hook_config.NAMES if os.path.lexists(root / name)), None)


def _switch_on(draft: _Draft) -> str:
    """The command that switches on the hooks of the configuration; empty where none is needed."""
    name = next((name for name in draft.convention if name in hook_config.NAMES), None)
    if name is None:
        return ""
    change = next((one for one in draft.changes if one.name == name), None)
    content = change.after if change is not None else files.read(draft.root, name)
    command, notes = switching.on(draft.repo, parse_yaml((content or b"").decode()))
    draft.notes.extend(notes if change is not None else ())
    return command


# ---------------------------------------------------------------- the jobs of CI


def _add_ci(draft: _Draft, host: str) -> None:
    source = ci_jobs.own_source()
    if host == "github":
        name = ci_jobs.WORKFLOW
        draft.edit(name, lambda text: text or ci_jobs.jobs(host, source=source), make=True)
    else:
        name = _add_gitlab(draft, source)
    added = any(change.name == name and change.before is None for change in draft.changes)
    if added and source is None:
        draft.notes.append(f"write into {name} where xgit is installed from: {ci_jobs.UNKNOWN}")


def _add_gitlab(draft: _Draft, source: str | None) -> str:
    """Where the jobs are; a configuration that is there gets one line, which includes them."""
    text = files.read_text(draft.root, ci_jobs.GITLAB)
    try:
        own = text is None or ci_jobs.has_jobs(text)
        stage = ci_jobs.stage_for(text or "")
    except BadDocument as error:
        raise _is_no(ci_jobs.GITLAB, error) from error
    name = ci_jobs.GITLAB if own else ci_jobs.GITLAB_JOBS
    laid = ci_jobs.jobs("gitlab", stage=stage, source=source)
    draft.edit(name, lambda before: before or laid, make=True)
    if not own:
        draft.edit(ci_jobs.GITLAB, ci_jobs.with_include)
    return name
