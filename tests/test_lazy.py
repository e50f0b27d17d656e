"""Names that packages import lazily: each is there, and any other gives a clear error."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = [
    "qmpeer",
    "qmpeer.client",
    "qmpeer.client.aio",
    "qmpeer.client.blocking",
    "qmpeer.messages",
    "qmpeer.protocol",
    "qmpeer.schema",
    "qmpeer.transport",
    "qmpeer.wire",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_name_is_there(name: str) -> None:
    package = importlib.import_module(name)
    for each, home in package._HOMES.items():
        assert each in package.__all__
        assert getattr(package, each) is getattr(importlib.import_module(home), each)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_a_clients_start_imports_nothing_of_a_server() -> None:
    code = "import sys; from qmpeer import Client; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "qmpeer.client.blocking.client" in found
    for absent in ("wire.server_reader", "messages.server", "messages.redaction", "monitor"):
        assert f"qmpeer.{absent}" not in found
    assert "qmpeer.transport.listening" not in found
