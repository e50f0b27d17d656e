"""The operations of QMP's commands on devices: add, change, remove, query."""

import asyncio
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.chardev import BACKENDS, Chardevs, parse_chardev
from qmpeer.errors import ChardevError
from qmpeer.values import JsonObject
from tests.chardev.program import FrontEnd

NULL: JsonObject = {"type": "null", "data": {}}


async def test_add(devices: Chardevs) -> None:
    assert await devices.add("a", NULL) == {}
    assert devices.query() == [{"frontend-open": False, "filename": "null", "label": "a"}]
    assert ("a" in devices, "b" in devices, len(devices)) == (True, False, 1)
    assert [device.label for device in devices] == ["a"]
    with pytest.raises(ChardevError, match=r"^Chardev with id 'a' already exists$"):
        await devices.add("a", NULL)


async def test_add_what_cannot_be(devices: Chardevs, tmp_path: Path) -> None:
    with pytest.raises(ChardevError) as caught:
        await devices.add("a", {"type": "file", "data": {"out": f"{tmp_path}/no/f"}})
    assert str(caught.value) == (
        f"Failed to add chardev 'a': Could not open '{tmp_path}/no/f': No such file or directory"
    )
    assert devices.get("a") is None


async def test_add_tells_of_a_pty(devices: Chardevs) -> None:
    added = await devices.add("a", {"type": "pty", "data": {}})
    device = devices.required("a")
    assert added == {"pty": device.pty}


async def test_two_adds_at_once(devices: Chardevs) -> None:
    """Resolving a host takes several turns of the loop; only one device gets the label."""
    backend: JsonObject = {
        "type": "socket",
        "data": {"addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}}},
    }
    results = await asyncio.gather(
        devices.add("a", backend), devices.add("a", backend), return_exceptions=True
    )
    assert sorted(map(str, results)) == [
        "Failed to add chardev 'a': Chardev with id 'a' already exists",
        "{}",
    ]


async def test_add_too_many(devices: Chardevs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHARDEVS", 1)
    await devices.add("a", NULL)
    with pytest.raises(ChardevError, match=r"^there are 1 devices already$"):
        await devices.add_described(parse_chardev("null,id=b"))
    with pytest.raises(ChardevError, match=r"^Failed to add chardev 'b': there are 1 devices"):
        await devices.add("b", NULL)


async def test_remove(devices: Chardevs) -> None:
    await devices.add("a", NULL)
    devices.remove("a")
    with pytest.raises(ChardevError, match=r"^Chardev 'a' not found$"):
        devices.remove("a")
    await devices.add("a", NULL)
    devices.required("a").attach(FrontEnd())
    with pytest.raises(ChardevError, match=r"^Chardev 'a' is busy$"):
        devices.remove("a")


async def test_change(devices: Chardevs) -> None:
    await devices.add("a", NULL)
    assert await devices.change("a", {"type": "ringbuf", "data": {}}) == {}
    assert devices.required("a").filename == "ringbuf"
    with pytest.raises(ChardevError, match=r"^Chardev 'b' does not exist$"):
        await devices.change("b", NULL)
    devices.required("a").attach(FrontEnd())
    with pytest.raises(ChardevError, match=r"^Chardev user does not support chardev hotswap$"):
        await devices.change("a", NULL)


async def test_change_that_fails(devices: Chardevs) -> None:
    await devices.add("a", NULL)
    with pytest.raises(ChardevError, match=r"must be power of two$"):
        await devices.change("a", {"type": "ringbuf", "data": {"size": 3}})
    assert "a" not in devices


async def test_mux(devices: Chardevs) -> None:
    mux = await devices.add_described(parse_chardev("null,id=a,mux=on"))
    assert [device.label for device in devices] == ["a-base", "a"]
    for label in ("a-base", "a"):
        with pytest.raises(ChardevError, match=f"^Chardev '{label}' is busy$"):
            devices.remove(label)
    with pytest.raises(ChardevError, match=r"^Mux device hotswap not supported yet$"):
        await devices.change("a", NULL)
    assert {each["frontend-open"] for each in devices.query()} == {False}
    mux.attach(FrontEnd())
    assert {each["frontend-open"] for each in devices.query()} == {True}


async def test_mux_of_a_mux(devices: Chardevs) -> None:
    await devices.add_described(parse_chardev("null,id=a,mux=on"))
    top = await devices.add_described(parse_chardev("mux,id=b,chardev=a"))
    assert not devices.required("a").frontend_open
    top.attach(FrontEnd())
    assert devices.required("a").frontend_open
    assert devices.required("a-base").frontend_open


async def test_mux_of_nothing(devices: Chardevs) -> None:
    with pytest.raises(ChardevError, match=r"^mux: base chardev x not found$"):
        await devices.add_described(parse_chardev("mux,id=a,chardev=x"))


async def test_base_without_its_mux_is_taken_back(devices: Chardevs) -> None:
    await devices.add("a", NULL)
    with pytest.raises(ChardevError, match=r"^attempt to add duplicate property 'a' to object"):
        await devices.add_described(parse_chardev("null,id=a,mux=on"))
    assert "a-base" not in devices


async def test_send_break(devices: Chardevs) -> None:
    await devices.add("a", NULL)
    devices.send_break("a")
    with pytest.raises(ChardevError, match=r"^Chardev 'x' not found$"):
        devices.send_break("x")


def test_required(devices: Chardevs) -> None:
    with pytest.raises(ChardevError, match=r'^chardev "x" not found$'):
        devices.required("x")


def test_backends(devices: Chardevs) -> None:
    names = [each["name"] for each in devices.query_backends()]
    assert names == list(reversed(BACKENDS))


async def test_muxes_on_one_another(devices: Chardevs) -> None:
    await devices.add_described(parse_chardev("null,id=m0,mux=on"))
    for n in range(1, limits.MUX_LEVELS):
        await devices.add_described(parse_chardev(f"mux,id=m{n},chardev=m{n - 1}"))
    assert len(devices.query()) == limits.MUX_LEVELS + 1
    with pytest.raises(ChardevError, match="found 65 muxes on one another, expected at most 64"):
        await devices.add_described(parse_chardev("mux,id=x,chardev=m63"))
