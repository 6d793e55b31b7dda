"""Which paths of the host a container may mount, and which nobody may.

A path alone decides, so a path must mean what it says. A container that may write into a mounted
folder can put a symbolic link there, and the engine follows it when something below is mounted:
therefore only a named folder itself is allowed, none below it, and none that a link leads to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["HostPaths", "bind_objections"]

_RUN = ("/run", "/var/run")
_SOCKETS = ("docker.sock", "containerd/containerd.sock", "podman/podman.sock")
_FOLDERS = ("docker", "containerd", "podman")
_SOCKET_NAMES = frozenset(PurePosixPath(socket).name for socket in _SOCKETS)
_USUAL_SOCKETS = tuple(f"{run}/{socket}" for run in _RUN for socket in _SOCKETS)
_USUAL_FOLDERS = tuple(f"{run}/{folder}" for run in _RUN for folder in _FOLDERS)
_LIBRARIES = ("/lib", "/usr/lib", "/usr/local/lib")
# Who writes there is root on the host: the kernel's settings, what systemd starts, what the engine
# unpacked of every container.
_SYSTEM = (
    *("/proc", "/sys"),
    *(f"{above}/systemd/system" for above in ("/etc", "/run", *_LIBRARIES)),
    *("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaths:
    """What the agent knows of its host.

    ``engine_sockets`` are those that it uses, beside the usual ones; ``engine_data`` is where the
    engine says that it keeps images, layers and volumes, also beside the usual. ``own`` is what the
    agent lives from: its state folder, the policy, its program. ``links`` are paths of the policy
    that go through a symbolic link.
    """

    engine_sockets: tuple[str, ...] = ()
    engine_data: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    links: frozenset[str] = frozenset()


def bind_objections(
    source: str, allowed: tuple[str, ...], host: HostPaths, *, engine_socket: bool
) -> Iterator[str]:
    """Yield why the host's path ``source`` isn't mounted, in words; nothing when it is.

    ``allowed`` are the policy's folders; ``engine_socket`` lets the socket itself through, and
    nothing else lets through what leads to a socket or to what is the agent's own.
    """
    path = PurePosixPath(source)
    sockets = frozenset(map(PurePosixPath, (*_USUAL_SOCKETS, *host.engine_sockets)))
    if path in sockets or path.name in _SOCKET_NAMES:
        if not engine_socket:
            yield f"bind mount of {source}, an engine's socket"
            return
        if path in sockets:
            return
    folders = (*_USUAL_FOLDERS, *_SYSTEM, *host.engine_data, *host.own)
    protected = sockets.union(map(PurePosixPath, folders))
    reached = [each for each in protected if _overlap(path, each)]
    if reached:
        yield f"bind mount of {source}, which leads to {min(reached)}"
    else:
        yield from _not_named(path, allowed, host)


def _not_named(path: PurePosixPath, allowed: tuple[str, ...], host: HostPaths) -> Iterator[str]:
    named = frozenset(map(PurePosixPath, allowed))
    around = named.intersection(path.parents)
    if path not in named:
        yield f"bind mount of {path}"
    elif around:
        yield f"bind mount of {path}, which is below {min(around)}, named too"
    elif path in map(PurePosixPath, host.links):
        yield f"bind mount of {path}, which is reached by a symbolic link"


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
