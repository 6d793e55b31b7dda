"""What the status page is told by its environment."""

from iotistic_kit.settings import ServiceSettings

__all__ = ["Settings"]


class Settings(ServiceSettings):
    """``API_URL`` is the tenant API whose state is shown."""

    port: int = 3000
    api_url: str
