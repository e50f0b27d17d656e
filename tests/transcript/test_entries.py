"""The parts of a transcript (`qmpeer.transcript.entries`)."""

from qmpeer.transcript import Sender


def test_the_ends_of_lines() -> None:
    assert Sender.CLIENT.line_end == b"\n"
    assert Sender.SERVER.line_end == b"\r\n"


def test_the_names_in_directives() -> None:
    assert [sender.noun for sender in Sender] == ["client", "server"]
