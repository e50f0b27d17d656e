"""Any text gives a device or a ChardevError, and parsing takes time linear in its length."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.chardev import BACKENDS, Description, create, parse_chardev, parse_device
from qmpeer.chardev.options import PARAMETERS
from qmpeer.errors import ChardevError
from tests.fuzzing import fuzz_target
from tests.growth import assert_linear

_SCHEMES = ("tcp", "telnet", "tn3270", "websocket", "unix", "udp", "file", "pipe", "vc", "mon")
_WORDS = (
    *(*BACKENDS, *PARAMETERS, "tty", "help", "?", "no", "id", "/dev/", "chardev", "con", "COM"),
    *("on", "off", "maybe", "0", "-1", "0x10k", "1.5M", "18446744073709551616", "[::1]", "99999"),
    *(",", ",,", "=", ":", "@", " ", "x", "C", "80x24"),
    *(f"{scheme}:" for scheme in _SCHEMES),
)
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(_WORDS), max_size=20).map("".join),
    st.lists(
        st.tuples(st.sampled_from(_WORDS), st.sampled_from(_WORDS)).map("=".join), max_size=8
    ).map(lambda pairs: ",".join(("id=a", *pairs))),
)


def check(read: Callable[[], Description]) -> None:
    """Parse a device and make it, without opening it."""
    with suppress(ChardevError):
        description = read()
        if not description.help and not description.is_reference:
            create(str(description.label), description.backend())


@pytest.mark.property
@fuzz_target
@given(texts)
def test_any_chardev(text: str) -> None:
    check(lambda: parse_chardev(text, {"b"}))


@pytest.mark.property
@fuzz_target
@given(texts)
def test_any_device(text: str) -> None:
    check(lambda: parse_device(text, "compat_monitor0", taken={"b"}))


@pytest.mark.property
@given(st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.text(min_size=1), max_size=6))
def test_commas_survive(values: dict[str, str]) -> None:
    strings = {key: value for key, value in values.items() if key in ("path", "host", "logfile")}
    pairs = [f"{key}={value.replace(',', ',,')}" for key, value in strings.items()]
    description = parse_chardev(",".join(("socket", "id=a", *pairs)))
    assert description.values == {"backend": "socket", **strings}


@pytest.mark.parametrize(
    "text",
    [
        "a," * 100_000,
        ",," * 200_000,
        "path=" + ",," * 200_000,
        "=" * 1_000_000,
        "path=x," * 75_000,
        "size=" + "9" * 1_000_000,
        "size=1." + "9" * 1_000_000 + "k",
        "cols=" + "0" * 1_000_000,
        "id=" + "a" * 1_000_000,
        ":" * 1_000_000,
    ],
    ids=lambda text: text[:8],
)
def test_long_text(text: str) -> None:
    """Code that takes quadratic time would run for minutes."""

    def run(size: int) -> None:
        part = text[: size - 1] + text[-1]
        check(lambda: parse_chardev(part))
        for scheme in ("tcp:", "unix:", "udp:", "vc:", ""):
            check(lambda scheme=scheme: parse_device(scheme + part, "a"))  # type: ignore[misc]

    assert_linear(run, len(text))
