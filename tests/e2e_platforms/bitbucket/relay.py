"""In the container whose network a pipeline shares: its loopback leads to the machine's servers on the same ports."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path


def find_gateway() -> str:
    """The machine, as the container sees it: the next hop of the default route, in hexadecimal of this byte order."""
    routes = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    (hop,) = [fields[2] for fields in map(str.split, routes) if fields[1] == "00000000"]
    return socket.inet_ntoa(int(hop, 16).to_bytes(4, sys.byteorder))


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass everything on until one side ends."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()


def serve(gateway: str, port: int) -> None:
    """Relay one port."""
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        near, _ = listener.accept()
        far = socket.create_connection((gateway, port))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


if __name__ == "__main__":
    machine = find_gateway()
    for argument in sys.argv[1:]:
        threading.Thread(target=serve, args=(machine, int(argument)), daemon=True).start()
    threading.Event().wait()
