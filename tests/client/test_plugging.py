"""Plugging: the order of the steps, and what is taken back after each possible failure.

Modules: hotplug, aio.plug_run, blocking.plug_run.
"""

from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted, limits
from qmpeer.client import DeviceBackend
from qmpeer.client.hotplug import cpu_parts, parts_of
from qmpeer.errors import AnswerError
from qmpeer.values import JsonObject
from tests.client.faces import AsyncVm, Face, Vm
from tests.client.pretended_machine import PERIPHERAL, PretendedMachine
from tests.client.scripted import GREETING, connected
from tests.client.test_reconnecting import connected as reconnecting
from tests.patience import PATIENCE

NODE: JsonObject = {"driver": "null-co", "node-name": "n0"}
OBJECT: JsonObject = {"qom-type": "rng-builtin", "id": "r0"}
CHARDEV: JsonObject = {"backend": {"type": "null", "data": {}}, "id": "c0"}
NETDEV: JsonObject = {"type": "user", "id": "net0"}
BACKENDS = [NODE, OBJECT, CHARDEV, NETDEV]
DEVICE: JsonObject = {"driver": "all-in-one", "id": "d0"}
STEPS = ["blockdev-add", "object-add", "chardev-add", "netdev_add", "device_add"]
WORDS = ["block node n0", "object r0", "chardev c0", "netdev net0"]


@contextmanager
def pretended(face: Face, **options: Any) -> Iterator[tuple[Vm, PretendedMachine]]:
    with connected(face, command_timeout=PATIENCE, **options) as (vm, server):
        yield vm, PretendedMachine(server)


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


# What is added


def test_the_backends_come_before_the_device_which_names_them(face: Face) -> None:
    with pretended(face) as (vm, machine):
        plugged = vm.call("plug", DEVICE, BACKENDS)
        assert machine.log == STEPS
        device = machine.devices[f"{PERIPHERAL}/d0"]
        links = {"drive": "n0", "rng": "r0", "chardev": "c0", "netdev": "net0"}
        assert links.items() <= device.items()
        assert plugged.id == "d0"
        assert [str(each) for each in plugged.backends] == WORDS
        assert plugged.is_plugged


def test_names_are_made(face: Face) -> None:
    with pretended(face) as (vm, machine):
        plugged = vm.call("plug", {"driver": "scsi-hd"}, {"driver": "null-co"})
        (backend,) = plugged.backends
        assert machine.devices[f"{PERIPHERAL}/{plugged.id}"]["drive"] == backend.name
        assert plugged.id != backend.name
        assert all(name[0].isalpha() and len(name) < 32 for name in (plugged.id, backend.name))


def links_of(device: JsonObject, *backends: JsonObject) -> JsonObject:
    arguments = parts_of(device, backends, 10)[-1].arguments
    return {name: value for name, value in arguments.items() if name not in ("id", "driver")}


def test_a_property_that_is_given_stays() -> None:
    assert links_of({"driver": "d", "drive": "other"}, NODE) == {"drive": "other"}


def test_the_last_backend_of_a_kind_counts() -> None:
    below: JsonObject = {"driver": "file", "node-name": "file0", "filename": "x"}
    above: JsonObject = {"driver": "qcow2", "node-name": "disk0", "file": "file0"}
    assert links_of({"driver": "d"}, below, above) == {"drive": "disk0"}


def test_a_backend_of_a_backend_is_not_the_devices() -> None:
    user: JsonObject = {"type": "vhost-user", "id": "net0", "chardev": "c0"}
    assert links_of({"driver": "d"}, CHARDEV, user) == {"netdev": "net0"}
    secret: JsonObject = {"qom-type": "secret", "id": "s0", "data": "x"}
    luks: JsonObject = {"driver": "luks", "node-name": "l", "file": {"key-secret": ["s0"]}}
    assert links_of({"driver": "d"}, secret, luks) == {"drive": "l"}


@pytest.mark.parametrize(
    ("qom_type", "member"),
    [
        ("memory-backend-file", "memdev"),
        ("rng-random", "rng"),
        ("cryptodev-backend-builtin", "cryptodev"),
        ("iothread", "iothread"),
        ("throttle-group", None),
    ],
)
def test_the_property_for_an_object(qom_type: str, member: str | None) -> None:
    found = links_of({"driver": "d"}, {"qom-type": qom_type, "id": "o"})
    assert found == ({member: "o"} if member else {})


@pytest.mark.parametrize(
    ("release", "given", "sent"),
    [
        (5, {"size": 1}, {"props": {"size": 1}}),
        (5, {}, {}),
        (5, {"props": {"size": 1}}, {"props": {"size": 1}}),
        (6, {"size": 1}, {"size": 1}),
        (10, {"props": {"size": 1}}, {"size": 1}),
        (None, {"size": 1}, {"size": 1}),
    ],
)
def test_an_object_has_the_form_of_its_release(
    release: int | None, given: JsonObject, sent: JsonObject
) -> None:
    own: JsonObject = {"qom-type": "t", "id": "o"}
    (part, _) = parts_of({"driver": "d"}, {**own, **given}, release)
    assert part.arguments == {**own, **sent}


def test_the_greeting_decides_about_that_form(face: Face) -> None:
    old = GREETING.replace(b'"major": 7', b'"major": 5')
    with connected(face, old) as (vm, server):
        machine = PretendedMachine(server)
        vm.call("plug_memory", 4096, {"id": "m0"}, {"id": "ram0"})
        assert machine.backends["object-add", "ram0"]["props"] == {"size": 4096}


@pytest.mark.parametrize(
    ("device", "backend", "text"),
    [
        ({"id": "d0"}, (), "found a device with the members 'id', expected a driver"),
        (DEVICE, {"id": "x"}, "found a backend with the members 'id', expected one of driver"),
        (DEVICE, {}, r"the members \(none\)"),
        (DEVICE, {"driver": "null-co", "node-name": 1}, "found 1 as node-name, expected a string"),
        ({"driver": "d", "id": []}, (), r"found \[\] as id, expected a string"),
        ({"driver": "d", "id": "a/b"}, (), "found 'a/b' as id, expected a name without a slash"),
        ({"driver": "d", "id": ""}, (), "found '' as id, expected a name without a slash"),
    ],
)
def test_wrong_parts_are_found_before_anything_is_added(
    face: Face, device: JsonObject, backend: Any, text: str
) -> None:
    with pretended(face) as (vm, machine):
        with pytest.raises(ValueError, match=text):
            vm.call("plug", device, [NODE, backend] if backend != () else backend)
        assert machine.log == []


def test_a_backend_may_be_nested_deep() -> None:
    nested: Any = []
    for _ in range(5000):
        nested = [nested]
    parts = parts_of(DEVICE, [NODE, {"driver": "null-co", "node-name": "n9", "x": nested}], 7)
    assert parts[-1].arguments["drive"] == "n9"


# What is taken back


def hasten(vm: Vm, monkeypatch: pytest.MonkeyPatch, hastened: str) -> None:
    """Let the deadline pass during one command."""
    execute = vm.client.execute

    def hasty(command: str, *arguments: Any, timeout: float) -> Any:
        seconds = 0.02 if command == hastened else timeout
        return execute(command, *arguments, timeout=seconds)

    monkeypatch.setattr(vm.client, "execute", hasty)


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_a_refused_step(face: Face, step: int) -> None:
    with pretended(face) as (vm, machine):
        machine.hold(STEPS[step])
        plugging = vm.start("plug", DEVICE, BACKENDS)
        machine.refuse(machine.held(STEPS[step]), "no", "KVMMissingCap")
        with pytest.raises(CommandError, match="KVMMissingCap: no") as caught:
            plugging.result(PATIENCE)
        assert caught.value.command == STEPS[step]
        assert machine.names == set()
        taken = WORDS[:step][::-1]
        text = " and ".join([", ".join(taken[:-1]), taken[-1]] if len(taken) > 1 else taken)
        assert notes(caught.value) == ([f"taken back: {text}"] if taken else [])


def test_what_cannot_be_taken_back_is_named(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("device_add", "object-del")
        plugging = vm.start("plug", DEVICE, BACKENDS)
        machine.refuse(machine.held("device_add"), "no")
        machine.refuse(machine.held("object-del"), "it is in use")
        with pytest.raises(CommandError, match="no") as caught:
            plugging.result(PATIENCE)
        assert notes(caught.value) == [
            "taken back: netdev net0, chardev c0 and block node n0",
            "object r0 is still there: GenericError: it is in use",
        ]


def test_somebody_else_has_removed_it(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("device_add")
        plugging = vm.start("plug", DEVICE, [NODE, NETDEV])
        command = machine.held("device_add")
        machine.backends.clear()
        machine.refuse(command, "no")
        with pytest.raises(CommandError, match="no") as caught:
            plugging.result(PATIENCE)
        assert notes(caught.value) == []


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_a_deadline_in_a_step(
    face: Face, monkeypatch: pytest.MonkeyPatch, step: int, is_done: bool
) -> None:
    """The server may have done it; its answer to the next query shows that."""
    queries = {0: "query-named-block-nodes", 3: "human-monitor-command"}
    query = queries.get(step, "qom-list")
    with pretended(face) as (vm, machine):
        machine.hold(STEPS[step], query)
        hasten(vm, monkeypatch, STEPS[step])
        plugging = vm.start("plug", DEVICE, BACKENDS)
        late = machine.held(STEPS[step])
        looking = machine.held(query)
        machine.let_go(query)
        if is_done:
            machine.answer(late)
        else:
            machine.refuse(late, "no")
        machine.answer(looking)
        with pytest.raises(TimeoutError) as caught:
            plugging.result(PATIENCE)
        assert machine.names == set()
        (note,) = notes(caught.value) or [""]
        assert ([*WORDS, "device d0"][step] in note) is is_done


def test_an_unknown_outcome_of_anothers_name(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.backends["blockdev-add", "n0"] = {"driver": "file"}
        machine.hold("blockdev-add", "query-named-block-nodes")
        plugging = vm.start("plug", DEVICE, NODE, timeout=0.02)
        late = machine.held("blockdev-add")
        looking = machine.held("query-named-block-nodes")
        machine.answer(late)
        machine.answer(looking)
        with pytest.raises(TimeoutError) as caught:
            plugging.result(PATIENCE)
        assert machine.names == {"n0"}
        assert notes(caught.value) == []


def test_a_server_shows_a_driver_under_its_whole_name(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("device_add", "qom-list")
        hasten(vm, monkeypatch, "device_add")
        plugging = vm.start("plug", {"driver": "virtio-blk", "id": "d0"}, NODE)
        late = machine.held("device_add")
        looking = machine.held("qom-list")
        machine.let_go("qom-list")
        machine.answer({**late, "arguments": {"driver": "virtio-blk-pci", "id": "d0"}})
        machine.answer(looking)
        with pytest.raises(TimeoutError) as caught:
            plugging.result(PATIENCE)
        assert notes(caught.value) == ["taken back: device d0 and block node n0"]
        assert machine.names == set()


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("step", [3, 4], ids=STEPS[3:])
def test_a_server_that_cannot_tell_what_it_has(
    face: Face, monkeypatch: pytest.MonkeyPatch, step: int, is_done: bool
) -> None:
    with pretended(face) as (vm, machine):
        query = ["human-monitor-command", "qom-list"][step - 3]
        machine.hold(STEPS[step], query)
        hasten(vm, monkeypatch, STEPS[step])
        plugging = vm.start("plug", DEVICE, BACKENDS)
        late = machine.held(STEPS[step])
        looking = machine.held(query)
        if is_done:
            machine.answer(late)
        machine.let_go(query)
        machine.refuse(looking, "no", "CommandNotFound")
        with pytest.raises(TimeoutError) as caught:
            plugging.result(PATIENCE)
        assert machine.names == set()
        (note,) = notes(caught.value)
        assert note.startswith("taken back: ")
        assert ([*WORDS, "device d0"][step] in note) is is_done


def test_a_server_that_hangs(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CANCEL_TIMEOUT", 0.1)
    with pretended(face) as (vm, machine):
        machine.hold("device_add", "qom-list")
        hasten(vm, monkeypatch, "device_add")
        plugging = vm.start("plug", DEVICE, [NODE, NETDEV])
        machine.held("device_add")
        with pytest.raises(TimeoutError) as caught:
            plugging.result(PATIENCE)
        (note,) = notes(caught.value)
        assert note.startswith("device d0, netdev net0 and block node n0 may still be there: ")


def test_a_guest_that_keeps_the_device(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended(face) as (vm, machine):
        machine.consents = False
        machine.hold("device_add", "qom-list", "device_del")
        hasten(vm, monkeypatch, "device_add")
        plugging = vm.start("plug", DEVICE, NODE)
        late = machine.held("device_add")
        looking = machine.held("qom-list")
        machine.answer(late)
        machine.answer(looking)
        machine.answer(machine.held("device_del"))
        machine.server.event("DEVICE_UNPLUG_GUEST_ERROR", device="d0", path=f"{PERIPHERAL}/d0")
        with pytest.raises(TimeoutError) as caught:
            plugging.result(PATIENCE)
        device, node = notes(caught.value)
        assert device.startswith("device d0 is still there: device_del was accepted, but")
        assert node == "block node n0 is still there: GenericError: n0 is in use"


def test_the_end_of_the_connection(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("device_add")
        plugging = vm.start("plug", DEVICE, [NODE, NETDEV])
        machine.held("device_add")
        machine.server.socket.shutdown(2)
        with pytest.raises(CommandInterrupted, match="device_add") as caught:
            plugging.result(PATIENCE)
        (note,) = notes(caught.value)
        assert note.startswith("device d0, netdev net0 and block node n0 may still be there: ")


@pytest.mark.parametrize("is_done", [True, False])
def test_another_connection_shows_whether_it_was_done(
    face: Face, tmp_path: Path, is_done: bool
) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        machine = PretendedMachine(server)
        machine.hold("device_add")
        plugging = vm.start("plug", DEVICE, [NODE, NETDEV])
        command = machine.held("device_add")
        server.socket.shutdown(2)
        if is_done:
            machine.devices[f"{PERIPHERAL}/d0"] = {"parent_bus": "", **command["arguments"]}
        later = PretendedMachine(servers.greet(), machine.backends, machine.devices)
        if is_done:
            assert plugging.result(PATIENCE).id == "d0"
            assert later.log == []
        else:
            with pytest.raises(CommandInterrupted) as caught:
                plugging.result(PATIENCE)
            assert notes(caught.value) == ["taken back: netdev net0 and block node n0"]
            assert later.names == set()


@pytest.mark.parametrize("is_done", [True, False])
def test_an_interruption(face: Face, monkeypatch: pytest.MonkeyPatch, is_done: bool) -> None:
    """By Ctrl-C, or by cancelling a task."""
    with pretended(face) as (vm, machine):
        if isinstance(vm, AsyncVm):
            machine.hold("device_add", "qom-list")
            plugging = vm.start("plug", DEVICE, [NODE, NETDEV])
            command = machine.held("device_add")
            if is_done:
                machine.devices[f"{PERIPHERAL}/d0"] = {"parent_bus": "", **command["arguments"]}
            plugging.cancel()
            looking = machine.held("qom-list")
            machine.let_go("qom-list")
            machine.answer(looking)
        else:
            execute = vm.client.execute

            def interrupted(command: str, *args: Any, **more: Any) -> Any:
                if command != "device_add":
                    return execute(command, *args, **more)
                if is_done:
                    execute(command, *args, **more)
                raise KeyboardInterrupt

            monkeypatch.setattr(vm.client, "execute", interrupted)
            plugging = vm.start("plug", DEVICE, [NODE, NETDEV])
        with pytest.raises((CancelledError, KeyboardInterrupt)):
            plugging.result(PATIENCE)
        while machine.names:  # a cancelled future has its result at once
            vm.event_mark()
        assert machine.log[-2:] == ["netdev_del", "blockdev-del"]
        assert ("device_del" in machine.log) is is_done


# Processors and memory


def slot(core: int, **more: Any) -> dict[str, Any]:
    props = {"core-id": core, "socket-id": 0, "thread-id": 0}
    return {"props": props, "vcpus-count": 1, "type": "cpu", **more}


def test_processors_go_into_the_first_free_slots(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.slots = [slot(10), slot(2), slot(1), slot(0, **{"qom-path": "/x"})]
        plugged = vm.call("plug_cpus", 2)
        cores = [machine.devices[f"{PERIPHERAL}/{each.id}"]["core-id"] for each in plugged]
        assert cores == [1, 2]
        assert machine.devices[f"{PERIPHERAL}/{plugged[0].id}"]["driver"] == "cpu"


@pytest.mark.parametrize("count", [2, 0])
def test_without_free_slots(face: Face, count: int) -> None:
    with pretended(face) as (vm, machine):
        machine.slots = [slot(1), slot(0, **{"qom-path": "/x"})]
        text = f"found 1 free slots for processors, of 2, expected {count}: QEMU's -smp"
        with pytest.raises(ValueError, match=text):
            vm.call("plug_cpus", count)
        assert machine.log == []


def test_the_second_of_two_processors_is_refused(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.slots = [slot(1), slot(2)]
        machine.hold("device_add")
        plugging = vm.start("plug_cpus", 2)
        machine.answer(machine.held("device_add"))
        machine.refuse(machine.held("device_add"), "no")
        with pytest.raises(CommandError, match="no"):
            plugging.result(PATIENCE)
        assert machine.names == set()


@pytest.mark.parametrize("answer", [{}, [{}], [{"type": "x", "props": 1}]])
def test_an_unusable_list_of_slots(answer: Any) -> None:
    with pytest.raises(AnswerError, match="expected a list of slots"):
        cpu_parts(answer, 1)


def test_memory(face: Face) -> None:
    with pretended(face) as (vm, machine):
        backend: JsonObject = {"qom-type": "memory-backend-file", "id": "ram0", "mem-path": "/x"}
        plugged = vm.call("plug_memory", 4096, {"driver": "nvdimm", "node": 1}, backend)
        assert machine.backends["object-add", "ram0"] == {**backend, "size": 4096}
        device = machine.devices[f"{PERIPHERAL}/{plugged.id}"]
        assert (device["driver"], device["memdev"], device["node"]) == ("nvdimm", "ram0", 1)
        assert plugged.backends == (DeviceBackend("object", "ram0"),)


def test_refused_memory_has_a_hint(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("device_add")
        plugging = vm.start("plug_memory", 4096)
        machine.refuse(machine.held("device_add"), "no free slots available")
        with pytest.raises(CommandError, match="no free slots available") as caught:
            plugging.result(PATIENCE)
        hint, taken = notes(caught.value)
        assert "-m 1G,slots=4,maxmem=8G" in hint
        assert taken.startswith("taken back: object ")


# The context manager


def test_it_is_unplugged_at_the_end(face: Face) -> None:
    with pretended(face) as (vm, machine):
        plugged = vm.call("plug", DEVICE, BACKENDS)
        begin_to_leave(vm, plugged, None).result(PATIENCE)
        assert machine.names == set()
        assert machine.log[5:] == [
            "device_del", "netdev_del", "chardev-remove", "object-del", "blockdev-del",
        ]  # fmt: skip
        assert not plugged.is_plugged
        begin_to_leave(vm, plugged, None).result(PATIENCE)  # once is enough
        assert machine.log.count("device_del") == 1
        assert repr(plugged).endswith("Plugged d0 unplugged>")


def begin_to_leave(vm: Vm, plugged: Any, error: BaseException | None) -> Future[Any]:
    name = "__aexit__" if isinstance(vm, AsyncVm) else "__exit__"
    return vm.start_on(plugged, name, type(error) if error else None, error, None)


def test_the_bodys_exception_stays_the_main_one(face: Face) -> None:
    with pretended(face) as (vm, machine):
        plugged = vm.call("plug", DEVICE, NODE)
        machine.hold("device_del")
        error = ZeroDivisionError()
        left = vm.start_on(
            plugged,
            "__aexit__" if isinstance(vm, AsyncVm) else "__exit__",
            type(error),
            error,
            None,
        )
        machine.refuse(machine.held("device_del"), "no")
        assert left.result(PATIENCE) is None
        assert notes(error) == ["device d0 wasn't unplugged: GenericError: no"]
        assert plugged.is_plugged


def test_a_device_that_somebody_else_unplugged(face: Face) -> None:
    """What it has left behind is removed all the same."""
    with pretended(face) as (vm, machine):
        plugged = vm.call("plug", DEVICE, NODE)
        machine.devices.clear()
        begin_to_leave(vm, plugged, None).result(PATIENCE)
        assert machine.names == set()
        assert not plugged.is_plugged


def test_the_number_of_remembered_devices_is_limited(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PLUGGED", 2)
    with pretended(face) as (vm, machine):
        for number in range(3):
            vm.call("plug", {"driver": "d", "id": f"d{number}"}, OBJECT | {"id": f"r{number}"})
            machine.devices[f"{PERIPHERAL}/d{number}"]["rng"] = None
        assert vm.call("unplug", "d0") == ()
        assert vm.call("unplug", "d1") == (DeviceBackend("object", "r1"),)
