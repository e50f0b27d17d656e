"""The hash of an answer of query-qmp-schema, by which bindings know what they were made of."""

import hashlib
import json
from collections.abc import Sequence


def introspection_hash(introspection: Sequence[object]) -> str:
    """Return the SHA-256 of an answer of query-qmp-schema, as hexadecimal digits.

    It is that of the answer's text with keys sorted, without blanks, in UTF-8.

    Example:
        >>> introspection_hash([])[:8]
        '4f53cda1'
    """
    text = json.dumps(introspection, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
