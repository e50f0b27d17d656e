"""The load of events on a proxy: one client has them sent, all clients receive each of them."""

import select
import socket
import time

from benchmarks.server_load import BLOCK, connect

STREAM = b'{"execute":"x-stream","arguments":{"count":%d}}\n'


def deliveries(path: str, clients: int, events: int) -> float:
    """Return how many events a second reach clients, all clients together.

    Args:
        path: The proxy's path; behind it is the server in C, which sends events when it is asked.
        clients: The number of clients.
        events: The number of events for each of them.
    """
    streams: list[socket.socket] = []
    try:
        streams.extend(connect(path) for _ in range(clients))
        awaited = dict.fromkeys((stream.fileno() for stream in streams), events)
        awaited[streams[0].fileno()] += 1  # the reply
        by_number = {stream.fileno(): stream for stream in streams}
        poll = select.epoll()
        for number in awaited:
            poll.register(number, select.EPOLLIN)
        start = time.perf_counter()
        streams[0].sendall(STREAM % events)
        while awaited:
            for number, _ in poll.poll():
                awaited[number] -= _lines(by_number[number])
                if awaited[number] <= 0:
                    poll.unregister(number)
                    del awaited[number]
        return clients * events / (time.perf_counter() - start)
    finally:
        for stream in streams:
            stream.close()


def _lines(stream: socket.socket) -> int:
    data = stream.recv(BLOCK)
    if not data:
        raise EOFError("the proxy closed the connection")
    return data.count(b"\n")
