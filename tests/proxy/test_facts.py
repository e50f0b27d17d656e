"""The facts about a server: its process, its files, its block nodes.

Modules: facts, node_facts, server_process.
"""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.policy import Policy, Rule
from qmpeer.policy.argument_tests import MemberTest, Under
from qmpeer.policy.image_tests import ImageTest
from qmpeer.proxy.node_facts import NodeFacts
from qmpeer.proxy.server_process import files_of_server
from qmpeer.values import JsonValue
from tests.patience import PATIENCE
from tests.proxy.proxied import Proxied, error_of

NODES: JsonValue = [
    {"node-name": "one", "file": "/vm/one", "drv": "file"},
    {"node-name": "two", "file": "", "drv": "null-co"},
    {"node-name": 3},
    "nothing",
]
BLOCKS: JsonValue = [
    {"device": "drive", "inserted": {"file": "/vm/drive", "drv": "raw", "node-name": "#block1"}},
    {"device": "tray"},
    {"device": "", "inserted": {"file": "/vm/other", "drv": "raw"}},
]


# --- The process of the server


def test_the_server_of_a_unix_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(files_of_server(os.fstat(ours.fileno()).st_ino)) as files:
        assert files.head(__file__, 3) == b'"""'


def test_no_unix_socket() -> None:
    with pytest.raises(ValueError, match="isn't at a unix socket"):
        files_of_server(None)


def test_the_server_has_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(ValueError, match="isn't known"):
            files_of_server(os.fstat(ours.fileno()).st_ino)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_two_processes_with_different_files(tmp_path: Path) -> None:
    """Nobody knows which of both opens a path."""
    script = "import os, sys; os.chroot(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-c", script, str(tmp_path)]
    pipe = subprocess.PIPE
    with ours, theirs:
        fds = [theirs.fileno()]
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, pass_fds=fds) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            number = os.fstat(ours.fileno()).st_ino
            with pytest.raises(ValueError, match="different files"):
                files_of_server(number)
            theirs.close()
            files = files_of_server(number)
            with closing(files), pytest.raises(ValueError, match="resolved"):
                files.head(__file__, 3)
            process.kill()
            process.wait(PATIENCE)


# --- Its block nodes


def answer(command: CommandMessage) -> JsonValue:
    return {"query-named-block-nodes": NODES, "query-block": BLOCKS}.get(command.name, {})


async def test_nodes(proxied: Proxied) -> None:
    proxy = await proxied.start()
    proxied.server.answers = answer
    nodes = NodeFacts(proxy._hub.own)
    assert nodes.file("one") is None
    await nodes.refresh()
    assert {name: (nodes.file(name), nodes.driver(name)) for name in ("one", "two", "drive")} == {
        "one": ("/vm/one", "file"),
        "two": (None, "null-co"),
        "drive": ("/vm/drive", "raw"),
    }
    assert nodes.file("") is None
    assert nodes.file("tray") is None
    proxied.server.answers = lambda command: "nothing"
    await nodes.refresh()
    assert nodes.file("one") is None  # it isn't known any more


async def test_a_server_that_refuses(proxied: Proxied) -> None:
    proxy = await proxied.start()
    proxy._hub.end("it is over", lambda: None)
    nodes = NodeFacts(proxy._hub.own)
    await nodes.refresh()
    assert nodes.file("one") is None
    with pytest.raises(CommandError):
        await proxy._hub.own.execute("query-block")


# --- All together


async def test_a_proxy_judges_paths(proxied: Proxied) -> None:
    """The server is this process, so its files are ours; its nodes are asked for each time."""
    folder = str(proxied.folder)
    under = Rule(
        name="screens",
        names=frozenset({"screendump"}),
        tests=(MemberTest(("filename",), (Under((folder,)),)),),
    )
    images = Rule(
        name="disks", names=frozenset({"blockdev-add"}), tests=(ImageTest((), (folder,)),)
    )
    await proxied.start(policy=Policy([under, images]))
    client = await proxied.client()
    proxied.server.answers = answer
    await client.execute("screendump", {"filename": f"{folder}/new"})
    for path in ("/etc/passwd", f"{folder}/../x", "relative"):
        error = await error_of(client.execute("screendump", {"filename": path}))
        assert error.desc.startswith("The policy denies screendump: ")
    raw: dict[str, JsonValue] = {"driver": "raw", "node-name": "a", "file": "one"}
    error = await error_of(client.execute("blockdev-add", raw))
    assert 'found the node "one"' in error.desc
    named: JsonValue = [{"node-name": "one", "file": f"{folder}/new", "drv": "file"}]
    proxied.server.answers = lambda command: named if "named" in command.name else []
    await client.execute("blockdev-add", raw)


async def test_a_server_elsewhere(proxied: Proxied) -> None:
    """Over TCP nobody knows whose files are meant."""
    under = Rule(
        name="screens",
        names=frozenset({"screendump"}),
        tests=(MemberTest(("filename",), (Under(("/",)),)),),
    )
    await proxied.start("tcp:127.0.0.1:0", policy=Policy([under]))
    client = await proxied.client()
    error = await error_of(client.execute("screendump", {"filename": "/tmp/x"}))
    assert "the server isn't at a unix socket, so its process isn't known" in error.desc
