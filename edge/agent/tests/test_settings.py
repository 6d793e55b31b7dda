import pytest

from iotistic_agent.faults import SettingsRefused
from iotistic_agent.settings import from_environment
from iotistic_contract.codec import b64u_encode

STRING = f"iotp1.k1.{b64u_encode(b's' * 32)}.{b64u_encode(b'p' * 32)}@api.example.test:3002"


def test_defaults():
    settings = from_environment({})
    assert str(settings.state_dir) == "/var/lib/iotistic"
    assert str(settings.engine_socket) == "/var/run/docker.sock"
    assert settings.provisioning is None
    assert settings.poll_interval_ms is None


def test_the_string_comes_from_a_file_before_the_variable(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{STRING}\n")
    settings = from_environment(
        {"PROVISIONING_API_KEY_FILE": str(file), "PROVISIONING_API_KEY": "nonsense"}
    )
    assert str(settings.provisioning) == STRING
    assert b64u_encode(b"s" * 32) not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PROVISIONING_API_KEY": "iotp1.x"}, "PROVISIONING_API_KEY"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:2375"}, "DOCKER_HOST"),
        ({"DOCKER_HOST": "unix:///" + "x" * 110}, "107 bytes"),
        ({"DEVICE_UUID": "ABC"}, "DEVICE_UUID"),
        ({"POLL_INTERVAL_MS": "soon"}, "POLL_INTERVAL_MS"),
        ({"REPORT_INTERVAL_MS": "5"}, "REPORT_INTERVAL_MS"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"LOCAL_API_PORT": "70000"}, "LOCAL_API_PORT"),
        ({"LOCAL_API_PORT": "http"}, "LOCAL_API_PORT"),
        ({"REGISTRY_MIRRORS": "lan:5000"}, "REGISTRY_MIRRORS"),
        ({"REGISTRY_MIRRORS": "http://lan:5000"}, "name lan:5000 in REGISTRY_INSECURE"),
        ({"IMAGE_STORE_MAX_MB": "0"}, "IMAGE_STORE_MAX_MB"),
        ({"HTTPS_PROXY": "socks5://lan:1080"}, "HTTPS_PROXY"),
        (
            {"PROVISIONING_API_KEY": STRING, "CLOUD_API_ENDPOINT": "https://other.example"},
            "CLOUD_API_ENDPOINT",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(environment, words):
    with pytest.raises(SettingsRefused, match=words) as caught:
        from_environment(environment)
    assert b64u_encode(b"s" * 32) not in str(caught.value)


def test_the_same_endpoint_beside_the_string_is_fine():
    settings = from_environment(
        {"PROVISIONING_API_KEY": STRING, "CLOUD_API_URL": "https://api.example.test:3002/"}
    )
    assert settings.provisioning is not None


def test_what_is_said_of_registries():
    registries = from_environment(
        {
            "REGISTRY_MIRRORS": "https://one, ghcr.io=http://lan:5000",
            "REGISTRY_INSECURE": "lan:5000",
            "REGISTRY_AUTH_FILE": "/etc/iotistic/registries.json",
            "IMAGE_STORE_MAX_MB": "512",
        }
    ).registries
    assert [each.host for each in registries.mirrors] == ["one", "lan:5000"]
    assert registries.store_bytes == 512 * 2**20
    assert str(registries.auth_file) == "/etc/iotistic/registries.json"
    assert str(registries.certs_dir) == "/etc/docker/certs.d"
