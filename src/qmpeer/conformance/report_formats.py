"""The forms of a report: text for people, JSON for programs, JUnit XML for build servers."""

from collections.abc import Callable, Mapping
from typing import Final
from xml.etree import ElementTree

from qmpeer.conformance.report import Report, bytes_text
from qmpeer.conformance.results import Outcome, Result
from qmpeer.display.safe_text import visible, visible_lines
from qmpeer.messages.redaction import redact_text
from qmpeer.values import JsonObject
from qmpeer.wire import encode_pretty


def as_text(report: Report) -> str:
    """Return a report as text for people."""
    return f"{report}\n"


def as_json(report: Report) -> str:
    r"""Return a report as one JSON object.

    Its members: ``suite``, ``target``, ``seconds``, ``passed``, ``failed`` and ``skipped`` (the
    numbers of cases), and ``results``: of each case ``name``, ``rule``, ``level``, ``title``,
    ``outcome``, ``seconds``, and for what didn't pass ``sent``, ``received``, ``expected`` and
    ``found``. Bytes are text in ASCII, with escapes such as ``\xff``.
    """
    value: JsonObject = {
        "suite": report.suite,
        "target": report.target,
        "seconds": round(report.seconds, 3),
        "passed": len(report.passed),
        "failed": len(report.failed),
        "skipped": len(report.skipped),
        "results": [_result(result) for result in report.results],
    }
    return encode_pretty(value).decode().replace("\r\n", "\n")


def _result(result: Result) -> JsonObject:
    case = result.case
    value: JsonObject = {
        "name": case.name,
        "rule": case.rule,
        "level": case.level.value,
        "title": case.title,
        "outcome": result.outcome.value,
        "seconds": round(result.seconds, 3),
    }
    if result.outcome is Outcome.FAILED:
        value["sent"] = bytes_text(result.sent)
        value["received"] = bytes_text(result.received)
        value["expected"] = redact_text(result.expected)
    if result.outcome is not Outcome.PASSED:
        value["found"] = redact_text(result.found)
    return value


def as_junit(report: Report) -> str:
    """Return a report as JUnit XML, a test case for each case; its class is the level."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"qmpeer conformance {report.suite}",
        hostname=visible(report.target),
        tests=str(len(report.results)),
        failures=str(len(report.failed)),
        errors="0",
        skipped=str(len(report.skipped)),
        time=f"{report.seconds:.3f}",
    )
    for result in report.results:
        case = result.case
        test = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{report.suite}.{case.level.value}",
            name=case.name,
            time=f"{result.seconds:.3f}",
        )
        found = visible_lines(redact_text(result.found))
        if result.outcome is Outcome.SKIPPED:
            ElementTree.SubElement(test, "skipped", message=found)
        elif result.outcome is Outcome.FAILED:
            failure = ElementTree.SubElement(test, "failure", message=f"{case.rule}: {found}")
            failure.text = (
                f"{case.title}\nsent:\n{bytes_text(result.sent)}\n"
                f"came:\n{bytes_text(result.received)}\n"
                f"expected: {visible_lines(redact_text(result.expected))}\nfound: {found}\n"
            )
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "text": as_text,
    "json": as_json,
    "junit": as_junit,
}
"""The forms by name, each with the function that makes the whole text of a report."""
