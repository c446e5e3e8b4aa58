"""A credential is refused before it is committed, is never printed, and the remedy mends it.

No secret stands in this file in one piece, or its own guard would refuse it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from xgit.capture.credentials import NOT_SCANNED
from xgit.git import plumbing
from xgit.guards import secrets
from xgit.guards.checking import check_repo
from xgit.record.model import Violation
from xgit.record.redact import Secrets
from xgit.record.token_shapes import DETECTORS, detector_files, shapes

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def text_of(length: int, alphabet: str = ALNUM, seed: int = 1) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


GITHUB = "ghp" + "_" + text_of(36)
HUGGING_FACE = "hf" + "_" + text_of(34, string.ascii_letters)
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"
TOKENS = {
    "GitHub Token": GITHUB,
    "GitLab Token": "glpat" + "-" + text_of(20),
    "AWS Access Key": "AK" + "IA" + text_of(16, string.ascii_uppercase + "23456"),
    "OpenAI Token": "sk" + "-" + text_of(20) + "T3Blbk" + "FJ" + text_of(20),
    "Slack Token": "xoxb" + "-123456789012-" + text_of(24),
    "JSON Web Token": f"{part({'alg': 'HS256'})}.{part({'sub': 1})}.{text_of(43)}",
    "Stripe Access Key": "sk" + "_live_" + text_of(24),
    "PyPI Token": "pypi" + "-AgEIcHlwaS5vcmc" + text_of(80),
    "Azure Storage Account access key": "Account" + "Key=" + text_of(88),
    "Basic Auth Credentials": "postgres://ada:" + "Tr0ub4dor" + "@db.internal/x",
}


def found(project: Project, stage: str = "commit") -> tuple[Violation, ...]:
    repo = plumbing.open_repo(project.root)
    _, [result] = check_repo(repo, stage, ["secrets"])
    return result.violations


def notes(project: Project) -> tuple[str, ...]:
    state, _ = check_repo(plumbing.open_repo(project.root), "commit", ["secrets"])
    return state.notes


def stage(project: Project, path: str, text: str) -> None:
    project.write(path, text)
    project.git("add", "--all")


def paste(project: Project, command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"


# ---------------------------------------------------------------- staged files


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_of_a_known_shape(project: Project, kind: str) -> None:
    stage(project, "notes.md", f"one\n\nuse {TOKENS[kind]} here\n")
    [one] = found(project)
    assert one == Violation(
        "secrets",
        f"notes.md:3: {kind}",
        "git reset --quiet -- notes.md",
        "or put `pragma: allowlist secret` into a comment there",
    )
    paste(project, one.remedy)
    assert found(project) == ()


def test_the_secret_is_told_nowhere(project: Project) -> None:
    stage(project, "conf/a.yaml", f"hf_token: {HUGGING_FACE}\nother: {GITHUB}\n")
    for json_option in ((), ("--json",)):
        done = project.xgit("check", "--stage", "commit", "secrets", *json_option)
        assert done.returncode == 1
        told = done.stdout + done.stderr
        assert "conf/a.yaml:2: GitHub Token" in told
        assert "conf/a.yaml:1: random value of hf_token" in told
        assert GITHUB not in told
        assert HUGGING_FACE not in told
    repo = plumbing.open_repo(project.root)
    for path in repo.private_dir.rglob("*"):
        assert not path.is_file() or GITHUB.encode() not in path.read_bytes()


@pytest.mark.parametrize("path", ["-x.yaml", "a b.yaml", "it's.yaml", "*.yaml", ":x", "ü/n.yaml"])
def test_names_are_quoted(project: Project, path: str) -> None:
    stage(project, path, f"key: {GITHUB}\n")
    [one] = found(project)
    paste(project, one.remedy)
    assert found(project) == ()


def test_before_the_first_commit(project: Project) -> None:
    project.git("checkout", "--quiet", "--orphan", "new")
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    [one] = found(project)
    paste(project, one.remedy)
    assert found(project) == ()


def test_what_is_staged_counts_and_not_the_work_tree(project: Project) -> None:
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    project.write("a.yaml", "key: ${oc.env:KEY}\n")
    assert len(found(project)) == 1
    project.git("add", "a.yaml")
    project.write("a.yaml", f"key: {GITHUB}\n")
    assert found(project) == ()


def test_a_file_that_is_not_staged_is_not_scanned(project: Project) -> None:
    project.write("a.yaml", f"key: {GITHUB}\n")
    project.commit()
    stage(project, "b.yaml", "a: 1\n")
    assert found(project) == ()
    project.git("rm", "--quiet", "a.yaml")
    assert found(project) == ()


CLEAN = [
    ("a.yaml", "token: ${oc.env:HF_TOKEN}\npassword: ???\npad_token: <pad>\n"),
    ("a.yaml", "tokenizer: bert-base-uncased-whole-word-masking-finetuned-squad\n"),
    ("a.yaml", "password: my-secret-in-the-vault-of-the-team\n"),
    ("a.yaml", "secret: 123e4567-e89b-12d3-a456-426614174000\n"),
    ("a.yaml", f"commit: {hashlib.sha1(b'x').hexdigest()}\nmd5: {text_of(32, HEX)}"),
    ("a.yaml", "input_token: ExclusiveStartBackupArn\n"),
    ("a.py", "api_key = get_secret_value_from_vault_2(Client)\n"),
    ("a.py", "url = 'postgres://user:password@db.internal/x'\n"),
    ("a.py", "url = f'postgres://{user}:{password}@db.internal/x'\n"),
    ("a.sh", "curl https://ada:$PASSWORD@db.internal/x\n"),
    ("a.yaml", "url: postgres://postgres:postgres@localhost/x\n"),
    ("a.yaml", "url: redis://ada:Tr0ub4dor@localhost:6379\n"),
    ("a.py", "path = 'github://org:repo@main/data.csv'\n"),
    ("a.md", "AKIA" + "IOSFODNN7EXAMPLE\n"),
    ("a.fa", ">gene\nTTAACCA" + "GTCATGCATGCATGCATGCAT\n"),
    ("b.fa", ">protein\nMKAKIA" + "VLLAGHWYRNDEQSTKPFMC\n"),
    ("a.py", f"START = b'{KEY}'\nEND = 1\n"),
    ("a.log", "1764000000:" + hashlib.sha1(b"y").hexdigest() + "\n"),
    ("uv.lock", f"token = '{GITHUB}'\n"),
    (".secrets.baseline", f'{{"results": {{}}, "hashed_secret": "{text_of(40, HEX)}"}}'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), CLEAN)
def test_no_false_alarm(project: Project, path: str, text: str) -> None:
    stage(project, path, text)
    assert found(project) == ()


def test_nothing_in_the_code_of_xgit_is_a_secret() -> None:
    from xgit.capture.secret_scan import Scanner
    from xgit.record.token_shapes import detectors

    plugins = detectors(DETECTORS)
    assert plugins is not None
    scanner = Scanner(plugins, names=True)
    root = Path(__file__).parent.parent
    for folder in ("xgit", "docs", "templates"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".yaml", ".json", ".toml"):
                assert list(scanner.scan(str(path), path.read_text(encoding="utf-8"))) == [], path


@pytest.mark.parametrize(
    "line",
    [
        f'{{"wandb_api_key": "{text_of(40, HEX)}"}}',
        f"export SECRET_KEY={text_of(32)}",
        f"  db_password: '{text_of(24)}'  # ours",
        f'aws_secret_access_key = "{text_of(40, ALNUM + "/+")}"',
    ],
)
def test_random_values_under_a_secret_name(project: Project, line: str) -> None:
    stage(project, ".env.json", f"{line}\n")
    assert len(found(project)) == 1
    stage(project, ".env.json", f"{line}\n".replace("secret", "public"))
    project.write("pyproject.toml", "[tool.xgit.guards.secrets]\nnames = false\nplugins = []\n")
    assert found(project) == ()


def test_a_key_with_its_body(project: Project) -> None:
    body = "\n".join(text_of(64, seed=number) for number in range(5))
    stage(project, "id", f"{KEY}\nProc-Type: 4,ENCRYPTED\n\n{body}\n")
    assert [one.subject for one in found(project)] == ["id:1: Private Key"]


def test_binary_large_and_lfs_files_are_not_scanned(project: Project) -> None:
    (project.root / "a.dat").write_bytes(b"\0" + GITHUB.encode())
    project.write("large.txt", GITHUB + "\n" + "x " * 600_000)
    (project.root / "link").symlink_to(GITHUB)
    project.git("add", "--all")
    assert found(project) == ()


def test_a_comment_allows_a_line(project: Project) -> None:
    stage(project, "a.yaml", f"key: {GITHUB}  # pragma: allowlist secret\n")
    assert found(project) == ()
    stage(project, "a.py", f"# pragma: allowlist nextline secret\nkey = '{GITHUB}'\n")
    assert found(project) == ()


def test_a_baseline_is_respected(project: Project) -> None:
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    scan = [sys.executable, "-m", "detect_secrets", "scan", "a.yaml"]
    done = subprocess.run(scan, cwd=project.root, capture_output=True, text=True, check=True)
    stage(project, ".secrets.baseline", done.stdout)
    assert found(project) == ()
    stage(project, "b.yaml", f"key: {GITHUB}\n")
    assert [one.subject for one in found(project)] == ["b.yaml:1: GitHub Token"]
    for broken in ("[]", "{", '{"results": {"a.yaml": [1]}}', '{"results": 1}'):
        stage(project, ".secrets.baseline", broken)
        assert len(found(project)) == 2


def test_a_baseline_runs_no_code(project: Project) -> None:
    project.write("evil.py", "open('ran', 'w')\n")
    plugin = {"name": "Evil", "path": "file://evil.py"}
    stage(project, ".secrets.baseline", json.dumps({"plugins_used": [plugin], "results": {}}))
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    assert len(found(project)) == 1
    assert not (project.root / "ran").exists()


def test_settings(project: Project) -> None:
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    stage(project, "tests/deep/a.yaml", f"key: {GITHUB}\n")
    head = "[tool.xgit.guards.secrets]\n"
    project.write("pyproject.toml", f'{head}allow = ["tests/*"]\n')
    assert [one.subject for one in found(project)] == ["a.yaml:1: GitHub Token"]
    project.write("pyproject.toml", f'{head}plugins = ["AWSKeyDetector"]\n')
    assert found(project) == ()
    stage(project, "a.py", "password = 'hunter2hunter2'\n")
    project.write("pyproject.toml", f'{head}plugins = ["KeywordDetector"]\n')
    assert [one.subject for one in found(project)] == ["a.py:1: Secret Keyword"]
    project.write("pyproject.toml", f'{head}plugins = ["NoDetector"]\n')
    done = project.xgit("check", "--stage", "commit", "secrets")
    assert done.returncode == 2
    assert "'NoDetector' in plugins in tool.xgit.guards.secrets is no detector" in done.stderr


def test_a_clean_file_is_not_scanned_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(project, "a.yaml", "a: 1\n")
    stage(project, "b.yaml", f"key: {GITHUB}\n")
    assert len(found(project)) == 1
    read: list[str] = []
    from xgit.capture import secret_scan

    scan = secret_scan.Scanner.scan

    def noted(self: secret_scan.Scanner, path: str, text: str) -> Iterator[secret_scan.Finding]:
        read.append(path)
        return scan(self, path, text)

    monkeypatch.setattr(secret_scan.Scanner, "scan", noted)
    assert len(found(project)) == 1
    assert read == ["b.yaml"]


def loads_the_scanner(project: Project) -> bool:
    """Whether the guard, in a process of its own, imports the scanner."""
    program = (
        "import sys\n"
        "from pathlib import Path; from xgit.git import plumbing\n"
        "from xgit.guards.checking import check_repo\n"
        "_, [one] = check_repo(plumbing.open_repo(Path('.')), 'commit', ['secrets'])\n"
        "print(len(one.violations), 'detect_secrets' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    violations, loaded = done.stdout.split()
    assert (violations != "0") <= (loaded == "True")
    return loaded == "True"


def test_texts_without_anything_suspicious_do_not_load_the_scanner(project: Project) -> None:
    stage(project, "a.py", "first = 1\n")
    assert loads_the_scanner(project)  # which tells what it looks for
    stage(project, "a.py", "second = 2\n")
    stage(project, "conf/a.yaml", "name: value-that-is-long-and-is-no-secret\n")
    assert not loads_the_scanner(project)
    stage(project, "conf/a.yaml", f"hf_token: {HUGGING_FACE}\n")
    assert loads_the_scanner(project)


def test_once_the_scanner_is_known_it_still_finds_everything(project: Project) -> None:
    stage(project, "a.py", "first = 1\n")
    assert found(project) == ()
    files = {f"n{number}.md": text for number, text in enumerate(TOKENS.values())}
    files |= {"key.txt": f"{KEY}\n{text_of(64)}\n", "conf/a.yaml": f"hf_token: {HUGGING_FACE}\n"}
    for path, text in files.items():
        stage(project, path, f"x\n{text}\n")
    assert {one.subject.partition(":")[0] for one in found(project)} == set(files)


def test_another_scanner_is_asked_anew_what_it_looks_for(project: Project, tmp_path: Path) -> None:
    from xgit.capture import secret_sieve
    from xgit.capture.cache import Cache

    stage(project, "a.py", "first = 1\n")
    assert found(project) == ()
    private = plumbing.open_repo(project.root).private_dir
    with Cache(private) as cache:
        assert secret_sieve.remembered(DETECTORS, True, cache) is not None
        assert secret_sieve.remembered(DETECTORS[1:], True, cache) is None
        assert secret_sieve.remembered((*DETECTORS, "KeywordDetector"), True, cache) is None
    plugins = tmp_path / "detect_secrets/plugins"
    plugins.mkdir(parents=True)
    (tmp_path / "detect_secrets/__init__.py").touch()
    for file in detector_files(DETECTORS):
        shutil.copy2(file, plugins)
    with pytest.MonkeyPatch.context() as patch, Cache(private) as cache:
        patch.syspath_prepend(tmp_path)
        assert detector_files(DETECTORS)[0] == str(plugins / "base.py")
        assert secret_sieve.remembered(DETECTORS, True, cache) is None


def test_without_detect_secrets_a_note_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notes(project) == ()
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "detect_secrets"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "detect_secrets", None)
    assert found(project) == ()
    assert notes(project) == (NOT_SCANNED,)


def test_the_library_of_verification_is_not_loaded_and_not_harmed(project: Project) -> None:
    stage(project, "a.yaml", f"key: {GITHUB}\n")
    program = (
        "import sys\n"
        "from pathlib import Path; from xgit.git import plumbing\n"
        "from xgit.guards.checking import check_repo\n"
        "_, [one] = check_repo(plumbing.open_repo(Path('.')), 'commit', ['secrets'])\n"
        "print(len(one.violations), 'requests' in sys.modules, 'urllib3' in sys.modules)\n"
        "import requests; print(requests.get.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, capture_output=True, text=True,
        env=os.environ, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1 False False\nget\n", "")


# ---------------------------------------------------------------- remotes

GITHUB_URL = "https://github.com/ada/x.git"


@pytest.mark.parametrize(
    ("url", "kind", "clean"),
    [
        ("https://ada:Tr0ub4dor@github.com/ada/x.git", "password", GITHUB_URL),
        ("https://x-access-token:abc@github.com/ada/x.git", "password", GITHUB_URL),
        (f"https://{GITHUB}@github.com/ada/x.git", "token", GITHUB_URL),
        (f"https://{GITHUB}:@github.com/ada/x.git", "token", GITHUB_URL),
        ("ssh://git:Tr0ub4dor@host/x", "password", "ssh://git@host/x"),
    ],
)
def test_credentials_in_the_url_of_a_remote(
    project: Project, url: str, kind: str, clean: str
) -> None:
    project.git("remote", "add", "it's/x", url)
    for push in (False, True):
        [one] = found(project, "run")
        option = "--push " if push else ""
        assert one.subject == f"the URL of it's/x holds a {kind}"
        assert one.remedy.startswith(f"git remote set-url {option}'it'")
        assert "Tr0ub4dor" not in f"{one}"
        assert GITHUB not in f"{one}"
        paste(project, one.remedy)
        assert found(project, "run") == ()
        project.git("remote", "set-url", "--push", "it's/x", url)
    assert project.git("remote", "get-url", "it's/x") == clean


@pytest.mark.parametrize(
    "url",
    [
        GITHUB_URL,
        "git@github.com:ada/x.git",
        "ssh://git@host/x",
        "https://ada@bitbucket.org/ada/x.git",
        "https://my-organisation-of-people@dev.azure.com/o/p/_git/x",
        "https://gitlab-ci-token:abc@gitlab.com/ada/x.git",
        "../a:b@c",
    ],
)
def test_urls_that_are_fine(project: Project, url: str) -> None:
    project.git("remote", "add", "other", url)
    assert found(project, "run") == ()


# ---------------------------------------------------------------- the record


def test_tokens_are_masked_in_the_record(project: Project) -> None:
    token, jwt = TOKENS["OpenAI Token"], TOKENS["JSON Web Token"]
    project.write("params.yaml", f"note: see {GITHUB}\nlr: 0.1\n")
    project.write("train.py", f"import sys\nprint('got', sys.argv[1])\nprint({jwt!r}[:])\n")
    project.commit()
    argv = (
        "exp",
        "run",
        "--name",
        "a",
        "--why",
        f"try {token}",
        "--",
        "python",
        "train.py",
        GITHUB,
    )
    done = project.xgit(*argv)
    assert done.returncode == 0, done.stderr
    assert GITHUB in done.stdout
    said = project.git("show", "--format=%B", "experiment/a", "--", ".xgit")
    said += project.git("cat-file", "tag", "experiment/a")
    for secret in (GITHUB, token, jwt, jwt.rpartition(".")[2]):
        assert secret not in said
    assert "got ***" in said
    assert "see ***" in said
    assert "try ***" in said


def test_what_only_looks_like_a_token_is_kept() -> None:
    masked = Secrets().with_shapes(shapes())
    for text in (
        "ACCA" + "GGTTGGTTGGTTGGTTGGTT",
        "sk-learn",
        "a" * 5000,
        "AKIA",
        "eyJ",
        "épée " * 9,
    ):
        assert masked.mask_text(text) == text
        assert masked.mask_bytes(text.encode()) == text.encode()
    lone = "\udcff" * 30
    assert masked.mask_text(lone) == lone


def test_masking_takes_no_quadratic_time() -> None:
    masked = Secrets().with_shapes(shapes())
    for bad in ("sk-" * 170_000, "eyJ" * 170_000, "aws key " * 60_000, "1-" * 200_000):
        assert masked.mask_bytes(bad.encode()) == bad.encode()


def test_the_options_are_those_of_the_scan() -> None:
    assert secrets.OPTIONS["plugins"] == list(DETECTORS)
    assert shapes() is not None
