"""Verdicts of two clones on one experiment: both number theirs from 1, and both are to be kept."""

from __future__ import annotations

from collections.abc import Mapping

from xgit.errors import XgitError
from xgit.git.plumbing import Repo
from xgit.git.references import ref_ids
from xgit.record import refs
from xgit.store import verdicts as store


def settle_numbers(repo: Repo, there: Mapping[str, str]) -> list[str]:
    """Give each verdict here another number where the remote has another verdict under it.

    Args:
        there: full name to object id of the remote's refs.

    Returns:
        A sentence for each.

    Raises:
        XgitError: git could not write or sign.
    """
    told = []
    for ref, oid in ref_ids(repo, refs.REPRODUCTION_PREFIX).items():
        parsed = refs.parse_verdict_ref(ref)
        if parsed is None or there.get(ref, oid) == oid:
            continue
        experiment_id, number = parsed
        name = refs.format_verdict_tag(experiment_id, number)
        try:
            given = _free_number(repo, experiment_id, number, there)
        except XgitError as error:
            told.append(f"{name} is another verdict there, and keeps its number: {error.message}")
            continue
        told.append(f"{name} is another verdict there, and is {experiment_id}/{given} here now")
    return told


def _free_number(repo: Repo, experiment_id: str, number: int, there: Mapping[str, str]) -> int:
    number = store.renumber(repo, experiment_id, number)
    while refs.format_verdict_ref(experiment_id, number) in there:
        number = store.renumber(repo, experiment_id, number)
    return number
