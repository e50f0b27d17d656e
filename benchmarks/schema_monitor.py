"""An embedded monitor that returns a large document and takes many clients on one listener."""

import argparse
import asyncio
import json
import os
from pathlib import Path

from qmpeer import Monitor


async def serve(path: str, document: object) -> None:
    """Serve a monitor on a unix path until the process is ended."""
    monitor = Monitor(name="benchmarks", version=(7, 2, 0), package="")

    @monitor.command("query-qmp-schema")
    def query_qmp_schema() -> object:
        """Return the document."""
        return document

    await monitor.serve(f"unix:{path}", many=True)


def main() -> None:
    """Run `python -m benchmarks.schema_monitor PATH FILE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="unix path of the monitor")
    parser.add_argument("file", type=Path, help="JSON file with the value to return")
    options = parser.parse_args()
    serving = serve(options.path, json.loads(options.file.read_text()))
    if os.environ.get("QMPEER_LOOP") == "uvloop":
        import uvloop

        uvloop.run(serving)
    else:
        asyncio.run(serving)


if __name__ == "__main__":
    main()
