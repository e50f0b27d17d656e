"""QEMU's error texts about a client's input."""

import pytest

from qmpeer.messages import qemu_texts


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (qemu_texts.missing("id"), "Parameter 'id' is missing"),
        (qemu_texts.unexpected("ix"), "Parameter 'ix' is unexpected"),
        (
            qemu_texts.wrong_type("node.size", "integer"),
            "Invalid parameter type for 'node.size', expected: integer",
        ),
        (qemu_texts.not_accepted("mode", "x"), "Parameter 'mode' does not accept value 'x'"),
        (qemu_texts.expects("size", "uint64"), "Parameter 'size' expects uint64"),
        (qemu_texts.disabled("Unstable parameter x"), "Unstable parameter x disabled by policy"),
        (qemu_texts.invalid("foo"), "Invalid parameter 'foo'"),
        (qemu_texts.unknown_command("stpo"), "The command stpo has not been found"),
        (qemu_texts.unknown_device("d0"), "Device 'd0' not found"),
    ],
)
def test_texts(said: str, text: str) -> None:
    assert said == text
