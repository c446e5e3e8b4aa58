"""All checks of one experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xgit.record import refs
from xgit.record.model import Experiment
from xgit.verify import contents, tags, trees
from xgit.verify.data import check_data, was_modified
from xgit.verify.nouns import CHECKS, Check, Verified, unknown
from xgit.verify.reach import check_code, check_remote
from xgit.verify.shared import Shared
from xgit.verify.stored import NotOne, Stored, check_objects, read_stored
from xgit.verify.values import check_values


def verify_experiment(shared: Shared, experiment_id: str) -> Verified:
    """Hold an experiment against itself, its keys, its parent, its data and the remotes.

    Raises:
        GitError: git itself failed.
    """
    ref = refs.format_ref(experiment_id)
    try:
        it = read_stored(shared.reader, ref)
    except NotOne as error:
        return Verified(ref, error.oid, (error.check,))
    read = contents.read_record(it, experiment_id)
    found = [
        tags.check_tag(it),
        check_objects(it),
        tags.check_signature(shared.repo, it, required=shared.signed),
        read.check,
        trees.check_tree(shared.repo, it),
        check_remote(it, shared.asked),
        *_of_record(shared, it, read.experiment),
    ]
    return Verified(ref, it.oid, in_order(found))


def _of_record(shared: Shared, it: Stored, experiment: Experiment | None) -> Iterator[Check]:
    """The checks that need the record to be readable."""
    if experiment is None:
        yield unknown("files", "what its files must say is in the record alone")
        return
    yield tags.check_people(it, experiment.author)
    yield trees.check_parent(shared.repo, it, experiment.code)
    yield contents.check_files(it, experiment)
    yield check_values(experiment)
    yield contents.check_summary(it, experiment)
    yield contents.check_artifacts(it, experiment)
    key = (experiment.code.ran, experiment.data, was_modified(experiment))
    if key not in shared.data:
        shared.data[key] = check_data(shared.repo, experiment)
    yield from shared.data[key]
    yield check_code(shared.repo, it, experiment.code.commit, shared.asked, shared.reached)


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """As `CHECKS` has them."""
    order = list(CHECKS)
    return tuple(sorted(checks, key=lambda check: order.index(check.name)))
