"""Everything that can be done to the lines of a log, and what the verification says to it.

Modules: chain, verification.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qmpeer.audit.chain import NOTHING, SIZE, Chain, key_name, parted
from tests.audit.logs import KEY, contents, joined, open_log, places, split, verified, write_log

Lines = list[tuple[str, list[bytes]]]


@pytest.fixture
async def files(tmp_path: Path) -> dict[str, bytes]:
    """A log of several files."""
    await write_log(tmp_path / "vm.audit")
    found = contents(tmp_path / "vm.audit")
    assert len(found) == 4
    return found


def fault_of(lines: Lines, **settings: Any) -> tuple[str, int, str]:
    fault = verified(joined(lines), **settings).fault
    assert fault is not None
    return fault.file, fault.line, fault.reason


def test_a_log_that_is_whole(files: dict[str, bytes]) -> None:
    found = verified(files)
    count = sum(data.count(b"\n") for data in files.values())

    assert (found.fault, found.first, found.last, found.is_closed) == (None, 1, count, True)
    assert (found.proved, found.troubles, found.lost) == (0, 0, 0)
    assert found.key == key_name(KEY)
    assert verified(files, heads={count: found.mac}).proved == count


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_each_byte_changed(files: dict[str, bytes], step: int) -> None:
    tried = 0
    for name, data in files.items():
        line = 1
        for at in range(len(data)):
            if at % step and data[at] != ord("\n"):
                continue
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            fault = verified({**files, name: changed}).fault
            assert fault is not None
            assert (fault.file, fault.line) == (name, line)
            line += data[at] == ord("\n")
            tried += 1
    assert tried > 5000 // step


def members(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each of its members changed, or left out, at any depth."""
    for name, member in value.items():
        if isinstance(member, dict):
            for changed in members(member):
                yield {**value, name: changed}
        other = f"{member}x" if isinstance(member, str) else 7 if member != 7 else 8
        yield {**value, name: other}
        yield {each: value[each] for each in value if each != name}
    yield {**value, "more": 1}


def test_each_member_changed(files: dict[str, bytes]) -> None:
    for at, line in places(files):
        for changed in members(msgspec.json.decode(split(files)[at][1][line])):
            lines = split(files)
            lines[at][1][line] = msgspec.json.encode(changed) + b"\n"
            assert fault_of(lines)[:2] == (lines[at][0], line + 1)


def leave_out(lines: Lines, at: int, line: int) -> None:
    del lines[at][1][line]


def repeat(lines: Lines, at: int, line: int) -> None:
    lines[at][1].insert(line, lines[at][1][line])


def cut_before(lines: Lines, at: int, line: int) -> None:
    del lines[at][1][:line]


def cut_in_two(lines: Lines, at: int, line: int) -> None:
    text = lines[at][1][line]
    lines[at][1][line : line + 1] = [text[: len(text) // 2], b"\n", text[len(text) // 2 :]]


def cut_short(lines: Lines, at: int, line: int) -> None:
    lines[at][1][line] = lines[at][1][line][:-9]


def empty_line(lines: Lines, at: int, line: int) -> None:
    lines[at][1].insert(line, b"\n")


def insert_one(lines: Lines, at: int, line: int) -> None:
    body = b'{"number":%d,"time":"","what":"end"' % (line + 1)
    lines[at][1].insert(line, Chain(b"another key").sealed(NOTHING, body)[1])


def move_to_the_end(lines: Lines, at: int, line: int) -> None:
    lines[-1][1].append(lines[at][1].pop(line))


def make_none(lines: Lines, at: int, line: int) -> None:
    lines[at][1][line] = b"\0" * (len(lines[at][1][line]) - 1) + b"\n"


@pytest.mark.parametrize(
    "tamper",
    [
        leave_out,
        repeat,
        cut_before,
        cut_in_two,
        cut_short,
        empty_line,
        insert_one,
        move_to_the_end,
        make_none,
    ],
)
def test_each_line(files: dict[str, bytes], tamper: Callable[[Lines, int, int], None]) -> None:
    heads = {(whole := verified(files)).last: whole.mac}
    for at, line in places(files):
        lines = split(files)
        tamper(lines, at, line)
        if joined(lines) != files:
            assert fault_of(lines, heads=heads)


def test_each_two_lines_swapped(files: dict[str, bytes]) -> None:
    everywhere = list(places(files))
    for (at, line), (other, behind) in pairwise(everywhere):
        lines = split(files)
        one, two = lines[at][1][line], lines[other][1][behind]
        lines[at][1][line], lines[other][1][behind] = two, one
        name, number, _ = fault_of(lines)
        assert (name, number) == (lines[at][0], line + 1)


def test_each_length_of_the_end_cut(files: dict[str, bytes]) -> None:
    """Only a head from elsewhere shows that whole lines are missing at the end."""
    whole = verified(files)
    heads = {whole.last: whole.mac}
    *_, (name, last) = files.items()
    for size in range(len(last)):
        cut = {**files, name: last[:size]}
        assert verified(cut, heads=heads).fault is not None
        is_whole_line = size > 0 and last[size - 1] == ord("\n")
        assert (verified(cut).fault is None) == is_whole_line
    found = verified({**files, name: last.splitlines(keepends=True)[0]})
    assert not found.is_closed


def test_a_file_left_out(files: dict[str, bytes]) -> None:
    names = list(files)
    for name in names[1:-1]:
        left = {each: data for each, data in files.items() if each != name}
        fault = verified(left).fault
        assert fault is not None
        assert fault.file == names[names.index(name) + 1]
        assert "one is missing" in fault.reason


def test_the_oldest_file_may_be_gone(files: dict[str, bytes]) -> None:
    names = list(files)
    found = verified({name: files[name] for name in names[1:]})

    assert found.fault is None
    assert found.first > 1


def test_files_in_another_order(files: dict[str, bytes]) -> None:
    one, two, *rest = files
    fault = verified({name: files[name] for name in (two, one, *rest)}).fault
    assert fault is not None
    assert fault.file == one


async def test_a_file_of_another_log(files: dict[str, bytes], tmp_path: Path) -> None:
    await write_log(tmp_path / "other.audit")
    other = contents(tmp_path / "other.audit")
    mixed = [next(iter(files.items())), *list(other.items())[1:]]
    fault = verified(dict(mixed)).fault
    assert fault is not None
    assert fault.file == mixed[1][0]
    assert "found log" in fault.reason


def made_anew(files: dict[str, bytes], key: bytes | None) -> dict[str, bytes]:
    """Return a log with a changed record, and all macs made anew with this key."""
    lines, chain, mac = split(files), Chain(key), NOTHING
    for at, line in places(files):
        text = lines[at][1][line].replace(b"/etc/shadow", b"/srv/shadow")
        value = msgspec.json.decode(text)
        del value["mac"]
        if "key" in value:
            value["key"] = key_name(key)
        if "before" in value:
            value["before"]["mac"] = mac
        mac, lines[at][1][line] = chain.sealed(mac, msgspec.json.encode(value)[:-1])
    return joined(lines)


@pytest.mark.parametrize("key", [None, b"another key"])
def test_a_log_made_anew_with_another_key(files: dict[str, bytes], key: bytes | None) -> None:
    fault = verified(made_anew(files, key)).fault
    assert fault is not None
    assert fault.line == 1
    assert f"expected one with key {key_name(KEY)}" in fault.reason


def test_the_name_of_the_key_changed_back(files: dict[str, bytes]) -> None:
    anew = made_anew(files, b"another key")
    name = key_name(b"another key").encode(), key_name(KEY).encode()
    assert verified({each: data.replace(*name) for each, data in anew.items()}).fault is not None


async def test_a_log_without_a_key_made_anew(tmp_path: Path) -> None:
    """A chain without a key proves nothing against who can write it, except with a head."""
    await write_log(tmp_path / "vm.audit", key=None)
    files = contents(tmp_path / "vm.audit")
    whole = verified(files, None)
    anew = made_anew(files, None)

    assert anew != files
    assert verified(anew, None).fault is None
    fault = verified(anew, None, {whole.last: whole.mac}).fault
    assert fault is not None
    assert "isn't the one whose head was sent" in fault.reason


def test_the_end_written_anew(files: dict[str, bytes]) -> None:
    """A proxy that goes on with a cut log gives the numbers again."""
    whole = verified(files)
    fault = verified(files, heads={whole.last - 2: "0" * SIZE}).fault
    assert fault is not None
    assert fault.number == whole.last - 1
    assert verified(files, heads={whole.last: ""}).fault is not None


@pytest.mark.parametrize("data", [b"", b"{}\n", b"a\n", b'{"number":1}\n', b"\xff\n", b"[" * 2000])
def test_what_is_no_log(data: bytes) -> None:
    fault = verified({"x": data}).fault
    assert fault is not None


async def test_a_log_goes_on_after_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "vm.audit"
    first = open_log(path)
    first.close()
    second = open_log(path)
    found = verified(contents(path))
    assert (found.fault, found.last, found.is_closed) == (None, 3, False)
    second.close()
    assert verified(contents(path)).is_closed


@pytest.mark.parametrize("line", [b"", b"{}", b'{"mac":""}', b',"mac":"' + b"g" * SIZE + b'"}'])
def test_lines_without_a_mac(line: bytes) -> None:
    assert parted(line) is None
