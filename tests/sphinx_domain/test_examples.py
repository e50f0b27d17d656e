"""Examples: boxes with conversations in them, in colours."""

import pytest
from pygments.token import Error, Keyword, Name, Number, String

from qmpeer.sphinx_domain.examples import ConversationLexer
from tests.growth import assert_linear
from tests.sphinx_domain.conftest import Build


def test_a_plain_one(build: Build) -> None:
    project = build(".. qmp-example::\n\n   -> { }\n   <- *no markup*\n")
    assert project.warnings == []
    page = project.html("index")
    assert '<p class="admonition-title">Example</p>' in page
    assert 'class="highlight-QMP' in page
    assert "*no markup*" in page


def test_a_title(build: Build) -> None:
    page = build(".. qmp-example::\n   :title: How *it* goes\n\n   -> 1\n").html("index")
    assert '<p class="admonition-title">How <em>it</em> goes</p>' in page


def test_an_annotated_one(build: Build) -> None:
    project = build(
        ".. qmp-example::\n   :annotated:\n\n   This is *how*::\n\n     -> 1\n\n"
        "   And:\n\n   .. code-block:: python\n\n      import this\n"
    )
    assert project.warnings == []
    page = project.html("index")
    assert "<em>how</em>" in page
    assert page.count('class="highlight-QMP') == 1
    assert page.count('class="highlight-python') == 1


def test_an_empty_one(build: Build) -> None:
    (warning,) = build(".. qmp-example::\n", "dummy").warnings
    assert "Content block expected" in warning


TEXT = """\
-> { "execute": "stop", 'id': -1.5e3 }   # why
<- { "return": [ true, ... ] }
<- "open
what is this? \N{SNOWMAN} ->
"""


def test_tokens() -> None:
    found = [(kind, text) for kind, text in ConversationLexer().get_tokens(TEXT) if text.strip()]
    assert "".join(text for _, text in ConversationLexer().get_tokens(TEXT)) == TEXT
    assert (Keyword.Declaration, "->") == found[0]
    for token in (
        (Name.Tag, '"execute"'), (String.Double, '"stop"'), (String.Single, "'id'"),
        (Number, "-1.5e3"), (Name.Builtin, "<-"), (Keyword.Constant, "true"),
    ):  # fmt: skip
        assert token in found
    assert all(kind is not Error for kind, _ in found)


@pytest.mark.parametrize("pump", ['"', "'", "->", "\\", '"\\', "# ", ". ", "1", "-", " "])
def test_odd_text_takes_no_long_time(pump: str) -> None:
    def run(size: int) -> None:
        assert list(ConversationLexer().get_tokens(pump * (size // len(pump))))

    assert_linear(run, 20_000)
