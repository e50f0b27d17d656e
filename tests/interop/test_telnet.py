"""A telnet session with our monitor: the conversation in the README."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import __version__
from tests.interop.conftest import OURS, Server, StartProgram
from tests.interop.speaking import converse

pytestmark = pytest.mark.real

VERSION = f'{{"qemu": {{"micro": 0, "minor": 2, "major": 7}}, "package": "qmpeer {__version__}"}}'
CONVERSATION = (
    (None, f'{{"QMP": {{"version": {VERSION}, "capabilities": ["oob"]}}}}'),
    ('{ "execute": "qmp_capabilities" }', '{"return": {}}'),
    ('{ "execute": "query-version" }', f'{{"return": {VERSION}}}'),
)


def test_the_conversation(
    start: StartProgram, program: Callable[[str], str], tmp_path: Path
) -> None:
    options = ("-qmp", "tcp:127.0.0.1:0,server,nowait")
    server = Server(OURS, tmp_path / "qmp", start, options)
    said = [f"{line}\n" for line, _ in CONVERSATION if line is not None]
    heard = converse([program("telnet"), "127.0.0.1", str(server.port())], *said)
    assert heard == [f"{answer}\n" for _, answer in CONVERSATION]
