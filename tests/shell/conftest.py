"""A small schema with one type of each kind, and its vocabulary."""

import pytest

from qmpeer.schema import Schema, schema_from_qapi
from qmpeer.shell.vocabulary import Vocabulary
from tests.patience import PATIENCE

QAPI = """
{ 'pragma': { 'doc-required': false } }
{ 'enum': 'Driver', 'data': [ 'file', 'null', 'qcow', 'qcow2' ] }
{ 'enum': 'Cache', 'data': [ 'writeback', { 'name': 'unsafe', 'features': [ 'deprecated' ] } ] }
{ 'struct': 'OptionsFile', 'data': { 'filename': 'str', '*locking': 'bool' } }
{ 'struct': 'OptionsNull', 'data': { '*size': 'size', '*level': 'uint8' } }
{ 'struct': 'OptionsQcow2', 'data': { 'file': 'Ref', '*backing': 'RefOrNull', '*cache': 'Cache' } }
{ 'union': 'Options',
  'base': { 'driver': 'Driver', '*node-name': 'str', '*read-only': 'bool' },
  'discriminator': 'driver',
  'data': { 'file': 'OptionsFile', 'null': 'OptionsNull', 'qcow2': 'OptionsQcow2' } }
{ 'alternate': 'Ref', 'data': { 'definition': 'Options', 'reference': 'str' } }
{ 'alternate': 'RefOrNull',
  'data': { 'definition': 'Options', 'reference': 'str', 'null': 'null' } }
{ 'struct': 'State', 'data': { 'name': 'Driver', 'state': 'bool', '*ratio': 'number' } }
{ 'command': 'add', 'data': 'Options', 'boxed': true }
{ 'command': 'set-states', 'data': { 'states': [ 'State' ], '*names': [ 'str' ] } }
{ 'command': 'set-any', 'data': { 'path': 'str', 'value': 'any' } }
{ 'command': 'stop', 'allow-oob': true }
{ 'command': 'old-stop', 'features': [ 'deprecated' ] }
{ 'command': 'query-things', 'returns': [ 'State' ] }
{ 'command': 'device_add', 'data': { 'driver': 'str', '*id': 'str' }, 'gen': false }
{ 'command': 'qom-set', 'data': { 'path': 'str', 'property': 'str', 'value': 'any' } }
{ 'command': 'blockdev-del', 'data': { 'node-name': 'str' } }
{ 'struct': 'Snapshot', 'data': { 'node': 'str', '*format': 'str' } }
{ 'struct': 'Abort', 'data': { } }
{ 'enum': 'ActionKind', 'data': [ 'abort', 'snapshot' ] }
{ 'struct': 'AbortWrapper', 'data': { 'data': 'Abort' } }
{ 'struct': 'SnapshotWrapper', 'data': { 'data': 'Snapshot' } }
{ 'union': 'Action', 'base': { 'type': 'ActionKind' }, 'discriminator': 'type',
  'data': { 'abort': 'AbortWrapper', 'snapshot': 'SnapshotWrapper' } }
{ 'command': 'transaction', 'data': { 'actions': [ 'Action' ] } }
{ 'event': 'STOP' }
{ 'event': 'CHANGED', 'data': { 'id': 'str', 'level': 'uint8' } }
"""


@pytest.fixture(autouse=True)
def patience_with_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the time limit for completing names, for busy machines."""
    monkeypatch.setattr("qmpeer.limits.SHELL_NAMES_TIMEOUT", PATIENCE)


@pytest.fixture(scope="session")
def schema() -> Schema:
    return schema_from_qapi("schema.json", lambda name: QAPI.encode())


@pytest.fixture(scope="session")
def vocabulary(schema: Schema) -> Vocabulary:
    return Vocabulary(schema)
