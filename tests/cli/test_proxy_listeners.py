"""The keys ``events=`` and ``extensions=`` of listeners: only ``qmpeer proxy`` has them."""

import pytest

from qmpeer.cli.main import main
from qmpeer.cli.proxy_listeners import ListenerKeys, listener_name
from qmpeer.cli.proxy_options import ProxyOptions, parse_options


def parse(*words: str) -> ProxyOptions:
    return parse_options(["vm.qmp", *words], pytest.fail)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-qmp", "stdio,events=STOP"], {"compat_monitor0": ListenerKeys(("STOP",))}),
        (["-qmp", "unix:q,server=on"], {}),
        (
            [
                "--qmp-pretty",
                "unix:path=events=x,events=JOB_*:STOP,server=on,extensions=on,wait=off",
            ],
            {"compat_monitor0": ListenerKeys(("JOB_*", "STOP"), True)},
        ),
        (
            ["-chardev", "null,id=c", "-mon", "events=,chardev=c,mode=control,extensions=off"],
            {"c": ListenerKeys(())},
        ),
        (["-chardev", "null,id=c", "-qmp", "chardev:c,events=*"], {"c": ListenerKeys(("*",))}),
        (
            ["-qmp", "unix:a,,events=b,server=on,events=A,events=B"],
            {"compat_monitor0": ListenerKeys(("B",))},
        ),
        (
            [
                *("--monitor-objects", "-chardev", "null,id=c"),
                *("-object", "monitor-qmp,id=m,chardev=c,extensions=on,pretty=on"),
            ],
            {"c": ListenerKeys(None, True)},
        ),
    ],
    ids=str,
)
def test_keys(words: list[str], expected: dict[str, ListenerKeys]) -> None:
    options = parse(*words)
    assert options.listeners == expected
    arguments = [each.argument for each in options.monitors]
    assert arguments + [each.argument for each in options.objects] == [words[-1]]


@pytest.mark.parametrize(
    ("words", "label", "name"),
    [
        (["-qmp", "unix:/run/a,,b,server=on,events=A"], "compat_monitor0", "unix:/run/a,b"),
        (["-qmp", "stdio", "-qmp", "tcp:h:4,server=on"], "compat_monitor1", "tcp:h:4"),
        (["-qmp", "tcp:localhost:0,server=on"], "compat_monitor0", "compat_monitor0"),
        (["-chardev", "socket,id=c,path=p,server=on", "-qmp", "chardev:c"], "c", "c"),
    ],
)
def test_the_name_of_a_listener(words: list[str], label: str, name: str) -> None:
    assert listener_name(parse(*words), label) == name


def test_the_rest_is_read_as_ever() -> None:
    options = parse("-qmp", "unix:a,,b,events=STOP,server=on,wait=off")
    description = options.chardevs[0].description
    assert description.values == {
        "backend": "socket",
        "path": "a,b",
        "server": True,
        "wait": False,
    }
    assert options.chardevs[0].argument == "unix:a,,b,events=STOP,server=on,wait=off"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "-qmp stdio,events=A;B",
            "-qmp stdio,events=A;B: found 'A;B', expected the name of an event, in which * stands",
        ),
        ("-qmp stdio,events=A::B", "-qmp stdio,events=A::B: found '', expected the name of an"),
        (
            "-qmp stdio,extensions=maybe",
            "-qmp stdio,extensions=maybe: Parameter 'extensions' expects 'on' or 'off'",
        ),
        (
            "-chardev null,id=c -mon c,events=A",
            "-mon c,events=A: there is no human monitor here, expected QMP",
        ),
        ("-chardev null,id=c,events=A", "-chardev null,id=c,events=A: Invalid parameter 'events'"),
        (
            "-object secret,id=s,data=x,events=A -qmp stdio",
            "-object secret,id=s,data=x,events=A: Invalid parameter 'events'",
        ),
    ],
)
def test_what_is_wrong(words: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "vm.qmp", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"qmpeer proxy: {reason}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("relay vm.qmp -qmp unix:q,server=on,events=STOP", "events"),
        ("serve -chardev null,id=c -mon c,mode=control,extensions=on", "extensions"),
    ],
)
def test_other_programs_refuse_them(
    words: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) != 0
    assert f"Invalid parameter '{name}'" in capsys.readouterr().err
