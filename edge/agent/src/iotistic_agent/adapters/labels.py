"""What containers tell of the device that made them."""

import json
from pathlib import Path
from urllib.parse import urlencode

from iotistic_agent.adapters.unix_http import UnixHttp
from iotistic_agent.faults import EngineFault
from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_uuid

__all__ = ["labelled_uuid"]

_DEVICE, _SITE = "iotistic.device", "iotistic.site"


def labelled_uuid(engine_socket: Path, site: str | None) -> str | None:
    """Return the one uuid that the containers of the engine (and site) are labelled with.

    None when there are several or none, or the engine doesn't answer.
    """
    labels = [_DEVICE] if site is None else [_DEVICE, f"{_SITE}={site}"]
    query = urlencode({"all": "1", "filters": json.dumps({"label": labels})})
    try:
        status, listed = UnixHttp(engine_socket).call("GET", f"/containers/json?{query}")
        found = {each["Labels"][_DEVICE] for each in listed} if status == 200 else set()
        return check_uuid(found.pop()) if len(found) == 1 else None
    except (EngineFault, ContractError, KeyError, TypeError):
        return None
