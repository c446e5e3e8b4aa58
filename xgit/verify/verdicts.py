"""All checks of one verdict, which has the shape of an experiment."""

from __future__ import annotations

from collections.abc import Iterator

from xgit.errors import Unreadable, Unsupported
from xgit.git import objects as git_objects
from xgit.git.plumbing import Repo
from xgit.git.raw import as_stored, is_id
from xgit.record import json_form, refs, schemas, verdict_codec
from xgit.record.model import Experiment
from xgit.record.verdict import Verdict
from xgit.record.verdict_message import parse_verdict, verdict_message
from xgit.record.verdict_page import verdict_page
from xgit.verify import contents, tags, trees
from xgit.verify.experiments import in_order
from xgit.verify.nouns import Check, Verified, failed, passed, unknown
from xgit.verify.reach import check_remote
from xgit.verify.shared import Shared
from xgit.verify.stored import NotOne, Stored, check_objects, read_stored


def verify_verdict(shared: Shared, experiment_id: str, number: int) -> Verified:
    """Hold a verdict against itself, its keys, the experiment that it is about and the remotes.

    Raises:
        GitError: git itself failed.
    """
    ref = refs.format_verdict_ref(experiment_id, number)
    try:
        it = read_stored(shared.reader, ref)
    except NotOne as error:
        return Verified(ref, error.oid, (error.check,))
    found = [
        tags.check_tag(it),
        check_objects(it),
        tags.check_signature(shared.repo, it, required=shared.signed),
        check_remote(it, shared.asked),
        *_contents(shared.repo, it, experiment_id, number),
    ]
    return Verified(ref, it.oid, in_order(found))


def _contents(repo: Repo, it: Stored, experiment_id: str, number: int) -> Iterator[Check]:
    verdict, check = _read(it, experiment_id)
    yield check
    if verdict is None:
        return
    rerun = contents.read_record(it, None) if contents.RECORD in it.files else None
    if rerun is not None and rerun.check.outcome != "passed":
        yield rerun.check
    yield tags.check_people(it, verdict.by)
    yield _summary(it, verdict, number)
    yield _about(repo, verdict)
    yield from _tree(repo, it, verdict)
    yield _files(it, verdict, rerun.experiment if rerun else None)
    if rerun is not None and rerun.experiment is not None:
        yield contents.check_artifacts(it, rerun.experiment)


def _read(it: Stored, experiment_id: str) -> tuple[Verdict | None, Check]:
    file = it.files.get(verdict_codec.FILE)
    if file is None or file.content is None:
        return None, failed("record", f"there is no .xgit/{verdict_codec.FILE}, or it is too large")
    try:
        document = json_form.decode(file.content, verdict_codec.FILE)
        schemas.check(document, "verdict")
        verdict = verdict_codec.from_document(document)
    except Unsupported as error:
        return None, unknown("record", error.message, error.hint)
    except Unreadable as error:
        return None, failed("record", error.message)
    wrong = _wrong_with(verdict, experiment_id)
    if wrong is None and json_form.encode(document) != file.content:
        wrong = f"{verdict_codec.FILE} is not written as xgit writes it"
    return verdict, failed("record", wrong) if wrong else passed("record")


def _wrong_with(verdict: Verdict, experiment_id: str) -> str | None:
    if not is_id(verdict.tag):
        return "it names no tag object"
    return None if verdict.of == experiment_id else f"it is a verdict on {verdict.of}"


def _summary(it: Stored, verdict: Verdict, number: int) -> Check:
    expected = verdict_message(verdict, number)
    if it.tag.message == expected:
        return passed("summary")
    show = f"git cat-file tag {it.oid}"
    try:
        same = parse_verdict(it.tag.message) == parse_verdict(expected)
    except Unreadable as error:
        return failed("summary", error.message, show)
    if not same or contents.made_here(it):
        return failed("summary", "the tag does not say what the verdict says", show)
    return unknown("summary", "another version of xgit wrote it, maybe in other words", show)


def _about(repo: Repo, verdict: Verdict) -> Check:
    """A verdict names the tag object that it is about, so that a moved tag has none."""
    if not (is_id(verdict.tag) and refs.ID_GRAMMAR.fullmatch(verdict.of)):
        return unknown("verdict", "it names no experiment")
    (tag,) = git_objects.object_names(as_stored(repo), [refs.format_ref(verdict.of)])
    if tag is None:
        return unknown("verdict", f"experiment {verdict.of} is not here", "xgit exp pull")
    if tag != verdict.tag:
        told = f"it is about another tag of the name experiment/{verdict.of} than the one here"
        return failed("verdict", told, f"xgit exp reproduce {verdict.of}")
    return passed("verdict")


def _tree(repo: Repo, it: Stored, verdict: Verdict) -> Iterator[Check]:
    """The commit stands on the one that the experiment ran, and changes nothing of it."""
    if not it.commit.parents:
        told = "it was made where the commit that ran was not, so it has no parent"
        yield unknown("parent", told)
        return
    name = verdict.tag if is_id(verdict.tag) else ""
    (ran,) = git_objects.object_names(as_stored(repo), [f"{name}^{{commit}}^1"])
    if ran is None:
        yield unknown("parent", "the tag that it is about is not here", "xgit exp pull")
    elif it.commit.parents != (ran,):
        yield failed("parent", f"its parent is not {ran[:7]}, which the experiment ran")
    else:
        yield passed("parent")
    yield trees.check_tree(repo, it)


def _files(it: Stored, verdict: Verdict, rerun: Experiment | None) -> Check:
    """Beside the verdict lie its page and, where something ran, the files of the repetition."""
    own = it.files[verdict_codec.FILE].content or b""
    page = verdict_page(verdict).encode("utf-8", "backslashreplace")
    return contents.check_files(it, rerun, {verdict_codec.FILE: own, "README.md": page})
