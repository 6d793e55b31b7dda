"""The environment that Ansible runs in: addresses and paths, no secret."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iotistic_billing.settings import WorkerSettings

__all__ = ["environment_for"]


def environment_for(settings: WorkerSettings) -> dict[str, str]:
    """Return the whole environment of a run; secrets are named as files."""
    programs = [str(Path(sys.executable).parent), settings.path]
    if settings.deploy_ansible_playbook is not None:
        programs.insert(0, str(settings.deploy_ansible_playbook.parent))
    told = {
        "PATH": ":".join(programs),
        "HOME": settings.home,
        "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": str(settings.deploy_project_dir / "ansible.cfg"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_FORCE_COLOR": "0",
        "IOTISTIC_BILLING_URL": settings.billing_url or settings.public_url,
        "IOTISTIC_BILLING_TOKEN_FILE": _text(settings.admin_token_file),
        "IOTISTIC_CA_FILE": _text(settings.tls_ca_file),
        "IOTISTIC_STATE": _text(settings.iotistic_state),
        "IOTISTIC_NET": settings.iotistic_net,
        "IOTISTIC_SITE": settings.iotistic_site,
    }
    return {name: value for name, value in told.items() if value}


def _text(path: Path | None) -> str:
    return str(path.absolute()) if path else ""
