"""Ways around a policy, tried on a real QEMU: straight, where they work, and through the proxy.

Modules: server_facts.
"""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import AsyncClient
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from tests.patience import PATIENCE
from tests.policy.case_table import Case, read_cases
from tests.policy.host import Host, qemu_options
from tests.policy.host_watch import HostWatch
from tests.qemu import QEMU

pytestmark = pytest.mark.real


async def answer(client: AsyncClient, case: Case) -> str:
    """Return the answer to a command, as text."""
    try:
        return repr(await client.execute(case.name, case.arguments, timeout=PATIENCE))
    except CommandError as error:
        return f"{error.error_class}: {error.desc}"
    except (CommandInterrupted, ConnectionClosed, TimeoutError) as error:
        return f"DIED: {error}"


async def shows(client: AsyncClient, case: Case, watch: HostWatch) -> str | None:
    """Try a command without a policy; return what is missing of its proof."""
    watch.touched()
    text = await answer(client, case)
    kind, _, what = case.proof.partition(":")
    is_error = text.startswith(("GenericError", "CommandNotFound", "Device", "DIED"))
    if kind == "done":
        return text if is_error else None
    if kind == "says":
        return None if what in text else text
    touched = watch.touched()
    for _ in range(60):
        if what in touched:
            return None
        await asyncio.sleep(0.005)
        touched |= watch.touched()
    return f"{text}; touched: {touched}"


async def test_table(program: Callable[[str], str], tmp_path: Path) -> None:
    host = Host(tmp_path)
    cases = read_cases(host.places)
    watch = HostWatch(host.out)
    monitor = f"unix:{tmp_path}/qemu,server=on,wait=off"
    argv = [program(QEMU), *qemu_options(host), "-qmp", monitor]
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=host.vm
    )
    wrong: list[str] = []
    try:
        async with await AsyncClient.connect(
            f"unix:{tmp_path}/qemu", wait_for_socket=True
        ) as owner:
            for case in cases:
                if case.who == "+":
                    await owner.execute(case.name, case.arguments)
            for case in cases:
                if case.who == "-":
                    await answer(owner, case)
                if case.proof != "-":
                    missing = await shows(owner, case, watch)
                    if missing is not None:
                        wrong.append(f"{case}\n   {case.proof}: {missing}")
                    if process.poll() is not None:
                        break
    finally:
        process.kill()
        process.wait()
        watch.close()
    assert not wrong, "\n".join(wrong)
