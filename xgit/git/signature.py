"""Who signed a tag: git's own answer, by the keys and programs of the user's configuration alone.

What the repository's own configuration says of signatures is not used, nor is a file that lies in
it: whoever wrote either would decide who is believed. A signature says nothing of the name under
which a tag lies, nor of what follows the signature; those are checked elsewhere.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from xgit.git.plumbing import TIMED_OUT, Repo, git_bytes, git_done, git_fields

Kind = Literal["none", "good", "bad", "unknown-key", "untrusted", "cannot-check"]
Format = Literal["ssh", "openpgp", "x509"]

ANSWER_SECONDS = 60.0
SIGNATURE_STARTS: Final[Mapping[bytes, Format]] = {
    b"-----BEGIN PGP SIGNATURE-----": "openpgp",
    b"-----BEGIN PGP MESSAGE-----": "openpgp",
    b"-----BEGIN SIGNED MESSAGE-----": "x509",
    b"-----BEGIN SSH SIGNATURE-----": "ssh",
}
_USERS = ("system", "global", "command")  # scopes of configuration that no repository brings along
_PROGRAMS: Final[Mapping[Format, str]] = {"openpgp": "gpg", "x509": "gpgsm", "ssh": "ssh-keygen"}
_KEYS: Final[Mapping[str, str]] = {  # what git knows under two names is one thing here
    "gpg.program": "gpg.openpgp.program",
    "gpg.openpgp.program": "gpg.openpgp.program",
    "gpg.x509.program": "gpg.x509.program",
    "gpg.ssh.program": "gpg.ssh.program",
    "gpg.ssh.allowedsignersfile": "gpg.ssh.allowedSignersFile",
    "gpg.ssh.revocationfile": "gpg.ssh.revocationFile",
    "gpg.mintrustlevel": "gpg.minTrustLevel",
}
_SIGNERS = "gpg.ssh.allowedSignersFile"
_REVOKED = "gpg.ssh.revocationFile"
_TRUST = ("never", "undefined", "marginal", "fully", "ultimate")  # the least first
_STATUS = "[GNUPG:] "
_ANSWERS = ("GOODSIG", "BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG")
_OVER = {
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key was revoked",
}
_NOT_OF_THIS = "it is not the signature of what the tag says"
_NO_KEY = "9"  # the reason code of ERRSIG, as GnuPG's doc/DETAILS has it
_SSH_GOOD = re.compile(r'Good "git" signature(?: for (.+))? with (\S+) key (\S+)')
_SIGNERS_HINT = (
    'echo "you@example.com $(cat ~/.ssh/id_ed25519.pub)" >> ~/.ssh/allowed_signers && '
    "git config --global gpg.ssh.allowedSignersFile ~/.ssh/allowed_signers"
)


class Signature(NamedTuple):
    """What is known of the signature of a tag; every text is fit for a terminal.

    Attributes:
        kind: `untrusted` is a signature that fits, by a key that is expired, revoked or vouched
            for by nobody; `cannot-check` says nothing about the signature.
        format: None where there is no signature.
        signer: who the key belongs to, as the user's own files have it; may be empty.
        key: fingerprint or id of the key, as far as it is known.
        why: what speaks against it, in a sentence without a full stop; empty when good.
        remedy: the command that may help, or None.
        ignored: keys of the repository's own configuration that were not used.
    """

    kind: Kind
    format: Format | None = None
    signer: str = ""
    key: str = ""
    why: str = ""
    remedy: str | None = None
    ignored: tuple[str, ...] = ()


class _Settings(NamedTuple):
    """The user's own settings by the names in `_KEYS`, and those of the repository."""

    ours: Mapping[str, str]
    theirs: tuple[str, ...]


class _Unusable(Exception):
    """A program or file without which a signature cannot be checked, and the remedy."""

    def __init__(self, why: str, remedy: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


def verify_tag(repo: Repo, tag_oid: str) -> Signature:
    """What the signature of a tag object is worth to this user.

    Args:
        tag_oid: the id of the tag object, not the name of a ref, which could be another's.

    Raises:
        GitError: there is no such tag object.
    """
    form = signature_format(git_bytes(repo, "cat-file", "tag", tag_oid))
    if form is None:
        return Signature("none", why="it is not signed")
    settings = _read_settings(repo)
    try:
        options = _options(repo, form, settings.ours)
    except _Unusable as error:
        found = Signature("cannot-check", form, why=error.why, remedy=error.remedy)
    else:
        found = _asked(repo, tag_oid, form, options, settings.ours)
    return _plain(found._replace(ignored=settings.theirs))


def signature_format(tag: bytes) -> Format | None:
    """The format of the signature in a tag object; the last one counts, as it does for git."""
    at = signature_start(tag)
    starts = (form for mark, form in SIGNATURE_STARTS.items() if tag.startswith(mark, at))
    return next(starts, None)


def signature_start(tag: bytes) -> int:
    """Where the signature of a tag object begins; its length where there is none.

    What comes before it is what was signed.
    """
    found = [tag.rfind(b"\n" + mark) + 1 for mark in SIGNATURE_STARTS]
    return max(found) or len(tag)


# ---------------------------------------------------------------- the user's settings


def _read_settings(repo: Repo) -> _Settings:
    ours: dict[str, str] = {}
    theirs: dict[str, None] = {}
    fields = git_fields(repo, "config", "--list", "-z", "--show-scope")
    for scope, entry in zip(fields[::2], fields[1::2], strict=True):
        key, _, value = entry.partition("\n")
        if key in _KEYS and scope in _USERS:
            ours[_KEYS[key]] = value
        elif key in _KEYS:
            theirs[key] = None
    return _Settings(ours, tuple(theirs))


def _options(repo: Repo, form: Format, ours: Mapping[str, str]) -> list[str]:
    """Options that outdo every setting of the repository about signatures of this format."""
    name = f"gpg.{form}.program"
    values = {name: _program(repo, name, ours.get(name) or _PROGRAMS[form])}
    values["gpg.minTrustLevel"] = ours.get("gpg.minTrustLevel") or "undefined"  # as git has it
    if form == "ssh":
        if not ours.get(_SIGNERS):
            raise _Unusable(f"your git config has no {_SIGNERS}", _SIGNERS_HINT)
        values[_SIGNERS] = _file(repo, _SIGNERS, ours[_SIGNERS])
        revoked = ours.get(_REVOKED)
        values[_REVOKED] = _file(repo, _REVOKED, revoked) if revoked else ""
    return [word for key, value in values.items() for word in ("-c", f"{key}={value}")]


def _program(repo: Repo, key: str, name: str) -> str:
    """The whole path of a program, so that no directory of the repository can put in another."""
    found = shutil.which(Path(name).expanduser() if name.startswith("~") else name)
    if found is None:
        raise _Unusable(f"{name}, which checks such signatures, is not installed")
    if not Path(found).is_absolute() or _is_inside(repo, Path(found)):
        raise _Unusable(f"{key} of your git config leads into this repository: {name}")
    return found


def _file(repo: Repo, key: str, name: str) -> str:
    path = Path(name).expanduser()
    if not path.is_absolute() or _is_inside(repo, path):
        copy = f"~/.ssh/{shlex.quote(path.name)}"
        raise _Unusable(
            f"{key} of your git config leads into the repository, whose files anyone may have "
            f"written: {name}",
            f"cp {shlex.quote(name)} {copy} && git config --global {key} {copy}",
        )
    if not path.is_file():
        raise _Unusable(f"{key} of your git config is not there: {name}", "git config --global -e")
    return str(path)


def _is_inside(repo: Repo, path: Path) -> bool:
    places = (repo.root, repo.git_dir, repo.common_dir)
    real = path.resolve()
    return any(real.is_relative_to(place.resolve()) for place in places if place)


# ---------------------------------------------------------------- git's answer


def _asked(
    repo: Repo, oid: str, form: Format, options: Sequence[str], ours: Mapping[str, str]
) -> Signature:
    arguments = (*options, "verify-tag", "--raw", oid)
    done = git_done(repo, *arguments, timeout_seconds=ANSWER_SECONDS)
    said = (done.stderr + done.stdout).decode("utf-8", "replace")
    if done.returncode == TIMED_OUT:
        return Signature("cannot-check", form, why="the program that checks it did not answer")
    if "no signature found" in said:  # as git says of a format that it does not know
        return Signature("cannot-check", form, why="SSH signatures need git 2.34 or newer")
    if form == "ssh":
        return _ssh(said, ours, passed=done.returncode == 0)
    return _gpg(said, form, ours.get("gpg.minTrustLevel"), passed=done.returncode == 0)


def _ssh(said: str, ours: Mapping[str, str], *, passed: bool) -> Signature:
    good = _SSH_GOOD.search(said)
    signer, kind, key = good.groups("") if good else ("", "", "")
    named = Signature("bad", "ssh", signer, f"{kind} {key}".strip())
    if passed and signer:
        return named._replace(kind="good")
    if good and "key has expired" in said:
        return named._replace(kind="untrusted", why="its key was not valid any more at that time")
    if good and "key is not yet valid" in said:
        return named._replace(kind="untrusted", why="its key was not valid yet at that time")
    if good:
        return named._replace(kind="unknown-key", why=f"its key is not in {ours[_SIGNERS]}")
    if "incorrect signature" not in said and ours.get(_REVOKED) and "invalid format" not in said:
        return named._replace(kind="untrusted", why=f"its key is revoked in {ours[_REVOKED]}")
    return named._replace(why=_NOT_OF_THIS)


def _gpg(said: str, form: Format, least: str | None, *, passed: bool) -> Signature:
    # Not splitlines: the name of a key's owner may hold what that takes for the end of a line.
    every = said.split("\n")
    lines = [line.removeprefix(_STATUS) for line in every if line.startswith(_STATUS)]
    answers = [line.split(" ", 2) for line in lines if line.split(" ", 1)[0] in _ANSWERS]
    if len(answers) != 1:
        told = "it has more than one signature" if answers else "its signature is damaged"
        return Signature("bad", form, why=told)
    word, key, rest = (*answers[0], "", "")[:3]
    if word == "ERRSIG":
        return _without_key(form, key, rest.split(" "))
    named = Signature("untrusted", form, rest, key)
    if word == "BADSIG":
        return named._replace(kind="bad", why=_NOT_OF_THIS)
    if word in _OVER:
        return named._replace(why=_OVER[word])
    trust = next((line.split(" ")[0][6:].lower() for line in lines if line[:6] == "TRUST_"), "")
    if not passed or not _is_enough(trust, least):
        told = f"nothing in your keyring vouches for its key (trust: {trust or 'unknown'})"
        remedy = f"gpg --quick-lsign-key {key}" if form == "openpgp" and key.isalnum() else None
        return named._replace(why=told, remedy=remedy)
    return named._replace(kind="good")


def _without_key(form: Format, key: str, rest: Sequence[str]) -> Signature:
    if rest[4:5] == [_NO_KEY]:
        told = f"its key {key} is not in your keyring"
        return Signature("unknown-key", form, key=key, why=told)
    return Signature("cannot-check", form, key=key, why="GnuPG cannot check signatures of its kind")


def _is_enough(trust: str, least: str | None) -> bool:
    """Whether the key is vouched for; git itself is content with a key that nobody vouches for."""
    wanted = (least or "marginal").lower()
    return trust in _TRUST and wanted in _TRUST and _TRUST.index(trust) >= _TRUST.index(wanted)


def _plain(it: Signature) -> Signature:
    """Without anything that a terminal would act on; a key's owner writes their name."""
    return it._replace(signer=_printable(it.signer), key=_printable(it.key), why=_printable(it.why))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
