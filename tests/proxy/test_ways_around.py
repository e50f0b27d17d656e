"""Ways around a policy, tried on a real QEMU: through the proxy, and straight, where they work.

Modules: facts, node_facts, server_process.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmpeer import AsyncClient
from qmpeer.errors import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.policy.loading import load_policy
from qmpeer.proxy import Proxy
from tests.patience import PATIENCE
from tests.policy.case_table import Case, policy_of, read_cases
from tests.policy.host import Host, qemu_options
from tests.policy.host_watch import HostWatch
from tests.proxy.lines import LineClient
from tests.qemu import QEMU

pytestmark = pytest.mark.real

STRAIGHT = (7, 2)
"""The release on which each proof was seen; others refuse some of the commands."""

PROOF = 2.0


class Site:
    """A QEMU with two monitors: one for the owner, one behind a proxy with a policy."""

    def __init__(self, host: Host, process: "subprocess.Popen[bytes]") -> None:
        self.host = host
        self.process = process
        self.cases: Sequence[Case] = read_cases(host.places)
        self.watch = HostWatch(host.out)
        self.owner: AsyncClient
        self.clients: dict[str, AsyncClient] = {}

    async def prepare(self) -> None:
        for case in self.cases:
            if case.who == "+":
                await self.owner.execute(case.name, case.arguments)
        self.watch.touched()


@asynccontextmanager
async def site_at(folder: Path, program: str) -> AsyncIterator[Site]:
    host = Host(folder)
    monitors = [f"unix:{folder}/{name},server=on,wait=off" for name in ("owner", "qemu")]
    argv = [program, *qemu_options(host), "-qmp", monitors[0], "-qmp", monitors[1]]
    null = subprocess.DEVNULL
    process = subprocess.Popen(argv, stdin=null, stdout=null, cwd=host.vm)
    site = Site(host, process)
    policy = load_policy(policy_of(host.places, folder))
    try:
        async with (
            await AsyncClient.connect(f"unix:{folder}/owner", wait_for_socket=True) as site.owner,
            Proxy(f"unix:{folder}/qemu", wait_for_socket=True, policy=policy) as proxy,
        ):
            for name in sorted({each.who for each in site.cases if each.is_of_client}):
                await proxy.listen(f"unix:{folder}/{name}", name=name)
                site.clients[name] = await AsyncClient.connect(f"unix:{folder}/{name}")
            await site.prepare()
            yield site
            for client in site.clients.values():
                await client.close()
    finally:
        process.kill()
        process.wait()
        site.watch.close()


async def settle(site: Site) -> None:
    """Wait until no job and no migration is at work.

    QEMU 7.2 may abort if it gets the next backup meanwhile, and migrates once at a time.
    """
    try:
        async with asyncio.timeout(PROOF):
            while await works(site):
                await asyncio.sleep(0.002)
    except TimeoutError:
        pytest.fail(f"still at work: {await works(site)}")


async def works(site: Site) -> list[str]:
    """Return the jobs and the migration that are at work."""
    jobs = await site.owner.execute("query-jobs")
    status = (await site.owner.execute("query-migrate")).get("status")
    working = [job["id"] for job in jobs if job["status"] in ("created", "running")]
    return working + ([status] if status in ("setup", "active", "device") else [])


async def answer(client: AsyncClient, case: Case) -> str:
    """Return the answer to a command, as text."""
    try:
        return repr(await client.execute(case.name, case.arguments, timeout=PATIENCE))
    except CommandError as error:
        return f"ERROR {error.error_class}: {error.desc}"
    except (CommandInterrupted, ConnectionClosed, TimeoutError) as error:
        return f"ERROR: {error}"


async def judged(site: Site, case: Case) -> str | None:
    """Give a command through the proxy; return what is wrong with the answer or on the host."""
    text = await answer(site.clients[case.who], case)
    if case.verdict == "hide":
        is_right = text == f"ERROR CommandNotFound: The command {case.name} has not been found"
    elif case.verdict == "deny":
        is_right = text.startswith(f"ERROR GenericError: The policy denies {case.name}: ")
    else:
        is_right = not text.startswith("ERROR") or case.proof == "-"
    touched = site.watch.touched()
    return None if is_right and not touched else f"{text}; touched: {touched}"


async def straight(site: Site, case: Case) -> str | None:
    """Give a command without a policy; return what is missing of its proof."""
    site.watch.touched()
    text = await answer(site.owner, case)
    kind, _, what = case.proof.partition(":")
    if kind == "done":
        return text if text.startswith("ERROR") else None
    if kind == "says":
        return None if what in text else text
    touched = site.watch.touched()
    try:
        async with asyncio.timeout(PROOF):
            while what not in touched:
                await asyncio.sleep(0.002)
                touched |= site.watch.touched()
    except TimeoutError:
        return f"{text}; touched: {touched}"
    return None


def test_table(
    program: Callable[[str], str], qemu_version: tuple[int, int], tmp_path: Path
) -> None:
    """Nothing happens on the host by what is refused. Without the policy, all of that works."""
    asyncio.run(try_table(program(QEMU), qemu_version, tmp_path))  # one loop is enough


async def try_table(qemu: str, qemu_version: tuple[int, int], folder: Path) -> None:
    wrong: list[str] = []
    async with site_at(folder, qemu) as site:
        for case in site.cases:
            if case.who == "-":
                await answer(site.owner, case)
            elif case.is_of_client and (failure := await judged(site, case)) is not None:
                wrong.append(f"{case}\n   {case.verdict}: {failure}")
            if case.verdict == "allow":
                await settle(site)
        assert site.process.poll() is None
        for case in site.cases if qemu_version == STRAIGHT else ():
            if case.who == "-":
                await answer(site.owner, case)
            elif case.verdict != "allow" and case.proof != "-":
                missing = await straight(site, case)
                wrong += [] if missing is None else [f"{case}\n   {case.proof}: {missing}"]
            if site.process.poll() is not None:
                break
            await settle(site)
    assert not wrong, "\n".join(wrong)


# --- What only bytes can show

RAW = [
    # a member twice: readers of JSON keep the first, the last, or neither
    ('{"execute": "screendump", "arguments": {"filename": "VM/a", "filename": "OUT/a"}}', "twice"),
    ('{"execute": "screendump", "arguments": {"filename": "OUT/a", "filename": "VM/a"}}', "twice"),
    ('{"execute": "query-status", "execute": "memsave", "arguments": MEMSAVE}', "twice"),
    ('{"execute": "memsave", "execute": "query-status", "arguments": MEMSAVE}', "twice"),
    ('{"execute": "screendump", "arguments": {"filename": "VM/a"}, "arguments": AWAY}', "twice"),
    ('{"execute": "screen\\u0064ump", "arguments": AWAY}', "deny"),
    ('{"execute": "screendump", "arguments": {"\\u0066ilename": "OUT/a"}}', "deny"),
    ('{"execute": "screendump", "arguments": {"filename": "OUT\\u002fa"}}', "deny"),
    ('{"execute": "screendump", "arguments": {"filename": "VM/\\u002e\\u002e/out/a"}}', "deny"),
    ("{'execute': 'screendump', 'arguments': {'filename': 'OUT/a'}}", "deny"),
    # out of band
    ('{"exec-oob": "screendump", "arguments": AWAY}', "deny"),
    ('{"exec-oob": "memsave", "arguments": MEMSAVE}', "hide"),
    (
        '{"exec-oob": "yank", "arguments": {"instances": [{"type": "chardev", "id": "yanked"}]}}',
        "hide",
    ),
    ('{"exec-oob": "query-yank"}', "hide"),
    ('{"execute": "query-status", "exec-oob": "memsave", "arguments": MEMSAVE}', None),
    # ids
    ('{"execute": "screendump", "arguments": AWAY, "id": "LONG"}', "deny"),
    ('{"execute": "memsave", "arguments": MEMSAVE, "id": {"a": ["LONG"]}}', "hide"),
    ('{"execute": "screendump", "arguments": {"filename": "OUT/LONG"}}', "deny"),
    ('{"execute": "screendump", "arguments": AWAY, "id": {"execute": "query-status"}}', "deny"),
    # what isn't a command
    ('{"execute": "screendump", "arguments": AWAY, "more": 1}', None),
    ('{"execute": "screendump", "arguments": ["OUT/a"]}', None),
    ('{"execute": ["memsave"], "arguments": MEMSAVE}', None),
    ('[{"execute": "memsave", "arguments": MEMSAVE}]', None),
]
"""Lines of bytes, and the verdict; None for any answer, as long as nothing happens on the host."""
LONG = "x" * (1 << 20)


async def test_bytes(program: Callable[[str], str], tmp_path: Path) -> None:
    wrong: list[str] = []
    async with site_at(tmp_path, program(QEMU)) as site:
        places = {
            "MEMSAVE": '{"val": 0, "size": 16, "filename": "OUT/a"}',
            "AWAY": '{"filename": "OUT/a"}',
            "VM": str(site.host.vm),
            "OUT": str(site.host.out),
            "LONG": LONG,
        }
        client = await LineClient.open(f"{tmp_path}/operator", oob=True)
        for line, verdict in RAW:
            text = line
            for name, place in places.items():
                text = text.replace(name, place)
            client.write(text.encode() + b"\n")
            error = (await client.read()).get("error", {"class": "", "desc": ""})
            is_denied = str(error["desc"]).startswith("The policy denies ")
            is_right = {
                "deny": error["class"] == "GenericError" and is_denied,
                "hide": error["class"] == "CommandNotFound",
                "twice": error["desc"] == "JSON parse error, duplicate key",
                None: True,
            }[verdict]
            touched = site.watch.touched()
            if not is_right or touched:
                wrong.append(f"{line}: {str(error)[:200]}; touched: {touched}")
        assert "status" in await client.ask("query-status")
        await client.close()
    assert not wrong, "\n".join(wrong)


async def test_events_that_would_tell(program: Callable[[str], str], tmp_path: Path) -> None:
    """A client gets the events that its rules name, and hears nothing of the work of others."""
    async with site_at(tmp_path, program(QEMU)) as site:
        listening = {
            name: await LineClient.open(f"{tmp_path}/{name}") for name in ("operator", "trainee")
        }
        backup = {"device": "plain", "job-id": "telling", "sync": "full", "format": "raw"}
        target = f"{site.host.vm}/telling"
        await site.clients["backup"].execute("drive-backup", {**backup, "target": target})
        await settle(site)
        await site.owner.execute("cont")
        await site.owner.execute("stop")
        operator, trainee = listening["operator"], listening["trainee"]
        assert [(await operator.read())["event"] for _ in range(2)] == ["RESUME", "STOP"]
        for client in (operator, trainee):
            assert (await client.ask("query-status"))["status"] == "paused"  # no event before it
            await client.close()
