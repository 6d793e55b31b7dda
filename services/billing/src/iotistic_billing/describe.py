"""Write this API's description: ``python -m iotistic_billing.describe FILE [--check]``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr

from iotistic_kit.openapi import describe

from .app import TITLE, VERSION, create_app
from .runtime import build
from .settings import BillingSettings

__all__ = ["main", "text"]


def text() -> str:
    """Return the description as it is committed; needs neither database nor keys."""
    nowhere = Path(tempfile.gettempdir()) / "nowhere"
    settings = BillingSettings(
        license_keys_dir=nowhere,
        admin_token=SecretStr("-" * 32),
        api_key_seed=SecretStr("-" * 32),
        deploy_project_dir=nowhere,
    )
    return json.dumps(describe(create_app(build(settings).parts), TITLE, VERSION), indent=2) + "\n"


def main() -> int:
    """Write the file, or with ``--check`` only say whether it is current."""
    path, check = Path(sys.argv[1]), "--check" in sys.argv[2:]
    current = text()
    if not check:
        path.write_text(current, encoding="utf-8")
        return 0
    if path.read_text(encoding="utf-8") == current:
        return 0
    sys.stderr.write(f"{path} is stale: python -m iotistic_billing.describe {path}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
