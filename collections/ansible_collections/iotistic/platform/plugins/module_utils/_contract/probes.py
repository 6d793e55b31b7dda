# Copied by tools/vendor.py: change the source, not this.  pylint: skip-file
"""Health checks: Docker's own, and probes that the agent runs (http, tcp or exec)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from .codec import check_fields
from .errors import ContractError
from .quantities import Duration

__all__ = ["ExecProbe", "Healthcheck", "HttpProbe", "Probe", "TcpProbe"]


def _check_port(number: int) -> None:
    if not 1 <= number <= 65535:
        raise ContractError("", f"port {number} is not between 1 and 65535")


def _check_positive(number: int) -> None:
    if not 1 <= number <= 86_400:
        raise ContractError("", "not between 1 and 86400")


def _check_delay(number: int) -> None:
    if not 0 <= number <= 86_400:
        raise ContractError("", "not between 0 and 86400")


PortNumber = Annotated[int, _check_port]
Positive = Annotated[int, _check_positive]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """Docker's health check; ``test`` begins with CMD, CMD-SHELL or NONE."""

    test: tuple[str, ...]
    interval: Duration | None = None
    timeout: Duration | None = None
    start_period: Duration | None = None
    start_interval: Duration | None = None
    retries: Positive | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        lengths = {"NONE": (1, 1), "CMD": (2, 1000), "CMD-SHELL": (2, 2)}
        least, most = lengths.get(self.test[0] if self.test else "", (1, 0))
        if not least <= len(self.test) <= most:
            raise ContractError(
                "/test", 'begins with "CMD", "CMD-SHELL" or "NONE", then what to run'
            )
        for name in ("interval", "timeout"):
            if getattr(self, name) == Duration(0):
                raise ContractError(f"/{name}", "is not above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """A GET that must answer 200 to 399, or ``expected_status``."""

    port: PortNumber
    path: str = "/"
    scheme: Literal["http", "https"] = "http"
    headers: Mapping[str, str] = field(default_factory=dict)
    expected_status: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.path.startswith("/") or not self.path.isprintable() or " " in self.path:
            raise ContractError("/path", "not a path that begins with /")
        if self.expected_status is not None and not 100 <= self.expected_status <= 599:
            raise ContractError("/expectedStatus", "not an HTTP status")
        for name, text in self.headers.items():
            if (
                not name.isprintable()
                or not name
                or set(name) & set(' :"')
                or not text.isprintable()
            ):
                raise ContractError("", "not an HTTP header").under("headers", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe:
    """A connection that must be accepted."""

    port: PortNumber
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecProbe:
    """An argument list, run in the container, that must end with 0."""

    command: tuple[str, ...]
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.command or not self.command[0]:
            raise ContractError("/command", "is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Exactly one of ``http``, ``tcp`` and ``exec``, with Kubernetes' timing fields."""

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    exec: ExecProbe | None = None
    initial_delay_seconds: Annotated[int, _check_delay] = 0
    period_seconds: Positive = 10
    timeout_seconds: Positive = 1
    success_threshold: Positive = 1
    failure_threshold: Positive = 3
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if sum(way is not None for way in (self.http, self.tcp, self.exec)) != 1:
            raise ContractError("", "needs exactly one of http, tcp and exec")
