"""The bare socket loop with the standard library's json."""

import json

from benchmarks.adapters.raw_socket import RawSocket


def _dumps(value: object) -> bytes:
    return json.dumps(value).encode()


_raw = RawSocket(json.loads, _dumps)
sequential, schema, events = _raw.sequential, _raw.schema, _raw.events
