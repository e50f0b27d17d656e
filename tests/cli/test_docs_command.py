"""``qmpeer docs``, through its entry point."""

from pathlib import Path

import pytest

from qmpeer.cli import html_pages
from qmpeer.cli.main import main
from tests.growth import assert_linear

QAPI = "##\n# @stop:\n#\n# Stop it.\n#\n# Since: 1.0\n##\n{ 'command': 'stop' }\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(QAPI)
    return path


@pytest.mark.parametrize(
    ("format", "names"),
    [
        ("md", {"index.md", "small.md"}),
        ("man", {"qmp.7", "qmp-small.7"}),
        ("sphinx", {"index.rst", "small.rst"}),
    ],
)
def test_files(
    format: str, names: set[str], source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    words = ["docs", "--from", str(source), "--format", format, "-o", str(folder)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"2 files in {folder}\n"
    assert {path.name for path in folder.iterdir()} == names
    assert "Stop it." in "".join(path.read_text() for path in folder.iterdir())
    assert main([*words, "--title", "All of it"]) == 0
    assert "All of it" in "".join(path.read_text() for path in folder.iterdir())


def test_namespace(source: Path, tmp_path: Path) -> None:
    words = ["docs", "--from", str(source), "--format", "sphinx", "-o", str(tmp_path)]
    assert main([*words, "--namespace", "QMP"]) == 0
    assert ".. qapi:namespace:: QMP\n\n.. qapi:module:: small\n" in (
        (tmp_path / "small.rst").read_text()
    )


def test_html(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for module in ("sphinx", "furo"):
        pytest.importorskip(module, reason="the extra docs is not installed")
    folder = tmp_path / "html"
    assert main(["docs", "--from", str(source), "--format", "html", "-o", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}/index.html\n"
    page = (folder / "small.html").read_text()
    assert "Stop it." in page
    assert 'href="small.html#qapi-stop"' in (folder / "index.html").read_text()
    assert (folder / "searchindex.js").exists()


def test_html_says_what_to_install(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(html_pages, "find_spec", lambda name: None)
    assert main(["docs", "--from", str(source), "--format", "html", "-o", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("qmpeer docs: HTML needs sphinx, furo: pip install '.[docs]'")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ([], 2, "the following arguments are required: --from, --format, -o"),
        (
            ["--from", "x", "--format", "pdf", "-o", "y"],
            2,
            "found format 'pdf', expected md, man, sphinx",
        ),
        (["--namespace", "a b"], 2, "found namespace 'a b', expected letters"),
        (["--from", "/nonexistent/x", "--format", "md", "-o", "y"], 3, "/nonexistent/x"),
    ],
)
def test_mistakes(
    words: list[str], status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["docs", *words]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err
    assert len(err.splitlines()) == 1


def test_a_file_in_the_way(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["docs", "--from", str(source), "--format", "md", "-o", str(source)]) == 2
    assert capsys.readouterr().err == f"qmpeer docs: {source}: File exists\n"


LONG_LINES = {
    "blanks in front": " {}x", "blanks within": "a{}(x", "blanks behind": "a{}", "tabs": "a{}b",
    "blanks in backticks": "`a{}x", "since and blanks": "since{}x", "roles": "{}`", "colons": "{}",
    "asides": "{}", "stars": "{}", "backticks": "{}", "urls": "{}", "names": "{}", "bullets": "{}",
}  # fmt: skip
PUMPS = {
    "tabs": "\t", "roles": ":a", "colons": "::", "asides": "(since ", "stars": "**a ",
    "backticks": "``a`", "urls": "http://,", "names": "@a.", "bullets": "- ",
}  # fmt: skip


@pytest.mark.parametrize("kind", LONG_LINES)
def test_a_long_line_takes_no_long_time(kind: str, tmp_path: Path) -> None:
    def run(size: int) -> None:
        pump = PUMPS.get(kind, " ")
        line = LONG_LINES[kind].format(pump * (size // len(pump)))
        schema.write_text(
            "{ 'pragma': { 'doc-required': true } }\n##\n# @foo:\n#\n"
            f"# {line}\n#\n# @x: a {line}\n#\n# Since: 1.0\n##\n"
            "{ 'command': 'foo', 'data': { 'x': 'str' } }\n"
        )
        words = ["--from", str(schema), "--format", "md", "-o", str(tmp_path / "out")]
        assert main(["docs", *words]) == 0

    schema = tmp_path / "schema.json"
    assert_linear(run, 24_000)
