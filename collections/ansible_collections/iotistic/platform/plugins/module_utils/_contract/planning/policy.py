# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""What a device's owner lets a target state ask for; everything dangerous is denied by default."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..codec import check_fields
from ..target_state import ServiceConfig
from .host_paths import HostPaths, bind_objections

__all__ = ["DENY_ALL", "Policy", "objections"]

LOCAL_LOG_DRIVERS = frozenset({"json-file", "local", "journald", "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The file ``/etc/iotistic/policy.json``: what is allowed beyond the default.

    ``bind_mounts`` are folders of the host that may be mounted, each alone, not what is below it;
    ``devices`` and ``cap_add`` name single devices and capabilities, ``log_drivers`` those that
    send output elsewhere.
    """

    schema: int = 1
    privileged: bool = False
    devices: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    bind_mounts: tuple[str, ...] = ()
    engine_socket: bool = False
    host_network: bool = False
    container_network: bool = False
    log_drivers: tuple[str, ...] = ()
    jobs: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


DENY_ALL = Policy()


def objections(config: ServiceConfig, policy: Policy, host: HostPaths) -> Iterator[str]:
    """Yield what ``config`` asks for and ``policy`` denies, in words for people."""
    if config.privileged and not policy.privileged:
        yield "privileged"
    mode = config.network_mode or ""
    if mode == "host" and not policy.host_network:
        yield "networkMode host"
    if mode.startswith("container:") and not policy.container_network:
        yield f"networkMode {mode}"
    for device in config.devices:
        if device.partition(":")[0] not in policy.devices:
            yield f"device {device}"
    allowed = {_capability(name) for name in policy.cap_add}
    yield from (f"capAdd {name}" for name in config.cap_add if _capability(name) not in allowed)
    for volume in config.volumes:
        if volume.is_bind:
            yield from bind_objections(
                volume.source, policy.bind_mounts, host, engine_socket=policy.engine_socket
            )
    driver = config.logging.driver if config.logging else "local"
    if driver not in LOCAL_LOG_DRIVERS and driver not in policy.log_drivers:
        yield f"log driver {driver}"


def _capability(name: str) -> str:
    return name.removeprefix("CAP_")
