import pytest

from qmpeer.shell.secrets import without_secrets

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
        ("hmp objcet_add secret,id=s,dta=ge heim", "hmp objcet_add secret,<redacted>"),
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


def test_a_line_of_a_human_monitor() -> None:
    assert (
        without_secrets("set_password vnc geheim", is_human=True) == "set_password vnc <redacted>"
    )
