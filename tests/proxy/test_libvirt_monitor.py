"""libvirt's monitor in QEMU's command line: what is found, what replaces it, the domain's name."""

import json

import pytest

from qmpeer.proxy.libvirt_monitor import Domain, LibvirtMonitor, domain_of, find_monitor

DEVICE = "socket,id=charmonitor,fd=22,server=on,wait=off"
MONITOR = "chardev=charmonitor,id=monitor,mode=control"
IN_JSON = """\
{"id": "charmonitor", "backend": {"type": "socket", "data":
 {"addr": {"type": "fd", "data": {"str": "22"}}, "wait": false, "server": true}}}"""


def test_the_monitor_is_replaced() -> None:
    words = ["-S", "-chardev", DEVICE, "-mon", MONITOR, "-name", "vm"]
    found = find_monitor(words)
    assert found == LibvirtMonitor(2, "charmonitor", 22)
    changed = found.connected(words, 7)
    assert changed == [*words[:2], "socket,id=charmonitor,fd=7", *words[3:]]
    assert find_monitor(changed) is None


def test_a_device_in_json() -> None:
    words = ["-chardev", IN_JSON, "-mon", MONITOR]
    found = find_monitor(words)
    assert found == LibvirtMonitor(1, "charmonitor", 22)
    changed = found.connected(words, 7)
    assert json.loads(changed[1]) == {
        "id": "charmonitor",
        "backend": {
            "type": "socket",
            "data": {"addr": {"type": "fd", "data": {"str": "7"}}, "server": False},
        },
    }
    assert find_monitor(changed) is None


@pytest.mark.parametrize(
    "words",
    [
        ["-machine", "none", "-qmp", "unix:/lib/qmp.monitor,server=on,wait=off", "-daemonize"],
        ["-chardev", DEVICE],
        ["-chardev", DEVICE, "-mon", "chardev=charmonitor,mode=readline"],
        ["-chardev", DEVICE, "-mon", "chardev=other,mode=control"],
        ["-chardev", "socket,id=charmonitor,path=/q,server=on,wait=off", "-mon", MONITOR],
        ["-chardev", "socket,id=charmonitor,fd=22", "-mon", MONITOR],
        ["-chardev", "socket,id=charmonitor,fd=name,server=on,wait=off", "-mon", MONITOR],
        ["-chardev", '{"id": "charmonitor", "backend": {"type": "pty"}}', "-mon", MONITOR],
        ["-chardev", "{", "-mon", MONITOR],
        ["-version"],
        ["-chardev"],
        [],
    ],
)
def test_no_monitor_of_libvirt(words: list[str]) -> None:
    assert find_monitor(words) is None


def test_the_flags_of_older_releases() -> None:
    words = ["-chardev", "socket,id=c,fd=22,server,nowait", "-mon", "chardev=c,mode=control"]
    assert find_monitor(words) == LibvirtMonitor(1, "c", 22)


def test_the_domain() -> None:
    words = ["-name", "guest=a,,b=c,debug-threads=on", "-uuid", "1-2"]
    assert domain_of(words) == Domain("a,b=c", "1-2")
    assert domain_of([]) == Domain("", "")


def test_placeholders() -> None:
    domain = Domain("a,b", "1-2")
    words = ["-qmp", "unix:/%n.%u,server=on", "--control", "/%n.100%%"]
    filled = ["-qmp", "unix:/a,,b.1-2,server=on", "--control", "/a,b.100%"]
    assert domain.fill(words) == filled


@pytest.mark.parametrize(
    ("name", "word", "error"),
    [
        ("vm", "/%s", "found '%s' in '/%s', expected %n for the domain's name, %u for"),
        ("vm", "100%", "found '%' in '100%', expected %n for"),
        ("..", "/%n", "found the domain's name '..', expected one that can be part of a path"),
        ("a/b", "/%n", "found the domain's name 'a/b', expected one"),
        ("", "/%n", "found the domain's name '', expected one"),
    ],
)  # fmt: skip
def test_placeholders_that_fail(name: str, word: str, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        Domain(name, "1").fill([word])
    assert str(caught.value).startswith(error)
