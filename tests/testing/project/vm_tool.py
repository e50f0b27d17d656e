"""The program of this small project: it ejects media, by a blocking client and by an async one."""

import sys

from qmpeer import AsyncClient, Client


def eject(address: str, device: str) -> bool:
    """Eject a device's medium; return False if there was none."""
    with Client.connect(address) as vm:
        drives = {each["device"]: each for each in vm.execute("query-block")}
        if "inserted" not in drives[device]:
            return False
        mark = vm.event_mark()
        vm.execute("eject", {"device": device})
        vm.wait_event("DEVICE_TRAY_MOVED", since=mark, timeout=30.0)
        return True


async def eject_async(address: str, device: str) -> None:
    """Eject a device's medium."""
    async with await AsyncClient.connect(address) as vm:
        mark = await vm.event_mark()
        await vm.execute("eject", {"device": device})
        await vm.wait_event("DEVICE_TRAY_MOVED", since=mark, timeout=30.0)


if __name__ == "__main__":
    print("ejected" if eject(sys.argv[1], sys.argv[2]) else "empty")
