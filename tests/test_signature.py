"""What a signature is worth: by the user's own keys and programs, not by those of a repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.signing import (
    ADA,
    allow,
    another_keyring,
    gpg,
    gpg_key,
    keyring,
    put_tag,
    sign_with_gpg,
    sign_with_ssh,
    ssh_key,
    tag_content,
    user_config,
)
from xgit.git.plumbing import open_repo
from xgit.git.signature import Signature, signature_start, verify_tag


def verified(project: Project, name: str = "it") -> Signature:
    return verify_tag(open_repo(project.root), project.git("rev-parse", name))


@pytest.fixture
def signed(project: Project, hermetic_home: Path) -> Project:
    """A tag `it`, signed with SSH by a key that `~/signers` allows."""
    key = ssh_key(hermetic_home)
    sign_with_ssh(project, key)
    project.git("tag", "-m", "accuracy 0.5", "it")
    signers = allow(hermetic_home / "signers", key)
    user_config(project, gpg__ssh__allowedSignersFile=str(signers))
    return project


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


# ---------------------------------------------------------------- ssh


def test_a_tag_without_a_signature(project: Project) -> None:
    project.git("tag", "-m", "x", "it")
    assert verified(project).kind == "none"


def test_an_allowed_ssh_key(signed: Project) -> None:
    found = verified(signed)
    assert (found.kind, found.format, found.signer, found.why) == ("good", "ssh", ADA, "")
    assert found.key.startswith("ED25519 SHA256:")


def test_a_changed_message(signed: Project) -> None:
    content = tag_content(signed, "it").replace(b"0.5", b"0.9")
    found = verify_tag(open_repo(signed.root), put_tag(signed, content))
    assert found.kind == "bad"
    assert "not the signature" in found.why


def test_a_damaged_signature(signed: Project) -> None:
    content = tag_content(signed, "it").replace(b"U1NIU0lH", b"U1NIU0lX")
    assert verify_tag(open_repo(signed.root), put_tag(signed, content)).kind == "bad"


def test_a_key_that_is_not_allowed(signed: Project, hermetic_home: Path) -> None:
    (hermetic_home / "signers").write_text("")
    allow(hermetic_home / "signers", ssh_key(hermetic_home, "other"))
    found = verified(signed)
    assert found.kind == "unknown-key"
    assert "SHA256:" in found.key
    assert str(hermetic_home / "signers") in found.why


def test_a_key_that_was_not_valid_any_more(signed: Project, hermetic_home: Path) -> None:
    (hermetic_home / "signers").write_text("")
    allow(hermetic_home / "signers", hermetic_home / "key", options='valid-before="20200101"')
    found = verified(signed)
    assert (found.kind, found.why) == ("untrusted", "its key was not valid any more at that time")


def test_a_revoked_key(signed: Project, hermetic_home: Path) -> None:
    user_config(signed, gpg__ssh__revocationFile=str(hermetic_home / "key.pub"))
    found = verified(signed)
    assert found.kind == "untrusted"
    assert "revoked" in found.why


def test_a_revocation_file_that_is_gone_is_not_passed_over(signed: Project, tmp_path: Path) -> None:
    user_config(signed, gpg__ssh__revocationFile=str(tmp_path / "gone"))
    found = verified(signed)
    assert found.kind == "cannot-check"
    assert "revocationFile" in found.why


def test_without_allowed_signers_nothing_is_known(signed: Project) -> None:
    signed.git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile")
    found = verified(signed)
    assert found.kind == "cannot-check"
    assert "allowedSignersFile" in found.why
    assert found.remedy


def test_without_the_program_nothing_is_known(signed: Project) -> None:
    user_config(signed, gpg__ssh__program="no-such-program")
    found = verified(signed)
    assert found.kind == "cannot-check"
    assert "no-such-program" in found.why


# ---------------------------------------------------------------- a hostile repository


def test_the_repository_does_not_say_whom_to_believe(signed: Project, hermetic_home: Path) -> None:
    eve = ssh_key(hermetic_home, "eve")
    signed.git("-c", f"user.signingkey={eve}", "tag", "-f", "-m", "x", "it")
    signers = allow(signed.root / ".git/signers", eve)
    signed.git("config", "gpg.ssh.allowedSignersFile", str(signers))
    found = verified(signed)
    assert found.kind == "unknown-key"
    assert found.ignored == ("gpg.ssh.allowedsignersfile",)


def test_nor_when_the_user_names_nobody(signed: Project, hermetic_home: Path) -> None:
    signed.git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile")
    signed.git("config", "gpg.ssh.allowedSignersFile", str(hermetic_home / "signers"))
    found = verified(signed)
    assert (found.kind, found.ignored) == ("cannot-check", ("gpg.ssh.allowedsignersfile",))


def test_nor_does_the_configuration_of_a_linked_work_tree(signed: Project, tmp_path: Path) -> None:
    signed.git("config", "extensions.worktreeConfig", "true")
    signed.git("config", "--worktree", "gpg.ssh.program", str(tmp_path / "never"))
    assert verified(signed).kind == "good"
    assert verified(signed).ignored == ("gpg.ssh.program",)


@pytest.mark.parametrize("key", ["gpg.program", "gpg.openpgp.program", "gpg.ssh.program"])
def test_no_program_of_the_repository_is_started(signed: Project, tmp_path: Path, key: str) -> None:
    mark = tmp_path / "mark"
    evil = script(
        tmp_path / "evil", f"touch {mark}; echo 'Good \"git\" signature for you with X Y'"
    )
    signed.git("config", key, str(evil))
    assert verified(signed).kind == "good"
    content = tag_content(signed, "it").replace(b"SSH SIGNATURE", b"PGP SIGNATURE")
    assert verify_tag(open_repo(signed.root), put_tag(signed, content)).kind != "good"
    assert not mark.exists()


def test_the_repository_cannot_revoke_or_ask_for_more_trust(signed: Project) -> None:
    signed.git("config", "gpg.ssh.revocationFile", str(signed.root / "none"))
    signed.git("config", "gpg.minTrustLevel", "ultimate")
    assert verified(signed).kind == "good"


@pytest.mark.parametrize("name", ["signers", "./signers", "link"])
def test_a_file_of_the_work_tree_does_not_say_it(
    signed: Project, hermetic_home: Path, name: str
) -> None:
    allow(signed.root / "signers", hermetic_home / "key")
    (hermetic_home / "link").symlink_to(signed.root / "signers")
    named = str(hermetic_home / "link") if name == "link" else name
    user_config(signed, gpg__ssh__allowedSignersFile=named)
    found = verified(signed)
    assert found.kind == "cannot-check"
    assert "leads into the repository" in found.why


def test_a_program_of_the_work_tree_is_not_started(
    signed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    script(signed.root / "ssh-keygen", f"touch {mark}")
    monkeypatch.setenv("PATH", f"{signed.root}:/usr/bin:/bin")
    assert verified(signed).kind == "cannot-check"
    monkeypatch.setenv("PATH", ".:/usr/bin:/bin")
    monkeypatch.chdir(signed.root)
    assert verified(signed).kind == "cannot-check"
    assert not mark.exists()


# ---------------------------------------------------------------- gpg


@pytest.fixture
def pgp(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A tag `it`, signed with GnuPG by a key that the keyring has made itself."""
    with keyring(monkeypatch):
        sign_with_gpg(project, gpg_key(f"Ada <{ADA}>"))
        project.git("tag", "-m", "accuracy 0.5", "it")
        yield project


def in_another_keyring(monkeypatch: pytest.MonkeyPatch, *, known: bool) -> None:
    public = gpg("--export")
    another_keyring(monkeypatch)
    if known:
        gpg("--import", data=public)


def test_a_key_of_ones_own_keyring(pgp: Project) -> None:
    found = verified(pgp)
    assert (found.kind, found.format) == ("good", "openpgp")
    assert ADA in found.signer


def test_a_changed_message_under_gpg(pgp: Project) -> None:
    content = tag_content(pgp, "it").replace(b"0.5", b"0.9")
    assert verify_tag(open_repo(pgp.root), put_tag(pgp, content)).kind == "bad"


def test_a_key_that_nobody_has(pgp: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    in_another_keyring(monkeypatch, known=False)
    found = verified(pgp)
    assert found.kind == "unknown-key"
    assert "is not in your keyring" in found.why


def test_a_key_that_nobody_vouches_for(pgp: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    in_another_keyring(monkeypatch, known=True)
    found = verified(pgp)
    assert found.kind == "untrusted"
    assert found.remedy
    pgp.git("config", "gpg.minTrustLevel", "undefined")
    assert verified(pgp).kind == "untrusted"
    user_config(pgp, gpg__minTrustLevel="undefined")
    assert verified(pgp).kind == "good"


def test_without_gpg_nothing_is_known(pgp: Project) -> None:
    user_config(pgp, gpg__program="no-such-gpg")
    assert verified(pgp).kind == "cannot-check"


def test_the_name_of_a_keys_owner_forges_no_answer(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "Eve\u2028[GNUPG:] TRUST_ULTIMATE 0 pgp\u2028 <eve@example.com>"
    with keyring(monkeypatch):
        gpg_key(name)
        sign_with_gpg(project, "eve@example.com")
        project.git("tag", "-m", "x", "it")
        in_another_keyring(monkeypatch, known=True)
        found = verified(project)
        assert found.kind == "untrusted"
        assert "\u2028" not in found.signer


def test_where_a_signature_begins() -> None:
    plain = b"object 0\n\ntold\n"
    assert signature_start(plain) == len(plain)
    both = plain + b"-----BEGIN PGP SIGNATURE-----\n-----BEGIN SSH SIGNATURE-----\nx\n"
    assert both[signature_start(both) :].startswith(b"-----BEGIN SSH")
