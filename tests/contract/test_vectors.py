"""Every vector goes through the contract, and through the copy that the collection carries.

``vectors/valid/<kind>/<name>.json`` is a document, ``vectors/invalid/<kind>/<name>.json`` is
``{"pointer", "document"}``. ``{"texts": […]}`` holds many short ones, each of them (in)valid.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
VECTORS = HERE / "vectors"
COLLECTIONS = HERE.parents[1] / "collections"
PACKAGES = (
    "iotistic_contract",
    "ansible_collections.iotistic.platform.plugins.module_utils._contract",
)

DOCUMENTS = {
    "broker-config": ("provisioning", "BrokerConfig", "keep"),
    "certificates-request": ("provisioning", "CertificatesRequest", "keep"),
    "credentials": ("provisioning", "Credentials", "keep"),
    "event-line": ("lanes", "EventLine", "keep"),
    "key-exchange-answer": ("provisioning", "KeyExchangeAnswer", "keep"),
    "key-exchange-request": ("provisioning", "KeyExchangeRequest", "keep"),
    "license": ("license", "License", "keep"),
    "log-line": ("lanes", "LogLine", "keep"),
    "metrics-line": ("lanes", "MetricsLine", "keep"),
    "order": ("orders", "Order", "keep"),
    "reading-line": ("lanes", "ReadingLine", "keep"),
    "register-answer": ("provisioning", "RegisterAnswer", "keep"),
    "register-request": ("provisioning", "RegisterRequest", "keep"),
    "registration-payload": ("provisioning", "RegistrationPayload", "keep"),
    "release-request": ("provisioning", "ReleaseRequest", "keep"),
    "report": ("report", "Report", "keep"),
    "rotate-key-request": ("provisioning", "RotateKeyRequest", "keep"),
    "spec": ("target_state", "Spec", "refuse"),
    "target-state": ("target_state", "TargetState", "keep"),
}
TEXTS = {
    "base64url": ("base64url", "b64u_decode"),
    "cpu": ("quantities", "Cpu.from_wire"),
    "customer-id": ("ids", "check_customer_id"),
    "duration": ("quantities", "Duration.from_wire"),
    "external-id": ("ids", "check_external_id"),
    "image": ("images", "check_image"),
    "mac-address": ("ids", "check_mac_address"),
    "memory": ("quantities", "Memory.from_wire"),
    "name": ("ids", "check_name"),
    "port": ("ports", "Port.from_wire"),
    "provisioning-key-id": ("ids", "check_provisioning_key_id"),
    "provisioning-string": ("provisioning", "ProvisioningString.parse"),
    "time": ("times", "parse_time"),
    "uuid": ("ids", "check_uuid"),
    "volume": ("volumes", "Volume.from_wire"),
}


class Contract:
    """One copy of the contract, looked into by module and name."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find(self, module: str, name: str) -> Any:
        """Return what ``module`` calls ``name`` (``Class.method`` too)."""
        found: Any = importlib.import_module(f"{self.package}.{module}")
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def reader(self, kind: str) -> Callable[[Any], object]:
        """Return what reads a vector's document of ``kind``."""
        if kind in DOCUMENTS:
            module, name, unknown = DOCUMENTS[kind]
            cls, decode = self.find(module, name), self.find("codec", "decode")
            return lambda document: decode(cls, document, unknown=unknown)
        if kind in TEXTS:
            read = self.find(*TEXTS[kind])
            return lambda document: read(document["text"] if type(document) is dict else document)
        readers: dict[str, Callable[[Any], object]] = {
            "canonical": self.canonical,
            "etag": self.etag,
            "json": self.json,
            "overrides": self.find("overrides", "overrides_from"),
            "topic": self.topic,
        }
        return readers[kind]

    def json(self, document: dict[str, str]) -> object:
        content = self.find("base64url", "b64u_decode")(document["base64url"])
        return self.find("json_text", "parse_json")(content)

    def canonical(self, document: Any) -> object:
        canonical = self.find("canonical_json", "canonical")
        if isinstance(document, list):
            return canonical(document)
        assert canonical(document["document"]).decode() == document["canonical"]
        return document

    def etag(self, vector: dict[str, Any]) -> object:
        digest = hashlib.sha256(vector["hashed"].encode()).hexdigest()[:32]
        assert vector["etag"] == f'"{vector["version"]}-{digest}"'
        written = self.find("etag", "etag")(
            vector["version"], vector["document"], vector["sealingThumbprint"]
        )
        assert written == vector["etag"]
        return written

    def topic(self, vector: dict[str, Any]) -> object:
        name = self.find("topics", "topic")(vector["name"], vector["uuid"], **vector["parts"])
        assert name == vector.get("topic")
        return name


@pytest.fixture(params=PACKAGES, ids=("package", "vendored"), scope="module")
def contract(request: pytest.FixtureRequest) -> Iterator[Contract]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(COLLECTIONS)])
        yield Contract(request.param)


def _files(side: str) -> list[Any]:
    files = sorted((VECTORS / side).glob("*/*.json"))
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in files]


def _documents(content: Any) -> list[Any]:
    return content["texts"] if isinstance(content, dict) and "texts" in content else [content]


@pytest.mark.parametrize("path", _files("valid"))
def test_valid(path: Path, contract: Contract) -> None:
    read = contract.reader(path.parent.name)
    encode = contract.find("codec", "encode")
    for document in _documents(json.loads(path.read_text())):
        value = read(document)
        if path.parent.name in DOCUMENTS:
            assert read(encode(value)) == value


@pytest.mark.parametrize("path", _files("invalid"))
def test_invalid(path: Path, contract: Contract) -> None:
    read = contract.reader(path.parent.name)
    content = json.loads(path.read_text())
    if content.get("malformed"):
        with pytest.raises(contract.find("errors", "MalformedJson")):
            read(content)
        return
    for document in _documents(content if "texts" in content else content.get("document", content)):
        with pytest.raises(contract.find("errors", "ContractError")) as raised:
            read(document)
        assert raised.value.pointer == content.get("pointer", ""), str(raised.value)
        assert raised.value.detail


def test_each_kind_has_both_sides() -> None:
    kinds = {
        side: {path.name for path in (VECTORS / side).iterdir()} for side in ("valid", "invalid")
    }
    assert kinds["valid"] - kinds["invalid"] <= {"etag"}
    assert kinds["invalid"] <= kinds["valid"]
