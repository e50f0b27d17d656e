import os
from pathlib import Path
from typing import Any

import pytest

from qmpeer.errors import ChardevError
from qmpeer.options.credentials import Credentials
from qmpeer.options.object_options import read_object
from qmpeer.options.objects import Objects
from qmpeer.options.start_error import StartHelp
from tests.transport.filters.certificates import Authority


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(os.open)


@pytest.fixture
def objects(credentials: Credentials) -> Objects:
    return Objects(credentials)


@pytest.mark.parametrize(
    ("argument", "properties"),
    [
        ("secret,id=s,data=x", {"qom-type": "secret", "id": "s", "data": "x"}),
        ("qom-type=secret,id=s,data=a,,b", {"qom-type": "secret", "id": "s", "data": "a,b"}),
        ("secret,id=s,data=x,data=y", {"qom-type": "secret", "id": "s", "data": "y"}),
        (
            "tls-creds-x509,id=t,endpoint=server,verify-peer=off,dir=/d",
            {
                "qom-type": "tls-creds-x509",
                "id": "t",
                "endpoint": "server",
                "verify-peer": False,
                "dir": "/d",
            },
        ),
        (
            '{"qom-type": "authz-list", "id": "a", "rules": [{"match": "x", "policy": "allow"}]}',
            {"qom-type": "authz-list", "id": "a", "rules": [{"match": "x", "policy": "allow"}]},
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_options_say(argument: str, properties: dict[str, Any]) -> None:
    assert read_object(argument, []) == (properties, [])


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("", "Parameter 'qom-type' is missing"),
        ("secret", "Parameter 'id' is missing"),
        ("secret,foo=1", "Parameter 'id' is missing"),
        ("secret,id=s,foo=1", "Invalid parameter 'foo'"),
        ("secret,id=1", "Parameter 'id' expects an identifier"),
        ("secret,id=taken", "Duplicate ID 'taken' for object"),
        ("secret,id=s,format=x", "Parameter 'format' does not accept value 'x'"),
        ("memory,id=s", "Parameter 'qom-type' does not accept value 'memory'"),
        ("authz-list,id=a,rules.0.match=x", "Invalid parameter 'rules.0.match'"),
        ("tls-creds-anon,id=t,verify-peer=x", "Parameter 'verify-peer' expects 'on' or 'off'"),
        ('{"qom-type":"secret","id":"s","foo":1}', "Parameter 'foo' is unexpected"),
        ('{"qom-type":"secret","id":"s","data":1}', "Invalid parameter type for 'data', expected"),
        ('{"qom-type":"secret"', "JSON parse error, premature EOI"),
        ('{"qom-type":secret}', "JSON parse error, invalid keyword 'secret'"),
    ],
)
def test_options_that_say_nothing(argument: str, reason: str) -> None:
    with pytest.raises(ChardevError) as caught:
        read_object(argument, ["taken"])
    assert caught.value.reason.startswith(reason)


def test_help_names_what_an_object_takes() -> None:
    with pytest.raises(StartHelp) as caught:
        read_object("tls-creds-psk,help", [])
    assert caught.value.text.splitlines()[0] == "tls-creds-psk options:"
    assert "  verify-peer=<bool>" in caught.value.text.splitlines()
    assert "  username=<string>" in caught.value.text.splitlines()


def add(objects: Objects, argument: str) -> str | None:
    """Add an object; return the reason if it is refused."""
    try:
        objects.add(read_object(argument, [])[0])
    except ChardevError as error:
        return error.reason
    return None


def test_names_are_given_once(objects: Objects) -> None:
    assert add(objects, "secret,id=s,data=x") is None
    assert add(objects, "authz-simple,id=s,identity=x") == (
        "attempt to add duplicate property 's' to object (type 'container')"
    )
    objects.remove("s")
    assert add(objects, "authz-simple,id=s,identity=x") is None
    with pytest.raises(ChardevError, match=r"^object 'nope' not found$"):
        objects.remove("nope")
    assert objects.types == {"s": "authz-simple"}


UNREADABLE = (
    "Unable to read /nonexistent: Failed to open file “/nonexistent”: No such file or directory"
)


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("id=s", "Either 'file' or 'data' must be provided"),
        ("id=s,data=x,file=y", "'file' and 'data' are mutually exclusive"),
        ("id=s,data=z!,format=base64", "Base64 data contains invalid characters"),
        ("id=s,data=eA,format=base64", None),
        ("id=s,data=x,keyid=k", "No secret with id 'k'"),
        (
            "id=s,file=/nonexistent",
            UNREADABLE,
        ),
    ],
)
def test_secrets(objects: Objects, argument: str, reason: str | None) -> None:
    assert add(objects, f"secret,{argument}") == reason


@pytest.mark.parametrize(
    ("data", "fits"), [("YWJjZA==", True), ("YWJjZA", False)], ids=["whole", "without its end"]
)
def test_the_secret_of_a_key(objects: Objects, tmp_path: Path, data: str, fits: bool) -> None:
    authority = Authority()
    issued = authority.issue("localhost")
    folder = authority.fill(tmp_path / "tls", server=issued)
    (folder / "server-key.pem").write_bytes(issued.key_pem(b"abcd"))
    assert add(objects, f"secret,id=s,format=base64,data={data}") is None
    reason = add(objects, f"tls-creds-x509,id=t,endpoint=server,passwordid=s,dir={folder}")
    assert (reason is None) is fits


NAME = "C=GB,O=Acme,CN=laptop"


@pytest.mark.parametrize(
    ("rules", "policy", "is_allowed"),
    [
        ([], "deny", False),
        ([], "allow", True),
        ([(NAME, "allow", "exact")], "deny", True),
        ([("C=GB", "allow", "exact")], "deny", False),
        ([("C=GB*", "allow", "glob")], "deny", True),
        ([("*CN=desk*", "allow", "glob")], "deny", False),
        ([(NAME, "deny", "exact"), ("*", "allow", "glob")], "deny", False),
        ([("*", "allow", "glob"), (NAME, "deny", "exact")], "deny", True),
        ([("c=gb*", "allow", "glob")], "deny", False),
    ],
)
def test_lists_decide_by_their_first_rule(
    objects: Objects,
    credentials: Credentials,
    rules: list[tuple[str, str, str]],
    policy: str,
    is_allowed: bool,
) -> None:
    given: list[Any] = [
        {"match": match, "policy": what, "format": how} for match, what, how in rules
    ]
    objects.add({"qom-type": "authz-list", "id": "a", "policy": policy, "rules": given})
    assert credentials.authorizers["a"](NAME) is is_allowed


def test_one_name(objects: Objects, credentials: Credentials) -> None:
    assert add(objects, f"authz-simple,id=a,identity={NAME.replace(',', ',,')}") is None
    assert credentials.authorizers["a"](NAME)
    assert not credentials.authorizers["a"]("CN=laptop")


def test_credentials_say_whom_they_let_in(
    objects: Objects, credentials: Credentials, tmp_path: Path
) -> None:
    authority = Authority()
    folder = authority.fill(tmp_path / "tls", server=authority.issue("localhost"))
    start = f"tls-creds-x509,dir={folder},endpoint=server"
    assert add(objects, f"{start},id=strict") is None
    assert add(objects, f"{start},id=lax,verify-peer=off") is None
    assert add(objects, "tls-creds-anon,id=anybody,endpoint=server") is None
    found = {name: of.identifies_clients for name, of in credentials.tls.items()}
    assert found == {"strict": True, "lax": False, "anybody": False}
    assert all(of.is_for_server for of in credentials.tls.values())
    assert add(objects, "tls-creds-x509,id=t") == "Missing 'dir' property value"
    assert add(objects, f"tls-creds-x509,id=t,dir={tmp_path}/no") == (
        f"Unable to access credentials {tmp_path}/no/ca-cert.pem: No such file or directory"
    )


def test_a_folder_is_no_secret_and_is_closed(tmp_path: Path) -> None:
    opened: list[int] = []

    def open_path(path: str, flags: int) -> int:
        opened.append(os.open(path, flags))
        return opened[-1]

    reason = add(Objects(Credentials(open_path)), f"secret,id=s,file={tmp_path}")
    assert reason == (f"Unable to read {tmp_path}: Error reading file “{tmp_path}”: Is a directory")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
