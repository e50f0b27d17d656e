"""Bytes that pass on connections become lines of a file."""

import os
import threading
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.recording import ConnectionRecording, Recording, read_transcript
from qmpeer.transcript import Line, Noise, Section, Sender

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
COMMAND, RETURN = b'{"execute": "stop"}\n', b'{"return": {}}\r\n'


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vm.txt"


def lines(path: Path) -> list[str]:
    return path.read_text("ascii").splitlines()


def open_one(path: Path) -> tuple[Recording, ConnectionRecording]:
    recording = Recording.open(path, title="a test", times=False)
    return recording, recording.opened()


def test_a_conversation(path: Path) -> None:
    recording = Recording.open(path, title="a test", times=False)
    connection = recording.opened("unix:/run/vm.qmp")
    connection.passed(SERVER, b'{"QMP": {}}\r\n')
    connection.passed(CLIENT, b'{"execute":"qmp_capabilities"}')
    connection.passed(SERVER, RETURN)
    connection.closed(SERVER)
    recording.close()
    assert lines(path) == [
        "# a test",
        "# unix:/run/vm.qmp",
        "@ opened",
        '<- {"QMP": {}}',
        '-> {"execute":"qmp_capabilities"}\\',
        '<- {"return": {}}',
        "@ closed by server",
    ]


def test_each_line_is_in_the_file_at_once(path: Path) -> None:
    recording, connection = open_one(path)
    assert lines(path) == ["# a test", "@ opened"]
    connection.passed(CLIENT, COMMAND)
    assert lines(path)[-1] == '-> {"execute": "stop"}'
    connection.passed(CLIENT, COMMAND.rstrip())  # the line end may still come
    connection.passed(SERVER, b'{"retu')
    assert lines(path)[-1] == '-> {"execute": "stop"}\\'
    connection.passed(SERVER, b'rn": {}}\r\n')
    assert lines(path)[-1] == '<- {"return": {}}'
    assert path.read_bytes().endswith(b"\n")
    recording.close()


def test_only_the_owner_reads_the_file(path: Path) -> None:
    path.touch(0o644)
    Recording.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_recording_is_a_new_section(path: Path) -> None:
    for _ in range(2):
        recording, connection = open_one(path)
        connection.passed(CLIENT, COMMAND)
        connection.closed(None)
        recording.close()
    section = ["# a test", "@ opened", '-> {"execute": "stop"}', "@ closed"]
    assert lines(path) == [*section, "", *section]
    assert len(read_transcript(path).sections) == 2


def test_a_torn_file_goes_on_in_a_new_line(path: Path) -> None:
    path.write_text("# old\n-> {")
    recording, connection = open_one(path)
    connection.closed(None)
    recording.close()
    assert lines(path) == ["# old", "-> {", "", "# a test", "@ opened", "@ closed"]


def test_lines_may_go_on_without_a_section(path: Path) -> None:
    for _ in range(2):
        with Recording.open(path, title=None, times=False) as recording:
            recording.joined().passed(CLIENT, COMMAND)
    assert lines(path) == ['-> {"execute": "stop"}'] * 2


def test_a_title_of_its_own_has_the_date(path: Path) -> None:
    Recording.open(path).close()
    (title,) = lines(path)
    assert len(title) == len("# 2026-11-29 18:00:00 UTC")
    assert title.endswith(" UTC")


def test_passwords_of_addresses_are_blanked(path: Path) -> None:
    with Recording.open(path, title="ws://me:s3cret@h/", times=False) as recording:
        recording.opened("tls://me:s3cret@h/\nx").closed(None, "no http://a:s3cret@h/")
    assert "s3cret" not in path.read_text()
    assert lines(path)[1] == "# tls://me:<redacted>@h/ x"


def test_times(path: Path) -> None:
    clock = Clock()
    recording = Recording.open(path, title="t", clock=clock)
    connection = recording.opened()
    for pause in (0.001, 0.002, 0.004, 0.008, 1.5):
        clock.now += pause
        connection.passed(CLIENT, COMMAND)
    connection.closed(CLIENT)
    recording.close()
    command = '-> {"execute": "stop"}'
    assert lines(path)[2:] == [
        *[command] * 3,
        "@ time 0.015",
        command,
        "@ time 1.515",
        command,
        "@ closed by client",
    ]


def test_several_connections(path: Path) -> None:
    with Recording.open(path, title="t", times=False) as recording:
        one, two = recording.opened(), recording.opened("two")
        one.passed(CLIENT, COMMAND)
        one.passed(SERVER, RETURN)
        two.passed(CLIENT, COMMAND)
        two.closed(CLIENT)
        assert (one.number, two.number) == (1, 2)
    assert lines(path) == [
        "# t",
        "@ opened",
        "@ connection 2",
        "# two",
        "@ opened",
        "@ connection 1",
        '-> {"execute": "stop"}',
        '<- {"return": {}}',
        "@ connection 2",
        '-> {"execute": "stop"}',
        "@ closed by client",
    ]


def test_descriptors_stand_before_the_message_that_they_came_with(path: Path) -> None:
    with Recording.open(path, title="t", times=False) as recording:
        connection = recording.opened()
        connection.passed(CLIENT, b'{"execute": "stop"}')
        connection.passed(CLIENT, b'{"execute"', 2)
        connection.passed(SERVER, RETURN)
        connection.passed(CLIENT, b': "getfd"}\n', 1)
        connection.passed(CLIENT, COMMAND)
    assert lines(path)[2:] == [
        '-> {"execute": "stop"}\\',
        '<- {"return": {}}',
        "@ descriptors 3 from client",
        '-> {"execute": "getfd"}',
        '-> {"execute": "stop"}',
    ]


def test_secrets_and_noise(path: Path) -> None:
    with Recording.open(path, title="t", times=False) as recording:
        connection = recording.opened()
        text = b'{"execute": "set_password",\n "arguments": {"password": "s3cret!"}}\n'
        connection.passed(CLIENT, text)
        connection.passed(SERVER, b'{"error": {"desc": "s3cret!"}}\r\n(qemu) s3cret!\n')
        connection.passed(CLIENT, b'{"execute": "object-add", "arguments": {"data": "s3cret!')
        connection.closed(CLIENT, "s3cret!")
    assert lines(path)[2:] == [
        '-> {"execute": "set_password", "arguments": {"password": "<redacted>"}}',
        '<- {"error": {"desc": "<redacted>"}}',
        "@ noise from server (qemu) <redacted>\\x0a",
        '@ noise from client {"execute": "object-add", "arguments": {"data": "<redacted>"',
        "@ closed by client: <redacted>",
    ]


def test_what_isnt_blanked_is_byte_for_byte(path: Path) -> None:
    said = (
        b'{"QMP": {}}\r\n\xff{\r\n    "return": {\r\n    }\r\n}\r\n\r\nhello\n{"return": 1}{}\n{"a'
    )
    with Recording.open(path, title="t", times=False) as recording:
        connection = recording.opened()
        for at in range(0, len(said), 7):
            connection.passed(SERVER, said[at : at + 7])
        connection.closed(SERVER)
    (section,) = read_transcript(path).sections
    assert said_by(SERVER, section) == said


def said_by(sender: Sender, section: Section) -> bytes:
    parts = [entry for entry in section.entries if isinstance(entry, Line | Noise)]
    return b"".join(part.data for part in parts if part.sender is sender)


def test_long_messages_take_several_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDED_LINE", 10)
    said = b'{"return": "0123456789"}\r\n{"return":\r\n "0123456789"}'
    with Recording.open(path, title="t", times=False) as recording:
        recording.opened().passed(SERVER, said)
    assert said_by(SERVER, read_transcript(path).sections[0]) == said
    assert max(map(len, lines(path)[2:])) < 25


def test_too_long_ones_are_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDED_VALUE", 50)
    monkeypatch.setattr(limits, "RECORDED_NOISE", 10)
    with Recording.open(path, title="t", times=False) as recording:
        connection = recording.opened()
        for part in (b'{"return":\n"', b"x" * 60, b'"}\n', RETURN, b"no message\n"):
            connection.passed(SERVER, part)
    assert lines(path)[2:] == [
        "# 74 bytes from the server are too many for this file",
        '<- {"return": {}}',
        "@ noise from server no message",
        "# 1 more bytes of it aren't recorded",
    ]


def test_all_connections_share_one_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDED_HELD", 250)
    with Recording.open(path, title="t", times=False) as recording:
        connections = [recording.opened() for _ in range(3)]
        for connection in connections:
            connection.passed(CLIENT, b'{"a": "' + b"x" * 93)
        for connection in connections:
            connection.passed(CLIENT, b'"}\n')
        for connection in connections:
            connection.passed(CLIENT, COMMAND)
        assert recording._held == 0
        for connection in connections:
            connection.passed(CLIENT, COMMAND + b'{"a": {')
            connection.closed(CLIENT)
        assert recording._held == 0
    text = path.read_text()
    assert text.count("are too many") == 1
    assert text.count('xxx"}') == 2
    assert text.count("stop") == 6


def test_a_full_disk_ends_the_recording_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording, connection = open_one(path)
    connection.passed(CLIENT, COMMAND)
    before = path.read_bytes()
    written: list[int] = []
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(fd)
        return write(fd, data[:5])

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        connection.passed(CLIENT, COMMAND)
    connection.closed(CLIENT)
    assert str(recording.failure) == f"[Errno 28] No space left on device: '{path}'"
    recording.close()
    assert path.read_bytes() == before
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [f"the recording in {path} is incomplete: No space left on device"]


def test_nothing_comes_after_the_end(path: Path) -> None:
    recording, connection = open_one(path)
    connection.closed(CLIENT)
    connection.closed(SERVER)
    connection.passed(CLIENT, COMMAND)
    other = recording.opened()
    recording.close()
    recording.close()
    other.passed(CLIENT, COMMAND)
    other.closed(CLIENT)
    assert lines(path) == [
        "# a test",
        "@ opened",
        "@ closed by client",
        "@ connection 2",
        "@ opened",
    ]


def test_threads(path: Path) -> None:
    recording = Recording.open(path, times=False)

    def talk() -> None:
        connection = recording.opened()
        for number in range(200):
            connection.passed(CLIENT, b'{"execute": "x", "id": %d}\n' % number)
            connection.passed(SERVER, RETURN)
        connection.closed(CLIENT)

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recording.close()
    (section,) = read_transcript(path).sections
    assert len(said_by(SERVER, section)) == 4 * 200 * len(RETURN)
