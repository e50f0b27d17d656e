r"""The proxy: many clients on one monitor.

A client of the proxy has the server for itself: its greeting, its schema, its texts, its order. It
can't tell that others are there, except by what they do to the server.

Theory of operation.  Each listener has a `door.Door`, a raw backend with `rules` of its own, whose
sessions (`session`) are the proxy's side of its clients. A session makes each command a
`request.Request`, and answers its client's in-band requests in the client's order. The proxy
answers some requests itself (`known_answers`). The others go through the `multiplexer`, which takes
them in turn from all clients and has only a few at the server at once, to the one
`server_connection`::

    clients -> door -> session -> multiplexer -> server_connection -> server
                          \-> known_answers, extensions

Events go the other way: `event_history` numbers and keeps them, and encodes them once for all
clients whose `event_terms` are the same. Where a listener has them, `extensions` are the proxy's
own commands about events.

Descriptors outlive the client that passed them: `descriptors` knows whose they are at the server.
`server_link` connects to the server, and to the next one; `taken_place` moves its socket aside.

`hub` holds these together: it decides what happens to open requests when a client or the server
goes. `proxy` is the public face. `control` shows what `logbook` counts, and who the clients are.

Names are imported on first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.proxy.control import ProxyControl
    from qmpeer.proxy.proxy import Proxy

__all__ = ["Proxy", "ProxyControl"]

_HOMES = {"Proxy": "qmpeer.proxy.proxy", "ProxyControl": "qmpeer.proxy.control"}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
