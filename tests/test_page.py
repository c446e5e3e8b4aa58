from __future__ import annotations

import html
import math
import re

import pytest

from tests.stored import make_experiment
from xgit.record.escape import fenced, markdown, visible
from xgit.record.figures import (
    SPARK_WIDTH,
    format_bytes,
    format_change,
    format_number,
    format_span,
    format_value,
    short_hash,
    sparkline,
)
from xgit.record.model import (
    Code,
    EnvironmentLock,
    Expectation,
    Metrics,
    Outcome,
    Package,
    Params,
    Person,
    Pin,
    Unlocked,
)
from xgit.record.page import page

HOSTILE = (
    "|`x`</details><script>alert(1)</script>](https://evil.example)![](x)\n# h\n\x1b[2J\u202e*b*"
)


def test_the_page_tells_the_story() -> None:
    text = page(make_experiment())
    assert text.startswith("# baseline\n")
    for told in (
        "> does it learn?",
        "**completed** after 12.3 s",
        "Reproducible: **no**",
        "- scratch.py was untracked",
        "| accuracy | 0.961 | xgit.log |",
        "| optim.lr | 0.1 |",
        "| digits:v1 | data/digits.csv | 1.2 MB |",
        "```sh\npython train.py optim.lr=0.1\n```",
        "<details><summary>Python 3.11.7",
        "| own | 0.1 | editable:. |",
        "- untracked allowed",
        "- no GPU was used",
    ):
        assert told in text, told
    assert re.search(r"\| loss \|.*[▁▂▃▄▅▆▇█]{10}", text)


def test_a_bare_experiment_has_a_page() -> None:
    text = page(make_experiment(params=Params(), metrics=Metrics(), data=(), why=None, notes=()))
    assert "## Parameters" not in text
    assert "None" not in text


def test_nothing_hostile_survives() -> None:
    evil = make_experiment(
        why=HOSTILE,
        author=Person(HOSTILE, ""),
        labels=(HOSTILE,),
        params=Params({HOSTILE: HOSTILE, "list": [HOSTILE]}),
        metrics=Metrics({HOSTILE: 1.0}, {HOSTILE: HOSTILE}),
        data=(Pin(HOSTILE, "dvc", HOSTILE, name=HOSTILE, version=HOSTILE, command=HOSTILE),),
        expectations=(Expectation(HOSTILE, None, HOSTILE),),
        code=Code("a" * 40, HOSTILE, HOSTILE, False, snapshot=HOSTILE),
        reasons=(HOSTILE,),
        notes=(HOSTILE,),
        environment=make_experiment().environment.__class__(
            platform=HOSTILE,
            packages={HOSTILE: Package(HOSTILE, HOSTILE)},
            variables={HOSTILE: HOSTILE},
            lock=EnvironmentLock(
                HOSTILE, "uv", (Unlocked(HOSTILE, HOSTILE, HOSTILE),), None, HOSTILE
            ),
        ),
    )
    text = page(evil)
    assert "<script" not in text
    assert "](https" not in text
    assert not set(text) & set("\x1b\u202e")
    assert text.count("</details>") == 1
    assert len(re.findall(r"^# ", text, re.M)) == 1
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} <= {3, 4, 6}


def test_the_command_cannot_leave_its_fence() -> None:
    text = page(make_experiment(command=("sh", "-c", "echo ```\n````\n# x")))
    assert text.count("`````") == 2
    assert fenced("a`b", "sh") == "```sh\na`b\n```"


@pytest.mark.parametrize(
    "text",
    ["- item", "1. item", "=====", "+ x", "# x", "> x", "* x", "| x", "<b>", "    code", "---"],
)
def test_no_text_becomes_structure(text: str) -> None:
    escaped = markdown(text)
    assert escaped[:1] not in "-=+#>*|< " or escaped.startswith("&")
    assert not re.match(r"\d+\. ", escaped)


@pytest.mark.parametrize("text", ["learning_rate", "md5:abc", "0.5", "-0.5", "a-b", "x (y)"])
def test_plain_words_stay_readable(text: str) -> None:
    assert markdown(text) == text


def test_visible_keeps_words_and_shows_the_rest() -> None:
    assert visible("naïve 日本 😀") == "naïve 日本 😀"
    assert visible("a\x1b\n\x9b\udcff\u202e") == "a\\x1b\\n\\x9b\\udcff\\u202e"


# ---------------------------------------------------------------- figures


def test_sparkline() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, 1, 1]) == "▄▄▄"
    assert sparkline([]) == sparkline([1]) == sparkline([math.nan] * 5) == ""
    assert sparkline([0, math.nan, 1]) == "▁ █"
    assert len(sparkline(list(range(100_000)))) == SPARK_WIDTH
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"
    assert sparkline([0, math.inf, 1, 10**400]) == "▁ █ "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (123456789, "123456789"),
        (0.97312, "0.9731"),
        (1.0, "1.0"),
        (-2.0, "-2.0"),
        (12345.678, "12346"),
        (1e-7, "1e-07"),
        (1.23e20, "1.23e+20"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (10**20, "1.000e+20"),
        (10**400, "about 2^1328"),
    ],
)
def test_format_number(value: float, text: str) -> None:
    assert format_number(value) == text


def test_format_change() -> None:
    assert format_change(0.973 - 0.961) == "+0.012"
    assert format_change(0.081 - 0.104) == "\u22120.023"
    assert format_change(0) == format_change(0.0) == "0"
    assert format_change(-3) == "\u22123"


@pytest.mark.parametrize(
    ("value", "text"),
    [("1", '"1"'), ("true", '"true"'), ("", '""'), ("svm", "svm"), (None, "null"), (True, "true")],
)
def test_format_value(value: object, text: str) -> None:
    assert format_value(value) == text
    assert format_value([1, math.nan]) == "[1, NaN]"


def test_spans_sizes_and_hashes() -> None:
    spans = [0.04, 12.3, 59.96, 65, 3600, 5000, 90000, 864000, -1, math.nan]
    told = "0.0 s,12.3 s,1 min,1 min 5 s,1 h,1 h 23 min,1 d 1 h,10 d,0.0 s,?"
    assert [format_span(one) for one in spans] == told.split(",")
    sizes = [0, 999, 1000, 1_234_567, 85_000_000_000, 999_950]
    assert [format_bytes(one) for one in sizes] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "85.0 GB",
        "1.0 MB",
    ]
    assert short_hash("md5:" + "ab" * 16 + ".dir") == "md5:abababa.dir"


def test_how_it_ended_is_told() -> None:
    plain = make_experiment().outcome
    failed = Outcome("failed", 137, "SIGKILL", plain.started, plain.finished, 1.0)
    assert "failed by SIGKILL" in page(make_experiment(outcome=failed))


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE.partition("\n")[0],
        "*a* _b_ `c` ~~d~~ __e__",
        "[a](b) ![c](d) <e@f.g> <https://h.i>",
        "&lt; &amp; \\* \\",
        "1) x",
        "a_b_c",
        "- - -",
        "$x$ {{ y }} :smile: #12 @ada",
    ],
)
def test_a_renderer_shows_the_text_itself(text: str) -> None:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    assert html.unescape(renderer.render(markdown(text))) == f"<p>{text}</p>\n"
    in_a_table = renderer.render(f"| a |\n|---|\n| {markdown(text)} |\n")
    assert f"<td>{text}</td>" in html.unescape(in_a_table)
