"""The server of the fixture `qmp_replay`: the test's recording, or a real server to record."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qmpeer.testing.recording_server import RecordingServer
from qmpeer.testing.replay_server import ReplayServer

if TYPE_CHECKING:
    from qmpeer.faults import Faults
    from qmpeer.testing.settings import Settings


def recorded_server(
    settings: "Settings", faults: "Faults | None"
) -> ReplayServer | RecordingServer:
    """Return the server for a test's recordings.

    With the address of a real server, a test without a recording is recorded, and what a recording
    lacks is added to it.
    """
    files, options = settings.recordings()
    address = settings.real_server
    missing = next((file for file in files if not file.exists()), None)
    if missing is not None and address is not None:
        return RecordingServer(missing, address, faults=faults, **settings.seed())
    if missing is not None:
        pytest.fail(
            f"qmp_replay: found no recording {_short(missing)}\n"
            f"record one: qmpeer record ADDRESS -o {_short(missing)}\n"
            "or run this test once with --qmp-add ADDRESS, the address of a real server",
            pytrace=False,
        )
    if address is not None:
        options = {**options, "server": address, "add": True}
    else:  # nothing will be written: reports are easier to read with short names
        files = [_short(file) for file in files]
    return ReplayServer(*files, faults=faults, **settings.replay_options(), **options)


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
