"""The options that all programs with monitors share, as they are parsed.

Modules: command_line, interface, monitor_options, program_options, set_option, start_error.
"""

import shlex

import pytest

from qmpeer.options import StartError, StartHelp
from tests.options.program import parse


def test_monitors_are_numbered_in_order() -> None:
    options = parse(
        shlex.split("-qmp stdio -monitor none -qmp-pretty tcp:localhost:0,server -qmp unix:/q")
    )

    assert [(m.chardev, m.mode, m.is_pretty) for m in options.monitors] == [
        ("compat_monitor0", "control", False),
        ("compat_monitor1", "control", True),
        ("compat_monitor2", "control", False),
    ]
    assert [c.description.label for c in options.chardevs] == options.labels
    assert options.labels == ["compat_monitor0", "compat_monitor1", "compat_monitor2"]


def test_devices_of_other_options_count_too() -> None:
    options = parse(
        shlex.split("-chardev null,id=c -qmp chardev:c -monitor stdio -mon c,mode=control -qmp pty")
    )

    assert [(m.id, m.chardev, m.mode) for m in options.monitors] == [
        ("c", "c", "control"),
        ("compat_monitor1", "compat_monitor1", "readline"),
        (None, "c", "control"),
        ("compat_monitor2", "compat_monitor2", "control"),
    ]
    assert options.labels == ["c", "compat_monitor1", "compat_monitor2"]


@pytest.mark.parametrize(
    ("argument", "escape", "notices"),
    [
        ("20", 20, []),
        ("0x14", 20, []),
        ("024", 20, []),
        ("300", 300, []),
        ("-1", -1, []),
        ("5x", 5, []),
        ("x", 0, ["Bad argument to echr"]),
        ("", 0, ["Bad argument to echr"]),
    ],
)
def test_escape_characters(argument: str, escape: int, notices: list[str]) -> None:
    options = parse(["-echr", argument])

    assert (options.escape, options.notices) == (escape, notices)


@pytest.mark.parametrize(("argument", "seconds"), [("2.5", 2.5), ("off", None)])
def test_handshake_timeouts(argument: str, seconds: float | None) -> None:
    assert parse(["-handshake-timeout", argument]).handshake_timeout == seconds


def test_origins() -> None:
    words = ["-allow-origin", "https://a.example", "--allow-origin", "http://LocalHost:8000/"]

    assert parse(words).origins == ["https://a.example", "http://localhost:8000"]


def test_warnings_come_as_they_are_found() -> None:
    said: list[str] = []
    with pytest.raises(StartError):
        parse(
            shlex.split("-chardev socket,id=c,path=/q,server -mon c,pretty -object x,id=y"),
            said.append,
        )

    assert said == [
        f"{option}: warning: short-form boolean option '{flag}' deprecated\n"
        f"Please use {flag}=on instead"
        for option, flag in [
            ("-chardev socket,id=c,path=/q,server", "server"),
            ("-mon c,pretty", "pretty"),
        ]
    ]


@pytest.mark.parametrize(
    ("words", "begin", "status"),
    [
        ("-mon c,help", "mon options:\n  chardev=<str>\n", 1),
        ("-chardev null,help", "chardev options:\n", 1),
        ("-object help", "List of user creatable objects:\n  authz-list\n", 0),
        ("-object secret,help", "secret options:\n  data=<string>\n", 0),
    ],
)
def test_options_that_ask_for_a_text(words: str, begin: str, status: int) -> None:
    with pytest.raises(StartHelp) as caught:
        parse(words.split())

    assert caught.value.text.startswith(begin)
    assert caught.value.status == status


@pytest.mark.parametrize("words", ["-h", "-help", "--help", "-S -h -foo"])
def test_help_ends_the_parsing(words: str) -> None:
    assert parse(words.split()).wants_help


@pytest.mark.parametrize("words", ["-version", "--version -foo"])
def test_version_ends_the_parsing(words: str) -> None:
    assert parse(words.split()).wants_version


def test_an_error_is_one_line() -> None:
    with pytest.raises(StartError) as caught:
        parse(["-qmp", "a\nb"])

    assert "\n" not in str(caught.value)


def test_an_error_is_all_that_qemu_says_of_it() -> None:
    with pytest.raises(StartError) as caught:
        parse(["-qmp", "bogus"])

    assert caught.value.texts == [
        "-qmp bogus: 'bogus' is not a valid char driver",
        "-qmp bogus: parse error: bogus",
    ]
    with pytest.raises(StartError) as caught:
        parse(["-chardev", "null,id=1"])

    (text,) = caught.value.texts
    assert text == (
        "-chardev null,id=1: Parameter 'id' expects an identifier\n"
        "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."
    )


def test_options_are_added_to() -> None:
    words = (
        "-chardev socket,id=c,host=h,port=1 -set chardev.c.port=2,3 -set chardev.c.server=on"
        " -qmp stdio -set chardev.compat_monitor0.signal=off -set mon.compat_monitor0.pretty=on"
        " -mon c,id=m,mode=readline -set mon.m.mode=control -set mon.m.chardev=compat_monitor0"
    )
    options = parse(words.split())
    first, second = (of.description.values for of in options.chardevs)
    assert (first["port"], first["server"], second["signal"]) == ("2,3", True, False)
    assert [of.properties() for of in options.monitors] == [
        {"qom-type": "monitor-qmp", "chardev": "compat_monitor0", "pretty": is_pretty}
        for is_pretty in (True, False)
    ]


def test_a_size_that_is_added_may_be_warned_of() -> None:
    warnings: list[str] = []
    words = "-chardev ringbuf,id=r -set chardev.r.size=0x1k"
    options = parse(words.split(), warnings.append)
    assert options.chardevs[0].description.values["size"] == 1024
    (warning,) = warnings
    assert warning == (
        "-set chardev.r.size=0x1k: warning: Using a multiplier suffix on hex numbers is"
        " deprecated: 0x1k"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-foo", "-foo: invalid option"),
        ("--foo bar", "--foo: invalid option"),
        ("-", "-: invalid option"),
        ("--", "--: expected a command, and its arguments"),
        ("-qmp", "-qmp: requires an argument"),
        ("-qmp bogus", "-qmp bogus: parse error: bogus"),
        ("-qmp-pretty bogus", "-qmp-pretty bogus: parse error: bogus"),
        ("-monitor tcp:x", "-monitor tcp:x: parse error: tcp:x"),
        ("-qmp chardev:1", "-qmp chardev:1: Parameter 'id' expects an identifier"),
        ("-qmp chardev:c -qmp chardev:c", "-qmp chardev:c: Duplicate ID 'c' for mon"),
        ("-mon c,foo=1", "-mon c,foo=1: Invalid parameter 'foo'"),
        ("-mon c,id=1", "-mon c,id=1: Parameter 'id' expects an identifier"),
        ("-mon c,pretty=x", "-mon c,pretty=x: Parameter 'pretty' expects 'on' or 'off'"),
        ("-chardev null,id=a -chardev null,id=a", "-chardev null,id=a: Duplicate ID 'a' for"),
        ("-add-fd set=1", "-add-fd set=1: fd option is required and must be non-negative"),
        ("-add-fd fd=2,set=1", "-add-fd fd=2,set=1: fd cannot be a standard I/O stream"),
        ("-add-fd fd=999,set=1", "-add-fd fd=999,set=1: fd is not valid or already in use"),
        ("-add-fd fd=9,x=1", "-add-fd fd=9,x=1: Invalid parameter 'x'"),
        ("-handshake-timeout x", "-handshake-timeout x: expected 'off', or seconds up to 86400"),
        ("-handshake-timeout -1", "-handshake-timeout -1: expected 'off', or seconds up to 86400"),
        ("-handshake-timeout nan", "-handshake-timeout nan: expected 'off', or seconds up to"),
        ("-object bogus,id=a", "-object bogus,id=a: Parameter 'qom-type' does not accept value"),
        ("-set x", '-set x: can\'t parse: "x"'),
        ("-set chardev.x.y", '-set chardev.x.y: can\'t parse: "chardev.x.y"'),
        ("-set chardev..y=1", '-set chardev..y=1: can\'t parse: "chardev..y=1"'),
        ("-set chardev.x.y=1", '-set chardev.x.y=1: there is no chardev "x" defined'),
        ("-set mon.x.y=1", '-set mon.x.y=1: there is no mon "x" defined'),
        ("-set device.x.y=1", '-set device.x.y=1: there is no device "x" defined'),
        ("-set nope.x.y=1", "-set nope.x.y=1: There is no option group 'nope'"),
        ("-set object.x.y=1", "-set object.x.y=1: -set is not supported with object"),
        ("-chardev null,id=c -set chardev.c.y=1", "-set chardev.c.y=1: Invalid parameter 'y'"),
        ("-chardev null,id=c -set chardev.c.id=d", "-set chardev.c.id=d: Invalid parameter 'id'"),
        ("-qmp stdio -set mon.compat_monitor0.y=1", "-set mon.compat_monitor0.y=1: Invalid para"),
        (
            "-chardev null,id=c -set chardev.c.mux=maybe",
            "-set chardev.c.mux=maybe: Parameter 'mux' expects 'on' or 'off'",
        ),
    ],
    ids=lambda value: value,
)
def test_refusals(words: str, text: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(words.split())

    assert str(caught.value).startswith(text)
