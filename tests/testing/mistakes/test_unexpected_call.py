"""A call that the script doesn't have, by a program that takes every error for "not supported"."""

from contextlib import suppress

from qmpeer import Client, CommandError
from qmpeer.testing import ScriptedServer


def test_unexpected_call(qmp_server: ScriptedServer) -> None:
    qmp_server.on("query-status").any_times()
    with Client.connect(qmp_server.address) as vm, suppress(CommandError):
        vm.execute("query-sttaus")
