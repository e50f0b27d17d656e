"""The report of a suite, and its forms. Modules: report, report_formats."""

import json
from xml.etree import ElementTree

from qmpeer import limits
from qmpeer.conformance import FORMATS, Case, Level, Outcome, Report, Result
from qmpeer.conformance.report import bytes_text

GREETING = Case("greeting", "R14", Level.MUST, "the server greets first")
LIMIT = Case("nesting", "R12", Level.AS_QEMU, "1,025 levels are refused")
QUIT = Case("quit", "R34", Level.SHOULD, "quit is answered", changes=True)
REPORT = Report(
    "server",
    "unix:/run/vm.qmp",
    (
        Result(GREETING, Outcome.PASSED, 0.01),
        Result(LIMIT, Outcome.FAILED, 0.25, b"[[\n", b"\x1b[31m\xff\r\n", "an error", "<nothing>"),
        Result(QUIT, Outcome.SKIPPED, found="it changes the machine: --may-change"),
    ),
    0.26,
)


def test_text() -> None:
    assert FORMATS["text"](REPORT) == (
        "FAILED nesting (as-qemu, R12): 1,025 levels are refused\n"
        "  sent      [[\\n\n"
        "  came      \\x1b[31m\\xff\\r\\n\n"
        "  expected  an error\n"
        "  found     <nothing>\n"
        "\n"
        "skipped, it changes the machine: --may-change:\n"
        "  quit\n"
        "server unix:/run/vm.qmp: 1 passed, 1 failed, 1 skipped, in 0.3 s\n"
    )


def test_json() -> None:
    value = json.loads(FORMATS["json"](REPORT))
    assert (value["passed"], value["failed"], value["skipped"]) == (1, 1, 1)
    assert "sent" not in value["results"][0]
    assert value["results"][1]["received"] == "\\x1b[31m\\xff\\r\\n"
    assert value["results"][2]["found"] == "it changes the machine: --may-change"


def test_junit() -> None:
    suite = ElementTree.fromstring(FORMATS["junit"](REPORT).encode())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "R12: <nothing>"
    assert "\\x1b[31m\\xff\\r\\n" in (failure.text or "")
    assert suite[2].find("skipped") is not None


def test_long_bytes_are_cut_in_the_middle() -> None:
    text = bytes_text(b"a" * 1_000_000 + b"z")
    assert len(text) < 2 * limits.CONFORMANCE_SHOWN
    assert text.endswith("z")
    assert f"… {1_000_001 - limits.CONFORMANCE_SHOWN} more bytes …" in text


def test_secrets_are_blanked() -> None:
    result = Result(LIMIT, Outcome.FAILED, 0.0, b'{"password": "hunter2"}', b"", "a", "b")
    report = Report("client", "a client", (result,))
    for write in FORMATS.values():
        assert "hunter2" not in write(report)


def test_levels_are_nested() -> None:
    assert [level.includes(Level.SHOULD) for level in Level] == [False, True, True]
