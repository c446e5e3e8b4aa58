"""`unpinned`: data that nothing pins: staged into git, or named by the run and in no commit.

A record can name it, and nobody can have it; or git has it, and grows with each change of it.
"""

from __future__ import annotations

import os

from xgit.guards import large_file
from xgit.guards.large_file import dvc_at, home_of, out_of_git
from xgit.guards.quoting import argument, ignore_pattern, shell_word
from xgit.record.model import Json, MentionedPath, RepoState, Violation

ID = "unpinned"
STAGES = ("commit", "run")
NEEDS = ("config", "staged", "mentioned", "data-tools")
REASON = "data that nothing pins cannot be had again"
OPTIONS: dict[str, Json] = {
    "kinds": [
        *(".csv", ".parquet", ".npy", ".npz", ".h5", ".hdf5", ".pkl", ".pt", ".ckpt"),
        *(".safetensors", ".tfrecord", ".arrow", ".feather", ".jsonl", ".zip", ".tar", ".gz"),
        ".zst",
    ],
    "limit_bytes": 1_000_000,
}


def check(state: RepoState) -> tuple[Violation, ...]:
    """At the commit stage one for each staged file of data, else one for each path."""
    return (*_staged(state), *(_named(state, one) for one in state.mentioned))


def _staged(state: RepoState) -> tuple[Violation, ...]:
    options = state.options.get(ID, OPTIONS)
    kinds = tuple(kind.lower() for kind in options["kinds"])
    large = state.options.get(large_file.ID, {}).get("limit_bytes")
    return tuple(
        out_of_git(ID, state, file)
        for file in state.staged
        if file.mode in large_file.REGULAR
        and not file.known
        and file.size_bytes > options["limit_bytes"]
        and file.path.lower().endswith(kinds)
        and (large is None or file.size_bytes <= large)  # or it is named twice
    )


def _named(state: RepoState, one: MentionedPath) -> Violation:
    if one.state == "outside":
        return _outside(state, one)
    subject = f"{one.path}: ignored by git, named by {one.where}"
    home = home_of(state, one.add)
    first = "" if home is not None else "dvc init && "
    if one.reinclude is not None:
        folder = ignore_pattern(one.reinclude) if one.reinclude else ""
        line = f"!{folder}/*.dvc"
        first = f"printf '%s\\n' {shell_word(line)} >> .gitignore && {first}"
    path = one.add.removeprefix(f"{home}/") if home else one.add
    return Violation(ID, subject, f"{first}{dvc_at(home or '')} add {argument(path)}")


def _outside(state: RepoState, one: MentionedPath) -> Violation:
    """It is copied: a pin holds what lies in the repository."""
    home = min(state.dvc_homes, default=None)
    target = os.path.join(home or "", "data", os.path.basename(one.path))
    dvc = f"{dvc_at(home or '')} import-url {argument(one.path)} "
    dvc += shell_word(target.removeprefix(f"{home}/") if home else target)
    first = "" if home is not None else "dvc init && "
    folder = f"mkdir -p {shell_word(os.path.dirname(target))}"
    return Violation(
        ID,
        f"{one.path}: outside the repository, named by {one.where}",
        f"{first}{folder} && {dvc}",
        f"then name {target} there",
    )
