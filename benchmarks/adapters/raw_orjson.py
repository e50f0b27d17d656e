"""The bare socket loop with orjson."""

import orjson

from benchmarks.adapters.raw_socket import RawSocket

_raw = RawSocket(orjson.loads, orjson.dumps)
sequential, schema, events = _raw.sequential, _raw.schema, _raw.events
