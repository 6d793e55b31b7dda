"""Target states: what people write (``Spec``) and what a device gets (``TargetState``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from .codec import check_fields
from .conflicts import conflicts
from .device_config import AgentLogging, DeviceConfig, LinkProfile, LogLevel, Settings
from .errors import ContractError
from .ids import AppId, Count, EngineName, ServiceId
from .images import Image, ImageName
from .ports import Port
from .probes import ExecProbe, Healthcheck, HttpProbe, Probe, TcpProbe
from .quantities import Cpu, Duration, Memory
from .secret import MASK, Secret
from .service_config import (
    RESTARTED_AT,
    DependsOn,
    Logging,
    Quantities,
    Resources,
    ServiceConfig,
)
from .volumes import Volume

__all__ = [
    "MASK",
    "AgentLogging",
    "App",
    "Cpu",
    "Delivered",
    "DependsOn",
    "DeviceConfig",
    "Duration",
    "ExecProbe",
    "Healthcheck",
    "HttpProbe",
    "Image",
    "LinkProfile",
    "LogLevel",
    "Logging",
    "Memory",
    "Port",
    "Probe",
    "PullPolicy",
    "Quantities",
    "Resources",
    "Secret",
    "Service",
    "ServiceConfig",
    "ServiceState",
    "Settings",
    "Spec",
    "TargetState",
    "TcpProbe",
    "UpdateStrategy",
    "Volume",
]


class ServiceState(StrEnum):
    """What a service's container is to do."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"


class PullPolicy(StrEnum):
    """When an image is asked for at its registry."""

    IF_NOT_PRESENT = "ifNotPresent"
    ALWAYS = "always"


class UpdateStrategy(StrEnum):
    """In which order the old container goes and the new image comes."""

    DOWNLOAD_THEN_KILL = "download-then-kill"
    KILL_THEN_DOWNLOAD = "kill-then-download"
    DELETE_THEN_DOWNLOAD = "delete-then-download"
    HAND_OVER = "hand-over"


def _check_app_name(text: str) -> None:
    if not 1 <= len(text) <= 64 or not text.isprintable() or text != text.strip():
        raise ContractError("", "not a name of 1 to 64 printable characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One container that the device must have."""

    service_id: ServiceId
    service_name: EngineName
    image_name: ImageName
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    state: ServiceState = ServiceState.RUNNING
    update_strategy: UpdateStrategy = UpdateStrategy.DOWNLOAD_THEN_KILL
    config: ServiceConfig = field(default_factory=ServiceConfig)
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_hand_over()

    def _check_hand_over(self) -> None:
        """Refuse what two containers of one service can't have at the same time."""
        mode = self.config.network_mode
        if self.update_strategy is UpdateStrategy.HAND_OVER:
            if self.config.ports:
                raise ContractError("/updateStrategy", "hand-over: not together with ports")
            if mode not in (None, "bridge", "none"):
                detail = f"hand-over: not together with networkMode {mode}"
                raise ContractError("/updateStrategy", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Services that belong together; their names are unique in it."""

    app_id: AppId
    app_name: Annotated[str, _check_app_name]
    services: tuple[Service, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a device gets of a spec and its overrides; ``apps`` by app id."""

    apps: Mapping[str, App]
    config: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        for conflict in conflicts(self.apps):
            raise conflict

    def services(self) -> Iterator[Service]:
        """Yield the services of all apps."""
        for app in self.apps.values():
            yield from app.services


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(Delivered):
    """The whole of what people write for one device; restarts are no part of it."""

    def __post_init__(self) -> None:
        Delivered.__post_init__(self)
        for key, app in self.apps.items():
            for index, service in enumerate(app.services):
                if RESTARTED_AT in service.config.labels:
                    raise ContractError("", "labels under iotistic. are the agent's").under(
                        "apps", key, "services", index, "config", "labels", RESTARTED_AT
                    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """The document that a device gets.

    ``apps`` None stands only with ``version`` 0, for a device that nothing was ever written for:
    it keeps what it runs; only ``{}`` empties it.
    """

    schema: Literal[1] = 1
    version: Count
    apps: Mapping[str, App] | None = None
    config: DeviceConfig | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.apps is None and self.version != 0:
            raise ContractError("/apps", "may be absent only with version 0")
        for conflict in conflicts(self.apps or {}):
            raise conflict

    def services(self) -> Iterator[Service]:
        """Yield the services of all apps."""
        for app in (self.apps or {}).values():
            yield from app.services
