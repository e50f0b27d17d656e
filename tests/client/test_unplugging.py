"""Unplugging: guests that consent, refuse, or are silent; devices that go along; backends.

Modules: hotplug, aio.unplug_run, blocking.unplug_run.
"""

from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted, CompletionError, limits
from qmpeer.client import DeviceBackend
from qmpeer.client.aio.unplug_run import UnplugRun as AsyncRun
from qmpeer.client.blocking.unplug_run import UnplugRun as BlockingRun
from qmpeer.client.hotplug import backend_in, leaving_with
from tests.client.faces import AsyncVm, Face, Vm
from tests.client.hourglass import Hourglass
from tests.client.pretended_machine import PERIPHERAL, PretendedMachine
from tests.client.scripted import connected
from tests.patience import PATIENCE

NODE = DeviceBackend("block-node", "n0")
PATH = f"{PERIPHERAL}/d0"
REFUSAL = {"info": {"device": "d0", "source": 3, "status": 0x82, "slot": "0", "slot-type": "DIMM"}}
EJECTED = {"info": {"source": 3, "status": 0, "slot": "0", "slot-type": "CPU"}}


@contextmanager
def pretended(face: Face, **options: Any) -> Iterator[tuple[Vm, PretendedMachine]]:
    """Yield a client, and a machine with a device, d0, that somebody else has plugged."""
    with connected(face, command_timeout=PATIENCE, **options) as (vm, server):
        yield (
            vm,
            PretendedMachine(
                server,
                {("blockdev-add", "n0"): {"driver": "null-co"}},
                {PATH: {"driver": "virtio-blk-pci", "type": "", "parent_bus": "/x", "drive": "n0"}},
            ),
        )


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def begin(vm: Vm, machine: PretendedMachine, **options: Any) -> Future[Any]:
    """Unplug d0 from a guest that doesn't answer; return once it was asked."""
    machine.consents = False
    machine.hold("device_del")
    unplugging = vm.start("unplug", "d0", **options)
    machine.answer(machine.held("device_del"))
    machine.let_go("device_del")
    return unplugging


# Guests


@pytest.mark.parametrize("id", ["d0", PATH])
def test_a_guest_that_consents(face: Face, id: str) -> None:
    with pretended(face) as (vm, machine):
        assert vm.call("unplug", id) == (NODE,)
        assert machine.log == ["device_del", "blockdev-del"]
        assert machine.names == set()


def test_a_guest_that_consents_after_a_while(face: Face) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine)
        machine.server.event("DEVICE_DELETED", device="another", path=f"{PERIPHERAL}/another")
        assert not unplugging.done()
        machine.delete(PATH)
        assert unplugging.result(PATIENCE) == (NODE,)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("DEVICE_UNPLUG_GUEST_ERROR", {"device": "d0", "path": PATH}),
        ("MEM_UNPLUG_ERROR", {"device": "d0", "msg": "busy"}),
        ("ACPI_DEVICE_OST", REFUSAL),
        ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"}),
    ],
)
def test_a_guest_that_refuses(face: Face, event: str, data: dict[str, Any]) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine)
        machine.server.event(event, **data)
        with pytest.raises(CompletionError) as caught:
            unplugging.result(PATIENCE)
        assert caught.value.event == event
        assert machine.log == ["device_del"]
        assert "n0" in machine.names


def test_a_silent_guest_is_asked_again(face: Face) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, repeat=0.01)
        machine.hold("device_del")
        pending = "Device d0 is already in the process of unplug"
        machine.refuse(machine.held("device_del"), pending)
        blinking = "Hot-unplug failed: guest is busy (power indicator blinking)"
        machine.refuse(machine.held("device_del"), blinking)
        machine.answer(machine.held("device_del"))
        machine.let_go("device_del")
        machine.delete(PATH)
        assert unplugging.result(PATIENCE) == (NODE,)


def test_it_was_gone_when_the_guest_is_asked_again(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers before 1.5 send no event."""
    monkeypatch.setattr(limits, "CANCEL_TIMEOUT", 0.2)
    monkeypatch.setattr(limits, "RESET_GRACE", 0.01)
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, repeat=0.01)
        machine.devices.clear()
        assert unplugging.result(PATIENCE) == (NODE,)


@pytest.mark.parametrize("sign", ["event", "refusal"])
def test_a_device_that_is_gone_but_holds_its_backend(face: Face, sign: str) -> None:
    """QEMU sends DEVICE_DELETED when it lets go, which may be later."""
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, repeat=0.01 if sign == "refusal" else None)
        machine.devices["/gone"] = machine.devices.pop(PATH)
        if sign == "event":
            machine.hold("qom-get")
            machine.server.event("DEVICE_DELETED", path=f"{PATH}/virtio-backend")
            looking = machine.held("qom-get")
            machine.let_go("qom-get")
            machine.answer(looking)
        vm.event_mark()
        vm.execute("query-chardev")
        assert "blockdev-del" not in machine.log
        machine.devices.clear()
        machine.server.event("DEVICE_DELETED", device="d0", path=PATH)
        assert unplugging.result(PATIENCE) == (NODE,)


def test_a_silent_guest_until_the_deadline(face: Face, hourglass: Hourglass) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, timeout=0.02)
        hourglass.let_go()
        machine.server.event("DEVICE_DELETED", path=f"{PATH}/part")  # a reason to look
        with pytest.raises(TimeoutError) as caught:
            unplugging.result(PATIENCE)
        assert str(caught.value) == (
            "device d0 is still there: the guest was asked once in 0.02 s and hasn't let it go; "
            "it still may"
        )
        assert "n0" in machine.names


def counted(run: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that grows with every event that a run looks at."""
    seen: list[Any] = []
    decide = run._is_end

    def note(*given: Any) -> Any:
        seen.append(given)
        return decide(*given)

    monkeypatch.setattr(run, "_is_end", note)
    return seen


@pytest.mark.parametrize("run", [AsyncRun, BlockingRun])
def test_the_deadline_holds_while_hints_come(
    run: Any, face: Face, hourglass: Hourglass, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = counted(run, monkeypatch)
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, timeout=0.001, repeat=None)
        machine.hold("qom-get")
        machine.server.event("RESET", guest=False, reason="host-qmp-system-reset")
        looking = machine.held("qom-get")
        machine.let_go("qom-get")
        for _ in range(3):  # the next one is always there already
            machine.server.event("RESET", guest=False, reason="host-qmp-system-reset")
        hourglass.let_go()
        machine.answer(looking)
        with pytest.raises(TimeoutError, match="the guest was asked once"):
            unplugging.result(PATIENCE)
    assert len(hints) <= 1  # 0 for the other client


def test_odd_reports_of_the_guest_are_nobodys(face: Face) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine)
        values: list[Any] = [[], {}, "3"]
        for value in values:
            odd = {"device": "d0", "source": value, "status": value}
            machine.server.event("ACPI_DEVICE_OST", info=odd)
        machine.delete(PATH)
        assert unplugging.result(PATIENCE) == (NODE,)


def test_many_devices_on_one_bus_take_linear_time() -> None:
    count = 20_000  # quadratic time would be minutes
    buses = {f"/p/{each}": f"/p/d0/{each % 2}/bus" if each % 2 else "/x" for each in range(count)}
    assert len(leaving_with("/p/d0", buses)) == 1 + count // 2


def test_the_deadline_passes_while_the_guest_is_asked_again(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, repeat=0.01)
        execute = vm.client.execute

        def hasty(command: str, *arguments: Any, timeout: float) -> Any:
            return execute(command, *arguments, timeout=0.02)

        machine.hold("device_del")
        monkeypatch.setattr(vm.client, "execute", hasty)
        with pytest.raises(TimeoutError, match=r"d0 is still there: .* asked .* in 60 s"):
            unplugging.result(PATIENCE)


def test_a_guest_that_is_busy_with_the_slot(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is pending then, so it is asked again soon, whatever the caller's interval."""
    monkeypatch.setattr(limits, "UNPLUG_BUSY", 0.01)
    blinking = "Hot-unplug failed: guest is busy (power indicator blinking)"
    with pretended(face) as (vm, machine):
        machine.hold("device_del")
        unplugging = vm.start("unplug", "d0", repeat=None)
        machine.refuse(machine.held("device_del"), blinking)
        machine.answer(machine.held("device_del"))
        assert unplugging.result(PATIENCE) == (NODE,)


def test_a_guest_that_stays_busy(face: Face, hourglass: Hourglass) -> None:
    blinking = "Hot-unplug failed: guest is busy (power indicator blinking)"
    with pretended(face) as (vm, machine):
        machine.hold("device_del")
        unplugging = vm.start("unplug", "d0", timeout=0.02)
        machine.refuse(machine.held("device_del"), blinking)
        hourglass.let_go()
        machine.server.event("DEVICE_DELETED", path=f"{PATH}/part")
        with pytest.raises(
            TimeoutError, match=r"d0 is still there: .* was busy with it for 0.02 s"
        ):
            unplugging.result(PATIENCE)


@pytest.mark.parametrize("is_completed", [True, False])
def test_a_reset(face: Face, is_completed: bool) -> None:
    """It completes some removals. Otherwise the new guest is asked."""
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine, repeat=None if is_completed else 0.1)
        machine.server.event("RESET", guest=False, reason="host-qmp-system-reset")
        if is_completed:
            machine.delete(PATH)
        else:
            machine.consents = True
        assert unplugging.result(PATIENCE) == (NODE,)


def test_the_end_of_the_connection(face: Face) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine)
        machine.server.socket.shutdown(2)
        with pytest.raises(CommandInterrupted, match="it was accepted, but event DEVICE_DELETED"):
            unplugging.result(PATIENCE)


# Events


@pytest.mark.parametrize(
    ("event", "data"),
    [("DEVICE_DELETED", {"path": f"{PATH}/lapic"}), ("ACPI_DEVICE_OST", EJECTED)],
)
def test_a_device_without_an_event_of_its_own(
    face: Face, monkeypatch: pytest.MonkeyPatch, event: str, data: dict[str, Any]
) -> None:
    """x86's processors."""
    monkeypatch.setattr(limits, "RESET_GRACE", 0.01)
    with pretended(face) as (vm, machine):
        machine.devices[PATH]["drive"] = None
        unplugging = begin(vm, machine, repeat=None)
        machine.server.event(event, **data)  # another's, or too early: the device is still there
        vm.event_mark()
        assert not unplugging.done()
        machine.devices.clear()
        machine.server.event(event, **data)
        assert unplugging.result(PATIENCE) == ()


def test_no_event_is_left_over(face: Face) -> None:
    """The event of the part inside comes first; the next removal waits for its own."""
    with pretended(face) as (vm, machine):
        for _ in range(3):
            unplugging = begin(vm, machine, backends=False)
            machine.server.event("DEVICE_DELETED", path=f"{PATH}/virtio-backend")
            vm.event_mark()
            assert not unplugging.done()
            device = machine.devices.pop(PATH)
            machine.server.event("DEVICE_DELETED", device="d0", path=PATH)
            assert unplugging.result(PATIENCE) == ()
            machine.devices[PATH] = device


def test_a_device_without_an_id(face: Face) -> None:
    path = "/machine/peripheral-anon/device[0]"
    with pretended(face) as (vm, machine):
        machine.devices[path] = machine.devices.pop(PATH)
        assert vm.call("unplug", path) == (NODE,)


# Errors of the server


def test_there_is_no_such_device(face: Face) -> None:
    with pretended(face) as (vm, machine):
        with pytest.raises(CommandError, match="DeviceNotFound: Device 'd1' not found") as caught:
            vm.call("unplug", "d1")
        assert notes(caught.value) == []
        assert "n0" in machine.names


def test_a_bus_without_hotplug(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("device_del")
        unplugging = vm.start("unplug", "d0")
        machine.refuse(machine.held("device_del"), "Bus 'pcie.0' does not support hotplugging")
        with pytest.raises(CommandError, match="does not support hotplugging"):
            unplugging.result(PATIENCE)


def test_an_old_server_without_qom(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("qom-list")
        unplugging = vm.start("unplug", "d0")
        for _ in range(3):
            machine.refuse(machine.held("qom-list"), "no", "CommandNotFound")
        assert unplugging.result(PATIENCE) == ()
        assert machine.names == {"n0"}


# Backends


def test_backends_are_kept(face: Face) -> None:
    with pretended(face) as (vm, machine):
        assert vm.call("unplug", "d0", backends=False) == ()
        assert machine.names == {"n0"}


def test_a_backend_in_use(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.devices[f"{PERIPHERAL}/d1"] = {"parent_bus": "/x", "drive": "n0"}
        with pytest.raises(CommandError) as caught:
            vm.call("unplug", "d0")
        error = caught.value
        assert str(error) == (
            "GenericError: device d0 is gone, but not block node n0 (n0 is in use)"
        )
        assert error.command == "blockdev-del"
        assert PATH not in machine.names


@pytest.mark.parametrize("can_tell", [True, False])
def test_a_backend_that_is_gone(face: Face, can_tell: bool) -> None:
    """A server that can't list them leaves its error as it is."""
    with pretended(face) as (vm, machine):
        machine.backends.clear()
        machine.hold("query-named-block-nodes")
        unplugging = vm.start("unplug", "d0")
        query = machine.held("query-named-block-nodes")
        if can_tell:
            machine.answer(query)
            assert unplugging.result(PATIENCE) == ()
        else:
            machine.refuse(query, "no", "CommandNotFound")
            query = machine.held("query-named-block-nodes")  # in the form of old releases
            machine.refuse(query, "no", "CommandNotFound")
            with pytest.raises(
                CommandError, match=r"is gone, but not block node n0 \(n0 not found"
            ):
                unplugging.result(PATIENCE)


def test_the_connection_ends_before_the_backends_are_removed(face: Face) -> None:
    with pretended(face) as (vm, machine):
        machine.hold("blockdev-del")
        unplugging = vm.start("unplug", "d0")
        machine.held("blockdev-del")
        machine.server.socket.shutdown(2)
        with pytest.raises(CommandInterrupted, match="blockdev-del") as caught:
            unplugging.result(PATIENCE)
        assert notes(caught.value) == ["device d0 is gone; block node n0 may still be there"]


def test_who_is_interrupted_leaves_the_device(face: Face) -> None:
    with pretended(face) as (vm, machine):
        unplugging = begin(vm, machine)
        if not isinstance(vm, AsyncVm):
            vm.close()
            with pytest.raises(CommandInterrupted):
                unplugging.result(PATIENCE)
            return
        unplugging.cancel()
        with pytest.raises(CancelledError):
            unplugging.result(PATIENCE)
        assert vm.execute("query-chardev") == []  # the task has ended by then
        machine.delete(PATH)
        vm.event_mark()
        assert vm.execute("query-chardev") == []
        assert machine.names == {"n0"}


def test_devices_on_its_buses_go_along(face: Face) -> None:
    """With their backends: those that they name, and those that were plugged with them."""
    with pretended(face) as (vm, machine):
        below = {"driver": "file", "node-name": "file1"}
        above = {"driver": "raw", "node-name": "n1", "file": "file1"}
        machine.devices[PATH]["drive"] = None
        disk = vm.call(
            "plug", {"driver": "scsi-hd", "id": "d1", "bus": f"{PATH}/bus"}, [below, above]
        )
        on_it = {"driver": "x", "parent_bus": f"{PERIPHERAL}/d1/bus", "chardev": "c2"}
        machine.devices[f"{PERIPHERAL}/d2"] = on_it
        machine.backends["chardev-add", "c2"] = {}
        machine.devices[f"{PERIPHERAL}/d3"] = {"parent_bus": f"{PERIPHERAL}/d10/bus", "drive": "n0"}
        removed = vm.call("unplug", "d0")
        assert [str(each) for each in removed] == [
            "block node n1", "block node file1", "chardev c2",
        ]  # fmt: skip
        assert machine.names == {"n0", f"{PERIPHERAL}/d3"}
        assert not disk.is_plugged


def test_a_backend_that_the_device_has_handed_on(face: Face) -> None:
    """usb-storage makes a SCSI disk of its drive."""
    with pretended(face) as (vm, machine):
        machine.devices[PATH] |= {"drive": "", "mr": {}, "bus.0": {}}
        machine.devices[f"{PATH}/bus.0"] = {"parent_bus": "", "disk[0]": {}}
        machine.devices[f"{PATH}/bus.0/disk[0]"] = {"parent_bus": "", "drive": "n0"}
        machine.hold("device_del")
        unplugging = vm.start("unplug", "d0")
        command = machine.held("device_del")
        machine.devices.clear()
        machine.server.event("DEVICE_DELETED", device="d0", path=PATH)
        machine.server.reply(command)
        assert unplugging.result(PATIENCE) == (NODE,)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("netdev", "net0", DeviceBackend("netdev", "net0")),
        ("chardev", "c0", DeviceBackend("chardev", "c0")),
        ("rng", "/objects/r0", DeviceBackend("object", "r0")),
        ("rng", "/machine/peripheral/d0/virtio-backend/default-backend", None),
        ("drive", "#block123", None),
        ("drive", "", None),
        ("drive", 1, None),
        ("iothread", "/objects/io0", None),
    ],
)
def test_the_backend_that_a_property_names(
    name: str, value: Any, found: DeviceBackend | None
) -> None:
    assert backend_in(name, value) == found
