"""The counts of a recording: connections, messages, bytes.

Modules: recorder.
"""

from pathlib import Path

from qmpeer.recording import Recording
from qmpeer.transcript import Sender


def test_connections_messages_and_bytes(tmp_path: Path) -> None:
    with Recording.open(tmp_path / "vm.txt", times=False) as recording:
        first, second = recording.opened(), recording.opened()
        first.passed(Sender.CLIENT, b'{"execute": "stop"}\n')
        first.passed(Sender.SERVER, b'{"return": {}}\r\n{"ret')
        second.passed(Sender.SERVER, b"no message\r\n")
        assert (recording.connections, recording.messages) == (2, 2)
    assert recording.size == 20 + 21 + 12
