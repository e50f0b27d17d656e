"""Lines for people, on all kinds of outputs."""

import io

import pytest

from qmpeer.cli.output import Output


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "2 × 日…\n".encode()),
        ("latin-1", b"2 x \\u65e5~\n"),
        ("ascii", b"2 x \\u65e5~\n"),
    ],
)
def test_encodings(encoding: str, written: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding)
    Output(stream).write(["2 × 日…"])
    assert raw.getvalue() == written


def test_an_output_that_was_closed_from_the_start() -> None:
    Output(None).write(["x"])
