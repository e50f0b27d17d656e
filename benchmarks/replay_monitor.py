"""A replay of a recording with 1,000 other commands before the measured one."""

import argparse

from benchmarks import loops
from qmpeer import Monitor
from qmpeer.replay import Replay
from qmpeer.transcript import parse_transcript

GREETING = (
    '<- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": ["oob"]}}\n'
)
PROPERTY = (
    '-> {"execute": "qom-get", "arguments": {"path": "/machine/d[%d]", "property": "type"}}\n'
    '<- {"return": "device"}\n'
)
VERSION = (
    '-> {"execute": "query-version"}\n'
    '<- {"return": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}}\n'
)


async def serve(path: str) -> None:
    """Serve the recording on a unix path until the process is ended."""
    text = GREETING + "".join(PROPERTY % number for number in range(1000)) + VERSION
    await Monitor(backend=Replay(parse_transcript(text, "bench"))).serve(f"unix:{path}")


def main() -> None:
    """Run `python -m benchmarks.replay_monitor PATH`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="unix path of the monitor")
    loops.run(serve(parser.parse_args().path))


if __name__ == "__main__":
    main()
