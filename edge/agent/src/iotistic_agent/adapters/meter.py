"""What a TCP connection moved, as the kernel counts it (tcp(7), TCP_INFO; Linux 4.6 and later)."""

import socket
import struct

__all__ = ["Meter"]

_BYTES, _SEGMENTS = struct.Struct("=QQ"), struct.Struct("=II")
_BYTES_AT, _SEGMENTS_AT, _LENGTH = 120, 136, 144
_HEADERS = 52
"""A segment's headers in bytes: IPv4 20, TCP 20, time stamps 12."""


class Meter:
    """Counts one connection from its opening on; TLS, headers and acknowledgements are in it."""

    def __init__(self) -> None:
        self._seen = (0, 0)

    def moved(self, sock: socket.socket | None) -> tuple[int, int]:
        """Return the bytes sent and received since the last look; none when nobody can tell."""
        try:
            read = (0, 0) if sock is None else _read(sock)
        except (OSError, struct.error, ValueError):
            return (0, 0)
        moved = (max(0, read[0] - self._seen[0]), max(0, read[1] - self._seen[1]))
        self._seen = (max(read[0], self._seen[0]), max(read[1], self._seen[1]))
        return moved


def _read(sock: socket.socket) -> tuple[int, int]:
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    acknowledged, received = _BYTES.unpack_from(told, _BYTES_AT)
    out, in_ = _SEGMENTS.unpack_from(told, _SEGMENTS_AT)
    return acknowledged + _HEADERS * out, received + _HEADERS * in_
