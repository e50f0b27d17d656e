import pytest

from qmpeer.machine.key_values import read_boolean, split_key_values


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("vm0", [("guest", "vm0")]),
        ("a,,b", [("guest", "a,b")]),
        (",,,,", [("guest", ",,")]),
        (",server", [("guest", ""), ("server", "on")]),
        ("guest=vm0,process=p", [("guest", "vm0"), ("process", "p")]),
        ("vm0,server", [("guest", "vm0"), ("server", "on")]),
        ("vm0,nowait", [("guest", "vm0"), ("wait", "off")]),
        ("vm0,nodelay,delay=on", [("guest", "vm0"), ("delay", "off"), ("delay", "on")]),
        ("vm0,server=", [("guest", "vm0"), ("server", "")]),
        ("vm0,a=x,,y=z,b", [("guest", "vm0"), ("a", "x,y=z"), ("b", "on")]),
        ("vm0,", [("guest", "vm0")]),
        ("vm0,,", [("guest", "vm0,")]),
        ("a=b", [("a", "b")]),
        ("=x", [("", "x")]),
    ],
    ids=repr,
)
def test_splitting(text: str, pairs: list[tuple[str, str]]) -> None:
    assert split_key_values(text, implied_key="guest") == pairs


def test_without_an_implied_key_the_first_part_is_a_flag() -> None:
    assert split_key_values("server,nowait") == [("server", "on"), ("wait", "off")]


@pytest.mark.parametrize("value", ["on", "yes", "true", "y"])
def test_true(value: str) -> None:
    assert read_boolean("server", value)


@pytest.mark.parametrize("value", ["off", "no", "false", "n"])
def test_false(value: str) -> None:
    assert not read_boolean("server", value)


@pytest.mark.parametrize("value", ["", "1", "ON", "maybe"])
def test_what_is_no_boolean(value: str) -> None:
    with pytest.raises(ValueError, match=r"^Parameter 'server' expects 'on' or 'off'$"):
        read_boolean("server", value)
