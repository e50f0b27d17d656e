# ruff: noqa: PT009, PT027 - unittest has no other
"""Tests with unittest."""

import unittest

from vm_tool import eject, eject_async

from qmpeer import Client
from qmpeer.testing import machine, pair, qemu, replay, scripted_server
from qmpeer.values import JsonObject

MOVED: JsonObject = {"device": "cd0", "id": "cd0", "tray-open": True}


class TestEject(unittest.TestCase):
    def test_scripted(self) -> None:
        with scripted_server() as server:
            server.on("query-block").reply([{"device": "cd0"}])
            self.assertFalse(eject(server.address, "cd0"))

    def test_a_missing_call(self) -> None:
        with self.assertRaisesRegex(AssertionError, "not met: stop"), scripted_server() as server:
            server.on("stop")
        with scripted_server(allow_unmet=True) as server:
            server.on("stop")

    def test_the_conversation_of_a_failure(self) -> None:
        with self.assertRaises(AssertionError) as failed, pair() as both:
            both.server.on("stop")
            both.client.execute("stop")
            raise AssertionError("such as an assertion of the test")
        self.assertIn('-> {"execute":"stop"', failed.exception.__notes__[0])

    def test_replay(self) -> None:
        server = self.enterContext(replay("recordings/empty-drive.txt"))
        self.assertFalse(eject(server.address, "cd0"))

    def test_machine(self) -> None:
        server = self.enterContext(machine("-name", "guest"))
        vm = self.enterContext(Client.connect(server.address))
        self.assertEqual(vm.execute("query-name"), {"name": "guest"})

    def test_qemu(self) -> None:
        try:
            server = self.enterContext(qemu())
        except FileNotFoundError as error:
            self.skipTest(str(error))
        vm = self.enterContext(Client.connect(server.address))
        self.assertEqual(vm.execute("query-status")["status"], "running")


class TestEjectAsync(unittest.IsolatedAsyncioTestCase):
    async def test_scripted(self) -> None:
        async with scripted_server() as server:
            server.on("eject", {"device": "cd0"}).event("DEVICE_TRAY_MOVED", MOVED)
            await eject_async(server.address, "cd0")
