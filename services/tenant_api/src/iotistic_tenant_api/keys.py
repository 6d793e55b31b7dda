"""The key files of a tenant that its API makes for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iotistic_kit.errors import StopError
from iotistic_pki.keys import KeyKind, new_key, write_private
from iotistic_pki.wrapping import ProvisioningKeys
from iotistic_tenant_api.security.data_key import make_data_key

if TYPE_CHECKING:
    from pathlib import Path

    from iotistic_tenant_api.settings import TenantSettings

__all__ = ["make_missing_keys", "next_order_key_file", "order_key_files", "roll_over"]

PROVISIONING_KEY_LIFE = timedelta(days=90)


def make_missing_keys(settings: TenantSettings, now: datetime, *, first_run: bool) -> list[str]:
    """Make the keys that aren't there yet, and return the files' paths.

    The data key is made at the first migration only: later, its loss would hide behind a new one.
    """
    made: list[str] = []
    current = settings.provisioning_keys_dir / "current.pem"
    if not current.exists():
        ProvisioningKeys.ensure(settings.provisioning_keys_dir, now)
        made.append(str(settings.provisioning_keys_dir))
    for path in (settings.order_key_file, next_order_key_file(settings.order_key_file)):
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, new_key(KeyKind.ED25519))
            made.append(str(path))
    if not settings.data_key_file.exists():
        if not first_run:
            raise StopError(
                f"the data key {settings.data_key_file} is gone, and the database may hold secrets"
                " under it: restore it from a backup"
            )
        make_data_key(settings.data_key_file)
        made.append(str(settings.data_key_file))
    return made


def next_order_key_file(current: Path) -> Path:
    """Return where the order key is that will take the place of the one in `current`."""
    return current.with_name(f"{current.stem}-next{current.suffix}")


def order_key_files(current: Path) -> tuple[Path, ...]:
    """Return the files of the order keys that devices are to trust, the current one first."""
    later = next_order_key_file(current)
    return (current, later) if later.exists() else (current,)


def roll_over(folder: Path, now: datetime) -> bool:
    """Replace a provisioning key older than 90 days; the one before is good 10 minutes more."""
    made = datetime.fromtimestamp((folder / "current.pem").stat().st_mtime, UTC)
    if now - made < PROVISIONING_KEY_LIFE:
        return False
    ProvisioningKeys.rotate(folder, now)
    return True
