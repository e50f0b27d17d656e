import pytest

from qmpeer.machine.compat_monitors import CompatMonitor, parse_compat_monitor


def parse(argument: str) -> CompatMonitor:
    return parse_compat_monitor("-qmp", argument, label="compat_monitor0")


@pytest.mark.parametrize(
    ("argument", "target", "is_server", "is_waiting"),
    [
        ("tcp:localhost:4444", "tcp:localhost:4444", False, False),
        ("tcp:localhost:4444,server", "tcp:localhost:4444", True, True),
        ("tcp:localhost:4444,server=on", "tcp:localhost:4444", True, True),
        ("tcp:localhost:4444,server=on,wait=on", "tcp:localhost:4444", True, True),
        ("tcp:localhost:4444,server,nowait", "tcp:localhost:4444", True, False),
        ("tcp:localhost:4444,server=on,wait=off", "tcp:localhost:4444", True, False),
        ("tcp:localhost:4444,server=off", "tcp:localhost:4444", False, False),
        ("tcp:localhost:4444,noserver", "tcp:localhost:4444", False, False),
        ("tcp:localhost:4444,server,nowait,nodelay", "tcp:localhost:4444", True, False),
        ("tcp:localhost:4444,server=on,server=off", "tcp:localhost:4444", False, False),
        ("tcp::4444", "tcp::4444", False, False),
        ("tcp:[::1]:4444,server", "tcp:[::1]:4444", True, True),
        ("tcp:127.0.0.1:1,port=2", "tcp:127.0.0.1:2", False, False),
        ("unix:/run/q", "unix:/run/q", False, False),
        ("unix:/run/a,,b,server=yes,wait=no", "unix:/run/a,b", True, False),
        ("unix:path=/run/a=b,server", "unix:/run/a=b", True, True),
        ("unix:@q,server", "unix:./@q", True, True),
        ("unix:q", "unix:q", False, False),
    ],
    ids=str,
)
def test_devices(argument: str, target: str, is_server: bool, is_waiting: bool) -> None:
    monitor = parse(argument)

    assert str(monitor.target) == target
    assert (monitor.is_server, monitor.is_waiting) == (is_server, is_waiting)


def test_stdio() -> None:
    assert parse("stdio").kind == "stdio"
    assert parse("stdio").filename("", "") == "stdio"


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("", "'' is not a valid char driver"),
        ("bogus", "'bogus' is not a valid char driver"),
        ("bogus:x", "'bogus:x' is not a valid char driver"),
        ("stdio,signal=off", "'stdio,signal=off' is not a valid char driver"),
        ("tcp:", "parse error: tcp:"),
        ("tcp:localhost", "parse error: tcp:localhost"),
        ("tcp:localhost:", "parse error: tcp:localhost:"),
        ("unix:/q,server=maybe", "Parameter 'server' expects 'on' or 'off'"),
        ("unix:/q,foo=1", "Invalid parameter 'foo'"),
        ("unix:/q,nofoo", "Invalid parameter 'foo'"),
        ("unix:/q,=1", "Invalid parameter ''"),
        ("unix:/a=b", "Invalid parameter '/a'"),
        (
            "unix:/q,wait=off",
            "'wait' option is incompatible with socket in client connect mode",
        ),
        ("unix:", "chardev: socket: no path given"),
        ("unix:/q,telnet=on", "this machine doesn't have the socket option 'telnet' yet"),
        ("pty", "'pty' is a char driver that this machine doesn't have yet"),
        ("file:/x", "'file' is a char driver that this machine doesn't have yet"),
    ],
    ids=repr,
)
def test_refusals(argument: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(argument)

    assert str(caught.value) == reason


@pytest.mark.parametrize("port", ["x", "99999", "²"])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(ValueError, match="address resolution failed for localhost:"):
        _ = parse(f"tcp:localhost:{port}").target


@pytest.mark.parametrize(
    ("argument", "end", "peer", "filename"),
    [
        ("unix:/q,server", "", None, "disconnected:unix:/q,server=on"),
        ("unix:/q,server", "", "", "unix:/q,server=on"),
        ("unix:/q", "", None, "disconnected:unix:/q"),
        ("tcp:localhost:0,server", "127.0.0.1:9", None, "disconnected:tcp:127.0.0.1:9,server=on"),
        (
            "tcp:localhost:0,server",
            "127.0.0.1:9",
            "127.0.0.1:7",
            "tcp:127.0.0.1:9,server=on <-> 127.0.0.1:7",
        ),
        ("tcp:localhost:4", "127.0.0.1:9", "127.0.0.1:4", "tcp:127.0.0.1:9 <-> 127.0.0.1:4"),
    ],
)
def test_filenames(argument: str, end: str, peer: str | None, filename: str) -> None:
    assert parse(argument).filename(end, peer) == filename
