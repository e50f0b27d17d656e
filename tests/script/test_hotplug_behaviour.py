"""Hot-plug as a ready behaviour, and our own procedures against it."""

import asyncio
from typing import Any

import pytest

from qmpeer import AsyncClient, CommandError, CompletionError
from tests.patience import PATIENCE
from tests.script.behaving import behaving, lines

RNG: dict[str, Any] = {"driver": "virtio-rng-pci", "id": "r0"}


def test_devices_come_and_go() -> None:
    with behaving() as (server, client):
        hotplug = server.hotplug(devices={"d0": "e1000"})
        client.execute("device_add", {**RNG, "max-bytes": 5})
        listed = client.execute("qom-list", {"path": "/machine/peripheral"})
        assert [each["type"] for each in listed] == [
            "string",
            "child<e1000>",
            "child<virtio-rng-pci>",
        ]
        path = "/machine/peripheral/r0"
        assert client.execute("qom-get", {"path": path, "property": "type"}) == "virtio-rng-pci"
        assert client.execute("qom-get", {"path": "r0", "property": "max-bytes"}) == 5
        listed = client.execute("qom-list", {"path": path})
        assert [each["name"] for each in listed] == ["type", "max-bytes"]
        client.execute("device_add", {"driver": "e1000"})
        assert "/machine/peripheral-anon/device[0]" in hotplug.devices
        event = client.execute("device_del", {"id": "r0"}, until="DEVICE_DELETED")
        assert event.data == {"device": "r0", "path": path}
        assert path not in hotplug.devices


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        ("device_add", RNG, "GenericError: Duplicate device ID 'r0'"),
        ("device_add", {**RNG, "id": "5"}, "GenericError: Parameter 'id' expects an identifier"),
        ("device_del", {"id": "r9"}, "DeviceNotFound: Device 'r9' not found"),
        (
            "qom-get",
            {"path": "r0", "property": "x"},
            "GenericError: Property 'virtio-rng-pci.x' not found",
        ),
        (
            "qom-get",
            {"path": "/machine/peripheral/r9", "property": "type"},
            "DeviceNotFound: Device '/machine/peripheral/r9' not found",
        ),
        ("qom-list", {"path": "/x"}, "DeviceNotFound: Device '/x' not found"),
        ("object-del", {"id": "o"}, "GenericError: object 'o' not found"),
    ],
)
def test_refusals_in_qemus_words(command: str, arguments: dict[str, Any], expected: str) -> None:
    with behaving() as (server, client):
        server.hotplug(devices={"r0": "virtio-rng-pci"})
        with pytest.raises(CommandError) as raised:
            client.execute(command, arguments)
        assert str(raised.value) == expected


def test_the_event_before_its_reply() -> None:
    with behaving() as (server, client):
        server.hotplug(deleted="before", devices={"r0": "virtio-rng-pci"})
        client.execute("device_del", {"id": "/machine/peripheral/r0"}, until="DEVICE_DELETED")
    assert lines(server)[-2:] == ["DEVICE_DELETED", "return"]


def test_a_guest_that_never_lets_go() -> None:
    with behaving() as (server, client):
        hotplug = server.hotplug(deleted="never", devices={"r0": "virtio-rng-pci"})
        with pytest.raises(TimeoutError):
            client.execute("device_del", {"id": "r0"}, until="DEVICE_DELETED", timeout=0.05)
        assert [*hotplug.devices] == ["/machine/peripheral/r0"]


def test_a_guest_that_refuses() -> None:
    with behaving() as (server, client):
        server.hotplug(deleted="refused", devices={"r0": "virtio-rng-pci"})
        with pytest.raises(CompletionError, match="DEVICE_UNPLUG_GUEST_ERROR"):
            client.unplug("r0", timeout=PATIENCE)


def test_a_second_request_is_harmless() -> None:
    with behaving() as (server, client):
        server.hotplug(seconds=0.01, devices={"r0": "virtio-rng-pci"})
        mark = client.event_mark()
        with server.new_socket() as sock:  # both in one write: the second comes before the event
            request = b'{"execute": "device_del", "arguments": {"id": "r0"}}'
            sock.sendall(b'{"execute": "qmp_capabilities"}' + 2 * request)
            client.wait_event("DEVICE_DELETED", since=mark, timeout=PATIENCE)
        assert [each.name for each in server.calls] == ["device_del"] * 2
        with pytest.raises(CommandError, match="not found"):
            client.execute("device_del", {"id": "r0"})
    assert server.conversation.count("DEVICE_DELETED") == 2, "one for each client"


def test_our_procedures() -> None:
    with behaving() as (server, client):
        hotplug = server.hotplug()
        backend = {"qom-type": "rng-random", "id": "source"}
        plugged = client.plug({"driver": "virtio-rng-pci"}, backend)
        assert plugged.id
        assert [*hotplug.objects] == ["source"]
        client.unplug(plugged.id, timeout=PATIENCE)
        assert (hotplug.devices, hotplug.objects) == ({}, {})
        assert client.ensure_present("device", "d0", {"driver": "e1000"})
        assert not client.ensure_present("device", "d0", {"driver": "e1000"})
        assert client.ensure_absent("device", "d0", timeout=PATIENCE)
        assert not client.ensure_absent("device", "d0")
        assert client.ensure_present("object", "o0", {"qom-type": "iothread"})
        assert not client.ensure_present("object", "o0", {"qom-type": "iothread"})
        with pytest.raises(CommandError, match="duplicate property 'o0'"):
            client.execute("object-add", {"qom-type": "iothread", "id": "o0"})
        assert client.ensure_absent("object", "o0")


def test_the_async_client() -> None:
    async def run(address: str) -> None:
        async with await AsyncClient.connect(address) as client:
            plugged = await client.plug({"driver": "virtio-rng-pci"})
            await client.unplug(plugged.id, timeout=PATIENCE)

    with behaving(many=True) as (server, _):
        server.hotplug()
        asyncio.run(run(server.address))
