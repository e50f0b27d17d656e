"""``qmpeer plug`` and ``qmpeer unplug`` on a real machine, and on servers that refuse.

Modules: plug_command, unplug_command.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client
from qmpeer.cli.main import main
from tests.cli.programs import Start
from tests.cli.scripted_server import Scripted
from tests.qemu import BASE, QEMU

real = pytest.mark.real


@pytest.fixture(scope="module")
def machine(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, start: Start
) -> str:
    """Start a stopped machine, in which USB devices go at once and PCI devices never."""
    path = tmp_path_factory.mktemp("machine") / "q"
    argv = [program(QEMU), "-machine", "pc", *BASE[2:], "-m", "64", "-S"]
    start([*argv, "-device", "qemu-xhci", "-qmp", f"unix:{path},server=on,wait=off"], path)
    return str(path)


Run = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; return its status and the lines of its output and its errors."""

    def begin(*words: str) -> tuple[int, list[str], list[str]]:
        status = main(words)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return begin


@real
def test_there_and_back(machine: str, run: Run) -> None:
    backend = "driver=null-co node-name=n0 size=1M"
    plugging = ("plug", machine, "usb-storage", "id=stick", "serial=123", "--backend", backend)
    assert run(*plugging) == (0, ["stick"], [])
    with Client.connect(machine) as vm:
        path = "/machine/peripheral/stick"
        assert vm.execute("qom-get", {"path": path, "property": "serial"}) == "123"
        (node,) = vm.execute("query-named-block-nodes")
        assert node["image"]["virtual-size"] == 1 << 20
    removed = "unplugged stick, removed block node n0"
    assert run("unplug", machine, "stick") == (0, [removed], [])
    with Client.connect(machine) as vm:
        assert vm.names("block-node") == []


@real
def test_for_programs(machine: str, run: Run) -> None:
    node = json.dumps({"driver": "null-co", "node-name": "n0"})
    status, (line,), _ = run("plug", machine, "usb-storage", "--json", "--backend", node)
    found = json.loads(line)
    backend = {"kind": "block-node", "name": "n0"}
    assert (status, found["backends"]) == (0, [backend])
    _, (line,), _ = run("unplug", machine, found["id"], "--json", "--keep-backends")
    assert json.loads(line) == {"id": found["id"], "removed": []}
    status, (line,), _ = run("plug", machine, "usb-storage", '{"id": "s", "drive": "n0"}', "--json")
    assert json.loads(line) == {"id": "s", "backends": []}
    _, (line,), _ = run("unplug", machine, "s", "--json")
    assert json.loads(line) == {"id": "s", "removed": [backend]}


@real
@pytest.mark.parametrize(
    ("driver", "backend", "removed"),
    [
        ("usb-net", "type=user restrict=on", "netdev"),
        ("usb-serial", "backend.type=ringbuf backend.data.size=4096", "chardev"),
        ("usb-serial", "backend.type=null 'backend.data={}' id='c 0'", "chardev"),
        ("virtio-rng-pci", "qom-type=rng-random filename=/dev/zero", "object"),
    ],
)
def test_backends_of_each_kind(
    machine: str, run: Run, driver: str, backend: str, removed: str
) -> None:
    """Their names are made, though the schema requires some."""
    status, (line,), errors = run("plug", machine, driver, "--json", "--backend", backend)
    (found,) = json.loads(line)["backends"]
    assert (status, found["kind"], errors) == (0, removed, [])
    if driver.startswith("usb"):
        status, lines, errors = run("unplug", machine, json.loads(line)["id"])
        assert (status, lines[0].endswith(f"removed {removed} {found['name']}")) == (0, True)


@real
def test_a_refused_device(machine: str, run: Run) -> None:
    node = "driver=null-co node-name=n0"
    assert run("plug", machine, "usb-storage", "serail=1", "--backend", node) == (
        1,
        [],
        [
            "qmpeer plug: GenericError: Property 'usb-storage.serail' not found",
            "qmpeer plug: did you mean serial?",
            "qmpeer plug: taken back: block node n0",
        ],
    )


@real
def test_a_guest_that_does_not_answer(machine: str, run: Run) -> None:
    assert run("plug", machine, "virtio-balloon-pci", "id=balloon") == (0, ["balloon"], [])
    status, _, (line,) = run("unplug", machine, "balloon", "--timeout", "2")
    assert status == 3
    assert line.startswith("qmpeer unplug: device balloon is still there: the guest was asked once")


@real
def test_there_is_no_such_device(machine: str, run: Run) -> None:
    error = "qmpeer unplug: DeviceNotFound: Device 'no' not found"
    assert run("unplug", machine, "no") == (1, [], [error])


def test_a_wrong_backend_is_not_repeated(run: Run) -> None:
    """It may hold a secret."""
    for backend in ("qom-tpye=secret data=hunter2", "qom-type=secret data='hunter2"):
        status, _, (line,) = run("plug", "x", "a", "--backend", backend)
        assert (status, "hunter2" in line) == (2, False)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["plug", "x", "id=a"], "found 'id=a', expected DRIVER first, such as usb-tablet"),
        (["plug", "x", "a", "b"], "found 'b', expected name=value"),
        (["plug", "x", "a", "b=1", "b.c=1"], "b"),
        (["plug", "x", "a", "--backend", "node-name=n"], "in --backend number 1, found a backend"),
        (["plug", "x", "a", "--backend", ""], "the members (none)"),
        (["plug", "x", "a", "--backend", "id='c"], "No closing quotation"),
        (["plug", "x", "a", "--backend", "{"], "JSON"),
        (["plug", "x"], "the following arguments are required: DRIVER"),
        (["unplug", "x"], "the following arguments are required: ID"),
        (["unplug", "x", "\udcff"], "expected text in UTF-8"),
    ],
)
def test_wrong_command_lines(run: Run, words: list[str], error: str) -> None:
    """They are found before the server is looked for."""
    status, out, (line,) = run(*words)
    assert (status, out) == (2, [])
    assert error in line


def test_an_old_server_gets_objects_in_its_form(run: Run, tmp_path: Path) -> None:
    answers: dict[str, Any] = {"query-qmp-schema": [], "object-add": {}, "device_add": {}}
    with Scripted(tmp_path / "qmp", answers) as server:
        backend = "qom-type=rng-random id=r0 filename=/dev/zero size=1"
        assert run("plug", server.address, "x", "id=d0", "--backend", backend)[:2] == (0, ["d0"])
        sent = dict(server.seen)["object-add"]
        properties = {"filename": "/dev/zero", "size": 1}
        assert sent == {"qom-type": "rng-random", "id": "r0", "props": properties}


def test_a_guest_that_refuses(run: Run, tmp_path: Path) -> None:
    def device_del(id: str) -> Any:
        server.emit("DEVICE_UNPLUG_GUEST_ERROR", {"device": id, "path": f"/machine/{id}"})
        return {}

    with Scripted(tmp_path / "qmp", {"device_del": device_del}) as server:
        status, _, (line,) = run("unplug", server.address, "d0")
        assert status == 1
        assert "not completed: the guest refused: DEVICE_UNPLUG_GUEST_ERROR" in line
