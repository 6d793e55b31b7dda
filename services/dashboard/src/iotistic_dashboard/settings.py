"""What the dashboard is told by its environment."""

from pathlib import Path

from pydantic import SecretStr

from iotistic_kit.settings import ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """``API_URL`` is the tenant API; ``STATE_DIR`` keeps the sessions and the key they need."""

    port: int = 3000
    api_url: str
    state_dir: Path
    key_file: Path | None = None
    """The key that sessions are sealed with; made in ``state_dir`` unless told."""
    proxy_secret: SecretStr | None = None
    """By which the API believes whom this dashboard speaks for."""
    trusted_proxy: str = ""
    """Address of the proxy whose X-Forwarded-For is believed; none unless told."""
    tenant_name: str = ""
    """What the pages call this system; 'Iotistic' unless told."""
