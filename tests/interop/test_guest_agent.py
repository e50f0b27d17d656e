"""Both clients against a real guest agent: no greeting, no negotiation, bytes FF."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import CommandError
from qmpeer.transport import dial
from tests.client.faces import Face
from tests.interop.conftest import StartProgram
from tests.patience import PATIENCE

pytestmark = pytest.mark.real


@pytest.fixture
def agent(start: StartProgram, program: Callable[[str], str], tmp_path: Path) -> Path:
    path = tmp_path / "ga"
    (tmp_path / "state").mkdir()
    start([program("qemu-ga"), "-m", "unix-listen", "-p", str(path), "-t", str(tmp_path / "state")])
    return path


def test_commands(face: Face, agent: Path) -> None:
    with face.connect(agent, negotiate=False, wait_for_socket=True) as ga:
        assert ga.greeting is None
        assert ga.capabilities == ()
        assert ga.execute("guest-sync", {"id": 12345}) == 12345
        assert ga.execute("guest-sync-delimited", {"id": 77}) == 77
        assert ga.execute("guest-ping") == {}
        assert ga.execute("guest-info")["version"]
        with pytest.raises(CommandError, match="open file '/nonexistent/zz'") as caught:
            ga.execute("guest-file-open", {"path": "/nonexistent/zz"})
        assert caught.value.error_class == "GenericError"
        with pytest.raises(CommandError, match="qmp_capabilities has not been found"):
            ga.execute("qmp_capabilities")


def test_several_in_flight(face: Face, agent: Path) -> None:
    with face.connect(agent, negotiate=False, wait_for_socket=True) as ga:
        executing = [ga.begin("guest-sync-delimited", {"id": number}) for number in range(20)]
        assert [each.result(PATIENCE) for each in executing] == list(range(20))


def test_the_opening_that_is_recommended(face: Face, agent: Path) -> None:
    """A previous client's unfinished data is still there; a byte FF terminates it."""
    with dial(agent, timeout=PATIENCE, wait_for_socket=True) as departed:
        departed.sendall(b'{"execute": "guest-ping", "arguments": {"text": "unfin')
    sock = dial(agent, timeout=PATIENCE)
    sock.sendall(b"\xff")
    with face.connect(sock, negotiate=False) as ga:
        assert ga.execute("guest-sync-delimited", {"id": 1}, timeout=PATIENCE) == 1
        assert ga.execute("guest-ping", timeout=PATIENCE) == {}


def test_the_answer_to_the_mark_comes_before_any_command(face: Face, agent: Path) -> None:
    sock = dial(agent, timeout=PATIENCE, wait_for_socket=True)
    sock.sendall(b"\xff")
    assert b"stray" in sock.recv(4096, socket.MSG_PEEK)
    with face.connect(sock, negotiate=False) as ga:
        assert ga.execute("guest-sync-delimited", {"id": 1}, timeout=PATIENCE) == 1
