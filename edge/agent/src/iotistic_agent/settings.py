"""The environment of the agent, read once."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_uuid
from iotistic_contract.provisioning import ProvisioningString

from .faults import SettingsRefused
from .images.registry_settings import RegistrySettings, registry_settings
from .proxies import Proxies

__all__ = ["Settings", "from_environment"]

_KEY_FILE = "PROVISIONING_API_KEY_FILE"
_SOCKET_PATH_BYTES = 107
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the agent was told at its start; intervals in milliseconds."""

    state_dir: Path
    engine_socket: Path
    policy_file: Path
    provisioning: ProvisioningString | None = field(default=None, repr=False)
    provisioning_file: Path | None = None
    ca_file: Path | None = None
    device_uuid: str | None = None
    device_name: str | None = None
    device_type: str | None = None
    device_address: str | None = None
    site: str | None = None
    poll_interval_ms: int | None = None
    report_interval_ms: int = 60_000
    metrics_interval_ms: int | None = None
    health_window_ms: int | None = None
    health_timeout_ms: int | None = None
    local_api_socket: Path | None = None
    local_api_port: int | None = None
    log_level: str = "info"
    release_key_file: Path | None = None
    upgrade_window_ms: int = 30_000
    upgrade_timeout_ms: int = 300_000
    reboot_command: tuple[str, ...] | None = None
    shutdown_command: tuple[str, ...] | None = None
    require_provisioning: bool = False
    registries: RegistrySettings = field(default_factory=RegistrySettings)

    @property
    def proxies(self) -> Proxies:
        """The way to tenant, broker and registries."""
        return self.registries.proxies

    @property
    def api_socket(self) -> Path:
        """Where the local API is."""
        return self.local_api_socket or self.state_dir / "agent.sock"


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings; SettingsRefused names the variable that is wrong."""
    given = os.environ if environment is None else environment  # noqa: TID251 -- this is the place
    words = {name: text.strip() for name, text in given.items() if text.strip()}
    string = _provisioning(words)
    _check_endpoint(words, string)
    return Settings(
        state_dir=Path(words.get("STATE_DIR", "/var/lib/iotistic")),
        engine_socket=_socket(words.get("DOCKER_HOST", "unix:///var/run/docker.sock")),
        policy_file=Path(words.get("POLICY_FILE", "/etc/iotistic/policy.json")),
        provisioning=string,
        provisioning_file=Path(words[_KEY_FILE]) if _KEY_FILE in words else None,
        ca_file=Path(words["CA_FILE"]) if "CA_FILE" in words else None,
        device_uuid=_uuid(words.get("DEVICE_UUID")),
        device_name=words.get("DEVICE_NAME"),
        device_type=words.get("DEVICE_TYPE"),
        device_address=words.get("DEVICE_ADDRESS"),
        site=words.get("IOTISTIC_SITE"),
        poll_interval_ms=_interval(words, "POLL_INTERVAL_MS"),
        report_interval_ms=_interval(words, "REPORT_INTERVAL_MS") or 60_000,
        metrics_interval_ms=_interval(words, "METRICS_INTERVAL_MS"),
        health_window_ms=_interval(words, "HEALTH_WINDOW_MS", least=0),
        health_timeout_ms=_interval(words, "HEALTH_TIMEOUT_MS"),
        local_api_socket=Path(words["LOCAL_API_SOCKET"]) if "LOCAL_API_SOCKET" in words else None,
        local_api_port=_port(words),
        log_level=_level(words.get("LOG_LEVEL", "info")),
        registries=_registries(words),
        require_provisioning=_flag(words, "REQUIRE_PROVISIONING"),
        reboot_command=_command(words, "REBOOT_COMMAND"),
        shutdown_command=_command(words, "SHUTDOWN_COMMAND"),
        release_key_file=Path(words["RELEASE_KEY_FILE"]) if "RELEASE_KEY_FILE" in words else None,
        upgrade_window_ms=_interval(words, "UPGRADE_WINDOW_MS") or 30_000,
        upgrade_timeout_ms=_interval(words, "UPGRADE_TIMEOUT_MS") or 300_000,
    )


def _socket(text: str) -> Path:
    path = text.removeprefix("unix://")
    if not text.startswith("unix:///"):
        raise SettingsRefused(f"DOCKER_HOST: only unix:///path is taken, not {text!r}")
    if len(path.encode()) > _SOCKET_PATH_BYTES:
        raise SettingsRefused(f"DOCKER_HOST: a socket's path has at most 107 bytes: {path}")
    return Path(path)


def _provisioning(words: Mapping[str, str]) -> ProvisioningString | None:
    """Read the string from PROVISIONING_API_KEY_FILE, else from PROVISIONING_API_KEY."""
    name, text = "PROVISIONING_API_KEY", words.get("PROVISIONING_API_KEY")
    if _KEY_FILE in words:
        name, path = _KEY_FILE, Path(words[_KEY_FILE])
        if not path.exists():
            return None
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsRefused(f"{name}: can't read {path}: {type(exc).__name__}") from None
    if not text:
        return None
    try:
        return ProvisioningString.parse(text)
    except ContractError as exc:
        raise SettingsRefused(f"{name}: {exc}") from None


def _check_endpoint(words: Mapping[str, str], string: ProvisioningString | None) -> None:
    """Refuse an endpoint that isn't the string's: the string wins, and nobody shall wonder."""
    endpoint = words.get("CLOUD_API_ENDPOINT") or words.get("CLOUD_API_URL")
    if endpoint and string and endpoint.rstrip("/").removesuffix(":443") != string.origin:
        raise SettingsRefused(
            f"CLOUD_API_ENDPOINT {endpoint} isn't {string.origin} of the provisioning string;"
            " leave it out"
        )


def _uuid(text: str | None) -> str | None:
    try:
        return None if text is None else check_uuid(text)
    except ContractError as exc:
        raise SettingsRefused(f"DEVICE_UUID: {exc}") from None


def _interval(words: Mapping[str, str], name: str, *, least: int = 100) -> int | None:
    text = words.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= 86_400_000:
        raise SettingsRefused(f"{name}: from {least} to 86400000 milliseconds, not {text!r}")
    return int(text)


def _port(words: Mapping[str, str]) -> int | None:
    text = words.get("LOCAL_API_PORT")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SettingsRefused(f"LOCAL_API_PORT: a port from 1 to 65535, not {text!r}")
    return int(text)


def _registries(words: Mapping[str, str]) -> RegistrySettings:
    try:
        return registry_settings(words)
    except ValueError as exc:
        raise SettingsRefused(str(exc)) from None


def _flag(words: Mapping[str, str], name: str) -> bool:
    text = words.get(name, "false").lower()
    if text not in ("true", "false"):
        raise SettingsRefused(f"{name}: true or false, not {text!r}")
    return text == "true"


def _command(words: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    """Return a program's arguments, quoted as for a shell, which none ever sees."""
    if name not in words:
        return None
    try:
        return tuple(shlex.split(words[name]))
    except ValueError as exc:
        raise SettingsRefused(f"{name}: {exc}") from None


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise SettingsRefused(f"LOG_LEVEL: one of {', '.join(_LEVELS)}, not {text!r}")
    return text.lower()
