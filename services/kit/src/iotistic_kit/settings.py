"""Settings from the environment, read once; every secret ``X`` also from the file ``X_FILE``."""

from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError as SourceError

from . import conninfo
from .errors import StopError

__all__ = ["ServiceSettings", "SettingsError", "read_settings"]

Settings = TypeVar("Settings", bound=BaseSettings)


class SettingsError(StopError):
    """The environment lacks something or has it wrong; no value is repeated."""


class ServiceSettings(BaseSettings):
    """What every service is told: where it listens, its certificate, database and peers."""

    model_config = SettingsConfigDict(
        case_sensitive=False, extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    public_url: str = ""
    log_level: str = "info"
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_ca_file: Path | None = None
    tls_client_ca_file: Path | None = None
    db_host: str = "127.0.0.1"
    db_port: int = 5432
    db_name: str = "iotistic"
    db_user: str = "iotistic"
    db_password: SecretStr | None = None
    database_url: SecretStr | None = None
    customer_id: str = ""
    billing_url: str = ""
    billing_token: SecretStr | None = None

    @field_validator("database_url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        return url and SecretStr(conninfo.check(url.get_secret_value()))

    @property
    def conninfo(self) -> str:
        """The connection string for the database; it holds the password.

        With ``TLS_CA_FILE`` the server's certificate is verified against it.
        """
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        secret = self.db_password.get_secret_value() if self.db_password else None
        return make_conninfo(
            host=self.db_host,
            port=self.db_port,
            dbname=self.db_name,
            user=self.db_user,
            password=secret,
            **self._database_tls(),
        )

    def _database_tls(self) -> dict[str, str]:
        if self.tls_ca_file is None:
            return {}
        return {"sslmode": "verify-full", "sslrootcert": str(self.tls_ca_file)}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take a secret's file before its variable."""
        return init_settings, _SecretFiles(settings_cls), env_settings


class _SecretFiles(EnvSettingsSource):
    """Reads each secret field ``x`` from the file that ``X_FILE`` names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = f"{field_name}_file"
        path = self.env_vars.get(name) if _is_secret(field.annotation) else None
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as exc:
            reason = getattr(exc, "strerror", None) or "not text"
            raise SettingsError(f"{name.upper()}: can't read {path}: {reason}") from None


def read_settings(settings: type[Settings]) -> Settings:
    """Return ``settings`` as the environment has them; SettingsError names what is wrong."""
    try:
        return settings()
    except SourceError as exc:
        raise (exc.__cause__ if isinstance(exc.__cause__, SettingsError) else exc) from None
    except ValidationError as exc:
        faults = exc.errors(include_input=False, include_url=False, include_context=False)
        lines = [f"{'_'.join(map(str, f['loc'])).upper()}: {f['msg']}" for f in faults]
        raise SettingsError(f"the environment is wrong: {'; '.join(lines)}") from None


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)
