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
    assert [monitor.path for monitor in options.monitors] == ["/run/q"]


def test_one_dash_or_two() -> None:
    assert parse_options(["--nodefaults", "--S", "--name", "a"]) == parse_options(
        ["-nodefaults", "-S", "-name", "a"]
    )


def test_monitors_are_numbered_in_order() -> None:
    options = parse_options(
        shlex.split("-qmp stdio -monitor none -qmp-pretty tcp:localhost:0,server -qmp unix:/q")
    )

    assert [(m.label, m.kind, m.is_pretty) for m in options.monitors] == [
        ("compat_monitor0", "stdio", False),
        ("compat_monitor1", "tcp", True),
        ("compat_monitor2", "unix", False),
    ]


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


@pytest.mark.parametrize("words", ["-h", "-help", "--help", "-S -h -foo"])
def test_help_ends_the_parsing(words: str) -> None:
    assert parse_options(words.split()).wants_help


@pytest.mark.parametrize("words", ["-version", "--version -foo"])
def test_version_ends_the_parsing(words: str) -> None:
    assert parse_options(words.split()).wants_version


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-foo", "-foo: invalid option"),
        ("--foo bar", "--foo: invalid option"),
        ("-", "-: invalid option"),
        ("--", "--: invalid option"),
        ("disk.img", "disk.img: this machine takes no disk images"),
        ("-qmp", "-qmp: requires an argument"),
        ("-qmp bogus", "-qmp bogus: 'bogus' is not a valid char driver"),
        ("-qmp-pretty bogus", "-qmp-pretty bogus: 'bogus' is not a valid char driver"),
        (
            "-qmp stdio --qmp stdio",
            "--qmp stdio: cannot use stdio by multiple character devices",
        ),
        ("-qmp stdio -daemonize", "-qmp stdio: cannot use stdio with -daemonize"),
        ("-monitor stdio", "-monitor stdio: this machine doesn't have the human monitor yet"),
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


def test_an_error_is_one_line() -> None:
    with pytest.raises(StartError) as caught:
        parse_options(["-qmp", "a\nb"])

    assert "\n" not in str(caught.value)
