"""Any number of tags, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xgit.git.plumbing import Repo
from xgit.record import refs
from xgit.verify.experiments import verify_experiment
from xgit.verify.nouns import Verified, failed
from xgit.verify.reach import ask_all
from xgit.verify.reader import Reader
from xgit.verify.shared import Shared
from xgit.verify.verdicts import verify_verdict

_AT_ONCE = 100


def verify_refs(repo: Repo, wanted: Sequence[str], *, signed: bool) -> Iterator[Verified]:
    """Hold experiments and verdicts against themselves, your keys, their data and the remotes.

    Args:
        wanted: full names of refs.
        signed: whether one fails without a good signature.

    Raises:
        GitError: git itself failed.
    """
    if not wanted:
        return
    shared = Shared(repo, Reader(repo), ask_all(repo), signed, {}, {})
    for at in range(0, len(wanted), _AT_ONCE):
        some = wanted[at : at + _AT_ONCE]
        shared = shared._replace(reader=Reader(repo))
        if len(some) > 1:
            shared.reader.read_ahead(some)
        for ref in some:
            yield _verified(shared, ref)


def _verified(shared: Shared, ref: str) -> Verified:
    experiment_id, verdict = refs.parse_ref(ref), refs.parse_verdict_ref(ref)
    if experiment_id is not None:
        return verify_experiment(shared, experiment_id)
    if verdict is not None:
        return verify_verdict(shared, *verdict)
    return Verified(ref, "", (failed("tag", "its name is not one that xgit gives"),))
