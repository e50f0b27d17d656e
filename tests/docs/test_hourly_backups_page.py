"""The hourly backups of the cookbook: no change is lost if a script is killed or a job fails.

Each case is a page of its own, with the scripts of the cookbook's page.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.page_runner import Block, PageRunner, page_blocks
from tests.docs.pages import DOCS

pytestmark = [pytest.mark.real, pytest.mark.pages, pytest.mark.slow]

START = """
```sh
# start.sh
exec qemu-system-x86_64 -M q35 -m 64 -nodefaults -display none \\
    -qmp unix:vm.qmp,server=on,wait=off \\
    -blockdev driver=qcow2,node-name=disk0,file.driver=file,file.filename=disk0.qcow2 \\
    -device virtio-scsi-pci -device scsi-hd,id=sda,drive=disk0
```
```sh
# write.sh
qmp-shell vm.qmp -c "hmp qemu-io -d sda \\"write -q -P $1 $1M 64k\\"" > /dev/null
```
```sh
# killer/qmpeer.sh
case $1 in jobs) kill -9 $PPID ;; esac
exec python -m qmpeer "$@"
```
```python
# killed.py
import os, runpy, sys
from qmpeer import Client

Client.event_mark = lambda client: os._exit(137)  # the job has started
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
```
```sh
# killed.sh
case $1 in
    sh) chmod +x killer/qmpeer.sh; ln -sf qmpeer.sh killer/qmpeer; PATH=$PWD/killer:$PATH "$@" ;;
    *) shift; python killed.py "$@" ;;
esac
```
```console
$ qemu-img create -q -f qcow2 disk0.qcow2 64M
$ sh start.sh & pid=$!
$ until qmpeer exec vm.qmp query-status > /dev/null 2>&1; do sleep 0.1; done
$ mkdir a
$ SCRIPT vm.qmp disk0 a
$ sh write.sh 1
```
"""
KILLED = """
```console
$ (bash killed.sh SCRIPT vm.qmp disk0 a) 2> /dev/null
$ echo $?
137
$ ls a
00000.qcow2
00001.qcow2.part
```
"""
ADOPTED = """
```console
$ sh write.sh 2
$ SCRIPT vm.qmp disk0 a
$ ls a
00000.qcow2
00001.qcow2
00002.qcow2
$ qmp-shell vm.qmp -c stop > /dev/null
$ qemu-img compare a/00002.qcow2 -U disk0.qcow2
Images are identical.
$ qmpeer exec vm.qmp query-jobs
[]
$ qmpeer exec vm.qmp query-named-block-nodes | jq -c 'map(."node-name" | select(. == "a"))'
[]
```
"""
RESTARTED = """
```console
$ until qmpeer exec vm.qmp query-jobs | grep -q concluded; do sleep 0.1; done
$ qmpeer exec vm.qmp quit
{}
$ wait $pid
$ sh start.sh &
$ until qmpeer exec vm.qmp query-status > /dev/null 2>&1; do sleep 0.1; done
$ SCRIPT vm.qmp disk0 a
…a/00001.qcow2.part is left, perhaps incomplete: begin a new folder
$ echo $?
1
$ ls a
00000.qcow2
00001.qcow2.part
```
"""
TWO_FOLDERS = """
```console
$ mkdir b
$ SCRIPT vm.qmp disk0 b
$ sh write.sh 2
$ SCRIPT vm.qmp disk0 a
$ SCRIPT vm.qmp disk0 b
$ qmp-shell vm.qmp -c stop > /dev/null
$ qemu-img compare a/00001.qcow2 -U disk0.qcow2
Images are identical.
$ qemu-img compare b/00001.qcow2 -U disk0.qcow2
Images are identical.
$ rm -r a b
$ mkdir a
$ SCRIPT vm.qmp disk0 a > refused 2>&1
$ echo $?
1
$ grep -o 'Bitmap already exists: a' refused
Bitmap already exists: a
$ ls a
```
"""
FAILED = """
```sh
# failing/qmpeer.sh
case $* in
    *blockdev-backup*) set -- "$@" speed=1 ;;
    jobs*) python -m qmpeer exec vm.qmp job-cancel id=a ;;
esac
exec python -m qmpeer "$@"
```
```console
$ qmp-shell vm.qmp -c 'hmp qemu-io -d sda "write -q -P 3 8M 8M"' > /dev/null
$ chmod +x failing/qmpeer.sh; ln -s qmpeer.sh failing/qmpeer
$ PATH=$PWD/failing:$PATH sh hourly.sh vm.qmp disk0 a
hourly.sh: the backup failed: Operation canceled
$ echo $?
1
$ ls a
00000.qcow2
$ sh hourly.sh vm.qmp disk0 a
$ qmp-shell vm.qmp -c stop > /dev/null
$ qemu-img compare a/00001.qcow2 -U disk0.qcow2
Images are identical.
```
"""
RESIZED = """
```console
$ qmpeer exec vm.qmp block_resize node-name=disk0 size=96M
{}
$ SCRIPT vm.qmp disk0 a
$ qmp-shell vm.qmp -c stop > /dev/null
$ qemu-img compare a/00001.qcow2 -U disk0.qcow2
Images are identical.
```
"""
CASES = {
    "adopted": KILLED + ADOPTED,
    "restarted": KILLED + RESTARTED,
    "two-folders": TWO_FOLDERS,
    "resized": RESIZED,
}


def scripts() -> list[Block]:
    """Return the blocks of the page that are saved as files."""
    page = (DOCS / "cookbook" / "hourly-backups.md").read_text()
    return [block for block in page_blocks(page) if block.file_name]


@pytest.mark.parametrize("script", ["sh hourly.sh", "python hourly.py"], ids=["sh", "py"])
@pytest.mark.parametrize("case", CASES)
def test_hourly_backup(case: str, script: str, program: Callable[[str], str]) -> None:
    run_case(CASES[case].replace("SCRIPT", script), script, program)


def test_hourly_backup_after_a_failed_job(program: Callable[[str], str]) -> None:
    run_case(FAILED, "sh hourly.sh", program)


def run_case(page: str, script: str, program: Callable[[str], str]) -> None:
    """Run a page behind the start that all cases have in common."""
    for name in ("qemu-system-x86_64", "qemu-img", "jq"):
        program(name)
    blocks = page_blocks(START.replace("SCRIPT", script) + page)
    with tempfile.TemporaryDirectory() as folder, PageRunner("case", Path(folder)) as runner:
        runner.run([*scripts(), *blocks])
