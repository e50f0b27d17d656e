"""QEMU's TLS, which is GnuTLS, as a client of our TLS."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmpeer.transport import TcpAddress
from qmpeer.transport.aio import Stream, StreamHandler, start_listening
from qmpeer.transport.aio.filtered_stream import FilterFactory, filtered
from qmpeer.transport.filters import TLSFilter, anonymous_context, psk_context, x509_context
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU
from tests.transport.filters.certificates import Authority
from tests.transport.filters.test_credentials import needs_psk
from tests.transport.recorder import Recorder

pytestmark = pytest.mark.real

KEY, WRONG_KEY = "00112233445566778899", "99887766554433221100"


@asynccontextmanager
async def dialled(
    make: FilterFactory, qemu: str, *objects: str
) -> AsyncIterator["asyncio.Future[Recorder]"]:
    """Let QEMU dial in, and return the handler, or the reason why there is none."""
    found: asyncio.Future[Recorder] = asyncio.get_running_loop().create_future()

    def take(stream: Stream) -> StreamHandler:
        found.set_result(Recorder(stream))
        return found.result()

    def fail(error: OSError) -> None:
        if not found.done():
            found.set_exception(error)

    factory = filtered(take, [make], timeout=PATIENCE, failed=fail)
    listener = await start_listening(TcpAddress("127.0.0.1", 0), factory)
    arguments = [*BASE, "-S"]
    for one in objects:
        arguments += ["-object", one]
    assert isinstance(listener.address, TcpAddress)
    monitor = f"socket,id=m,host=127.0.0.1,port={listener.address.port},tls-creds=tls"
    arguments += ["-chardev", monitor, "-mon", "chardev=m,mode=control"]
    with subprocess.Popen([qemu, *arguments], stderr=subprocess.DEVNULL) as process:
        try:
            yield found
        finally:
            listener.close()
            if found.done() and not found.cancelled() and found.exception() is None:
                found.result().stream.abort()
            process.kill()


@pytest.mark.parametrize("is_allowed", [True, False])
async def test_qemu_dials_in(
    program: Callable[[str], str], tmp_path: Path, authority: Authority, is_allowed: bool
) -> None:
    folder = authority.fill(
        tmp_path / "pki", server=authority.issue("us"), client=authority.issue("a, qemu")
    )
    context = x509_context(folder, server_side=True)

    def allows(name: str) -> bool:
        return is_allowed and name == "CN=a\\, qemu"

    async with (
        dialled(
            lambda: TLSFilter(context, server_side=True, authorize=allows),
            program(QEMU),
            f"tls-creds-x509,id=tls,dir={folder},endpoint=client",
        ) as found,
        asyncio.timeout(PATIENCE),
    ):
        if is_allowed:
            qemu = await found
            await qemu.until(lambda: qemu.data.endswith(b"\n"))
            assert qemu.data.startswith(b'{"QMP": ')
        else:
            with pytest.raises(ConnectionAbortedError, match="qemu is not authorised"):
                await found


@pytest.fixture(scope="module")
def parameters(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with Diffie-Hellman parameters, which takes a while."""
    folder = tmp_path_factory.mktemp("parameters")
    words = ["dhparam", "-dsaparam", "-out", f"{folder}/dh-params.pem", "2048"]
    subprocess.run([program("openssl"), *words], check=True, stderr=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize("has_parameters", [False, True])
async def test_qemu_dials_in_without_a_name(
    program: Callable[[str], str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    has_parameters: bool,
) -> None:
    """It accepts Diffie-Hellman parameters only: those of the folder, or ours."""
    folder = request.getfixturevalue("parameters") if has_parameters else tmp_path
    context = anonymous_context(folder, server_side=True)
    async with (
        dialled(
            lambda: TLSFilter(context, server_side=True),
            program(QEMU),
            "tls-creds-anon,id=tls,endpoint=client",
        ) as found,
        asyncio.timeout(PATIENCE),
    ):
        qemu = await found
        await qemu.until(lambda: qemu.data.endswith(b"\n"))
        assert qemu.data.startswith(b'{"QMP": ')


@needs_psk
@pytest.mark.parametrize("key", [KEY, WRONG_KEY])
async def test_qemu_dials_in_with_a_key(
    program: Callable[[str], str], tmp_path: Path, key: str
) -> None:
    for end, its_key in (("server", KEY), ("client", key)):
        (tmp_path / end).mkdir()
        (tmp_path / end / "keys.psk").write_text(f"qemu:{its_key}\n")
    context = psk_context(tmp_path / "server", server_side=True)
    async with (
        dialled(
            lambda: TLSFilter(context, server_side=True),
            program(QEMU),
            f"tls-creds-psk,id=tls,dir={tmp_path}/client,endpoint=client,username=qemu",
        ) as found,
        asyncio.timeout(PATIENCE),
    ):
        if key == KEY:
            qemu = await found
            await qemu.until(lambda: qemu.data.endswith(b"\n"))
            assert qemu.data.startswith(b'{"QMP": ')
        else:
            with pytest.raises(ConnectionAbortedError):
                await found
