"""The shell's built-ins: one record defines all the behaviour of each."""

import asyncio
import io

import pytest
from prompt_toolkit.document import Document

from qmpeer.shell.argument_completion import Candidate, CompletionRequest, CompletionResult
from qmpeer.shell.builtins import BUILTINS, line_of, split
from qmpeer.shell.completion import complete
from qmpeer.shell.connection import ShellConnection
from qmpeer.shell.execution import LineExecutor
from qmpeer.shell.help_texts import help_lines
from qmpeer.shell.lexer import LineLexer
from qmpeer.shell.lines import Builtin, BuiltinContext, BuiltinLine, HistoryRule
from qmpeer.shell.script import ScriptScreen
from qmpeer.shell.secrets import without_secrets
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import Form

RAN: list[str] = []


async def run(executor: BuiltinContext, line: BuiltinLine) -> None:
    RAN.append(line.text)


def complete_users(asked: CompletionRequest) -> CompletionResult:
    return asked.offer([Candidate("alice "), Candidate("bob ")])


LOGIN = Builtin("login", "say who you are", "login NAME PASSWORD", run, Form.TEXT,
                HistoryRule.NOTHING, complete_users)  # fmt: skip


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILTINS, "login", LOGIN)
    RAN.clear()


def test_it_is_executed() -> None:
    session = Session(ShellConnection("nowhere"), ScriptScreen(io.BytesIO(), None), Settings())
    asyncio.run(LineExecutor(session).execute(split("login alice 'x #")[0]))

    assert RAN == ["alice 'x #"]


def test_it_is_completed(vocabulary: Vocabulary) -> None:
    assert [item.text for item in complete("log", 3, vocabulary).candidates] == ["login "]
    assert [item.text for item in complete("login a", 7, vocabulary).candidates] == ["alice "]


def test_help_knows_it(vocabulary: Vocabulary) -> None:
    login, lgoin = (line_of(split(text)[0]) for text in ("login", "lgoin"))
    assert list(help_lines(login, vocabulary, BUILTINS)) == ["login NAME PASSWORD"]
    assert "  login         say who you are" in help_lines(None, vocabulary, BUILTINS)
    assert "login" in complete("help log", 8, vocabulary).candidates[0].text
    assert "did you mean login?" in next(iter(help_lines(lgoin, vocabulary, BUILTINS)))


def test_it_is_coloured() -> None:
    pieces = LineLexer().lex_document(Document("login 'alice' #"))(0)
    assert pieces == [("bold", "login"), ("", " 'alice' #")]


@pytest.mark.parametrize("text", ["login S3CRET", "stop\nlogin S3CRET x", "login '{S3CRET"])
def test_history_keeps_of_it_what_its_record_says(text: str) -> None:
    kept = without_secrets(text)
    assert kept is not None
    assert kept.endswith("login <redacted>")


def test_a_command_of_the_server_comes_first() -> None:
    (statement,) = split("help me")
    assert isinstance(line_of(statement), BuiltinLine)
    assert not isinstance(line_of(statement, {"help"}), BuiltinLine)


def test_each_word_says_all_that_help_needs() -> None:
    for name, word in BUILTINS.items():
        assert word.name == name
        assert word.about
        assert word.usage.startswith(name)
        assert (word.run is None) is (word.form is Form.BLOCK)
