"""What must not be kept."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

import pytest
import yaml

from xgit.record.model import HydraFacts, Params
from xgit.record.redact import Secrets
from xgit.record.secret_names import is_secret_name, is_secret_variable
from xgit.record.urls import strip_url

PW = "hunter22 & co/§"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db.password",
        "DB_PASSWORD",
        "apiKey",
        "api-key",
        "APIKey",
        "api_key",
        "apikey",
        "hf_token",
        "HFToken",
        "HF_TOKEN",
        "secret",
        "client.secret",
        "aws_secret_access_key",
        "AWS_ACCESS_KEY_ID",
        "private_key",
        "credentials.user",
        "secrets.db.user",
        "passwords.0",
        "db.password2",
        "passwd",
        "MYSQL_PWD",
        "auth",
        "+db.password",
        "--token",
    ],
)
def test_names_that_are_secret(name: str) -> None:
    assert is_secret_name(name, "some value")


@pytest.mark.parametrize(
    "name",
    [
        "tokenizer",
        "max_tokens",
        "tokens",
        "pad_token",
        "padToken",
        "eos_token",
        "token_dim",
        "tokenizer.kind",
        "secretary",
        "author",
        "authors",
        "key",
        "primary_key",
        "keyboard",
        "passwordless",
        "compass",
        "lr",
        "",
        "0",
        "model.auth_layers",
    ],
)
def test_names_that_are_not(name: str) -> None:
    assert not is_secret_name(name, "some value")


def test_a_special_token_is_no_login() -> None:
    assert not is_secret_name("my_token", "<pad>")
    assert not is_secret_name("my_token", "[MASK]")
    assert is_secret_name("my_token", "abc<pad>")


def test_variables_by_name() -> None:
    assert is_secret_variable("GITHUB_TOKEN")
    assert not is_secret_variable("PWD")
    assert not is_secret_variable("SSH_AUTH_SOCK")
    assert not is_secret_variable("GOOGLE_APPLICATION_CREDENTIALS_FILE")
    environ = {
        "HF_TOKEN": "hf_longenough",
        "A_TOKEN": "short",
        "MY_AUTH": "allowed-one",
        "PWD": "/a/b/c/d",
    }
    secrets = Secrets.gather(environ, allowed=["MY_AUTH"])
    assert secrets.mask_text("hf_longenough short allowed-one /a/b/c/d") == (
        "*** short allowed-one /a/b/c/d"
    )


def test_values_read_through_oc_env_are_masked_everywhere() -> None:
    secrets = Secrets.gather({}, seen=[("PW", PW), ("HOST", "gpu-7")], allowed=["HOST"])
    for form in (PW, quote(PW), quote(PW, safe=""), json.dumps(PW)[1:-1]):
        assert secrets.mask_text(f"x {form} y gpu-7") == "x *** y gpu-7"
        assert secrets.mask_bytes(f"x {form} y".encode()) == b"x *** y"


def test_the_longest_value_goes_first() -> None:
    secrets = Secrets.of(["abcd", "abcdefgh"])
    assert secrets.mask_text("abcdefgh abcd") == "*** ***"


def test_bytes_of_any_encoding() -> None:
    secrets = Secrets.gather({}, seen=[("PW", os.fsdecode(b"p\xffss-word"))])
    assert secrets.mask_bytes(b"\xfe\x00 p\xffss-word \x80") == b"\xfe\x00 *** \x80"
    assert Secrets.of(["lone \ud800 one"]).mask_bytes(b"ok") == b"ok"


def test_a_secret_that_spans_lines() -> None:
    key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA7\nabc\n-----END KEY-----"
    secrets = Secrets.of([key])
    assert secrets.mask_text(f"a\n{key}\nb") == "a\n***\nb"
    assert (
        secrets.mask_bytes(f"a\r\n{key}\r\nb".replace("\n", "\r\n").encode())
        == b"a\r\r\n***\r\r\nb"
    )
    assert "MIIE" not in secrets.mask_text(f"key: |\n  {key}".replace("\n", "\n  "))


def test_short_values_are_masked_only_where_they_are_the_whole_leaf() -> None:
    secrets = Secrets.gather(
        {},
        seen=[("PORT", "80"), ("FLAG", "true"), ("LIST", "[1, 2]")],
        produced={
            "port": ("PORT",),
            "flag": ("FLAG",),
            "list": ("LIST",),
            "default": ("UNSET",),
        },
    )
    values = {
        "port": 80,
        "flag": True,
        "list": [1, 2],
        "default": 5,
        "lr": 0.80,
        "n": 80,
        "url": "h:80",
    }
    assert secrets.mask_params(Params(values=values)).values == {
        "port": "***",
        "flag": "***",
        "list": ["***", "***"],
        "default": 5,
        "lr": 0.80,
        "n": 80,
        "url": "h:80",
    }


def test_a_transformed_value_is_masked_whole() -> None:
    secrets = Secrets.gather({}, seen=[("PW", "hunter22")], produced={"up": ("PW",)})
    params = Params(values={"up": "HUNTER22", "url": "pg://u:hunter22@h", "pw": "hunter22"})
    assert secrets.mask_params(params).values == {"up": "***", "url": "pg://***@h", "pw": "***"}


def test_params_by_name_in_values_text_and_overrides() -> None:
    text = """\
# hunter22 in a comment stays unknown
db: {password: hunter22, user: ada}   # the db
apiKey: &k "two words that are
  folded over lines"
again: *k
note: 'hunter2 is not it'
hf_token: ${oc.env:HF_TOKEN}
pin_token: |
  block
  of text
passwords:
- one1
- 5
tokenizer: bert
pad_token: <pad>
secret: ''
token: ???
tag_secret: !!str tagged
größe_secret: "ä€😀"
last: 1
"""
    values = {
        "db.password": "hunter22",
        "db.user": "ada",
        "passwords": ["one1", 5],
        "tokenizer": "bert",
        "pad_token": "<pad>",
        "secret": "",
        "token": "???",
        "max_secret": 7,
        "is_secret": True,
    }
    facts = HydraFacts(
        "config", ("db.password=hunter22", "+x.api_key=k1", "secret=5", "lr=1"), {"a": "b"}
    )
    params = Secrets().mask_params(Params(values=values, text=text, source="hydra", hydra=facts))
    assert params.values == values | {"db.password": "***", "passwords": ["***", 5]}
    assert params.hydra is not None
    assert params.hydra.overrides == ("db.password=***", "+x.api_key=***", "secret=5", "lr=1")
    assert params.text is not None
    assert params.text.startswith("# hunter22 in a comment")
    assert '{password: "***", user: ada}   # the db\n' in params.text
    read = yaml.safe_load(params.text)
    assert read == yaml.safe_load(text) | {
        "db": {"password": "***", "user": "ada"},
        "apiKey": "***",
        "again": "***",
        "pin_token": "***",
        "passwords": ["***", 5],
        "tag_secret": "***",
        "größe_secret": "***",
    }


def test_a_value_is_found_in_the_text_however_it_is_written() -> None:
    value = (
        "a value with 'quotes' and: colons, long enough that a writer of YAML folds it somewhere"
    )
    secrets = Secrets.of([value])
    for style in (None, '"', "'", "|", ">"):
        text = yaml.dump({"a": {"b": value, "c": 1}}, default_style=style, width=30)
        masked = secrets.mask_params(Params(text=text)).text
        assert masked is not None
        assert yaml.safe_load(masked) == {"a": {"b": "***", "c": 1}}


def test_text_that_is_no_yaml_is_masked_as_text() -> None:
    assert Secrets.of(["hunter22"]).mask_params(Params(text="a: [hunter22")).text == "a: [***"


def test_aliases_do_not_multiply() -> None:
    lines = ["a0: &a0 {password: hunter22}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    text = Secrets().mask_params(Params(text="\n".join(lines))).text
    assert text is not None
    assert "hunter22" not in text


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        ("https://user:pass@host/x.git", "https://host/x.git"),
        ("https://token@host/x", "https://host/x"),
        ("https://u:p@ss@host/x", "https://host/x"),
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("ssh://git:pw@host:22/x", "ssh://git@host:22/x"),
        ("git@host:x.git", "git@host:x.git"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://host/?mail=a@b", "https://host/?mail=a@b"),
        ("/a/path@x", "/a/path@x"),
        ("", ""),
    ],
)
def test_strip_url(url: str, stripped: str) -> None:
    assert strip_url(url) == stripped


def test_credentials_in_urls_anywhere() -> None:
    text = "to postgres://ada:pw@db/x and https://tok@h, not ssh://git@h or postgres://ada@db"
    masked = "to postgres://***@db/x and https://***@h, not ssh://git@h or postgres://ada@db"
    assert Secrets().mask_text(text) == masked
    assert Secrets().mask_bytes(b"\xff " + text.encode()) == b"\xff " + masked.encode()


def test_a_command_line() -> None:
    secrets = Secrets.of(["hunter22"])
    argv = [
        "train.py",
        "--token",
        "abc",
        "--api-key=xyz",
        "db.password=p",
        "--max-tokens",
        "5",
        "-p",
        "hunter22",
    ]
    assert secrets.mask_argv(argv) == (
        *("train.py", "--token", "***", "--api-key=***", "db.password=***"),
        *("--max-tokens", "5", "-p", "***"),
    )


def test_a_long_log_is_quick() -> None:
    import time

    secrets = Secrets.of([f"secret-number-{n}" for n in range(50)])
    log = (
        b"epoch 1 loss 0.5 https://example.org/a b@c\n" * 12_000 + b"a" * 200_000 + b"://" * 10_000
    )
    start = time.perf_counter()
    secrets.mask_bytes(log)
    assert time.perf_counter() - start < 2
