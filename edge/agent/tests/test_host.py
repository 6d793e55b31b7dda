"""What of its host the agent lets no container mount."""

import pytest

from iotistic_agent.adapters.host import host_paths
from iotistic_agent.settings import from_environment
from iotistic_contract.planning.host_paths import bind_objections


@pytest.mark.parametrize(
    ("path", "venv", "denied"),
    [
        ("opt/iotistic/1.0", True, True),
        ("opt/iotistic/1.0/lib", True, True),
        ("opt/iotistic/etc", True, True),
        ("opt/iotistic", False, True),
        ("opt/iotistic/etc", False, False),
        ("keys", True, True),
        ("registries", True, True),
        ("var/state", True, True),
        ("srv/data", True, False),
    ],
)
def test_what_is_the_agents_own(tmp_path, path, venv, denied):
    program = tmp_path / "opt/iotistic/1.0"
    program.mkdir(parents=True)
    if venv:
        (program / "pyvenv.cfg").touch()
    settings = from_environment(
        {
            "STATE_DIR": str(tmp_path / "var/state"),
            "PROVISIONING_API_KEY_FILE": str(tmp_path / "keys/provisioning-key"),
            "REGISTRY_AUTH_FILE": str(tmp_path / "registries/auth.json"),
        }
    )
    source = str(tmp_path / path)
    host = host_paths(settings, program)
    assert bool([*bind_objections(source, (source,), host, engine_socket=False)]) is denied
