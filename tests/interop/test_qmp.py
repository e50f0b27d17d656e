"""The oldest client, qmp from PyPI, with our monitor and with QEMU.

It sends no ids and no line endings, reads line by line, and is copied in many projects.
"""

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.interop.conftest import Server
from tests.patience import PATIENCE

qmp = pytest.importorskip("qmp", reason="qmp is not installed")

pytestmark = pytest.mark.real


@pytest.fixture
def vm(server: Server) -> Iterator[Any]:
    with qmp.QEMUMonitorProtocol(server.address) as client:
        client.settimeout(PATIENCE)
        yield client


def test_the_greeting(vm: Any) -> None:
    greeting = vm.connect()["QMP"]
    assert greeting["capabilities"] == ["oob"]
    assert vm.command("query-version") == greeting["version"]


def test_commands(vm: Any) -> None:
    vm.connect()
    assert vm.cmd("query-name") == {"return": {}}
    assert vm.cmd("query-name", cmd_id={"a": [1]}) == {"return": {}, "id": {"a": [1]}}
    assert vm.cmd_obj({"execute": "query-status", "arguments": {}})["return"]["running"] is True
    assert {"name": "query-version"} in vm.command("query-commands")


def test_errors(vm: Any) -> None:
    vm.connect()
    error = {"class": "CommandNotFound", "desc": "The command bogus has not been found"}
    assert vm.cmd("bogus", cmd_id="x") == {"id": "x", "error": error}
    with pytest.raises(Exception, match="Parameter 'a' is unexpected"):
        vm.command("stop", a=1)


def test_events_come_before_the_reply(vm: Any) -> None:
    vm.connect()
    for command, event in (("stop", "STOP"), ("cont", "RESUME")) * 5:
        assert vm.cmd(command) == {"return": {}}
        # Events that came before the reply are in the client's list.
        assert [each["event"] for each in vm._QEMUMonitorProtocol__events] == [event]
        assert vm.pull_event(wait=PATIENCE)["event"] == event


def test_without_negotiation(vm: Any) -> None:
    assert vm.connect(negotiate=False) is None
    assert "QMP" in vm._QEMUMonitorProtocol__json_read()
    reply = vm.cmd("query-status")
    assert reply["error"]["class"] == "CommandNotFound"
    assert "Expecting capabilities negotiation" in reply["error"]["desc"]
    assert vm.cmd("qmp_capabilities") == {"return": {}}
    assert vm.command("query-status")["running"] is True


def test_pipelined_without_anything_between(vm: Any, server: Server) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(server.address)
        lines = sock.makefile("r")
        assert "QMP" in json.loads(lines.readline())
        sock.sendall(
            b'{"execute":"qmp_capabilities"}{"execute":"stop","id":1}'
            b"{'execute':'cont','id':2}{\"execute\":\"bogus\",\"id\":3}"
        )
        said = [json.loads(lines.readline()) for _ in range(6)]
        assert [each.get("event", each.get("id")) for each in said] == [
            None,
            "STOP",
            1,
            "RESUME",
            2,
            3,
        ]
        lines.close()


def test_quit(vm: Any, server: Server) -> None:
    vm.connect()
    assert vm.cmd("quit") == {"return": {}}
    assert vm.pull_event(wait=PATIENCE)["event"] == "SHUTDOWN"
    assert server.process.wait(PATIENCE) == 0
    assert vm.cmd("query-status") is None
    assert not os.path.exists(server.address)


def test_over_tcp(server: Server) -> None:
    with qmp.QEMUMonitorProtocol(("127.0.0.1", server.port())) as client:
        client.settimeout(PATIENCE)
        client.connect()
        assert client.command("query-status")["running"] is True
