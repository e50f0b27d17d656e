"""Many commands until their event, through a relay that delays replies and events at random.

The same devices come and go in every round, so an event of an earlier round would be noticed when
it is taken for one of this.
"""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.client.delaying_relay import KINDS, DelayingRelay
from tests.client.faces import Face, Vm
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real
PORTS = [f"port{number}" for number in range(10)]
"""Devices that go at the same time: QEMU sends their events about 60 ms after the replies."""
OPTIONS = ("-machine", "q35", *BASE[2:], "-S", "-device", "virtio-serial-pci")
"""A machine on which no guest runs; its serial ports go without a guest's consent."""


@contextmanager
def relayed(face: Face, qemu: str) -> Iterator[tuple[Vm, DelayingRelay]]:
    """Yield a client of a real QEMU behind a relay, and the relay."""
    (ours, to_client), (to_server, theirs) = socket.socketpair(), socket.socketpair()
    fd = theirs.fileno()
    monitor = ("-chardev", f"socket,id=m,fd={fd}", "-mon", "chardev=m,mode=control")
    with subprocess.Popen([qemu, *OPTIONS, *monitor], pass_fds=[fd]) as process:
        theirs.close()
        relay = DelayingRelay(to_server, to_client, "device_del", seed=1)
        try:
            with face.connect(ours, timeout=PATIENCE, command_timeout=PATIENCE) as vm:
                yield vm, relay
                vm.execute("quit")
                relay.join(PATIENCE)
        finally:
            process.kill()
            for sock in (to_client, to_server):
                sock.close()


def delete(vm: Vm, **options: Any) -> list[Any]:
    """Add all ports, and delete all at once; return the results."""
    for port in PORTS:
        vm.execute("device_add", {"driver": "virtserialport", "id": port})
    running = [vm.start("execute", "device_del", {"id": port}, **options) for port in PORTS]
    return [each.result(PATIENCE) for each in running]


def events_before_replies(relay: DelayingRelay) -> int:
    """Return the number of devices whose event the client got before the reply to device_del."""
    replied = set[str]()
    found = 0
    for message in relay.sent:
        if message.kind == "reply":
            command = relay.commands.get(message.value.get("id"), {})
            if command.get("execute") == "device_del":
                replied.add(command["arguments"]["id"])
        elif device := message.value["data"].get("device"):
            found += device not in replied
            replied.discard(device)
    return found


@pytest.mark.parametrize(
    "rounds", [6, pytest.param(100, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_no_event_is_missed_and_none_is_stale(
    face: Face, rounds: int, program: Callable[[str], str]
) -> None:
    numbers = set[int]()
    cycles = rounds * len(PORTS)
    with relayed(face, program(QEMU)) as (vm, relay):
        for _ in range(rounds):
            events = delete(vm, until=True)
            assert [event.data["device"] for event in events] == PORTS
            numbers |= {event.number for event in events}
    assert numbers == set(range(1, cycles + 1))
    for kind in KINDS:
        sent, received = (
            [message for message in messages if message.kind == kind]
            for messages in (relay.sent, relay.received)
        )
        assert sent == received
    assert cycles / 10 < events_before_replies(relay) < cycles * 9 / 10


def test_who_waits_from_the_reply_on_misses_events(
    face: Face, program: Callable[[str], str]
) -> None:
    """The relay does delay: a client without a mark would have missed some."""
    with relayed(face, program(QEMU)) as (vm, relay):
        last = 0
        while not events_before_replies(relay):
            delete(vm)
            last += len(PORTS)
            vm.wait_event(since=last - 1)
        with pytest.raises(TimeoutError, match="one came before it was waited for"):
            vm.wait_event("DEVICE_DELETED", timeout=0.05)
