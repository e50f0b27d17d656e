"""Monitors as objects: the rules of QEMU 11.1, as its users describe them.

Modules: monitors, object_tree.
"""

import asyncio
import gc
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, Client, CommandError
from qmpeer.machine import parse_options
from qmpeer.machine.interface import load
from qmpeer.machine.machine import Machine
from qmpeer.machine.process import run_machine
from qmpeer.schema import EnumDefinition, introspection_of
from qmpeer.values import JsonObject
from tests.machine.serving import Served, StartHere, Threaded
from tests.patience import PATIENCE
from tests.qemu import BASE

pytestmark = pytest.mark.unrecorded

ASKED = "--monitor-objects"
IN_USE = "object '{}' is in use, can not be deleted"
WARNING = "'-mon' is deprecated, use '-object' with 'monitor-hmp' or 'monitor-qmp' types instead"


def listening(path: Path, label: str) -> str:
    return f"socket,id={label},path={path},server=on,wait=off"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Yield a machine with an own monitor, a further one as an object, and two free devices."""
    words = (
        *("-chardev", listening(tmp_path / "m", "c"), "-chardev", listening(tmp_path / "f", "f")),
        *("-chardev", "null,id=x,mux=on", "-object", "monitor-qmp,id=m,chardev=c"),
    )
    with Threaded(tmp_path / "q", ASKED, *words) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with served.client() as client:
        yield client


def connected(path: Path) -> Client:
    return Client.connect(path, timeout=PATIENCE, command_timeout=PATIENCE)


def error_of(client: Client, command: str, **arguments: Any) -> str:
    with pytest.raises(CommandError) as caught:
        client.execute(command.replace("_", "-"), arguments)
    assert caught.value.error_class == "GenericError"
    return caught.value.desc


def objects_of(client: Client) -> dict[str, str]:
    listed = client.execute("qom-list", {"path": "/objects"})
    return {each["name"]: each["type"] for each in listed if each["name"] != "type"}


def labels_of(client: Client) -> set[str]:
    return {each["label"] for each in client.execute("query-chardev")}


def adding(id: Any, chardev: Any, kind: Any = "monitor-qmp", **more: Any) -> dict[str, Any]:
    return {"qom-type": kind, "id": id, "chardev": chardev, **more}


# By options


def test_options_are_short_for_objects(tmp_path: Path) -> None:
    words = (
        *("-object", "monitor-qmp,id=own,chardev=c,pretty=on,close-action=none"),
        *("-object", '{"qom-type": "monitor-hmp", "id": "human", "chardev": "h"}'),
        *("-chardev", listening(tmp_path / "c", "c"), "-chardev", "null,id=h"),
        *("-chardev", "ringbuf,id=r", "-mon", "r,mode=control,pretty=on"),
        *("-chardev", "null,id=n", "-mon", "n,id=named", "-monitor", "null", "-qmp-pretty", "null"),
        ASKED,
    )
    with Threaded(tmp_path / "q", *words) as served, served.client() as client:
        assert objects_of(client) == {
            "own": "child<monitor-qmp>",
            "human": "child<monitor-hmp>",
            "compat_monitor0": "child<monitor-qmp>",
            "compat_monitor1": "child<monitor-qmp>",
            "named": "child<monitor-hmp>",
            "compat_monitor2": "child<monitor-hmp>",
            "compat_monitor3": "child<monitor-qmp>",
        }
        own = properties_of(client, "own")
        assert own == {"chardev": "c", "pretty": True, "close-action": "none"}
        assert properties_of(client, "compat_monitor1") == {**own, "chardev": "r"}
        assert properties_of(client, "human") == {"chardev": "h", "readline": True}
        assert isinstance(served, Threaded)
        warned = [line for line in served.said if WARNING in line]
        assert warned == [f"-mon r,mode=control,pretty=on: warning: {WARNING}"]
        client.execute("object-del", {"id": "own"})  # from the command line
        client.execute("object-del", {"id": "compat_monitor1"})


def properties_of(client: Client, id: str) -> dict[str, Any]:
    path = f"/objects/{id}"
    names = [each["name"] for each in client.execute("qom-list", {"path": path})]
    values = {name: client.execute("qom-get", {"path": path, "property": name}) for name in names}
    assert values.pop("type").startswith("monitor-")
    return values


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-object monitor-qmp,id=m", "Parameter 'chardev' is missing"),
        ("-object monitor-qmp,id=m,chardev=no", 'chardev "no" not found'),
        (
            "-chardev null,id=c -object monitor-qmp,id=m,chardev=c -qmp chardev:c",
            "Device 'c' is in use",
        ),
        (
            "-chardev null,id=c -object monitor-qmp,id=compat_monitor0,chardev=c -qmp null",
            "attempt to add duplicate property 'compat_monitor0' to object (type 'container')",
        ),
        (
            "-object monitor-qmp,id=m,chardev=c,close-action=stop",
            "Parameter 'close-action' does not accept value 'stop'",
        ),
        (
            "-object monitor-hmp,id=m,chardev=c,close-action=none",
            "Invalid parameter 'close-action'",
        ),
        (
            "-chardev null,id=c -object monitor-hmp,id=m,chardev=c,readline=off",
            "a human monitor without readline isn't supported here",
        ),
        (
            "-chardev null,id=c -mon c,pretty=on",
            f"warning: {WARNING}\n'pretty' is not compatible with HMP monitors",
        ),
        ("-mon c,foo=1,bar", f"warning: {WARNING}\nInvalid parameter 'foo'"),
    ],
)
def test_start_errors(start: StartHere, words: str, text: str) -> None:
    done = start(*BASE, ASKED, *words.split())
    assert (done.returncode, done.stdout) == (1, "")
    option = f"{words[words.rindex('-', 0, words.rindex(' ')) :]}: "
    assert done.stderr.replace("qmpeer serve: ", "").replace(option, "") == f"{text}\n"


def test_objects_replace_the_default_monitor() -> None:
    words = ["-chardev", "null,id=c", "-object", "monitor-qmp,id=m,chardev=c"]
    assert parse_options([ASKED, *words]).monitors == []
    (default,) = parse_options([ASKED]).monitors
    assert default.id == "compat_monitor0"


# At run time


def test_one_device_for_one_monitor_after_another(client: Client, tmp_path: Path) -> None:
    with connected(tmp_path / "m") as other:
        assert error_of(client, "chardev_remove", id="c") == "Chardev 'c' is busy"
        client.execute("object-del", {"id": "m"})
        assert labels_of(client) >= {"c"}
        with pytest.raises(TimeoutError):  # nobody reads
            other.execute("query-status", timeout=0.05)
    client.execute("object-add", adding("again", "c"))
    with connected(tmp_path / "m") as other:
        assert other.execute("query-status")["running"]
    client.execute("object-del", {"id": "again"})
    client.execute("chardev-remove", {"id": "c"})


def test_lines_of_the_human_monitor(client: Client) -> None:
    def run(line: str) -> str:
        text: str = client.execute("human-monitor-command", {"command-line": line})
        return text

    assert run("object_add monitor-qmp,id=n,chardev=f") == ""
    assert run("object_add monitor-qmp,id=o,chardev=f") == "Error: Device 'f' is in use\r\n"
    assert run("object_add monitor-qmp,id=o,chardev=f,close-action=x") == (
        "Error: Parameter 'close-action' does not accept value 'x'\r\n"
    )
    assert "/n (monitor-qmp)" in run("info qom-tree /objects")
    assert run("object_del n") == ""
    carrying = IN_USE.format("compat_monitor0")
    assert run("object_del compat_monitor0") == f"Error: {carrying}\r\n"
    assert "compat_monitor0" in objects_of(client)


def test_the_monitor_that_carries_the_command_stays(client: Client, tmp_path: Path) -> None:
    own = "compat_monitor0"
    assert error_of(client, "object_del", id=own) == IN_USE.format(own)
    with connected(tmp_path / "m") as other:
        assert error_of(other, "object_del", id="m") == IN_USE.format("m")
        other.execute("object-del", {"id": own})  # by another one it goes
        assert objects_of(other) == {"m": "child<monitor-qmp>"}


def test_human_monitors_stay(client: Client) -> None:
    client.execute("object-add", adding("h", "f", "monitor-hmp", readline=True))
    assert error_of(client, "object_del", id="h") == IN_USE.format("h")
    assert objects_of(client)["h"] == "child<monitor-hmp>"


def test_devices_on_several_monitors(client: Client) -> None:
    """A mux takes four, and each of them goes alone."""
    for number in range(3):
        client.execute("object-add", adding(f"x{number}", "x"))
    client.execute("object-add", adding("h", "x", "monitor-hmp"))
    assert error_of(client, "object_add", **adding("x4", "x")) == "Device 'x' is in use"
    client.execute("object-del", {"id": "x1"})
    client.execute("object-add", adding("x4", "x"))
    assert error_of(client, "chardev_remove", id="x") == "Chardev 'x' is busy"
    assert error_of(client, "object_add", **adding("y", "x", **{"close-action": "delete"})) == (
        "close-action=delete can't remove 'x', a mux"
    )


REFUSALS: list[tuple[dict[str, Any], str]] = [
    (adding("n", "no"), 'chardev "no" not found'),
    (adding("n", "c"), "Device 'c' is in use"),
    (adding("n", "compat_monitor0"), "Device 'compat_monitor0' is in use"),
    (adding("m", "f"), "attempt to add duplicate property 'm' to object (type 'container')"),
    (adding("1", "f"), "Parameter 'id' expects an identifier"),
    (adding("n", "f", "monitor"), "Parameter 'qom-type' does not accept value 'monitor'"),
    (adding("n", 1), "Invalid parameter type for 'chardev', expected: string"),
    (adding("n", "f", pretty="on"), "Invalid parameter type for 'pretty', expected: boolean"),
    (
        adding("n", "f", **{"close-action": "shutdown"}),
        "Parameter 'close-action' does not accept value 'shutdown'",
    ),
    (
        adding("n", "f", **{"close-action": None}),
        "Invalid parameter type for 'close-action', expected: string",
    ),
    (adding("n", "f", "monitor-hmp", pretty=True), "Parameter 'pretty' is unexpected"),
    (
        adding("n", "f", "monitor-hmp", **{"close-action": "none"}),
        "Parameter 'close-action' is",
    ),
    (adding("n", "f", readline=True), "Parameter 'readline' is unexpected"),
    ({"qom-type": "monitor-qmp", "id": "n"}, "Parameter 'chardev' is missing"),
    ({"qom-type": "monitor-qmp", "chardev": "f"}, "Parameter 'id' is missing"),
]


def test_refusals(client: Client) -> None:
    before = objects_of(client), labels_of(client)
    for properties, desc in REFUSALS:
        assert error_of(client, "object_add", **properties).startswith(desc)
    assert (objects_of(client), labels_of(client)) == before


def test_devices_that_are_always_open(client: Client, tmp_path: Path) -> None:
    """Each new monitor greets: also on a console, which opens only when the machine starts."""
    log = tmp_path / "log"
    for kind in ("vc", "ringbuf"):
        backend: JsonObject = {"type": kind, "data": {"logfile": str(log)}}
        client.execute("chardev-add", {"id": "o", "backend": backend})
        for _ in range(2):
            client.execute("object-add", adding("o", "o"))
            client.execute("object-del", {"id": "o"})
        client.execute("chardev-remove", {"id": "o"})
        assert log.read_text().count('{"QMP": ') == 2


def test_an_object_goes_once(client: Client) -> None:
    client.execute("object-del", {"id": "m"})
    assert error_of(client, "object_del", id="m") == "object 'm' not found"


# With close-action


def until_gone(client: Client, *labels: str) -> None:
    """Wait until devices are gone: each query is a turn in which the machine notices departures."""
    deadline = time.monotonic() + PATIENCE
    while labels_of(client) & set(labels):
        assert time.monotonic() < deadline, f"{labels} stay"


def test_it_is_deleted_when_its_client_has_left(client: Client, tmp_path: Path) -> None:
    client.execute("object-add", adding("d", "f", **{"close-action": "delete"}))
    assert labels_of(client) >= {"f"}  # nobody has come yet, so nobody has left
    with connected(tmp_path / "f") as other:
        assert properties_of(other, "d")["close-action"] == "delete"
    until_gone(client, "f")
    assert "d" not in objects_of(client)
    assert not (tmp_path / "f").exists()


def test_a_deleted_monitor_leaves_its_device(client: Client, tmp_path: Path) -> None:
    client.execute("object-add", adding("d", "f", **{"close-action": "delete"}))
    with connected(tmp_path / "f"):
        client.execute("object-del", {"id": "d"})
    client.execute("object-add", adding("d", "f"))
    assert labels_of(client) >= {"f"}


# Many of them


async def add_passed(client: AsyncClient, name: str) -> AsyncClient:
    """Make a monitor on a socket pair, and connect to it."""
    ours, theirs = socket.socketpair()
    with theirs:
        await client.execute("getfd", {"fdname": name}, fds=[theirs.fileno()])
    address: JsonObject = {"type": "fd", "data": {"str": name}}
    backend: JsonObject = {"type": "socket", "data": {"addr": address, "server": False}}
    await client.execute("chardev-add", {"id": name, "backend": backend})
    await client.execute("object-add", adding(name, name, **{"close-action": "delete"}))
    return await AsyncClient.connect(ours, timeout=PATIENCE, command_timeout=PATIENCE)


async def leftovers(client: AsyncClient) -> Any:
    """Return everything that monitors leave behind, once the machine has noticed departures."""
    async with asyncio.timeout(PATIENCE):
        while any(each["label"].startswith("m") for each in await client.execute("query-chardev")):
            pass
    gc.collect()
    devices = {each["label"] for each in await client.execute("query-chardev")}
    objects = await client.execute("qom-list", {"path": "/objects"})
    return devices, objects, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())


async def test_a_hundred_while_commands_run(tmp_path: Path) -> None:
    """No reply of others is lost, and nothing is left of the hundred."""
    options = parse_options([ASKED, *BASE, "-qmp", f"unix:{tmp_path}/q,server=on,wait=off"])
    is_ready = asyncio.Event()
    machine = asyncio.create_task(
        run_machine(options, pytest.fail, is_ready.set, lambda on_signal: None)
    )
    await is_ready.wait()
    is_over = False

    async def ask_on(client: AsyncClient) -> int:
        count = 0
        while not is_over:
            asked = [client.execute("query-status") for _ in range(5)]
            assert all(reply["running"] for reply in await asyncio.gather(*asked))
            count += 1
        return count

    async def come_and_go(number: int) -> None:
        name = f"m{number}"
        other = await add_passed(owner, name)
        assert await other.execute("query-name") == {}
        if number % 2:
            running = other.execute("query-status")
            await owner.execute("object-del", {"id": name})
            await owner.execute("chardev-remove", {"id": name})
            # It was answered, or it waited unread.
            await asyncio.gather(running, return_exceptions=True)
        await other.close()

    owner = await AsyncClient.connect(tmp_path / "q", command_timeout=PATIENCE)
    async with owner:
        lasting = [await add_passed(owner, f"lasting{number}") for number in range(3)]
        before = await leftovers(owner)
        asking = [asyncio.create_task(ask_on(each)) for each in lasting]
        for start in range(0, 100, 10):
            await asyncio.gather(*map(come_and_go, range(start, start + 10)))
        is_over = True
        assert min(await asyncio.gather(*asking)) > 10
        assert await leftovers(owner) == before
        for each in lasting:
            await each.close()
        await owner.execute("quit")
    await machine


# Only where they are asked for


def test_the_types_are_listed(client: Client) -> None:
    found = client.execute("qom-list-types", {"implements": "user-creatable"})
    assert {"name": "monitor-qmp", "parent": "monitor"} in found
    entities = {each["name"]: each for each in client.execute("query-qmp-schema")}
    options = entities[entities["object-add"]["arg-type"]]
    kinds = {branch["case"]: branch["type"] for branch in options["variants"]}
    members = {each["name"] for each in entities[kinds["monitor-qmp"]]["members"]}
    assert members == {"chardev", "pretty", "close-action"}


def test_qemu_72_has_no_such_types(start: StartHere) -> None:
    done = start(*BASE, "-object", "monitor-qmp,id=m,chardev=c")
    assert done.stderr.endswith(": Parameter 'qom-type' does not accept value 'monitor-qmp'\n")
    machine = Machine(parse_options(["-nodefaults"]))
    assert machine.object_tree.qom_list_types("monitor", abstract=True) == []
    kinds = load().types["ObjectType"]
    assert isinstance(kinds, EnumDefinition)
    assert not [value for value in kinds.values if value.name.startswith("monitor")]
    assert "close-action" not in str(introspection_of(load()))


def test_qemu_72_warns_of_nothing(tmp_path: Path) -> None:
    words = ("-chardev", "null,id=n", "-mon", "n,mode=control")
    with Threaded(tmp_path / "q", *words) as served, served.client() as client:
        assert isinstance(served, Threaded)
        assert served.said == []
        with pytest.raises(CommandError, match="'/objects' not found"):
            objects_of(client)
