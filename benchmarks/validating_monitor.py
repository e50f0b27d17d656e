"""A monitor with one command of three arguments, checked against the schema or unchecked.

Nothing else differs, so the difference is the cost of validation.
"""

import argparse
import asyncio
from collections.abc import Mapping

from qmpeer import Monitor
from qmpeer.monitor.handlers.parameters import Parameters
from qmpeer.schema import ArgumentsCheck, schema_from_qapi
from qmpeer.values import JsonObject

SCHEMA = b"{ 'command': 'resize', 'data': { 'node-name': 'str', 'size': 'int', '*force': 'bool' } }"
COMMAND = b'{"execute":"resize","arguments":{"node-name":"disk0","size":1073741824,"force":true}}\n'


def resize(node_name: str, size: int, force: bool = False) -> None:
    """Do nothing."""


def _accept(arguments: JsonObject | None) -> None:
    pass


def _judge_by_nothing(
    parameters: Parameters, check: ArgumentsCheck, types: Mapping[str, str]
) -> None:
    parameters.check = _accept


async def serve(path: str, *, is_checked: bool) -> None:
    """Serve a monitor on a unix path until the process is ended."""
    schema = schema_from_qapi("resize.json", lambda name: SCHEMA)
    monitor = Monitor(name="benchmarks", version=(7, 2, 0), package="", schema=schema)
    if not is_checked:  # safe here: the arguments are always right
        Parameters.judge_by = _judge_by_nothing  # type: ignore[method-assign]  # only in this process
    monitor.command("resize")(resize)
    await monitor.serve(f"unix:{path}")


def main() -> None:
    """Run `python -m benchmarks.validating_monitor KIND PATH`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("checked", "unchecked"))
    parser.add_argument("path", help="unix path of the monitor")
    options = parser.parse_args()
    asyncio.run(serve(options.path, is_checked=options.kind == "checked"))


if __name__ == "__main__":
    main()
