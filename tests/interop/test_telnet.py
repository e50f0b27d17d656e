"""A person with telnet: the conversation that stands in the README."""

import subprocess
from collections.abc import Callable

import pytest

from qmpeer import __version__
from tests.client.faces import SOON, background
from tests.interop.conftest import StartServer

pytestmark = pytest.mark.real

VERSION = f'{{"qemu": {{"micro": 0, "minor": 2, "major": 7}}, "package": "qmpeer {__version__}"}}'
CONVERSATION = (
    (None, f'{{"QMP": {{"version": {VERSION}, "capabilities": ["oob"]}}}}'),
    ('{ "execute": "qmp_capabilities" }', '{"return": {}}'),
    ('{ "execute": "query-version" }', f'{{"return": {VERSION}}}'),
)


@pytest.mark.parametrize("start_server", ["ours"], indirect=True)
def test_the_conversation(start_server: StartServer, program: Callable[[str], str]) -> None:
    server = start_server("-qmp", "tcp:localhost:0,server,nowait")
    with subprocess.Popen(
        [program("telnet"), "localhost", str(server.port())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as telnet:
        assert telnet.stdin is not None
        assert telnet.stdout is not None
        try:
            for said, answer in CONVERSATION:
                if said is not None:
                    telnet.stdin.write(f"{said}\n")
                line = ""
                while not line.startswith("{"):  # telnet has its own lines before the first
                    line = background(telnet.stdout.readline).result(SOON)
                    assert line, "telnet has ended"
                assert line == f"{answer}\n"
        finally:
            telnet.kill()
