"""The output of a server's report at its end."""

from typing import Protocol

from qmpeer.cli.exits import about_file
from qmpeer.options import Warn
from qmpeer.values import JsonObject
from qmpeer.wire import encode_line


class ServerReport(Protocol):
    """A report, whose text is that of str()."""

    def to_json(self) -> JsonObject:
        """Return it as a JSON value."""


def show_report(outcome: ServerReport, form: str, file: str | None, report: Warn) -> None:
    """Write a report.

    Args:
        outcome: The report.
        form: "text", for standard error; "json", for standard output; "none".
        file: The file to write it to instead, or None.
        report: Shows a text on standard error.

    Raises:
        FileError: If its file can't be written.
        OSError: If standard output can't.
    """
    if form == "none":
        return
    text = encode_line(outcome.to_json()).decode().rstrip() if form == "json" else str(outcome)
    if file is not None:
        with about_file(file), open(file, "w", encoding="utf-8") as written:
            written.write(f"{text}\n")
    elif form == "json":
        print(text, flush=True)
    else:
        report(text)
