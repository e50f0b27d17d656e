"""telnet: removal of commands, answers to options, and doubling of FF."""

import re

import pytest

from qmpeer import limits
from qmpeer.transport.filters import TelnetFilter
from tests.transport.filters.wires import each_byte, outcome, started

IAC, SE, SB, WILL, WONT, DO, DONT = (bytes([b]) for b in (255, 240, 250, 251, 252, 253, 254))
TERMINAL_TYPE = IAC + SB + b"\x18\x00vt100" + IAC + SE

INPUT = {
    "nothing special": (b'{"execute": 1}\r\n', b'{"execute": 1}\r\n', b""),
    "doubled FF": (b"a\xff\xffb", b"a\xffb", b""),
    "FF four times": (b"\xff\xff\xff\xff", b"\xff\xff", b""),
    "FF three times, then NOP": (b"\xff\xff\xff\xf1x", b"\xffx", b""),
    **{
        f"command {name}": (b"a" + bytes([255, code]) + b"b", b"ab", b"")
        for name, code in {
            "SE out of place": 240,
            "NOP": 241,
            "data mark": 242,
            "break": 243,
            "interrupt": 244,
            "abort output": 245,
            "are you there": 246,
            "erase character": 247,
            "erase line": 248,
            "go ahead": 249,
            "end of record": 239,
            "end of file": 236,
            "none at all": 0,
        }.items()
    },
    "answer to WILL ECHO": (b"a" + IAC + DO + b"\x01b", b"ab", b""),
    "answer to DO BINARY": (b"a" + IAC + WILL + b"\x00b", b"ab", b""),
    "refusal of WILL ECHO": (b"a" + IAC + DONT + b"\x01b", b"ab", b""),
    "refusal of DO BINARY": (b"a" + IAC + WONT + b"\x00b", b"ab", b""),
    "DO of another": (b"a" + IAC + DO + b"\x22b", b"ab", IAC + WONT + b"\x22"),
    "WILL of another": (b"a" + IAC + WILL + b"\x18b", b"ab", IAC + DONT + b"\x18"),
    "DO ECHO, WILL ECHO": (IAC + DO + b"\x01" + IAC + WILL + b"\x01", b"", IAC + DONT + b"\x01"),
    "DO of another, three times": ((IAC + DO + b"\x22") * 3, b"", IAC + WONT + b"\x22"),
    "WONT and DONT of another": (IAC + WONT + b"\x22" + IAC + DONT + b"\x22", b"", b""),
    "option 255": (IAC + DO + b"\xff" + b"x", b"x", IAC + WONT + b"\xff"),
    "subnegotiation": (b"a" + TERMINAL_TYPE + b"b", b"ab", b""),
    "empty subnegotiation": (b"a" + IAC + SB + IAC + SE + b"b", b"ab", b""),
    "FF in a subnegotiation": (
        IAC + SB + b"\x1f\x00" + IAC + IAC + b"\xf0" + IAC + SE + b"b",
        b"b",
        b"",
    ),
    "JSON in a subnegotiation": (IAC + SB + b'{"execute":"quit"}' + IAC + SE, b"", b""),
    "SE alone in a subnegotiation": (IAC + SB + b"a" + SE + b"b" + IAC + SE + b"c", b"c", b""),
    "command in a subnegotiation": (IAC + SB + b"a" + IAC + b"\xf1b" + IAC + SE + b"c", b"c", b""),
    "unfinished command": (b"a" + IAC, b"a", b""),
    "unfinished subnegotiation": (b"a" + IAC + SB + b"leak?", b"a", b""),
}
CASES = pytest.mark.parametrize(("given", "data", "output"), INPUT.values(), ids=list(INPUT))


@CASES
def test_what_comes(given: bytes, data: bytes, output: bytes) -> None:
    found = outcome(started(TelnetFilter), [given])
    assert (found.data, found.output, found.failure) == (data, output, None)


@CASES
def test_what_comes_byte_by_byte(given: bytes, data: bytes, output: bytes) -> None:
    found = outcome(started(TelnetFilter), each_byte(given))
    assert (found.data, found.output, found.failure) == (data, output, None)


@CASES
def test_what_comes_in_two(given: bytes, data: bytes, output: bytes) -> None:
    for place in range(len(given) + 1):
        found = outcome(started(TelnetFilter), [given[:place], given[place:]])
        assert (found.data, found.output, found.failure) == (data, output, None)


def test_what_is_offered() -> None:
    assert TelnetFilter().start() == bytes.fromhex("fffb01 fffb03 fffb00 fffd00")


def test_what_tn3270_is_offered() -> None:
    offers = TelnetFilter(is_tn3270=True).start()
    assert offers == bytes.fromhex("fffd19 fffb19 fffd00 fffb00 fffd18 fffa1801fff0")


def test_a_3270_terminal_agrees() -> None:
    filter = started(lambda: TelnetFilter(is_tn3270=True))
    answers = (
        bytes.fromhex("fffb19 fffd19 fffb00 fffd00 fffb18 fffa1800") + b"IBM-3278-2" + IAC + SE
    )
    assert outcome(filter, [answers + b"{}" + IAC + b"\xef"])[:2] == (b"{}", b"")


@pytest.mark.parametrize(
    ("said", "sent"),
    [(b"{}", b"{}"), (b"", b""), (b"a\xffb", b"a\xff\xffb"), (b"\xff\xff", b"\xff" * 4)],
    ids=["plain", "nothing", "FF", "FF twice"],
)
def test_what_goes(said: bytes, sent: bytes) -> None:
    filter = started(TelnetFilter)
    assert filter.send(said) == sent
    assert outcome(started(TelnetFilter), [sent]).data == said


def test_a_flood_of_requests_makes_a_trickle_of_answers() -> None:
    filter = started(TelnetFilter)
    every = b"".join(IAC + verb + bytes([option]) for verb in (DO, WILL) for option in range(256))
    found = outcome(filter, [every] * 50)
    assert len(found.output) <= 3 * 512
    assert found.data == b""
    assert found.failure is None


def test_a_flood_of_iac() -> None:
    found = outcome(started(TelnetFilter), [IAC * 65536] * 16)
    assert found[:2] == (b"\xff" * (8 * 65536), b"")


def test_a_flood_of_subnegotiations() -> None:
    found = outcome(started(TelnetFilter), [TERMINAL_TYPE * 5000] * 4 + [b"{}"])
    assert found[:2] == (b"{}", b"")


@pytest.mark.parametrize("filler", [b"x", IAC + IAC, IAC + b"\xf1"], ids=["text", "FF", "commands"])
def test_a_subnegotiation_without_end(filler: bytes) -> None:
    filter = started(TelnetFilter)
    found = outcome(filter, [b"a" + IAC + SB, *[filler * 1024] * 65, IAC + SE + b"b"])
    assert found.data == b"a"
    assert found.failure is not None
    assert re.search(f"longer than {limits.TELNET_SUBNEGOTIATION} bytes", found.failure)
    assert filter.send(b"{}") == b""


def test_the_longest_subnegotiation() -> None:
    text = b"x" * (limits.TELNET_SUBNEGOTIATION - 2)
    for chunks in ([IAC + SB + text + IAC + SE + b"b"], [IAC + SB, text, IAC, SE, b"b"]):
        found = outcome(started(TelnetFilter), chunks)
        assert (found.data, found.failure) == (b"b", None)


def test_the_end_of_the_wire() -> None:
    filter = started(TelnetFilter)
    filter.receive_eof()
    assert filter.has_ended
    assert filter.failure is None
    assert filter.send(b"late") == b"late"
    assert filter.receive(b"later") == ([], b"")
    assert filter.close() == b""
    assert filter.send(b"too late") == b""
