"""Files that the proxy opens for clients of a real QEMU, which gets sets of descriptors.

Modules: opened_files, own_requests.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qmpeer import AsyncClient
from qmpeer.policy.loading import load_policy
from qmpeer.proxy import Proxy
from qmpeer.proxy.opened_files import OpenedFiles
from qmpeer.values import JsonObject
from tests.patience import PATIENCE
from tests.policy.host import Host, qemu_options
from tests.proxy.proxied import error_of
from tests.qemu import QEMU

pytestmark = pytest.mark.real

POLICY = """
[[rule]]
command = "blockdev-add"
arguments."" = {{ image = "{vm}", open = true }}

[[rule]]
command = "screendump"
arguments.filename = {{ under = "{vm}", open = true }}

[[rule]]
command = ["blockdev-del", "query-named-block-nodes", "query-fdsets", "query-name"]
"""


class Site:
    """A QEMU, and a client of the proxy in front of it."""

    def __init__(self, host: Host, pid: int, client: AsyncClient) -> None:
        self.host = host
        self.pid = pid
        self.client = client

    def has_open(self, name: str) -> bool:
        """Return True if QEMU has a file of the folder open."""
        path = os.path.realpath(self.host.folder / name)
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(link) == path:
                    return True
        return False

    async def sets(self) -> list[JsonObject]:
        found: list[JsonObject] = await self.client.execute("query-fdsets")
        return found

    async def until_no_sets(self) -> None:
        """Wait until QEMU has closed all sets, which it does while the machine runs."""
        async with asyncio.timeout(10):
            while await self.sets():
                await asyncio.sleep(0.002)


@pytest_asyncio.fixture
async def site(tmp_path: Path, program: Callable[[str], str]) -> AsyncIterator[Site]:
    host = Host(tmp_path)
    (host.vm / "mine.raw").write_bytes(bytes(1 << 20))
    monitor = f"unix:{tmp_path}/qemu,server=on,wait=off"
    options = [each for each in qemu_options(host) if each != "-S"]
    argv = [program(QEMU), *options, "-qmp", monitor]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    (tmp_path / "policy.toml").write_text(POLICY.format(**host.places))
    policy = load_policy(tmp_path / "policy.toml")
    try:
        async with Proxy(f"unix:{tmp_path}/qemu", wait_for_socket=True, policy=policy) as proxy:
            await proxy.listen(f"unix:{tmp_path}/proxy")
            async with await AsyncClient.connect(f"unix:{tmp_path}/proxy") as client:
                yield Site(host, process.pid, client)
    finally:
        process.kill()
        process.wait()


def node(site: Site, name: str = "mine.raw", **more: object) -> JsonObject:
    file = {"driver": "file", "filename": f"{site.host.vm}/{name}"}
    return {"driver": "raw", "node-name": "n", "file": file, **more}  # type: ignore[dict-item]


async def test_a_node(site: Site) -> None:
    """It has no path; its set stays as long as it does."""
    await site.client.execute("blockdev-add", node(site))
    nodes = await site.client.execute("query-named-block-nodes")
    file = next(each["file"] for each in nodes if each["node-name"] == "n")
    assert file.startswith("/dev/fdset/")
    assert site.has_open("vm/mine.raw")
    assert len(await site.sets()) == 1
    await site.client.execute("blockdev-del", {"node-name": "n"})
    await site.client.execute("screendump", {"filename": f"{site.host.vm}/screen"})
    await site.until_no_sets()
    assert not site.has_open("vm/mine.raw")


async def test_a_file_that_is_made(site: Site) -> None:
    path = site.host.vm / "screen"
    await site.client.execute("screendump", {"filename": str(path)})
    assert path.read_bytes().startswith(b"P6")
    assert path.stat().st_mode & 0o777 == 0o600
    await site.until_no_sets()


async def test_only_for_reading(site: Site) -> None:
    os.chmod(site.host.vm / "mine.raw", 0o400)
    await site.client.execute("blockdev-add", {**node(site), "read-only": True})
    [one] = await site.sets()
    assert len(one["fds"]) == 1  # type: ignore[arg-type]  # a list


async def test_what_is_refused(site: Site) -> None:
    """Nothing is left behind by it."""
    vm, out = site.host.vm, site.host.out
    split = next(vm.glob("data-outside*.qcow2")).name
    os.mkfifo(vm / "fifo")
    wrong: list[JsonObject] = [
        node(site, "to-out/foreign"),
        node(site, "dangling"),
        node(site, "none/mine.raw"),
        node(site, "folder"),
        node(site, "fifo"),
        {**node(site, split), "driver": "qcow2", "backing": None},
        {**node(site), "file": {"driver": "file", "filename": f"{out}/foreign"}},
        {**node(site), "file": {"driver": "file", "filename": "/dev/fdset/1"}},
    ]
    for arguments in wrong:
        error = await error_of(site.client.execute("blockdev-add", arguments))
        assert error.desc.startswith("The policy denies blockdev-add: "), arguments
    for path in (f"{out}/screen", f"{vm}/to-out/screen", f"{vm}/dangling"):
        error = await error_of(site.client.execute("screendump", {"filename": path}))
        assert error.desc.startswith("The policy denies screendump: ")
    assert await site.sets() == []
    assert not (out / "dangled").exists()


async def test_qemu_refuses_the_command(site: Site) -> None:
    """The set goes."""
    arguments = {**node(site), "size": 7}
    error = await error_of(site.client.execute("blockdev-add", arguments))
    assert not error.desc.startswith("The policy")
    await site.until_no_sets()
    assert not site.has_open("vm/mine.raw")


async def test_order(site: Site) -> None:
    """What comes behind it is executed behind it."""
    adding = site.client.execute("blockdev-add", node(site))
    deleting = site.client.execute("blockdev-del", {"node-name": "n"})
    name = site.client.execute("query-name")
    assert [await each for each in (adding, deleting, name)] == [{}, {}, {}]


async def test_another_file_in_its_place(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that is put there after the proxy has opened the file leads nobody away."""
    mine, open_files = site.host.vm / "mine.raw", OpenedFiles._open

    def open_and_swap(*args: Any) -> None:
        open_files(*args)
        mine.rename(site.host.vm / "moved")
        mine.symlink_to(site.host.out / "backing")

    monkeypatch.setattr(OpenedFiles, "_open", open_and_swap)
    await site.client.execute("blockdev-add", node(site))
    assert site.has_open("vm/moved")
    assert not site.has_open("out/backing")
