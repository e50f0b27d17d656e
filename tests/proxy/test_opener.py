"""Files that the proxy opens in the server's place: what was judged is what the server gets.

Modules: late_judgement, opener.
"""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient
from qmpeer.policy.loading import load_policy
from qmpeer.proxy import Proxy
from qmpeer.values import JsonObject
from tests.patience import PATIENCE
from tests.proxy.proxied import error_of
from tests.qemu import BASE, QEMU, find_program

pytestmark = pytest.mark.real

POLICY = """
[[rule]]
name = "images"
command = "blockdev-add"
arguments."" = {{ image = "{folder}", open = true }}

[[rule]]
command = ["query-named-block-nodes", "query-fdsets", "blockdev-del", "blockdev-reopen"]
unchecked = true
"""


def _raw(name: str, path: Path, **more: Any) -> JsonObject:
    file: JsonObject = {"driver": "file", "filename": str(path), **more}
    return {"driver": "raw", "node-name": name, "file": file}


async def _sets(client: AsyncClient) -> list[Any]:
    return [each["fdset-id"] for each in await client.execute("query-fdsets")]


async def test_the_server_gets_descriptors(tmp_path: Path) -> None:
    folder, outside = tmp_path / "vm", tmp_path / "outside"
    folder.mkdir()
    for place in (folder / "disk", outside):
        place.write_bytes(bytes(65536))
    (folder / "link").symlink_to(outside)
    (tmp_path / "policy.toml").write_text(POLICY.format(folder=folder))
    qemu = find_program(QEMU)
    assert qemu is not None
    socket = ["-qmp", f"unix:{tmp_path}/server,server=on,wait=off"]
    with subprocess.Popen([qemu, *BASE, *socket]) as process:
        try:
            policy = load_policy(tmp_path / "policy.toml")
            async with Proxy(
                f"unix:{tmp_path}/server", policy=policy, wait_for_socket=True, timeout=PATIENCE
            ) as proxy:
                await proxy.listen(f"unix:{tmp_path}/clients")
                await _converse(f"unix:{tmp_path}/clients", folder)
        finally:
            process.terminate()


async def _converse(address: str, folder: Path) -> None:
    async with await AsyncClient.connect(address) as client:
        await client.execute("blockdev-add", _raw("a", folder / "disk"))
        (one,) = await _sets(client)
        nodes = await client.execute("query-named-block-nodes")
        assert {node["file"] for node in nodes} == {f"/dev/fdset/{one}"}
        # It may change its access: the set has both.
        for read_only in (True, False):
            options = {**_raw("a", Path(f"/dev/fdset/{one}")), "read-only": read_only}
            await client.execute("blockdev-reopen", {"options": [options]})

        error = await error_of(client.execute("blockdev-add", _raw("b", folder / "link")))
        assert "expected a path under" in error.desc
        error = await error_of(client.execute("blockdev-add", _raw("b", folder / "missing")))
        assert error.error_class == "GenericError"
        await error_of(client.execute("blockdev-add", {**_raw("a", folder / "disk")}))
        await client.execute("blockdev-add", _raw("c", folder / "disk", **{"read-only": True}))
        await client.execute("blockdev-del", {"node-name": "a"})
        await client.execute("blockdev-del", {"node-name": "c"})
    async with await AsyncClient.connect(address) as client:
        async with asyncio.timeout(PATIENCE):
            while await _sets(client):  # what nobody uses any more is removed
                await client.execute("query-named-block-nodes")
                await asyncio.sleep(0.01)


async def test_what_is_swapped_after_the_judgement_is_not_opened(tmp_path: Path) -> None:
    """Somebody puts a link in the place of the file, again and again, while it is added."""
    folder, secret = tmp_path / "vm", tmp_path / "secret"
    folder.mkdir()
    secret.write_bytes(b"secret".ljust(512))
    (folder / "good").write_bytes(b"good".ljust(512))
    swap = tmp_path / "swap.sh"
    swap.write_text(
        f"while :; do ln -sf {secret} {folder}/l; mv -T {folder}/l {folder}/disk; "
        f"ln {folder}/good {folder}/h; mv -f {folder}/h {folder}/disk; done"
    )
    (tmp_path / "policy.toml").write_text(POLICY.format(folder=folder))
    shutil.copy(folder / "good", folder / "disk")
    qemu = find_program(QEMU)
    assert qemu is not None
    socket = ["-qmp", f"unix:{tmp_path}/server,server=on,wait=off"]
    with (
        subprocess.Popen([qemu, *BASE, *socket]) as process,
        subprocess.Popen(["sh", str(swap)], stderr=subprocess.DEVNULL) as swapping,
    ):
        try:
            policy = load_policy(tmp_path / "policy.toml")
            async with Proxy(
                f"unix:{tmp_path}/server", policy=policy, wait_for_socket=True, timeout=PATIENCE
            ) as proxy:
                await proxy.listen(f"unix:{tmp_path}/clients")
                opened = await _add_again_and_again(f"unix:{tmp_path}/clients", folder, process.pid)
        finally:
            swapping.kill()
            process.terminate()
    assert opened <= {"good"}


async def _add_again_and_again(address: str, folder: Path, pid: int) -> set[str]:
    """Add a node many times; return the beginnings of what QEMU has opened."""
    opened: set[str] = set()
    async with await AsyncClient.connect(address) as client:
        for number in range(40):
            file: JsonObject = {"driver": "file", "filename": f"{folder}/disk"}
            try:
                await client.execute(
                    "blockdev-add", {"driver": "raw", "node-name": f"n{number}", "file": file}
                )
            except Exception:
                continue
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    with open(f"/proc/{pid}/fd/{fd}", "rb") as each:
                        if os.fstat(each.fileno()).st_size == 512:
                            opened.add(each.read(6).strip().decode())
                except OSError:
                    continue
            await client.execute("blockdev-del", {"node-name": f"n{number}"})
    return opened
