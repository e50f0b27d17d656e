import shlex

import pytest

from qmpeer.machine import StartError, parse_options


def test_the_options_of_a_capability_probe() -> None:
    options = parse_options(
        shlex.split(
            "-S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg"
            " -qmp unix:/run/q,server=on,wait=off -pidfile /run/pid -daemonize"
        )
    )

    assert options.is_stopped
    assert options.is_daemon
    assert options.pid_file == "/run/pid"
    assert options.machine_accelerator == "kvm"
    (chardev,) = options.chardevs
    assert chardev.description.backend() == {
        "type": "socket",
        "data": {
            "addr": {"type": "unix", "data": {"path": "/run/q"}},
            "server": True,
            "telnet": False,
            "tn3270": False,
            "websocket": False,
            "nodelay": False,
            "wait": False,
        },
    }


def test_one_dash_or_two() -> None:
    assert parse_options(["--nodefaults", "--S", "--name", "a"]) == parse_options(
        ["-nodefaults", "-S", "-name", "a"]
    )


@pytest.mark.parametrize(
    ("words", "backend"),
    [
        ("", "stdio"),
        ("-nographic", "stdio"),
        ("-display none", "vc"),
        ("-daemonize", "vc"),
        ("-nodefaults", None),
        ("-monitor none", None),
        ("-serial mon:null", None),
        ("-serial null", "stdio"),
    ],
)
def test_the_monitor_that_no_option_makes(words: str, backend: str | None) -> None:
    options = parse_options(words.split())

    found = [chardev.description.backend()["type"] for chardev in options.chardevs]
    assert found == ([] if backend is None else [backend])
    assert [m.mode for m in options.monitors] == ["readline"] * len(found)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("", None),
        ("-name vm0", "vm0"),
        ("-name guest=vm0", "vm0"),
        ("-name ,,x,process=p,debug-threads=on", ",x"),
        ("-name a -name b", "b"),
        ("-name a -name process=p", "a"),
        ("-name ''", None),
        ("-name guest=", ""),
    ],
)
def test_names(words: str, name: str | None) -> None:
    assert parse_options(shlex.split(words)).guest_name == name


def test_uuid_in_lower_case() -> None:
    options = parse_options(["-uuid", "550E8400-E29B-41D4-A716-446655440000"])

    assert options.guest_uuid == "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("disk.img", "disk.img: this machine takes no disk images"),
        ("-nographic -daemonize", "-nographic cannot be used with -daemonize"),
        ("-name a,b", "-name a,b: Invalid parameter 'b'"),
        (
            "-name a,debug-threads=x",
            "-name a,debug-threads=x: Parameter 'debug-threads' expects 'on' or 'off'",
        ),
        ("-uuid x", "-uuid x: failed to parse UUID string: wrong format"),
        ("-machine pc", "-machine pc: unsupported machine type"),
        ("-M none,x=1", "-M none,x=1: Property 'none-machine.x' not found"),
        (
            "-machine none,accel=tcg -accel tcg",
            'The -accel and "-machine accel=" options are incompatible',
        ),
        ("-accel bogus", "-accel bogus: invalid accelerator bogus"),
        ("-display gtk", "-display gtk: Parameter 'type' does not accept value 'gtk'"),
        ("-display none,x=1", "-display none,x=1: Parameter 'x' is unexpected"),
    ],
    ids=lambda value: value,
)
def test_refusals(words: str, text: str) -> None:
    with pytest.raises(StartError) as caught:
        parse_options(words.split())

    assert str(caught.value).startswith(text)
