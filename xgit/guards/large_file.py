"""`large-file`: a file over a limit that is staged into git, and not through git LFS or DVC.

What git has once, every clone carries for ever.
"""

from __future__ import annotations

from xgit.guards.quoting import argument, pathspec, shell_word
from xgit.record.model import Json, RepoState, StagedFile, Violation

ID = "large-file"
STAGES = ("commit",)
NEEDS = ("staged", "data-tools")
REASON = "what git has once, every clone carries for ever"
OPTIONS: dict[str, Json] = {"limit_bytes": 5_000_000}
REGULAR = ("100644", "100755")
_KILO = 1000


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each file; none for content that HEAD has already."""
    limit = state.options.get(ID, OPTIONS)["limit_bytes"]
    return tuple(
        out_of_git(ID, state, file)
        for file in state.staged
        if file.mode in REGULAR and not file.known and file.size_bytes > limit
    )


def out_of_git(guard: str, state: RepoState, file: StagedFile) -> Violation:
    """The violation whose remedy takes the file out of the next commit, and keeps it on disk."""
    path = file.path
    spec = pathspec(path).removeprefix("-- ")
    # By force: or git refuses where the file was changed again since it was staged.
    remove = f"git rm --cached --force --quiet -- {spec}"
    keep = f"or, if it belongs into git, set limit_bytes in tool.xgit.guards.{guard}"
    subject = f"{path}: {_size(file.size_bytes)}"
    home = home_of(state, path)
    if home is not None:
        add = f"{dvc_at(home)} add {argument(path.removeprefix(f'{home}/') if home else path)}"
        return Violation(
            guard, subject, f"{remove} && {add} && git add {pathspec(f'{path}.dvc')}", keep
        )
    if state.lfs:
        track = f"git lfs track --filename {argument(path)}"
        return Violation(
            guard, subject, f"{track} && {remove} && git add -- .gitattributes {spec}", keep
        )
    pin = "then ignore it, or pin it with dvc init && dvc add; "
    return Violation(guard, subject, remove, pin + keep)


def home_of(state: RepoState, path: str) -> str | None:
    """The directory of the DVC repository that the path lies in, or None where there is none."""
    around = (home for home in state.dvc_homes if not home or path.startswith(f"{home}/"))
    return max(around, key=len, default=None)


def dvc_at(home: str) -> str:
    """`dvc`, told where its repository is if that is not at the top."""
    return f"dvc --cd {shell_word(home)}" if home else "dvc"


def _size(count: int) -> str:
    """`1.2 MB`, as the limits are counted: in thousands."""
    size, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= _KILO and unit != "TB":
        size, unit = size / _KILO, next(units)
    return f"{size:.3g} {unit}"
