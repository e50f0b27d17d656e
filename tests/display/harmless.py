"""Texts that would steer a terminal, and a check that a text can't."""

import re

from hypothesis import strategies as st

HOSTILE = "\x1b]0;title\x07\x9b2J\r\b\x00\u202e\u2028 é ☃"
OURS = re.compile(r"\x1b\[[0-9;]*m")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def is_harmless(text: str) -> bool:
    return all(line.isprintable() for line in OURS.sub("", text).split("\n"))
