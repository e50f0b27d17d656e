"""Descriptors that nobody closes."""

import os
import socket

from qmpeer.testing import ScriptedServer

sockets: list[socket.socket] = []


def test_descriptors_left_open(qmp_server: ScriptedServer) -> None:
    os.open("/", os.O_RDONLY)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(qmp_server.address.removeprefix("unix:"))
    sockets.append(sock)
