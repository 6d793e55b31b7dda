"""What a device without an agent fetches, and the command that a person pastes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor, create_scope

from iotistic_contract.agent_release import install_command
from iotistic_contract.planning.agent_release import plan
from iotistic_pki.release import ReleaseFolder, read_manifest
from iotistic_tenant_api.resources import installs
from iotistic_tenant_api.runtime import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.real

BUNDLE = "iotistic-agent-0.1.0+3fa9c1d2-aarch64.tar"
CONTENT = bytes(range(256)) * 4096
SCRIPT = "V='@VERSION@' R=@RELEASED@ K='@KEY@' B='@BUNDLES@'\n"
NOW = datetime(2026, 11, 27, 18, 30, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built, packaging = tmp_path / "built", tmp_path / "packaging"
    built.mkdir()
    packaging.mkdir()
    (built / BUNDLE).write_bytes(CONTENT)
    bundle = {"arch": "aarch64", "file": BUNDLE, "size": len(CONTENT), "pythons": ["3.11"]}
    bundle["sha256"] = hashlib.sha256(CONTENT).hexdigest()
    (built / "bundles.json").write_text(
        json.dumps({"version": "0.1.0+3fa9c1d2", "bundles": [bundle]})
    )
    (packaging / "install.sh").write_text(SCRIPT)
    release = ReleaseFolder(tmp_path / "release", tmp_path / "k" / "key.pem", built, packaging)
    plan(release.read(NOW), release.wanted()).apply(release)
    (tmp_path / "release" / "notes.txt").write_text("nobody named me")
    return tmp_path / "release"


@pytest.fixture
async def served(api: Any, conninfo: str, clock: Any, folder: Path) -> AsyncIterator[Any]:
    api.worker = Worker(api.files.settings(conninfo, install_dir=folder), clock)
    async with ASGIConductor(api.worker.app()) as conductor:
        api.conductor = conductor
        yield api


async def test_each_file_of_the_manifest_is_there_for_everybody(served: Any, folder: Path) -> None:
    for name in ("install.sh", "install.sh.sig", "release.pem", "manifest.json", BUNDLE):
        answer = await served.ask("GET", f"/install/{name}")
        assert (answer.status_code, answer.content) == (200, (folder / name).read_bytes())
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "key.pem", "..", "%2e%2e%2fk%2fkey.pem", "..%2f..%2fetc%2fpasswd", "%00",
     "INSTALL.SH", ".", "manifest.json%2f"],
)  # fmt: skip
async def test_nothing_else_is(served: Any, name: str) -> None:
    answer = await served.ask("GET", f"/install/{name}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


async def test_without_a_release_there_is_nothing(api: Any) -> None:
    for path in ("/install/install.sh", "/install/manifest.json"):
        assert (await api.ask("GET", path)).status_code == 404
    assert (await api.call("GET", "/api/v1/install-command")).status_code == 404


async def test_a_manifest_that_is_broken_serves_nothing(served: Any, folder: Path) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    document["bundles"][0]["file"] = "../k/key.pem"
    (folder / "manifest.json").write_text(json.dumps(document))
    assert (await served.ask("GET", "/install/install.sh")).status_code == 404


async def test_a_file_that_is_lost_is_said_to_be(served: Any, folder: Path) -> None:
    (folder / BUNDLE).unlink()
    assert (await served.ask("GET", f"/install/{BUNDLE}")).status_code == 404


async def test_downloads_are_bounded_and_those_that_ended_count_no_more(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installs, "MOST_DOWNLOADS", 1)
    for _ in range(3):
        assert (await served.ask("GET", f"/install/{BUNDLE}")).status_code == 200
    monkeypatch.setattr(installs, "MOST_DOWNLOADS", 0)
    refused = await served.ask("GET", f"/install/{BUNDLE}")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def stuck(api: Any, address: str, begun: list[str]) -> None:
    """Fetch the bundle as a client does that takes nothing of it."""

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(event: Any) -> None:
        if event["type"] == "http.response.body":
            begun.append(address)
            await asyncio.Event().wait()

    scope = create_scope(path=f"/install/{BUNDLE}", remote_addr=address)
    await api.conductor.app(scope, receive, send)


async def test_one_network_doesnt_take_all_places(served: Any) -> None:
    begun: list[str] = []
    tasks = [asyncio.create_task(stuck(served, "192.0.2.7", begun)) for _ in range(8)]
    async with asyncio.timeout(10):
        while len(begun) < 8:  # noqa: ASYNC110 - a look from outside
            await asyncio.sleep(0.01)

    async def fetched_from(address: str) -> int:
        answer = await served.ask("GET", f"/install/{BUNDLE}", remote_addr=address)
        return int(answer.status_code)

    assert await fetched_from("192.0.2.7") == 503
    assert await fetched_from("192.0.2.8") == 200
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    assert await fetched_from("192.0.2.7") == 200, "who ended makes room"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_download_is_cut_off_when_it_lasts_too_long(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installs, "LONGEST", 0.1)
    task = asyncio.create_task(stuck(served, "192.0.2.7", []))
    done, _ = await asyncio.wait([task], timeout=10)
    assert done
    assert task.cancelled()


async def test_the_manifest_is_read_when_it_changed(
    served: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(path: Path) -> Any:
        reads.append(path)
        return read_manifest(path)

    monkeypatch.setattr(installs, "read_manifest", counted)
    for _ in range(3):
        assert (await served.ask("GET", "/install/install.sh")).status_code == 200
    assert reads == [folder]
    (folder / "manifest.json").write_text("{}")
    assert (await served.ask("GET", "/install/install.sh")).status_code == 404
    assert reads == [folder] * 2


async def test_the_command_is_the_contracts_with_the_key_of_the_release(
    served: Any, folder: Path
) -> None:
    answer = await served.call("GET", "/api/v1/install-command", scope=["read"])
    assert answer.status_code == 200, answer.text
    key = (folder / "release.pem").read_text()
    assert answer.json == {
        "command": install_command(served.worker.settings.public_url, key, NOW),
        "releaseKeyPem": key,
        "fingerprint": json.loads((folder / "manifest.json").read_text())["key"],
        "version": "0.1.0+3fa9c1d2",
        "released": "2026-11-27T18:30:00.000Z",
        "architectures": ["aarch64"],
    }
