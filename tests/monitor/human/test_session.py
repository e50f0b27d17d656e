"""One terminal's session without I/O: turns, flow control, focus, end."""

import pytest

from qmpeer import limits
from qmpeer.messages import CommandMessage, QemuVersion, Version
from qmpeer.monitor.human import PROMPT, Completions, History, HumanSession, banner
from qmpeer.monitor.human.commands import LINE

SHOWN = PROMPT.encode()


def session(is_focused: bool = True) -> HumanSession:
    return HumanSession(
        "hello\n", PROMPT, History(), lambda text: Completions(0, []), is_focused=is_focused
    )


def taken(session: HumanSession, keys: bytes) -> CommandMessage:
    session.receive_data(keys)
    assert session.admit()
    command = session.take()
    assert command is not None
    return command


def test_the_banner_is_qemus() -> None:
    text = banner(Version(QemuVersion(7, 2, 0), "any"))
    assert text == "QEMU 7.2.0 monitor - type 'help' for more information\n"


def test_a_line_is_executed_before_the_next_is_read() -> None:
    human = session()
    assert human.data_to_send() == b"hello\r\n" + SHOWN
    first = taken(human, b" one x\rtwo\rthr")
    assert first == CommandMessage("one", {LINE: " one x"})
    assert (human.is_answering, human.wants_data, human.can_take) == (True, False, False)
    assert not human.admit()
    assert human.data_to_send() == b" one x\r\n"
    human.respond(first, "a\nb\n")
    assert human.data_to_send() == b"a\r\nb\r\n" + SHOWN
    assert human.admit()
    second = human.take()
    assert second is not None
    human.respond_error(second, "GenericError", "no")
    assert human.data_to_send() == b"two\r\nError: no\r\n" + SHOWN
    assert not human.admit()
    assert human.wants_data
    assert human.data_to_send() == b"thr"


def test_a_blank_line_gives_a_prompt_and_nothing_to_execute() -> None:
    human = session()
    human.data_to_send()
    human.receive_data(b" \r")
    assert human.admit()
    assert human.take() is None
    assert human.data_to_send() == b" \r\n" + SHOWN
    assert taken(human, "\u00a0\r".encode()).name == "\u00a0"  # a blank only to Python


def test_unsent_output_keeps_lines_back() -> None:
    human = session()
    human.pause_output()
    human.receive_data(b"one\r")
    assert not human.admit()
    human.resume_output()
    human.data_to_send()
    command = taken(human, b"two\r")
    human.respond(command, "x" * (limits.UNSENT_OUTPUT + 1))
    assert not human.admit()
    human.data_to_send()
    assert human.admit()


def test_a_turn_has_so_many_lines() -> None:
    human = session()
    human.receive_data(b"\r" * (limits.HUMAN_TURN + 1))
    lines = 0
    while human.admit():
        assert human.take() is None
        lines += 1
    assert lines == limits.HUMAN_TURN
    assert human.begin_turn()
    assert human.admit()
    human.take()
    assert not human.begin_turn()


MANY = ["x" * 70 + str(number) for number in range(256)]


@pytest.mark.parametrize("names", [[], MANY], ids=["silent", "much output"])
def test_a_turn_has_so_many_tabs(names: list[str]) -> None:
    calls = 0

    def complete(text: str) -> Completions:
        nonlocal calls
        calls += 1
        return Completions(0, names)

    human = HumanSession("", PROMPT, History(), complete)
    human.receive_data(b"\t" * (3 * limits.HUMAN_TURN) + b"a\t\r")
    while not human.can_take:
        before = calls
        while not human.admit() and human.data_to_send():
            pass
        assert 0 < calls - before <= limits.HUMAN_TURN
        human.begin_turn()
    assert calls == 3 * limits.HUMAN_TURN + 1
    assert human.wants_data


def test_one_round_writes_no_more_than_a_listing_too_much() -> None:
    human = HumanSession("", PROMPT, History(), lambda text: Completions(0, MANY))
    human.receive_data(b"\t" * 60)
    human.admit()
    assert limits.READ_SIZE < human.output_size < limits.READ_SIZE + 256 * 82 + limits.HUMAN_LINE


def test_the_end_comes_when_all_is_executed() -> None:
    human = session()
    human.receive_data(b"one\rtw")
    human.receive_eof()
    assert not human.is_finished
    command = taken(human, b"")
    assert not human.is_finished
    human.respond(command, "")
    assert not human.admit()
    assert human.is_finished  # what was begun is not a line


def test_nothing_is_printed_after_the_end() -> None:
    human = session()
    command = taken(human, b"one\rtwo\r")
    human.close()
    assert not human.can_take
    human.respond(command, "late\n")
    assert human.data_to_send() == b""
    assert not human.admit()
    assert not human.is_answering


def test_events_are_not_shown() -> None:
    human = session()
    human.data_to_send()
    human.send_event(b"{}")
    assert not human.is_ready
    assert human.data_to_send() == b""


def test_a_terminal_shared_with_others_has_a_prompt_when_it_is_ours() -> None:
    human = session(is_focused=False)
    assert human.data_to_send() == b"hello\r\n"
    human.focus(True)
    human.focus(True)
    assert human.data_to_send() == SHOWN
    human.receive_data(b"abc")
    human.admit()
    human.focus(False)
    assert human.data_to_send() == b"abc\r\n"
    human.focus(True)
    assert human.data_to_send() == SHOWN
    command = taken(human, b"one\r")
    assert command.name == "one"  # what was begun before is forgotten
    human.data_to_send()
    human.focus(False)
    human.respond(command, "done\n")
    assert human.data_to_send() == b"done\r\n"
    human.focus(True)
    assert human.data_to_send() == SHOWN
