"""The guest's ends of character devices: texts arrive, whether or not somebody listens."""

from pathlib import Path

from qmpeer.chardev import Chardevs, parse_chardev
from qmpeer.fake_qemu.text_ports import TextPort, TextPorts


async def test_texts_for_devices(tmp_path: Path) -> None:
    devices = Chardevs()
    for text in (f"file,id=c,path={tmp_path}/c", "ringbuf,id=r,size=64"):
        await devices.add_described(parse_chardev(text))
    said: list[str] = []
    ports = TextPorts(devices, said.append)
    ports.write({"c": "a", "r": "one\n"})
    ports.write({"c": "b", "r": "two\n"})
    assert (tmp_path / "c").read_text() == "ab"
    assert devices.read_ring("r", 64) == "one\ntwo\n"
    assert said == []
    devices.close()


async def test_devices_that_cannot_be_written(tmp_path: Path) -> None:
    devices = Chardevs()
    await devices.add_described(parse_chardev("null,id=c"))
    devices.required("c").attach(TextPort())
    said: list[str] = []
    TextPorts(devices, said.append).write({"c": "x", "nosuch": "x"})
    assert said == [
        "the script's text isn't written: Device 'c' is in use",
        "the script's text isn't written: chardev \"nosuch\" not found",
    ]
    devices.close()
