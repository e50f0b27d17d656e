"""The ring buffer: written by a front end or ringbuf-write, and read by ringbuf-read."""

import base64

import pytest

from qmpeer import limits
from qmpeer.chardev import Chardevs, create, parse_chardev
from qmpeer.errors import ChardevError
from tests.chardev.program import FrontEnd


async def ring(devices: Chardevs, size: str = "4k") -> None:
    await devices.add_described(parse_chardev(f"ringbuf,id=r,size={size}"))


async def test_newest_bytes_are_kept(devices: Chardevs) -> None:
    await ring(devices, "4")
    devices.write_ring("r", "abcdefgh")
    assert devices.read_ring("r", 99) == "efgh"
    devices.write_ring("r", "ab")
    devices.write_ring("r", "cd")
    assert devices.read_ring("r", 1) == "a"
    devices.write_ring("r", "ef")
    assert devices.read_ring("r", 99) == "cdef"
    assert devices.read_ring("r", 99) == ""


async def test_front_end_writes(devices: Chardevs) -> None:
    await ring(devices)
    front = FrontEnd(b"greeting")
    device = devices.required("r")
    device.attach(front)
    assert not device.offers_oob
    assert devices.read_ring("r", 99) == "greeting"
    assert front.last.data == b""


async def test_memory_is_the_same(devices: Chardevs) -> None:
    await devices.add("m", {"type": "memory", "data": {}})
    devices.write_ring("m", "x")
    assert devices.read_ring("m", 1) == "x"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("é€", "é€"),
        ("a\0b", "a\0b"),
        ("\U0001f600", "\U0001f600"),
    ],
)
async def test_text(devices: Chardevs, written: str, read: str) -> None:
    await ring(devices)
    devices.write_ring("r", written)
    assert devices.read_ring("r", 99) == read


async def test_cut_character(devices: Chardevs) -> None:
    await ring(devices)
    devices.write_ring("r", "é")
    assert devices.read_ring("r", 1) == "\ufffd"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("aGk=", b"hi"),
        ("aGlo", b"hih"),
        ("aG\r\nk=", b"hi"),
        ("aGk=aGk=", b"hihi"),
        ("a", b""),
        ("aG", b""),
        ("aGloa", b"hih"),
        ("=", b""),
        ("", b""),
        ("=aGk", b"\x01\xa1\xa4"),
        ("AA==", b"\0"),
    ],
)
async def test_base64(devices: Chardevs, written: str, kept: bytes) -> None:
    await ring(devices)
    devices.write_ring("r", written, "base64")
    assert devices.read_ring("r", 99, "base64") == base64.b64encode(kept).decode()


@pytest.mark.parametrize("text", ["###", " aGk=", "aGk=é", "a-_b"])
async def test_no_base64(devices: Chardevs, text: str) -> None:
    await ring(devices)
    with pytest.raises(ChardevError, match=r"^Base64 data contains invalid characters$"):
        devices.write_ring("r", text, "base64")


@pytest.mark.parametrize("size", [0, -1])
async def test_read_nothing(devices: Chardevs, size: int) -> None:
    await ring(devices)
    with pytest.raises(ChardevError, match=r"^size must be greater than zero$"):
        devices.read_ring("r", size)


@pytest.mark.parametrize("size", [3, -4, -(1 << 63)])
def test_no_power_of_two(size: int) -> None:
    with pytest.raises(ChardevError, match=r"^size of ringbuf chardev must be power of two$"):
        create("r", {"type": "ringbuf", "data": {"size": size}})


def test_too_large() -> None:
    create("r", {"type": "ringbuf", "data": {"size": limits.RING_BUFFER_MOST}})
    with pytest.raises(ChardevError, match=r"must be at most 1073741824, found 2147483648$"):
        create("r", {"type": "ringbuf", "data": {"size": 2 * limits.RING_BUFFER_MOST}})


async def test_not_a_ring(devices: Chardevs) -> None:
    await devices.add("n", {"type": "null"})
    for label, reason in (("n", "n is not a ringbuf device"), ("x", "Device 'x' not found")):
        with pytest.raises(ChardevError, match=f"^{reason}$"):
            devices.write_ring(label, "x")
        with pytest.raises(ChardevError, match=f"^{reason}$"):
            devices.read_ring(label, 1)
