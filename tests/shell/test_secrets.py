from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.messages import REDACTED
from qmpeer.shell.builtins import BUILTINS, split
from qmpeer.shell.error_reports import error_report
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.secrets import redacted_statement, without_secrets
from tests.growth import assert_linear

COMMANDS = {"object-add", "set_password", "blockdev-add", "stop", "ringbuf-write", "transaction"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("stop", "stop"),
        ("set_password protocol=vnc password=geheim",
         "set_password protocol=vnc password=<redacted>"),
        ("set_password password='ge heim' protocol=vnc",
         "set_password password=<redacted> protocol=vnc"),
        ('set_password {"protocol": "vnc", "password": "geheim"}',
         'set_password {"protocol": "vnc", "password": "<redacted>"}'),
        ("object-add qom-type=secret id=s data=geheim # mine",
         "object-add qom-type=secret id=s data=<redacted> # mine"),
        ("object-add props.data=geheim", "object-add props.data=<redacted>"),
        ('object-add props={"data": "geheim"}', 'object-add props={"data": "<redacted>"}'),
        ("oob object-add data=geheim", "oob object-add data=<redacted>"),
        ("execute object-add data:=geheim", "execute object-add data:=<redacted>"),
        ("blockdev-add file.server.password=geheim",
         "blockdev-add file.server.password=<redacted>"),
        ("ringbuf-write device=r data=hello", "ringbuf-write device=r data=hello"),
        # A misspelt command gives nothing away.
        ("objcet-add data=geheim", "objcet-add data=<redacted>"),
        ("set-pasword password=geheim", "set-pasword password=<redacted>"),
        ('{"execute": "object-add", "arguments": {"data": "geheim"}}',
         '{"execute": "object-add", "arguments": {"data": "<redacted>"}}'),
        ('{"execute": "stop"}', '{"execute": "stop"}'),
        ("transaction(\n object-add data=geheim\n)",
         "transaction(\n object-add data=<redacted>\n)"),
        ("stop\nobject-add data=geheim\nstop", "stop\nobject-add data=<redacted>\nstop"),
        ("hmp change vnc password geheim", "hmp change vnc <redacted>"),
        ("hmp object_add secret,id=s,data=geheim", "hmp object_add <redacted>"),
        ("hmp info status", "hmp info status"),
        ("wait 5 STOP", "wait 5 STOP"),
        # Nor does a misspelt argument of an object that is a secret.
        ("object-add qom-type=secret id=s dta=geheim format=raw # mine",
         "object-add qom-type=secret id=s dta=<redacted> format=raw # mine"),
        ("object-add qom-type=secret id=s geheim", "object-add qom-type=secret id=s <redacted>"),
        ("object-add qom_type=secret props.dta=geheim props.file=f",
         "object-add qom_type=secret props.dta=<redacted> props.file=f"),
        ("objcet-add qom-type=secret id=s dta=geheim",
         "objcet-add qom-type=secret id=s dta=<redacted>"),
        ("object-add qom-type=secret props={'dta': 'geheim'}",
         "object-add qom-type=secret props=<redacted>"),
        ('object-add {"qom-type": "secret", "id": "s", "dta": "geheim"}',
         'object-add {"qom-type": "secret", "id": "s", "dta": "<redacted>"}'),
        ('{"execute": "object-add", "argments": {"qom-type": "secret", "dta": ["geheim"]}}',
         '{"execute": "object-add", "argments": {"qom-type": "secret", "dta": "<redacted>"}}'),
        ('object-add props={"qom-type": "secret", "dta": "geheim"}',
         'object-add props={"qom-type": "secret", "dta": "<redacted>"}'),
        ("hmp objcet_add secret,id=s,dta=ge heim", "hmp objcet_add <redacted>"),
        ("object-add qom-type=rng-random id=s dta=known",
         "object-add qom-type=rng-random id=s dta=known"),
        ("object-add qom-type=secret dta='geheim", None),
        ("blockdev-add driver=secret node-name=n", "blockdev-add driver=secret node-name=n"),
        # What can't be read is kept only if it holds none.
        ("stop 'x", "stop 'x"),
        ("object-add data='geheim", None),
        ('object-add {"data": "geheim",}', None),
        ('object-add {"qom-type": "secret", "dta" "geheim"}', None),
        ('{"execute": "object-add", "arguments": {"qom-type": "secret", "dta" "geheim"}}', None),
        ('stop {"x" 1}', 'stop {"x" 1}'),
        ('{"execute": "object-add", "arguments": {"data": "geheim"', None),
    ],
)  # fmt: skip
def test_lines(text: str, kept: str | None) -> None:
    assert without_secrets(text, COMMANDS) == kept


def test_before_the_commands_are_known_all_that_is_called_like_a_secret_is_one() -> None:
    assert without_secrets("ringbuf-write data=x") == "ringbuf-write data=<redacted>"


HERE = Path(__file__).parent
SECRET_LINES = (HERE / "secret_lines.txt").read_text().splitlines()
"""Lines with S3CRET in many places and spellings."""
ORDINARY_LINES = (HERE / "ordinary_lines.txt").read_text().splitlines()
"""Ordinary lines without a secret, some of them misspelt."""
MISSPELT = {"stpo", "query-stauts", "qeury-block", "blockdev-ad", "device_ad", "query-blok",
            "block-jobcancel", "netdev-add"}  # fmt: skip
FIRST_WORDS = {line.split()[0] for line in ORDINARY_LINES if line[0].isalpha()}
KNOWN = FIRST_WORDS - MISSPELT - set(BUILTINS) | {
    "set_password", "change-vnc-password", "block_passwd", "guest-set-user-password",
}  # fmt: skip


@pytest.mark.parametrize("commands", [KNOWN, {"stop"}, ()], ids=["known", "other", "none"])
def test_no_spelling_is_kept(commands: set[str]) -> None:
    assert len(SECRET_LINES) >= 150
    for line in SECRET_LINES:
        assert "S3CRET" in line
        assert "S3CRET" not in (without_secrets(line, commands) or ""), line
        shown = redacted_statement(line, 0, 0)
        assert shown is None or "S3CRET" not in shown.text, line


def test_no_spelling_is_kept_within_several_lines() -> None:
    for line in SECRET_LINES:
        for text in (f"stop\n{line}", f"{line}\nstop", f"transaction(\n{line}\n)", f"  {line} "):
            assert "S3CRET" not in (without_secrets(text, KNOWN) or ""), text


def quoted(line: str, quote: str) -> str:
    """Put the first word of a line in quotes."""
    first, *rest = line.split(" ", 1)
    return " ".join([f"{quote}{first}{quote}", *rest])


@pytest.mark.parametrize(
    "commands", [KNOWN, {*KNOWN, "oob", "execute"}, ()], ids=["known", "o", "none"]
)
@pytest.mark.parametrize("part", range(4))  # so that the workers share them
def test_no_prefix_and_no_quotes_let_one_through(part: int, commands: set[str]) -> None:
    """Quotes around the first word reveal no secret, even if the line can't be executed."""
    behind = [
        text
        for line in SECRET_LINES[part::4]
        for text in (line, quoted(line, "'"), quoted(line, '"'), f"transaction( {line}")
    ]
    before = ["", "oob ", "execute ", "'oob' ", '"execute" ', "oob execute ", "'hmp' "]
    for text in (prefix + rest for prefix in before for rest in behind):
        assert "S3CRET" not in (without_secrets(text, commands) or ""), text
        shown = redacted_statement(text, 0, 0)
        assert shown is None or "S3CRET" not in shown.text, text


@pytest.mark.parametrize("line", ['{"execute":"query-version"} foo', '{"execute": "stop"} a=1'])
def test_a_word_behind_json_is_a_mistake(line: str) -> None:
    assert without_secrets(line) == line
    assert without_secrets(f"{line} password=S3CRET") is None


def test_no_spelling_is_kept_in_the_human_monitor() -> None:
    lines = [line.removeprefix("hmp ") for line in SECRET_LINES if line.startswith("hmp ")]
    assert lines
    for line in lines:
        assert "S3CRET" not in (without_secrets(line, KNOWN, is_human=True) or ""), line


@pytest.mark.parametrize(("commands", "most"), [(KNOWN, 0), ((), 10)], ids=["known", "none"])
def test_ordinary_lines_are_kept_whole(commands: set[str], most: int) -> None:
    assert len(ORDINARY_LINES) >= 500
    changed = [line for line in ORDINARY_LINES if without_secrets(line, commands) != line]
    assert len(changed) <= most, changed


def test_a_complaint_shows_none() -> None:
    """An error report has no secret, wherever the mark is."""
    for line in SECRET_LINES:
        words = [word for statement in split(line) for word in statement.words]
        for start, end in [(0, len(line)), *((word.start, word.end) for word in words)]:
            input_error = InputError(f"found {line[start:end]!r}, expected 'on'", start, end)
            assert "S3CRET" not in "\n".join(error_report(line, input_error, 200)), line


def test_the_mark_stays_below_the_fault() -> None:
    line = "set_password protocol=vnc password='geheim' conected=keep"
    at = line.index("conected")
    what, shown, mark = error_report(
        line, InputError("Parameter 'conected' is unexpected", at, at + 8), 99
    )
    assert what == "Parameter 'conected' is unexpected"
    assert shown[mark.index("^") :].startswith(("conected=", "keep"))
    assert shown == f"set_password protocol=vnc password={REDACTED} conected={REDACTED}"


def test_a_statement_that_is_too_large_to_look_into_is_not_shown() -> None:
    text = "stop " + "x" * limits.SHELL_SHOWN
    assert list(error_report(text, InputError("found 'x'", 0, 4), 80)) == [
        f"found {REDACTED}",
        REDACTED,
        "^",
    ]


@pytest.mark.parametrize(
    "piece",
    [
        "oob ",
        "execute oob ",
        "a b ",
        "a=",
        "'\n",
        "#x\n",
        "password='",
        "a {} {} ",
        "://a:",
        "set_password x\n# x\n",
    ],
)
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    assert_linear(lambda size: without_secrets(piece * (size // len(piece))), 64_000)


def test_a_line_of_a_human_monitor() -> None:
    assert (
        without_secrets("set_password vnc geheim", is_human=True) == "set_password vnc <redacted>"
    )
