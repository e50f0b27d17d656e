"""The tree of errors: their sentences, their attributes, and pickling."""

import pickle

import pytest

from qmpeer import errors
from qmpeer.errors import (
    AnswerError,
    AuditError,
    ChardevError,
    CommandError,
    CommandInterrupted,
    CompletionError,
    ConflictError,
    ConnectionClosed,
    FaultError,
    HumanLineError,
    JobError,
    KeyboardError,
    KeyNameError,
    LayoutError,
    LimitError,
    LocalProtocolError,
    Location,
    MessageError,
    MigrationError,
    NegotiationError,
    PolicyError,
    ProtocolError,
    QMPError,
    RemoteProtocolError,
    SchemaError,
    SchemaSemanticError,
    SchemaSyntaxError,
    ScriptError,
    ScriptMismatch,
    TranscriptError,
    UntypableCharacter,
    UntypableError,
    ValidationError,
    WireError,
)
from qmpeer.values import UNSET

PLACE = Location("block.json", 2, 3)
MULTI_LINE = """\
block.json:2:3: no type 'X'
    {\tX }
     \t^
in struct 'A'
included from q.json:1:9"""
SENTENCES = [
    (WireError("Invalid JSON syntax", 7), "Invalid JSON syntax"),
    (LimitError("too many tokens", "TOKENS", 3), "too many tokens"),
    (MessageError("found no 'execute'", "execute"), "found no 'execute'"),
    (LocalProtocolError("negotiate first"), "negotiate first"),
    (RemoteProtocolError("a second greeting"), "a second greeting"),
    (
        NegotiationError(("oob",), (), "not offered"),
        "the server refused capabilities ['oob'] (it offers []): not offered",
    ),
    (CommandError("GenericError", "no", "stop", 4), "GenericError: no"),
    (
        CompletionError("device_del", "RESET", {"guest": True}, "the guest was reset"),
        'device_del was accepted, but not completed: the guest was reset: RESET {"guest": true}',
    ),
    (
        FaultError("found 'ctu'", "did you mean cut?", "faults.txt:3"),
        "faults.txt:3: found 'ctu'; did you mean cut?",
    ),
    (HumanLineError("found unknown command 'inf'"), "found unknown command 'inf'"),
    (
        ConflictError("object", "o", {"a": (1, 2), "b": ("x", None)}, "object-add"),
        'object o exists, but differs: found a 1, expected 2; found b "x", expected null',
    ),
    (JobError("j0", "no space", "block-commit"), "job j0 (block-commit) failed: no space"),
    (JobError("j0", "", "block-commit", True), "job j0 (block-commit) was cancelled"),
    (
        JobError("j0", "no space", "block-commit", is_stopped=True),
        "job j0 (block-commit) was stopped by an error: no space",
    ),
    (
        AnswerError("guest-exec", {"pid": "7"}, "a pid"),
        'the answer to guest-exec is unusable: found {"pid": "7"}, expected a pid',
    ),
    (MigrationError("failed", "refused"), "the migration failed: refused"),
    (MigrationError("cancelled", ""), "the migration was cancelled"),
    (
        CommandInterrupted("stop", 4, "the server left"),
        "stop was cut off, its outcome is unknown: the server left",
    ),
    (ConnectionClosed("the server left"), "the server left"),
    (ChardevError("no such device", "try another", ("earlier",)), "no such device"),
    (LayoutError("zz", "found no such layout"), 'layout "zz": found no such layout'),
    (KeyNameError("ctlr-a", "found 'ctlr'"), "keys \"ctlr-a\": found 'ctlr'"),
    (
        UntypableError("us", (UntypableCharacter(3, "€", "U+20AC EURO SIGN"),)),
        'layout "us" can\'t type "€" (U+20AC EURO SIGN) at 3',
    ),
    (
        ValidationError("Invalid parameter 'x'", "a.x", "nothing", 3, "deprecated"),
        "Invalid parameter 'x'",
    ),
    (SchemaError("it is empty"), "it is empty"),
    (PolicyError("found 1, expected 2", "vm.toml:3:9"), "vm.toml:3:9: found 1, expected 2"),
    (
        PolicyError("found 1", "a:1:1", ("a:2:1: found 2",)),
        "a:1:1: found 1\na:2:1: found 2",
    ),
    (ScriptError("found 1, expected 2", "test.py:3"), "test.py:3: found 1, expected 2"),
    (ScriptError("found 1, expected 2"), "found 1, expected 2"),
    (ScriptMismatch(("unexpected: a", "not met: b")), "unexpected: a\nnot met: b"),
    (AuditError("another process writes it", "a.log"), "a.log: another process writes it"),
    (TranscriptError("found 'x', expected 'y'", "f.txt", 3), "f.txt:3: found 'x', expected 'y'"),
    (TranscriptError("found more than 9 bytes", "f.txt"), "f.txt: found more than 9 bytes"),
    (SchemaSyntaxError("found ')'", PLACE), "block.json:2:3: found ')'"),
    (
        SchemaSemanticError(
            "no type 'X'", PLACE, "{\tX }", "struct 'A'", (Location("q.json", 1, 9),)
        ),
        MULTI_LINE,
    ),
]
ids = [type(error).__name__ for error, _ in SENTENCES]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=ids)
def test_sentence(error: QMPError, sentence: str) -> None:
    assert str(error) == sentence


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=ids)
def test_another_process_gets_it_whole(error: QMPError, sentence: str) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == sentence
    assert vars(again) == vars(error)


def test_all_errors_are_tried() -> None:
    public = {getattr(errors, name) for name in errors.__all__}
    bases = {QMPError, ProtocolError, KeyboardError}
    found = {of for of in public if isinstance(of, type) and issubclass(of, QMPError)}
    assert found - bases == {type(error) for error, _ in SENTENCES}


@pytest.mark.parametrize("name", sorted(errors.__all__))
def test_the_tree_in_the_docstring_has_it(name: str) -> None:
    of = getattr(errors, name)
    if isinstance(of, type) and issubclass(of, Exception):
        assert name in (errors.__doc__ or "")


def test_what_is_of_what() -> None:
    assert issubclass(JobError, CommandError)
    assert issubclass(MigrationError, CommandError)
    assert issubclass(ChardevError, ValueError)
    assert issubclass(KeyboardError, ValueError)
    assert CommandError("GenericError", "no").id is UNSET


def test_a_long_line_is_shown_around_its_place() -> None:
    line = "a" * 5000 + "!" + "b" * 5000
    text = str(SchemaSyntaxError("found '!'", Location("s.json", 1, 5001), line)).splitlines()
    assert len(text[1]) < 300
    assert text[1][text[2].index("^")] == "!"


def test_a_long_reason_is_shortened() -> None:
    text = str(SchemaSyntaxError("found '" + "a" * 100_000 + "'"))
    assert len(text) < 5_000
    assert text.startswith("found 'aaa")
    assert text.endswith("aaa'")
