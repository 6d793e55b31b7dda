"""Who the device is, from wherever that is still known."""

import uuid
from pathlib import Path

from iotistic_agent.adapters.labels import labelled_uuid
from iotistic_agent.adapters.store import Store
from iotistic_agent.settings import Settings
from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_uuid
from iotistic_pki.files import write_atomic

__all__ = ["device_uuid"]


def device_uuid(settings: Settings, store: Store) -> str:
    """Return the device's uuid.

    Beside the database it is in a file of its own; where both are lost, the containers that the
    device made tell it.
    """
    copy = settings.state_dir / "uuid"
    kept = written = _written_uuid(copy)
    if kept is None and store.rebuilt:
        kept = labelled_uuid(settings.engine_socket, settings.site)
    known = store.identity.uuid(settings.device_uuid or kept, lambda: str(uuid.uuid4()))
    if known != written:
        write_atomic(copy, known.encode("ascii"), 0o600)
    return known


def _written_uuid(path: Path) -> str | None:
    try:
        return check_uuid(path.read_bytes().decode("ascii").strip())
    except (FileNotFoundError, UnicodeDecodeError, ContractError):
        return None
