"""The line editor: the effect of keys on a line, its display on a terminal, and its cost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.monitor.human import Completions, History, LineEditor
from tests.monitor.human.terminal import PROMPT, Screen

BEGIN, END, LEFT, RIGHT, DELETE, BACK, UP, DOWN = (
    b"\x01",
    b"\x05",
    b"\x1b[D",
    b"\x1b[C",
    b"\x04",
    b"\x7f",
    b"\x1b[A",
    b"\x1b[B",
)


def complete_nothing(text: str) -> Completions:
    return Completions(0, [])


def complete_colours(text: str) -> Completions:
    word = text.rpartition(" ")[2]
    return Completions(len(word), [n for n in ("green/", "grey", "red") if n.startswith(word)])


class Desk:
    """An editor and a terminal that shows its output."""

    def __init__(self, history: History | None = None, columns: int = 250) -> None:
        self.history = history or History()
        self.editor = LineEditor(PROMPT.encode(), self.history, complete_colours)
        self.screen = Screen(columns)
        self.lines: list[bytes] = []
        self.editor.restart()
        self._show()

    def press(self, *keys: bytes) -> "Desk":
        """Press keys, each argument at once."""
        for together in keys:
            position = 0
            while position < len(together):
                line, position = self.editor.receive(together, position)
                if line is not None:
                    self.lines.append(line)
                    self.editor.restart()
            self._show()
        return self

    def _show(self) -> None:
        self.screen.feed(self.editor.data_to_send())

    @property
    def shown(self) -> str:
        return self.screen.rows[-1].removeprefix(PROMPT.rstrip()).removeprefix(" ")

    @property
    def cursor(self) -> int:
        return self.screen.cursor - len(PROMPT)


@pytest.mark.parametrize(
    ("keys", "shown", "cursor"),
    [
        pytest.param([b"stop"], "stop", 4, id="typed"),
        pytest.param([b"sp", LEFT, b"to"], "stop", 3, id="in the middle"),
        pytest.param([b"stop", BEGIN, b"X", END, b"Y"], "XstopY", 6, id="begin and end"),
        pytest.param([b"stop", BEGIN, LEFT, LEFT], "stop", 0, id="left of the begin"),
        pytest.param([b"stop", RIGHT], "stop", 4, id="right of the end"),
        pytest.param([b"stop", BACK], "sto", 3, id="back"),
        pytest.param([b"stop", BEGIN, BACK], "stop", 0, id="back at the begin"),
        pytest.param([b"stop", DELETE], "stop", 4, id="delete at the end"),
        pytest.param([b"stop", BEGIN, DELETE], "top", 0, id="delete at the begin"),
        pytest.param([b"one two", b"\x17"], "one", 4, id="a word"),
        pytest.param([b" one", b"\x17"], "", 0, id="the first word, and blanks before it"),
        pytest.param([b"stop\x00\x02\x03\x0b\x0e\x15\x1f"], "stop", 4, id="ignored keys"),
        pytest.param([b"a\x1b", b"[", b"D", b"b"], "ba", 1, id="a sequence in pieces"),
        pytest.param([b"a\x1b[15~b"], "ab", 2, id="a function key"),
        pytest.param([b"ab\x1b[1~", END, b"\x9b~"], "ab", 0, id="0x9b goes on with a number"),
        pytest.param([b"gre", b"\t"], "gre", 3, id="completed to what two names begin with"),
        pytest.param([b"x r", b"\t"], "x red", 6, id="completed, with a blank behind"),
        pytest.param([b"gree", b"\t"], "green/", 6, id="a folder completed"),
        pytest.param([b"rX", LEFT, b"\t"], "red X", 4, id="completed in the middle"),
        pytest.param([b"blue", b"\t"], "blue", 4, id="nothing to complete"),
        pytest.param(["hé€😀".encode()], "hé€😀", 5, id="UTF-8"),
        pytest.param(["é".encode()[:1], "é".encode()[1:]], "é", 1, id="a character in pieces"),
        pytest.param(["aéb".encode(), LEFT, LEFT, b"X"], "aXéb", 2, id="left of a character"),
        pytest.param(["aéb".encode(), BEGIN, RIGHT, RIGHT], "aéb", 2, id="right of a character"),
        pytest.param(["aéb".encode(), LEFT, BACK], "ab", 1, id="a character deleted"),
        pytest.param(["aéb".encode(), BEGIN, RIGHT, DELETE], "ab", 1, id="and under the cursor"),
        pytest.param(["日本".encode(), LEFT, b"x"], "日x本", 3, id="wide characters"),
        pytest.param(["e\u0301x".encode(), LEFT, LEFT], "\u00e9x", 1, id="an accent has no width"),
        pytest.param(["Û".encode()], "Û", 1, id="0x9b in a character is no sequence"),
    ],
)
def test_keys(keys: list[bytes], shown: str, cursor: int) -> None:
    for pieces in (keys, [b"".join(keys)], [bytes((k,)) for k in b"".join(keys)]):
        desk = Desk().press(*pieces)
        assert (desk.shown, desk.cursor) == (shown, cursor)


def test_a_line_ends_with_either_end_wherever_the_cursor_is() -> None:
    desk = Desk().press(b"one\rtwo\n\r", b"three" + BEGIN + b"\r")
    assert desk.lines == [b"one", b"two", b"", b"three"]
    assert desk.screen.rows == [
        "(qemu) one",
        "(qemu) two",
        "(qemu)",
        "(qemu) three",
        "(qemu)",
    ]


def test_names_stand_in_columns_above_a_new_prompt() -> None:
    desk = Desk().press(b"gr\t")
    assert desk.screen.rows == ["(qemu) gr", "green/    grey", "(qemu) gre"]


def test_bytes_that_are_no_utf_8_are_kept_as_they_are() -> None:
    assert Desk().press(b"a\xe9b\xff\xc3\xc3\x80\r").lines == [b"a\xe9b\xff\xc3\xc3\x80"]


def test_history_goes_back_and_on() -> None:
    history = History()
    for line in (b"one", b"two", b"three"):
        history.add(line)
    desk = Desk(history).press(b"abc")
    seen = [desk.press(key).shown for key in (UP, UP, UP, UP, DOWN, DOWN, DOWN, DOWN)]
    assert seen == ["three", "two", "one", "one", "two", "three", "", ""]


def test_the_last_line_of_a_full_history_entered_again_leaves_the_place_in_it() -> None:
    """As in QEMU, the next line back is then the one before it."""
    history = History()
    for number in range(limits.HUMAN_HISTORY - 1):
        assert history.add(b"%d" % number)
    desk = Desk(history).press(b"x\r", UP, b"\r")
    assert desk.press(UP).shown == str(limits.HUMAN_HISTORY - 2)
    assert history.lines()[-1] == b"x"


def test_history_keeps_the_last_lines_each_once() -> None:
    history = History()
    for number in range(limits.HUMAN_HISTORY + 2):
        assert history.add(b"%d" % number)
    assert not history.add(b"")
    assert history.add(b"5")
    lines = history.lines()
    assert (lines[0], lines[-1], len(history)) == (b"2", b"5", limits.HUMAN_HISTORY)
    assert lines.count(b"5") == 1


def test_history_that_shrank_meanwhile_does_no_harm() -> None:
    """Two terminals of one monitor share one history."""
    history = History()
    history.add(b"one")
    one, other = Desk(history), Desk(history)
    one.press(UP)
    other.press(b"two\r", UP, UP, UP, DOWN, DOWN, DOWN, DOWN)
    assert one.press(UP, DOWN).shown == "two"


def test_the_screen_is_cleared_around_the_line() -> None:
    desk = Desk().press(b"stop\r", b"cont" + LEFT, b"\x0c")
    assert (desk.screen.rows, desk.cursor) == (["(qemu) cont"], 3)


def test_a_line_has_a_limit() -> None:
    desk = Desk(columns=5000).press(b"x" * (limits.HUMAN_LINE - 1), "€".encode(), b"yz\r")
    assert desk.lines == [b"x" * (limits.HUMAN_LINE - 1) + b"y"]
    desk.press(b"x" * 10_000, LEFT, b"red\t\r")
    assert desk.lines[1:] == [b"x" * limits.HUMAN_LINE]


# What it costs

LONG = limits.HUMAN_LINE


@pytest.mark.parametrize(
    ("keys", "most"),
    [
        pytest.param([b"x"] * LONG, 1, id="typed at the end"),
        pytest.param([b"x"] * LONG + [BACK] * LONG, 7, id="and deleted again"),
        pytest.param([b"x" * LONG], 1, id="pasted"),
        pytest.param([b"x", BEGIN] * LONG, 10, id="typed at the begin"),
        pytest.param([b"x" * LONG, BEGIN] + [DELETE] * LONG, 10, id="deleted at the begin"),
        pytest.param([b"x" * LONG] + [LEFT] * LONG + [RIGHT] * LONG, 7, id="walked along"),
    ],
)
def test_a_long_line_costs_a_small_multiple_of_its_length(keys: list[bytes], most: int) -> None:
    editor = LineEditor(b"", History(), complete_nothing)
    cost = 0
    for key in keys:
        editor.receive(key)
        cost += len(editor.data_to_send())
    assert cost <= most * LONG


# Properties

CHARACTERS = st.sampled_from("abc xyz.é€😀日")
STEPS = st.sampled_from([BEGIN, END, LEFT, RIGHT, DELETE, BACK, b"\x0c", b"\x02", b"\x1b[7~"])
KEYS = st.lists(CHARACTERS.map(str.encode) | STEPS | st.just(b"w" * 90), max_size=60)


class Model:
    """A model of the editor: characters and a cursor."""

    def __init__(self) -> None:
        self.line = ""
        self.cursor = 0

    def press(self, key: bytes) -> None:
        line, cursor = self.line, self.cursor
        if key == BEGIN:
            self.cursor = 0
        elif key == END:
            self.cursor = len(line)
        elif key == LEFT:
            self.cursor = max(cursor - 1, 0)
        elif key == RIGHT:
            self.cursor = min(cursor + 1, len(line))
        elif key == DELETE:
            self.line = line[:cursor] + line[cursor + 1 :]
        elif key == BACK:
            self.line = line[: max(cursor - 1, 0)] + line[cursor:]
            self.cursor = max(cursor - 1, 0)
        elif key[0] >= 0x20:
            text = key.decode()
            self.line = line[:cursor] + text + line[cursor:]
            self.cursor += len(text)

    @property
    def column(self) -> int:
        return sum(2 if char in "日😀" else 1 for char in self.line[: self.cursor])


@pytest.mark.property
@given(KEYS, st.data())
def test_the_screen_shows_what_a_simple_editor_has(keys: list[bytes], data: st.DataObject) -> None:
    desk, model = Desk(columns=6000), Model()
    while keys:
        together = data.draw(st.integers(1, len(keys)))
        desk.press(b"".join(keys[:together]))
        for key in keys[:together]:
            model.press(key)
        del keys[:together]
        assert desk.shown == model.line.rstrip()
        assert desk.cursor == model.column
    desk.press(b"\r")
    assert desk.lines == [model.line.encode()]


@pytest.mark.property
@given(st.lists(st.binary(max_size=40) | STEPS | st.sampled_from([UP, DOWN, b"\r", b"\x17"])))
def test_no_bytes_do_harm_and_how_they_are_cut_up_changes_nothing(pieces: list[bytes]) -> None:
    in_pieces, at_once, one_by_one = Desk(), Desk(), Desk()
    data = b"".join(pieces)
    in_pieces.press(*pieces)
    at_once.press(data)
    one_by_one.press(*(bytes((byte,)) for byte in data))
    assert in_pieces.lines == at_once.lines == one_by_one.lines
    for desk in (in_pieces, at_once, one_by_one):
        desk.press(b"\r")
    assert in_pieces.lines == at_once.lines == one_by_one.lines
    assert all(len(line) <= limits.HUMAN_LINE for line in at_once.lines)


@pytest.mark.property
@settings(deadline=None)
@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=30)))
def test_what_is_typed_is_what_is_entered(lines: list[str]) -> None:
    assert Desk().press("\r".join([*lines, ""]).encode()).lines == [line.encode() for line in lines]
