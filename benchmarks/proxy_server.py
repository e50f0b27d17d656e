"""A proxy in a process of its own: `python -m benchmarks.proxy_server SERVER PATH [FSYNC FOLDER]`.

With FSYNC, clients may do what twenty rules allow, and an audit log in FOLDER records what they do.
QMPEER_LOOP chooses the event loop.
"""

import os
import sys
from typing import cast

from benchmarks.loops import run
from benchmarks.policy_rules import twenty_rules
from qmpeer.audit import AuditLog, Fsync
from qmpeer.proxy import Proxy


async def main(server: str, path: str, fsync: str = "", folder: str = "") -> None:
    """Stand between a path and a server until one of them ends."""
    audit = None
    if fsync:
        log = os.path.join(folder, f"{os.path.basename(path)}.audit")
        audit = AuditLog(log, fsync=cast(Fsync, fsync), key=os.urandom(32))
    policy = twenty_rules() if fsync else None
    async with Proxy(f"unix:{server}", policy=policy, audit=audit) as proxy:
        await proxy.listen(f"unix:{path}")
        await proxy.wait_closed()
    if audit is not None:
        audit.close()


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
