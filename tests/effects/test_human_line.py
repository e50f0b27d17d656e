"""Lines for the human monitor: what is read, and what is refused since releases differ."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.effects.human_line import HumanCommand, human_argument_names, parse_human_line
from qmpeer.effects.human_table import all_human_names, human_row
from qmpeer.errors import HumanLineError
from qmpeer.values import JsonObject

LONG = "a" * limits.HUMAN_WORD


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("info block", "info block", {}),
        (" \t info \n block\v-v\f ide0\r\n", "info block", {"verbose": True, "device": "ide0"}),
        ('info block "a \\"b\\""', "info block", {"device": 'a "b"'}),
        ("info", "info", {}),
        ("info ", "info", {}),
        ("c", "cont", {}),
        ("cont", "cont", {}),
        ("q", "quit", {}),
        ("s", "stop", {}),
        ("?", "help", {}),
        ("? log", "help", {"name": "log"}),
        ("p 1+1", "print", {"count": 1, "val": 2}),
        ("p/x 'a' * 2", "print", {"count": 1, "format": "x", "val": 194}),
        ("xp/4xw 0x1000", "xp", {"count": 4, "format": "x", "size": 4, "addr": 4096}),
        ("xp\n/8b\t010", "xp", {"count": 8, "size": 1, "addr": 8}),
        ("x 0", "x", {"count": 1, "addr": 0}),
        ("x -1", "x", {"count": 1, "addr": 0xFFFF_FFFF_FFFF_FFFF}),
        ('memsave 0 16 "/a b"', "memsave", {"val": 0, "size": 16, "filename": "/a b"}),
        ('memsave (1+2)*2 0x10 "/a"', "memsave", {"val": 6, "size": 16, "filename": "/a"}),
        ("migrate -d exec:id", "migrate", {"detach": True, "uri": "exec:id"}),
        ("migrate_set_parameter x 5", "migrate_set_parameter", {"parameter": "x", "value": "5"}),
        ("balloon 2", "balloon", {"value": 2 << 20}),
        ("block_resize d 1.5G", "block_resize", {"device": "d", "size": 3 << 29}),
        ("set_link n off", "set_link", {"name": "n", "up": False}),
        ("i 0x70 . 1", "i", {"count": 1, "addr": 0x70, "index": 1}),
        ("gdbserver", "gdbserver", {"device": "tcp::1234"}),
        ("gdbserver none", "gdbserver", {"device": "none"}),
        ("screendump /a -f png", "screendump", {"filename": "/a", "format": "png"}),
        (
            "snapshot_blkdev -n d /a",
            "snapshot_blkdev",
            {"reuse": True, "device": "d", "snapshot-file": "/a"},
        ),
        (
            "drive_add -n 0 driver=raw,file.driver=file,file.filename=/a,,b",
            "drive_add",
            {
                "node": True,
                "pci_addr": "0",
                "opts": {"driver": "raw", "file": {"driver": "file", "filename": "/a,b"}},
            },
        ),
        (
            "object_add memory-backend-file,id=m,mem-path=/a",
            "object_add",
            {"qom-type": "memory-backend-file", "id": "m", "mem-path": "/a"},
        ),
        ("object_add qom-type=secret,id=s", "object_add", {"qom-type": "secret", "id": "s"}),
        ("device_add", "device_add", {}),
        ("device_add help", "device_add", {"driver": "help"}),
        ("device_add nvme,addr=04.0", "device_add", {"driver": "nvme", "addr": "04.0"}),
        ("netdev_add tap,id=t,script=/a", "netdev_add", {"type": "tap", "id": "t", "script": "/a"}),
        (
            "chardev-add ringbuf,id=r,logfile=/a",
            "chardev-add",
            {"backend": "ringbuf", "id": "r", "logfile": "/a"},
        ),
        (
            "chardev-change r file,path=/a",
            "chardev-change",
            {"id": "r", "args": {"backend": "file", "path": "/a"}},
        ),
        (
            'qom-set -j /a b {"c": 1}',
            "qom-set",
            {"json": True, "path": "/a", "property": "b", "value": '{"c": 1}'},
        ),
        (f"logfile {LONG}", "logfile", {"filename": LONG}),
        ("logfile /é", "logfile", {"filename": "/é"}),
    ],
)
def test_what_is_read(line: str, name: str, arguments: JsonObject) -> None:
    assert parse_human_line(line) == HumanCommand(name, arguments)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "found an empty line, expected a command"),
        (" \n", "found an empty line, expected a command"),
        ("inf block", "found unknown command 'inf'"),
        ("INFO block", "found unknown command 'INFO'"),
        ("con", "found unknown command 'con'"),
        ("info bloc", "found unknown command 'info bloc'"),
        ("info block;quit", "found unknown command 'info block;quit'"),
        ("info/block", "found unknown command 'info/'"),
        ('info "block"', "found unknown command 'info \"block\"'"),
        ('"info" block', "found unknown command '\"info\"'"),
        ("/", "found unknown command '/'"),
        ("stop;quit", "found unknown command 'stop;quit'"),
        ("stop\nquit", "stop: extraneous characters at the end of line"),
        ("stop #", "stop: extraneous characters at the end of line"),
        ("stop/", "stop: extraneous characters at the end of line"),
        ("logfile", "logfile: filename expected"),
        ('logfile "/a', "logfile: filename expected"),
        ('logfile "\\x"', "logfile: filename expected"),
        ('logfile "/a"b', "logfile: found 'b' behind an argument, expected a blank"),
        (f"logfile {LONG}a", "logfile: found a word of more than 1023 bytes, which QEMU cuts"),
        (f"logfile {'é' * 512}", "logfile: found a word of more than 1023 bytes, which QEMU cuts"),
        ("logfile /a\0b", "found character '\\x00', expected a printable one"),
        ("logfile\u00a0/a", "found character '\\xa0', expected a printable one"),
        ("logfile /a\u202e", "found character '\\u202e', expected a printable one"),
        ("logfile /a\ud800", "found character '\\ud800', expected a printable one"),
        ("help " + "a" * limits.HUMAN_LINE, "found 4100 bytes, expected at most 4095"),
        ("xp 0b11", "xp: found 'b' behind an argument, expected a blank"),
        ("memsave 08 5 f", "memsave: found '8' behind an argument, expected a blank"),
        ("xp/4z 0", "invalid char in format: 'z'"),
        ("xp/9999999999x 0", "found a count of 9999999999, expected at most 2147483647"),
        ("p -0x8000000000000000/-1", "division overflows"),
        ("block_resize d 0x1p3", "block_resize: found '3' behind an argument, expected a blank"),
        ("migrate -dtcp:a", "migrate: found 't' behind an argument, expected a blank"),
        ("migrate -x tcp:a", "migrate: unsupported option -x"),
        ("object_add {'a'}", "option 1: expected NAME=VALUE"),
        ("object_add secret,id=a,id=b", "found option id twice, expected it once"),
        ("object_add secret,id=a,data", "option 3: expected NAME=VALUE"),
        ("object_add secret,", "option 2: expected NAME=VALUE"),
        ("object_add secret,=a", "option 2: expected NAME=VALUE"),
        ("memsave 0 16 /a", "invalid char 'a' in expression"),  # a division
        ("drive_add 0 /a", "option 1: expected NAME=VALUE"),
        ("drive_add 0 file=a,file.b=c", "found option file.b beside a value for file"),
        ("drive_add 0 file.filename=/a,file=/b", "found option file twice, expected it once"),
    ],
)  # fmt: skip
def test_what_is_refused(line: str, reason: str) -> None:
    with pytest.raises(HumanLineError) as raised:
        parse_human_line(line)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    "line",
    [
        "change ide0 -f /a",  # a name of a file before 7.1
        "wavcapture /a 44100",  # a frequency before 4.2
        'qom-set /a b "c"',  # without the quotes before 5.1
        'object_add "secret,id=a"',  # without the quotes before 6.0
        'help "log"',
        "object_add secret,id=a ",  # with the blank since 6.0
        "migrate_set_parameter a b\n",
    ],
)
def test_what_releases_read_differently_is_refused(line: str) -> None:
    with pytest.raises(HumanLineError, match="releases read these arguments differently"):
        parse_human_line(line)


def test_a_register_is_not_known() -> None:
    assert parse_human_line("x/10i $pc + 4") == HumanCommand(
        "x", {"count": 10, "format": "i", "addr": None}, frozenset({"addr"})
    )
    memsave = parse_human_line("memsave 0 $ecx f")
    assert memsave.arguments == {"val": None, "size": None, "filename": "f"}
    assert memsave.unknown == {"val", "size"}


@pytest.mark.parametrize("line", ["x $pc/-1", "p $ax%2", "x/i\t$pc/ -1", "x /4i 1/$pc"])
def test_a_register_in_a_division_is_refused(line: str) -> None:
    with pytest.raises(HumanLineError, match="found a register beside a division"):
        parse_human_line(line)


def test_every_command_is_found_by_its_names() -> None:
    for name in all_human_names():
        row = human_row(name)
        assert row is not None
        for each in (name, *row.aliases):
            assert human_row(each) is row
            with suppress(HumanLineError):
                assert parse_human_line(each).name == name


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("x", {"addr", "count", "format", "size"}),
        ("change", {"device", "force", "target", "arg", "read-only-mode"}),
        ("info block", {"nodes", "verbose", "device"}),
        ("drive_add", {"node", "pci_addr", "opts"}),
        ("stop", set()),
        ("device_add", None),
        ("chardev-add", None),
        ("nothing", None),
    ],
)
def test_the_names_of_arguments(name: str, names: set[str] | None) -> None:
    assert human_argument_names(name) == names


@pytest.mark.property
@given(
    st.sampled_from(sorted(all_human_names())),
    st.text("019abfx-+*/%&|^~()'$ .,=:{}\"\\\t\n\x00\u00e9", max_size=40),
)
def test_any_line_is_read_or_refused(name: str, rest: str) -> None:
    try:
        command = parse_human_line(f"{name} {rest}")
    except HumanLineError:
        return
    assert command.name == name or (name == "info" and command.name.startswith("info "))
    assert command.unknown <= command.arguments.keys()


@pytest.mark.parametrize("text", ["(" * 4000, "-" * 4000, "1+" * 2000, '"' * 4000, "," * 4000])
def test_long_lines_take_little_time(text: str) -> None:
    for name in ("x ", "object_add a", "pcie_aer_inject_error a b "):
        with pytest.raises(HumanLineError):
            parse_human_line(name + text)
