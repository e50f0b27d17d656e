"""The hash of an answer to query-qmp-schema, by which bindings identify their schema."""

import hashlib
import json
from collections.abc import Sequence


def introspection_hash(introspection: Sequence[object]) -> str:
    """Return the SHA-256 of an answer to query-qmp-schema, as hexadecimal digits.

    The hashed text is JSON in UTF-8, with sorted keys and without blanks.

    Example:
        >>> introspection_hash([])[:8]
        '4f53cda1'
    """
    text = json.dumps(introspection, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # Strings from a server may hold lone surrogates, which plain UTF-8 refuses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
