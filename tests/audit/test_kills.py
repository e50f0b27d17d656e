"""A proxy that is killed: what it had begun to record is there, and the next one goes on.

Modules: chain_file.
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.logs import KEY, contents, verified

PROGRAM = """
import asyncio, os, sys
from qmpeer.audit import AuditLog
from qmpeer.messages import CommandMessage

async def main():
    log = AuditLog(sys.argv[1], key=b"k" * 32, size=20_000, keep=10_000)
    while True:
        number = log.begin(1, CommandMessage("query-status"))
        os.write(1, b"%d\\n" % number)  # as if it were sent
        log.end(number, "return", 0.001)
        await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_a_kill_takes_no_record_of_what_was_sent(tmp_path: Path, count: int) -> None:
    path = tmp_path / "vm.audit"
    sent: list[int] = []
    for seed in range(count):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE
        ) as program:
            assert program.stdout is not None
            data = program.stdout.read(random.Random(seed).randrange(20_000))
            os.kill(program.pid, signal.SIGKILL)
            data += program.stdout.read()
        sent += map(int, data.split(b"\n")[:-1])

    found = verified(contents(path), KEY)
    assert found.fault is None
    lines = b"".join(contents(path).values()).splitlines()
    records = [json.loads(line) for line in lines]
    begins = [each["number"] for each in records if each["what"] == "begin"]
    assert set(sent) <= set(begins)
    assert len(begins) - len(sent) <= count  # recorded, and not sent any more
    assert sum(each["what"] == "opened" for each in records) == count
