"""Arguments as they are recorded: without secrets, and without the keys that somebody types."""

from typing import Any

import pytest

from qmpeer.audit.arguments import ArgumentText
from qmpeer.messages import CommandMessage


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("send-key", {"keys": [{"type": "qcode", "data": "q"}]}),
        ("send_key", {"keys": ["q"]}),
        (
            "input-send-event",
            {"events": [{"type": "key", "data": {"key": {"type": "qcode", "data": "q"}}}]},
        ),
        ("human-monitor-command", {"command-line": "sendkey q"}),
        ("set_password", {"protocol": "vnc", "password": "q"}),
        ("object-add", {"qom-type": "secret", "id": "s", "data": "q"}),
    ],
)
def test_what_may_be_a_password_is_blanked(name: str, arguments: Any) -> None:
    text, is_cut = ArgumentText().of(CommandMessage(name, arguments))
    assert not is_cut
    assert b"<redacted>" in text
    assert b'"q"' not in text
    assert b" q" not in text


def test_what_is_harmless_stays() -> None:
    command = CommandMessage("human-monitor-command", {"command-line": "info block"})
    assert ArgumentText().of(command) == (b'{"command-line":"info block"}', False)
