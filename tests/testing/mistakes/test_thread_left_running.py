"""A thread that nobody ends."""

import threading

from qmpeer.testing import ScriptedServer

never = threading.Event()


def poll() -> None:
    never.wait()


def test_thread_left_running(qmp_server: ScriptedServer) -> None:
    threading.Thread(target=poll, name="poller", daemon=True).start()
