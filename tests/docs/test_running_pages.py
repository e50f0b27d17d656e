"""Installation, tutorials, how-tos, the cookbook, the API: everything shown runs as it is."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.page_runner import (
    Block,
    PageRunner,
    assert_printed,
    page_blocks,
    programs_in,
)
from tests.docs.pages import DOCS
from tests.interop.libvirt import skip_without_libvirt

FOLDERS = ("tutorials", "howto", "cookbook", "api")
PAGES = [
    DOCS / "install.md",
    *(
        path
        for folder in FOLDERS
        for path in sorted((DOCS / folder).glob("*.md"))
        if path.name != "index.md"
    ),
]

FIRST_GEAR = ("get-started", "errors", "client")
"""Pages that `make test` runs; `make test-pages` runs all of them."""


CASES = [
    pytest.param(
        path,
        id=f"{path.parent.name}/{path.stem}",
        marks=[pytest.mark.pages, *([] if path.stem in FIRST_GEAR else [pytest.mark.slow])],
    )
    for path in PAGES
]


def run_page(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, PageRunner(name, Path(folder)) as runner:
        runner.run(page_blocks(text))


@pytest.mark.real
@pytest.mark.parametrize("path", CASES)
def test_page(path: Path, program: Callable[[str], str]) -> None:
    text = path.read_text()
    blocks = page_blocks(text)
    assert any(block.language in ("console", "python", "terminal") for block in blocks)
    for name in programs_in(blocks):
        program(name)
    if path.stem == "beside-libvirt":
        skip_without_libvirt(program)
    run_page(path.name, text)


RIGHT = """
```python
# said.py
print("from a file")
```
```console
$ python said.py
from a file
$ x=5; echo $x \\
>   again
5 again
$ false
$ echo $?
1
$ echo "$x"; seq 3
5
…
3
```
```python
print(1.234)
```
```text
1.…
```
<!-- hidden: console
$ echo hidden >file
-->
```console
$ cat file
hidden
```
"""


def test_a_page_that_tells_the_truth() -> None:
    run_page("right", RIGHT)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("```console\n$ echo a\nb\n```\n", id="other-output"),
        pytest.param("```console\n$ echo a\n```\n", id="output-not-shown"),
        pytest.param("```console\n$ true\na\n```\n", id="no-output"),
        pytest.param("```console\n$ false\n```\n", id="failed"),
        pytest.param("```console\n$ false\n$ echo a\na\n```\n", id="failed-on-the-way"),
        pytest.param("```python\nraise SystemExit(1)\n```\n", id="failed-program"),
        pytest.param("```python\nprint(1)\n```\n", id="program-prints"),
        pytest.param("```python\nprint(1)\n```\n```text\n2\n```\n", id="program-prints-otherwise"),
    ],
)
def test_a_page_that_does_not(wrong: str) -> None:
    with pytest.raises(AssertionError):
        run_page("wrong", wrong)


def test_dots_stand_for_text_within_a_line_only() -> None:
    assert_printed("a 1 b\n", "a … b\n", "here")
    with pytest.raises(AssertionError):
        assert_printed("a 1\n2 b\n", "a … b\n", "here")


@pytest.mark.real
def test_a_terminal_is_typed_at(program: Callable[[str], str]) -> None:
    program("tmux")
    run_page(
        "terminal",
        "```terminal\n"
        "$ sed -u 's/{ /{/; s/1/2/'\n"
        '{ "typed": 1 }\n'
        '{"typed": 2 }\n'
        "^D\n"
        "$ echo a\n"
        "a\n"
        "```\n",
    )


@pytest.mark.real
@pytest.mark.parametrize("end", ["", "\\n"], ids=["in-the-same-line", "in-the-next-line"])
def test_a_key_behind_a_prompt(end: str, program: Callable[[str], str]) -> None:
    program("tmux")
    run_page(
        "key",
        f"```terminal\n$ printf '(qemu) '; cat; printf '{end}'\n(qemu) ^D\n$ echo a\na\n```\n",
    )


def test_a_block_knows_its_file() -> None:
    assert Block("python", "# a/b.py\nx\n", 1).file_name == "a/b.py"
    assert Block("sh", "#!/bin/sh\n# a.sh\nx\n", 1).file_name == "a.sh"
    assert Block("python", "# a thing.\nx\n", 1).file_name == ""


def test_qmp_shell_is_ours() -> None:
    page = "```console\n$ qmp-shell --help | grep -o -m 1 -e '-c COMMAND'\n-c COMMAND\n```\n"
    run_page("shell", page)
