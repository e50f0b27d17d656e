"""Lines that are read for certain, compared with what a real QEMU reads.

Each command used here prints its arguments back, in an error or as a value.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.effects import HumanCommand, all_human_names, parse_human_line
from qmpeer.effects.human_expressions import signed
from qmpeer.effects.human_table import human_row
from qmpeer.errors import HumanLineError
from qmpeer.monitor.human import format_value
from tests.effects.bare_qemu import BareQemu

pytestmark = pytest.mark.real

REFUSED = 'Try "help '
PRINTED: dict[str, Callable[[HumanCommand], str]] = {
    "closefd": lambda it: f"Error: File descriptor named '{it.arguments['fdname']}' not found\n",
    "chardev-remove": lambda it: f"Error: Chardev '{it.arguments['id']}' not found\n",
    "netdev_del": lambda it: f"Error: Device '{it.arguments['id']}' not found\n",
    "eject": lambda it: f"Error: Device '{it.arguments['device']}' not found\n",
    "nbd_server_remove": lambda it: f"Error: Export '{it.arguments['name']}' is not found\n",
    "set_link": lambda it: f"Error: Device '{it.arguments['name']}' not found\n",
    "block_job_set_speed": lambda it: f"Error: Block job '{it.arguments['device']}' not found\n",
    "info rocker": lambda it: f"Error: rocker {it.arguments['name']} not found\n",
    "trace-event": lambda it: f'unknown event "{it.arguments["name"]}"\n',
}
BLANKS = st.text(" \t\n\v\f\r", min_size=1, max_size=2)
WORDS = st.text("abz09é-_.,:;=/\\n\\\"' \t", min_size=1, max_size=12) | st.builds(
    '"{}"'.format, st.text("ab,='\\nr\" \té", max_size=12)
)


def read(line: str) -> HumanCommand | None:
    try:
        return parse_human_line(line)
    except HumanLineError:
        return None


def test_every_command_refuses_the_same(bare_qemu: BareQemu) -> None:
    """A quote that isn't closed, behind every name: no command takes it, and none is executed."""
    for name in all_human_names():
        row = human_row(name)
        assert row is not None
        if not row.is_in(bare_qemu.release) or name in {"info", "object_add", "help"}:
            continue
        for each in (name, *row.aliases):
            line = f' {each}\t"'
            assert read(line) is None
            printed = bare_qemu.run(line)
            assert printed.endswith(f'{REFUSED} {each}" for more information\n') or printed in {
                f"unknown command: ' {each}'\n",  # of another target
                f"Command ' {each}' not available until machine initialization has completed.\n",
                f'Command " {each}\t" is not available.\n',  # of another build
            }


@pytest.mark.property
@given(
    BLANKS | st.just(""),
    st.sampled_from(["print", "p"]),
    BLANKS | st.just(""),
    st.sampled_from("dxuo"),
    BLANKS,
    st.text("0123789abfx-+*/%&|^~()' $.\t\n", max_size=12),
)
def test_expressions(
    bare_qemu: BareQemu, lead: str, name: str, gap: str, notation: str, blank: str, text: str
) -> None:
    line = f"{lead}{name}{gap}/{notation}{blank}{text}"
    command = read(line)
    if command is None or command.unknown:
        return
    assert command.name == "print"
    value = command.arguments["val"]
    assert isinstance(value, int)
    assert bare_qemu.run(line) == f"{format_value(signed(value), notation)}\n"


@pytest.mark.property
@given(st.sampled_from(sorted(PRINTED)), BLANKS, st.lists(WORDS | BLANKS, max_size=5), st.data())
def test_words(
    bare_qemu: BareQemu, name: str, blank: str, words: list[str], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        words.append(data.draw(st.sampled_from([" on", " off", " 1.5G", " 2k", "-f", "-n "])))
    line = name.replace(" ", blank) + blank + "".join(words)
    command = read(line)
    printed = bare_qemu.run(line)
    if command is None:
        return
    assert command.name == name
    assert printed == PRINTED[name](command)


@pytest.mark.property
@given(st.lists(WORDS | BLANKS, min_size=1, max_size=4))
def test_the_second_word(bare_qemu: BareQemu, words: list[str]) -> None:
    line = f"ringbuf_write RING {''.join(words)}"
    command = read(line)
    if command is None:
        return
    assert bare_qemu.run(line) == ""
    data = bare_qemu.client.execute("ringbuf-read", {"device": "RING", "size": 65535})
    assert data == command.arguments["data"]


@pytest.mark.property
@given(st.text("0123.5xXbBkKMGTeE+-f ", min_size=1, max_size=6))
def test_sizes(bare_qemu: BareQemu, text: str) -> None:
    line = f"block_resize DISK {text}"
    command = read(line)
    if command is None:
        return
    size = command.arguments["size"]
    assert isinstance(size, int)
    if size >> 40:
        return  # no file system has that much room
    assert bare_qemu.run(line) == ""
    assert bare_qemu.disk_size() == -(-size // 512) * 512


@pytest.mark.property
@given(
    st.text("ab,=.\"\\' \t-", min_size=1, max_size=10),
    st.sampled_from(["chardev-add {}", 'chardev-add "{}"', "chardev-add {} "]),
)
def test_options(bare_qemu: BareQemu, name: str, form: str) -> None:
    """The file that QEMU creates has the name that is read."""
    line = form.format(f"file,id=f,path={name}")
    command = read(line)
    if command is None:
        return
    assert command.arguments["backend"] == "file"
    path = command.arguments["path"]
    assert isinstance(path, str)
    if path and path.strip(".") and "/" not in path:
        is_refused = "Invalid parameter" in bare_qemu.run(line)
        assert is_refused is (command.arguments.keys() > {"backend", "id", "path"})
        assert [each.name for each in bare_qemu.folder.iterdir()] == [path] * (not is_refused)
        (bare_qemu.folder / path).unlink(missing_ok=True)
        bare_qemu.run("chardev-remove f")
