"""Events of a real QEMU through a proxy: filters, numbers, and what a client has missed."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.proxy import Proxy
from qmpeer.schema import schema_from_introspection
from tests.listening import until_listening
from tests.proxy.lines import LineClient
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real


@pytest.fixture
def qemu(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Path]:
    """Return the path of a QEMU's monitor."""
    path = tmp_path / "qemu"
    options = ("-qmp", f"unix:{path},server=on,wait=off")
    with subprocess.Popen([program(QEMU), *BASE, *options], stderr=subprocess.DEVNULL) as process:
        until_listening(path, process)
        yield path
        process.kill()


async def test_stop_and_cont(qemu: Path, tmp_path: Path) -> None:
    async with Proxy(qemu) as proxy:
        await proxy.listen(tmp_path / "all", extensions=True)
        await proxy.listen(tmp_path / "some", events=["RES*"])
        every = await LineClient.open(f"{tmp_path}/all")
        some = await LineClient.open(f"{tmp_path}/some")
        place = await every.ask("__qmpeer_set-events", numbers=True)
        assert place["last"] == 0

        every.send("stop")
        stop = await every.read()
        assert (stop["event"], stop["__qmpeer_number"]) == ("STOP", 1)
        assert await every.read() == {"return": {}}
        await every.close()

        some.send("cont")
        resume = await some.read()
        assert (resume["event"], "__qmpeer_number" in resume) == ("RESUME", False)
        assert await some.read() == {"return": {}}
        some.send("__qmpeer_set-events")
        assert (await some.read())["error"]["class"] == "CommandNotFound"

        every = await LineClient.open(f"{tmp_path}/all")
        missed = await every.ask("__qmpeer_query-events", since=1, epoch=place["epoch"])
        assert (missed["last"], missed["lost"]) == (2, False)
        assert missed["events"] == [{"number": 2, **resume}]
        schema = schema_from_introspection(await every.ask("query-qmp-schema"))
        names = {command.name for command in schema.commands()}
        assert {"__qmpeer_set-events", "__qmpeer_query-events", "blockdev-add"} <= names
        await every.close()
        await some.close()
