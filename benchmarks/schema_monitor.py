"""An embedded monitor that returns a large document and takes many clients on one listener."""

import argparse
import json
from pathlib import Path

from benchmarks import loops
from qmpeer import Monitor
from qmpeer.errors import CommandError
from qmpeer.messages import CommandMessage
from qmpeer.monitor import CommandInfo, Context
from qmpeer.monitor.backend import Emit
from qmpeer.values import JsonValue


class Document:
    """A backend that answers query-qmp-schema with a large document."""

    def __init__(self, document: JsonValue) -> None:
        self._document = document

    def commands(self) -> list[CommandInfo]:
        """Return the one command."""
        return [CommandInfo("query-qmp-schema")]

    def execute(self, command: CommandMessage, context: Context) -> JsonValue:
        """Return the document."""
        if command.name != "query-qmp-schema":
            raise CommandError("CommandNotFound", f"The command {command.name} has not been found")
        return self._document

    def subscribe(self, emit: Emit) -> None:
        """Do nothing: there are no events."""


async def serve(path: str, document: JsonValue) -> None:
    """Serve a monitor on a unix path until the process is ended."""
    backend = Document(document)
    monitor = Monitor(name="benchmarks", version=(7, 2, 0), package="", backend=backend)
    await monitor.serve(f"unix:{path}", many=True)


def main() -> None:
    """Run `python -m benchmarks.schema_monitor PATH FILE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="unix path of the monitor")
    parser.add_argument("file", type=Path, help="JSON file with the value to return")
    options = parser.parse_args()
    loops.run(serve(options.path, json.loads(options.file.read_text())))


if __name__ == "__main__":
    main()
