"""``config`` of a service: everything that a container is made from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .codec import OMIT_DEFAULT, check_fields
from .container_texts import (
    Address,
    Capability,
    DevicePath,
    ExtraHost,
    Hostname,
    LogDriver,
    NetworkMode,
    Restart,
    Signal,
    Tmpfs,
    User,
)
from .errors import ContractError
from .ids import EngineName
from .ports import Port
from .probes import Healthcheck, Probe
from .quantities import Cpu, Duration, Memory
from .secret import Secret
from .times import parse_time
from .volumes import AbsolutePath, Volume

__all__ = ["RESTARTED_AT", "DependsOn", "Logging", "Quantities", "Resources", "ServiceConfig"]

MIN_MEMORY = 6 * 2**20
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_RESERVED_LABELS = "iotistic."
RESTARTED_AT = "iotistic.restarted-at"
"""The one label of ours in a delivered config: a new time in it means a new container."""


class DependsOn(StrEnum):
    """What must be true of another service before this one starts."""

    STARTED = "started"
    HEALTHY = "healthy"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """Cores and memory."""

    cpu: Cpu | None = None
    memory: Memory | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The most that a service may use, and what is kept for it."""

    limits: Quantities = field(default_factory=Quantities, metadata=OMIT_DEFAULT)
    requests: Quantities = field(default_factory=Quantities, metadata=OMIT_DEFAULT)
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.limits.memory is not None and self.limits.memory.octets < MIN_MEMORY:
            raise ContractError("/limits/memory", "less than 6Mi, the least that an engine takes")
        for name in ("cpu", "memory"):
            limit, request = getattr(self.limits, name), getattr(self.requests, name)
            if limit is not None and request is not None and request > limit:
                raise ContractError(f"/requests/{name}", f"more than /limits/{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Where the engine puts the container's output."""

    driver: LogDriver
    options: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """The container of one service; what isn't said is as the image says it."""

    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    networks: tuple[EngineName, ...] = ()
    network_mode: NetworkMode | None = None
    restart: Restart = field(default="unless-stopped", metadata=OMIT_DEFAULT)
    labels: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: User | None = None
    working_dir: AbsolutePath | None = None
    hostname: Hostname | None = None
    devices: tuple[DevicePath, ...] = ()
    cap_add: tuple[Capability, ...] = ()
    cap_drop: tuple[Capability, ...] = ()
    privileged: bool = field(default=False, metadata=OMIT_DEFAULT)
    read_only: bool = field(default=False, metadata=OMIT_DEFAULT)
    tmpfs: tuple[Tmpfs, ...] = ()
    extra_hosts: tuple[ExtraHost, ...] = ()
    dns: tuple[Address, ...] = ()
    logging: Logging | None = None
    stop_signal: Signal | None = None
    stop_grace_period: Duration | None = None
    depends_on: Mapping[str, DependsOn] = field(default_factory=dict)
    resources: Resources | None = None
    healthcheck: Healthcheck | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_variables()
        self._check_labels()
        self._check_network()
        self._check_mounts()
        self._check_repetitions()

    def _check_variables(self) -> None:
        for section in ("environment", "secrets"):
            for name in getattr(self, section):
                if not _VARIABLE.fullmatch(name):
                    raise ContractError("", "not a variable's name").under(section, name)
        for name in sorted(self.secrets.keys() & self.environment.keys()):
            raise ContractError("", "also in environment").under("secrets", name)

    def _check_labels(self) -> None:
        for name, text in self.labels.items():
            if name == RESTARTED_AT:
                _check_time(name, text)
            elif not name or name.startswith(_RESERVED_LABELS):
                raise ContractError("", "labels under iotistic. are the agent's").under(
                    "labels", name
                )

    def _check_network(self) -> None:
        if self.network_mode is None:
            return
        if self.networks:
            raise ContractError("/networks", f"not together with networkMode {self.network_mode}")
        if self.ports and self.network_mode != "bridge":
            raise ContractError("/ports", f"not together with networkMode {self.network_mode}")
        if self.shares_network:
            for name, wire in (("hostname",) * 2, ("dns",) * 2, ("extra_hosts", "extraHosts")):
                if getattr(self, name):
                    raise ContractError(wire, f"not together with networkMode {self.network_mode}")

    @property
    def shares_network(self) -> bool:
        """Whether the network is that of another container, its names and addresses included."""
        return (self.network_mode or "").startswith(("service:", "container:"))

    @property
    def network_service(self) -> str | None:
        """The name of the service whose network this one shares, if that is so."""
        mode, _, name = (self.network_mode or "").partition(":")
        return name if mode == "service" else None

    def _check_mounts(self) -> None:
        seen = {path.partition(":")[0] for path in self.tmpfs}
        for index, volume in enumerate(self.volumes):
            if volume.target in seen:
                raise ContractError(f"/volumes/{index}", f"{volume.target} is mounted twice")
            seen.add(volume.target)

    def _check_repetitions(self) -> None:
        for name in ("networks", "devices", "cap_add", "cap_drop", "tmpfs", "extra_hosts", "dns"):
            items = getattr(self, name)
            for index, item in enumerate(items):
                if item in items[:index]:
                    wire = {"cap_add": "capAdd", "cap_drop": "capDrop", "extra_hosts": "extraHosts"}
                    raise ContractError("", "stands twice").under(wire.get(name, name), index)


def _check_time(label: str, text: str) -> None:
    try:
        parse_time(text)
    except ContractError as exc:
        raise exc.under("labels", label) from None
