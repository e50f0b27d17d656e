"""The command line of a fake QEMU, parsed as QEMU does and without a judgement about hardware."""

import pytest

from qmpeer.fake_qemu.command_line import FakeOptions, parse_options
from qmpeer.options import StartError, StartHelp

LIBVIRT = (
    "-name guest=a,debug-threads=on -S -object"
    ' {"qom-type":"secret","id":"masterKey0","format":"raw","file":"/nonexistent"}'
    " -machine pc-q35-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram -accel kvm"
    " -cpu host,migratable=on -m 1024 -object"
    ' {"qom-type":"memory-backend-ram","id":"pc.ram","size":1073741824}'
    " -overcommit mem-lock=off -smp 2,sockets=2 -uuid 6b8f0ba3-ba45-4b58-9cbb-7fb2e3d2f5ee"
    " -display none -no-user-config -nodefaults"
    " -chardev socket,id=charmonitor,fd=22,server=on,wait=off"
    " -mon chardev=charmonitor,id=monitor,mode=control -rtc base=utc -no-shutdown -boot strict=on"
    ' -device {"driver":"pcie-root-port","port":8,"id":"pci.1"}'
    " -chardev pty,id=charserial0 -device"
    ' {"driver":"isa-serial","chardev":"charserial0","id":"serial0","index":0}'
    " -chardev spicevmc,id=charchannel0,name=vdagent -spice port=0"
    " -sandbox on,obsolete=deny -msg timestamp=on"
)


def parsed(line: str) -> FakeOptions:
    return parse_options(line.split(" ") if line else [])


def shown(options: FakeOptions) -> tuple[list[str], list[str]]:
    """Return the monitors, and the ports."""
    monitors = [f"{each.mode} {each.chardev}" for each in options.monitors]
    return monitors, [f"{each.kind} {each.argument}" for each in options.ports]


def test_a_line_of_libvirt() -> None:
    options = parsed(LIBVIRT)
    assert shown(options) == (["control charmonitor"], [])
    assert options.labels == ["charmonitor", "charserial0", "charchannel0"]
    assert options.console == "charserial0"
    assert options.guest_name == "a"
    assert options.is_stopped
    assert options.stays
    assert [each.properties["qom-type"] for each in options.objects] == ["secret"]


@pytest.mark.parametrize(
    ("line", "monitors", "ports"),
    [
        ("", ["readline compat_monitor0"], []),
        ("-nographic", [], ["serial mon:stdio"]),
        ("-nographic -qmp stdio", ["control compat_monitor0"], ["serial stdio"]),
        ("-nographic -monitor none", [], ["serial stdio"]),
        ("-nographic -serial null", ["readline compat_monitor0"], ["serial null"]),
        ("-nographic -nodefaults -daemonize", [], []),
        ("-nodefaults -serial mon:stdio", [], ["serial mon:stdio"]),
        ("-serial stdio -monitor none disk.img", [], ["serial stdio"]),
        ("-nographic -qmp-pretty null -device isa-serial,chardev=c",
         ["control compat_monitor0"], []),
    ],
)  # fmt: skip
def test_monitors_and_ports(line: str, monitors: list[str], ports: list[str]) -> None:
    assert shown(parsed(line)) == (monitors, ports)


@pytest.mark.parametrize(
    ("line", "console"),
    [
        ("", None),
        ("-serial file:x", "serial0"),
        ("-serial none -serial file:x", None),
        ("-chardev null,id=c -serial chardev:c", "c"),
        ("-device virtconsole,chardev=c,id=x", "c"),
        ('-device {"driver":"pci-serial","chardev":"d"}', "d"),
        ("-device virtserialport,chardev=c", None),
        ("-device {", None),
    ],
)
def test_the_console(line: str, console: str | None) -> None:
    assert parsed(line).console == console


def test_monitors_that_are_objects() -> None:
    options = parsed("-chardev null,id=c -object monitor-qmp,id=m,chardev=c")
    assert options.has_monitor_objects
    assert options.objects[0].properties["qom-type"] == "monitor-qmp"


@pytest.mark.parametrize("type", ["spicevmc", "spiceport", "dbus", "braille"])
def test_devices_of_other_builds_are_silent(type: str) -> None:
    (chardev,) = parsed(f"-nodefaults -chardev {type},id=c,name=x").chardevs
    assert chardev.description.values["backend"] == "null"


def test_the_file_of_the_log() -> None:
    assert parsed("-d int -D /tmp/x").log_file == "/tmp/x"


@pytest.mark.parametrize(
    "line",
    [
        "-set device.d0.x=1",
        "-drive file=a,if=none -blockdev {} -netdev user,id=n -run-with async-teardown=on",
        "-object rng-random,id=r,filename=/dev/urandom --object memory-backend-file,id=m",
        "-accel bogus -machine bogus -cpu bogus -m lots -display bogus",
    ],
)
def test_what_is_accepted(line: str) -> None:
    assert shown(parsed(f"-nodefaults {line}")) == ([], [])


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("-foo", "-foo: invalid option"),
        ("--insecure", "--insecure: invalid option"),
        ("--fault x", "--fault: invalid option"),
        ("-m", "-m: requires an argument"),
        ("-qmp bogus", "-qmp bogus: parse error: bogus"),
        ("-set chardev.c.x=1", '-set chardev.c.x=1: there is no chardev "c" defined'),
        ("-object secret", "-object secret: Parameter 'id' is missing"),
        ("-uuid x", "-uuid x: failed to parse UUID string: wrong format"),
        ("-nographic -daemonize", "-nographic cannot be used with -daemonize"),
        ("-chardev bogus,x=1", "-chardev bogus,x=1: Invalid parameter 'x'"),
    ],
)
def test_mistakes(line: str, error: str) -> None:
    with pytest.raises(StartError) as caught:
        parsed(line)
    assert str(caught.value) == error


def test_help_for_devices() -> None:
    with pytest.raises(StartHelp):
        parsed("-chardev socket,help")
