"""A policy with conditions in CEL, rates, blanked replies and a narrow view, before a real QEMU."""

import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer.client import AsyncClient
from qmpeer.errors import CommandError
from qmpeer.policy.loading import load_policy
from qmpeer.proxy import Proxy
from qmpeer.schema import schema_from_introspection
from qmpeer.values import JsonObject, JsonValue
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real

POLICY = """
[[rule]]
name = "looks"
command = "query-*"
blank = ["**.filename", "*.file"]

[[rule]]
name = "disks"
command = "blockdev-add"
when = '''
  args.driver == "raw" && args.file.driver == "file" && under(args.file.filename, "FOLDER/vm")
  && (!has(args["file"].locking) || args.file.locking in ["auto", "off"])
'''

[[rule]]
name = "not the system's"
command = "blockdev-del"
when = 'args["node-name"].startsWith("system")'
verdict = "deny"

[[rule]]
command = "blockdev-del"
when = 'node_file(args["node-name"]) != null && under(node_file(args["node-name"]), "FOLDER/vm")'

[[rule]]
name = "slowly"
command = ["stop", "cont"]
rate = "2/h"

[[rule]]
event = "STOP"
"""


@pytest_asyncio.fixture
async def client(tmp_path: Path, program: Callable[[str], str]) -> AsyncIterator[AsyncClient]:
    """Return a client of a proxy with this policy."""
    qemu, front, policy = (tmp_path / name for name in ("qemu", "front", "policy.toml"))
    policy.write_text(POLICY.replace("FOLDER", str(tmp_path)))
    (tmp_path / "vm").mkdir()
    for name in ("vm/a", "vm/b", "secret"):
        (tmp_path / name).write_bytes(bytes(1 << 20))
    (tmp_path / "vm" / "link").symlink_to(tmp_path / "secret")
    options = ("-qmp", f"unix:{qemu},server=on,wait=off")
    with subprocess.Popen([program(QEMU), *BASE, *options], stderr=subprocess.DEVNULL) as process:
        until_listening(qemu, process)
        async with Proxy(qemu, policy=load_policy(policy)) as proxy:
            await proxy.listen(front)
            async with await AsyncClient.connect(front, timeout=PATIENCE) as client:
                yield client
        process.kill()


def _node(name: str, file: JsonValue, **more: JsonValue) -> JsonObject:
    """Return a raw node of a file, with further members of the file's node."""
    inner: JsonObject = {"driver": "file", "filename": file, **more}
    return {"driver": "raw", "node-name": name, "file": inner}


async def _refusal(client: AsyncClient, command: str, arguments: JsonObject | None = None) -> str:
    with pytest.raises(CommandError) as caught:
        await client.execute(command, arguments)
    return caught.value.desc.partition(": no rule allows it: ")[2] or caught.value.desc


async def test_conditions(client: AsyncClient, tmp_path: Path) -> None:
    folder = f"{tmp_path}/vm"
    await client.execute("blockdev-add", _node("a", f"{folder}/a"))
    await client.execute("blockdev-add", _node("system", f"{folder}/b", locking="off"))
    for path in (f"{tmp_path}/secret", f"{folder}/../secret", f"{folder}/link", "vm/a"):
        said = await _refusal(client, "blockdev-add", _node("x", path))
        assert said.startswith("rule disks: when: ")
        assert "under" in said
    refused: list[tuple[JsonObject, str]] = [
        (_node("x", f"{folder}/a", locking="on"), "expected (!has("),
        (_node("x", f"{folder}/a", **{"x-check-cache-dropped": True}), "found a sensitive member"),
        (_node("x", None), "under: found null, expected a path"),
        ({**_node("x", ""), "file": "a"}, "found values of other types"),
        ({"node-name": "x"}, "found no member '"),
        (_node("x", "a" * 100_000), "bytes of arguments that the condition reads"),
    ]
    for node, reason in refused:
        assert reason in await _refusal(client, "blockdev-add", node)
    names = {node["node-name"] for node in await client.execute("query-named-block-nodes")}
    assert "x" not in names
    for name in ("system", 5, None):
        said = await _refusal(client, "blockdev-del", {"node-name": name})
        assert said == "The policy denies blockdev-del: rule not the system's"
    await client.execute("blockdev-del", {"node-name": "a"})
    assert "node_file" in await _refusal(client, "blockdev-del", {"node-name": "a"})


async def test_what_it_sees(client: AsyncClient, tmp_path: Path) -> None:
    names = {entry["name"] for entry in await client.execute("query-commands")}
    mine = {"blockdev-add", "blockdev-del", "stop", "cont", "qmp_capabilities"}
    assert {each for each in names if not each.startswith("query-")} == mine
    schema = schema_from_introspection(await client.execute("query-qmp-schema"))
    assert {command.name for command in schema.commands()} == names
    assert [event.name for event in schema.events()] == ["STOP"]
    assert await _refusal(client, "quit") == "The command quit has not been found"
    await client.execute("blockdev-add", _node("a", f"{tmp_path}/vm/a"))
    nodes = await client.execute("query-named-block-nodes")
    assert {node["file"] for node in nodes} == {""}
    assert {node["image"]["filename"] for node in nodes} == {""}
    assert {node["image"]["virtual-size"] for node in nodes} == {1 << 20}


async def test_how_often(client: AsyncClient) -> None:
    await client.execute("stop")
    await client.execute("cont")
    said = await _refusal(client, "stop")
    assert said.startswith(
        "The policy denies stop: rule slowly: found more than 2 commands in 3600"
    )
