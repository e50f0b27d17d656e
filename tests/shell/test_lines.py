"""The six kinds of typed lines."""

import pytest

from qmpeer.shell.builtins import line_of, split
from qmpeer.shell.lines import (
    BuiltinLine,
    Invocation,
    Messages,
    Transaction,
    Unfinished,
    Unreadable,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"execute": "stop"}', Messages),
        ('{"execute": "stop"} {"execute": "cont"}', Messages),
        ("stop", Invocation),
        ("add a=1 {}", Invocation),
        ("oob stop", Invocation),
        ("execute help", Invocation),
        ("transaction", Invocation),
        ("transaction(\n abort\n)", Transaction),
        ("transaction(\n abort\n cancel", Transaction),
        ("transaction( )", Transaction),
        ("help", BuiltinLine),
        ("oob", BuiltinLine),
        ("events [a", BuiltinLine),
        ("hmp info '", BuiltinLine),
        ("!ls '{", BuiltinLine),
        ('{"execute":', Unfinished),
        ("add a=[", Unfinished),
        ("help [", Unfinished),
        ("transaction(", Unfinished),
        ("transaction(\n abort", Unfinished),
        ("a=1", Unreadable),
        ("'stop'", Unreadable),
        ("stop 'x", Unreadable),
        ("transaction(\n abort 'x\n)", Unreadable),
        ("'hmp' info", Unreadable),
    ],
)
def test_kinds(text: str, kind: type) -> None:
    assert type(line_of(split(text)[0])) is kind


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("stop 'x", Invocation),
        ("help 'x", BuiltinLine),
        ("transaction(\n abort 'x", Transaction),
        ('{"execute', Messages),
        ("'x", type(None)),
    ],
)
def test_a_mistake_tells_what_was_begun(text: str, begun: type) -> None:
    line = line_of(split(text)[0])
    assert isinstance(line, Unreadable | Unfinished)
    assert type(line.begun) is begun


def test_a_command() -> None:
    line = line_of(split("oob stop a=1")[0])
    assert isinstance(line, Invocation)
    assert line.is_oob
    assert line.command.value.text == "stop"
    assert [word.name for word in line.arguments] == ["a"]


def test_actions_of_a_transaction() -> None:
    line = line_of(split("transaction( abort\n\n add a=1 b=2 ; # c\n )")[0])
    assert isinstance(line, Transaction)
    assert [[word.value.text for word in action] for action in line.actions] == [
        ["abort"],
        ["add", "1", "2"],
    ]
    assert not line.is_cancelled


def test_what_the_server_calls_so_is_the_servers() -> None:
    for name in ("help", "oob"):
        line = line_of(split(f"{name} x")[0], {name})
        assert isinstance(line, Invocation)
        assert line.command.value.text == name
