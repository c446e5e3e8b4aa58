"""Save and load verdicts: tags `reproduction/<id>/<n>` on commits that hold `verdict.json`.

They have the shape of experiments and the same durability, and are believed as little: a tag must
carry the name of its ref, tell of the experiment in that name, and hold a valid document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from xgit.errors import Unreadable, XgitError
from xgit.git import objects as git_objects
from xgit.git import pack as packs
from xgit.git.objects import RefLine
from xgit.git.plumbing import GitError, Repo
from xgit.git.references import RefChange, change_refs
from xgit.record import codec, json_form, refs, schemas, verdict_codec
from xgit.record.model import Broken, Experiment
from xgit.record.verdict import Verdict, VerdictSummary
from xgit.record.verdict_message import parse_verdict, verdict_message
from xgit.record.verdict_page import verdict_page
from xgit.store.experiments import record_files
from xgit.store.tags import (
    RECORD_DIR,
    RECORD_LIMIT_BYTES,
    Saved,
    check_tag,
    content_of,
    tag_object,
)

Listed = Mapping[str, tuple[VerdictSummary | Broken, ...]]
_TRIES = 1000  # numbers taken by others between looking and creating
_NAMED_AT_ONCE = 200  # refs asked for by name; more of them are read all


# ---------------------------------------------------------------- save


def save(repo: Repo, verdict: Verdict, rerun: Experiment | None, *, identity: str) -> Saved:
    """Store a verdict under the next free number; when this returns, it survives a power cut.

    Args:
        rerun: what the (first) repetition left, kept beside the verdict; None where none ran.
        identity: git's identity line, of who reproduced and of the moment.

    Raises:
        XgitError: git could not write or sign, or another ref is in the way.
        Unreadable: the verdict does not fit its own schema (a bug in xgit).
    """
    pack = packs.Pack(repo.object_format)
    commit = _commit(repo, pack, _files(verdict, rerun), verdict, identity)

    def make(name: str, text: str) -> bytes:
        return tag_object(repo, pack, name=name, commit=commit, identity=identity, text=text)

    for _ in range(_TRIES):
        number = _next_number(repo, verdict.of)
        try:
            return _create(repo, pack, verdict, number, commit, make)
        except packs.RefExists:
            continue
    raise XgitError(f"no number was free for a verdict on {verdict.of}", "try again")


def _files(verdict: Verdict, rerun: Experiment | None) -> dict[str, bytes]:
    """What lies under `.xgit/` in the commit: the record of the rerun, and the verdict."""
    document = json_form.to_json(verdict_codec.to_document(verdict))
    schemas.check(document, "verdict")
    files = {}
    if rerun is not None:
        record = json_form.to_json(codec.to_record(rerun))
        codec.check(record)
        files = record_files(rerun, json_form.encode(record))
    return {
        **files,
        verdict_codec.FILE: json_form.encode(document),
        "README.md": verdict_page(verdict).encode("utf-8", "backslashreplace"),
    }


def _commit(
    repo: Repo, pack: packs.Pack, files: Mapping[str, bytes], verdict: Verdict, identity: str
) -> str:
    """The commit on top of the code that ran; with no parent where that is not in this clone."""
    (parent,) = git_objects.object_names(repo, [f"{verdict.tag}^{{commit}}^1"])
    raw = git_objects.tree_bytes(repo, parent) if parent else b""
    tree = pack.splice_tree(raw, RECORD_DIR, pack.add_tree(files))
    return pack.add(
        "commit",
        packs.commit_text(
            tree=tree,
            parents=(parent,) if parent else (),
            author=identity,
            committer=identity,
            message=verdict_message(verdict, 0).partition("\n")[0] + "\n",
        ),
    )


def _create(
    repo: Repo,
    pack: packs.Pack,
    verdict: Verdict,
    number: int,
    commit: str,
    make: Callable[[str, str], bytes],
) -> Saved:
    name = refs.format_verdict_tag(verdict.of, number)
    tag = pack.add("tag", make(name, verdict_message(verdict, number)))
    ref = refs.format_verdict_ref(verdict.of, number)
    try:
        packs.store(repo, pack, ref, tag, owner=verdict.of)
    except GitError as error:
        taken = git_objects.ref_in_the_way(repo, ref)
        if taken is None:
            raise
        other = taken.removeprefix("refs/tags/")
        told = f"the tag {other} stands where verdicts belong"
        raise XgitError(told, f"git tag -d {other}") from error
    return Saved(ref, commit, tag)


def _next_number(repo: Repo, experiment_id: str) -> int:
    taken = _numbers(repo, experiment_id)
    following = max(taken, default=0) + 1
    if following <= refs.LAST_NUMBER:
        return following
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _numbers(repo: Repo, experiment_id: str) -> set[int]:
    names = git_objects.ref_names(repo, refs.verdicts_prefix(experiment_id))
    return {parsed[1] for parsed in map(refs.parse_verdict_ref, names) if parsed}


# ---------------------------------------------------------------- load


def load(repo: Repo, experiment_id: str, number: int) -> Verdict:
    """The whole verdict.

    Raises:
        Unreadable: there is none, the tag is none of a verdict, or its document is damaged.
        Unsupported: the document is of a later version.
    """
    ref = refs.format_verdict_ref(experiment_id, number)
    name = refs.format_verdict_tag(experiment_id, number)
    inside = f"{ref}^{{tree}}:{RECORD_DIR}/{verdict_codec.FILE}"
    tag, content = git_objects.read_objects(repo, [ref, inside], limit_bytes=RECORD_LIMIT_BYTES)
    check_tag(name, tag)
    found = content_of(name, verdict_codec.FILE, content)
    document = json_form.decode(found, verdict_codec.FILE)
    schemas.check(document, "verdict")
    verdict = verdict_codec.from_document(document)
    if verdict.of != experiment_id:
        raise Unreadable(f"{name} holds a verdict on {verdict.of!r}")
    return verdict


# ---------------------------------------------------------------- list


def list_verdicts(repo: Repo, ids: Iterable[str] | None = None) -> Listed:
    """The verdicts on each experiment that has one, what cannot be read first, the newest last.

    Args:
        ids: of the experiments that matter; None for all.
    """
    wanted = None if ids is None else list(dict.fromkeys(ids))
    if wanted is not None and not wanted:
        return {}
    found: dict[str, list[VerdictSummary | Broken]] = {}
    matter = None if wanted is None else frozenset(wanted)
    for line in _lines(repo, wanted):
        experiment_id, row = _row(line)
        if matter is None or experiment_id in matter:
            found.setdefault(experiment_id, []).append(row)
    return {one: tuple(sorted(rows, key=_order)) for one, rows in found.items()}


def _lines(repo: Repo, wanted: Sequence[str] | None) -> list[RefLine]:
    if wanted is None or len(wanted) > _NAMED_AT_ONCE:
        return git_objects.refs_with_messages(repo, refs.REPRODUCTION_PREFIX)
    prefixes = [refs.verdicts_prefix(one) for one in wanted]
    return git_objects.refs_with_messages(repo, *prefixes)


def _row(line: RefLine) -> tuple[str, VerdictSummary | Broken]:
    rest = line.ref.removeprefix(refs.REPRODUCTION_PREFIX)
    parsed = refs.parse_verdict_ref(line.ref)
    if parsed is None:
        return rest.partition("/")[0], Broken(rest, "its name is not one that xgit gives")
    experiment_id = parsed[0]
    if line.kind != "tag":
        return experiment_id, Broken(rest, "it is not an annotated tag")
    try:
        summary = parse_verdict(line.subject_and_body)
    except Unreadable as error:
        return experiment_id, Broken(rest, error.message)
    if (summary.of, summary.number) != parsed:
        told = f"{summary.of}/{summary.number}"
        return experiment_id, Broken(rest, f"it holds verdict {told!r}")
    return experiment_id, summary


def _order(row: VerdictSummary | Broken) -> tuple[float, int]:
    if isinstance(row, Broken):
        return (float("-inf"), 0)
    return (row.finished.timestamp(), row.number)


def newest(rows: Iterable[VerdictSummary | Broken]) -> VerdictSummary | None:
    """The last of the readable ones, as `list_verdicts` has them."""
    fine = [row for row in rows if isinstance(row, VerdictSummary)]
    return fine[-1] if fine else None


def is_stale(verdict: Verdict | VerdictSummary, tag: str | None) -> bool:
    """Whether it is about another tag object than the experiment has now, or None for no tag."""
    return verdict.tag != tag


# ---------------------------------------------------------------- renumber


def renumber(repo: Repo, experiment_id: str, number: int) -> int:
    """Give a verdict of this clone the next free number, because another clone pushed that one.

    The commit stays; the tag object is a new one. Killed half-way it can be called again: where
    the commit has another number already, only the old ref is removed.

    Returns:
        The new number.

    Raises:
        Unreadable: there is no such verdict, or it is damaged.
        XgitError: git could not write or sign.
    """
    verdict = load(repo, experiment_id, number)
    ref = refs.format_verdict_ref(experiment_id, number)
    tag, commit = git_objects.object_names(repo, [ref, f"{ref}^{{commit}}"])
    assert tag is not None
    assert commit is not None
    given = _other_number(repo, experiment_id, number, commit)
    if given is None:
        given = _tag_again(repo, verdict, commit, _tagger(repo, tag))
    change_refs(repo, [RefChange(ref, tag, None)])
    return given


def _other_number(repo: Repo, experiment_id: str, number: int, commit: str) -> int | None:
    lines = git_objects.refs_with_messages(repo, refs.verdicts_prefix(experiment_id))
    parsed = (refs.parse_verdict_ref(line.ref) for line in lines if line.target == commit)
    return next((one[1] for one in parsed if one and one[1] != number), None)


def _tag_again(repo: Repo, verdict: Verdict, commit: str, identity: str) -> int:
    for _ in range(_TRIES):
        number = _next_number(repo, verdict.of)
        pack = packs.Pack(repo.object_format)

        def make(name: str, text: str, pack: packs.Pack = pack) -> bytes:
            return tag_object(repo, pack, name=name, commit=commit, identity=identity, text=text)

        try:
            _create(repo, pack, verdict, number, commit, make)
        except packs.RefExists:
            continue
        return number
    raise XgitError(f"no number was free for a verdict on {verdict.of}", "try again")


def _tagger(repo: Repo, tag: str) -> str:
    """The identity line of a tag that was checked."""
    (content,) = git_objects.read_objects(repo, [tag], limit_bytes=RECORD_LIMIT_BYTES)
    assert isinstance(content, bytes)
    return content.split(b"\n", 4)[3].decode("utf-8", "surrogateescape").removeprefix("tagger ")
