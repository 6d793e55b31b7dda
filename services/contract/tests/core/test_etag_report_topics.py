from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import count_unknown, decode, encode
from iotistic_contract.etag import etag
from iotistic_contract.report import Report, ReportStatus
from iotistic_contract.target_secrets import map_secrets, plain_secrets, with_hmacs_of
from iotistic_contract.target_state import Secret, Spec, TargetState
from iotistic_contract.topics import (
    TOPICS,
    Direction,
    acl_file,
    device_topics,
    will,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def _sealed(hmac: str, ciphertext: str) -> Secret:
    return Secret(
        hmac=hmac * 43, ephemeral_public_key="A" * 43, nonce="A" * 16, ciphertext=ciphertext
    )


def test_an_etag_follows_content_and_key_not_the_sealing(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    body = spec(service("web", config={"secrets": {"A": "x"}}))
    written = decode(TargetState, {"version": 3, **body})

    def sealed(hmac: str, ciphertext: str) -> TargetState:
        return map_secrets(written, lambda *_: _sealed(hmac, ciphertext))

    first = etag(3, sealed("A", "AAAA"), "key")
    assert (
        first == etag(3, sealed("A", "BBBB"), "key") == etag(3, encode(sealed("A", "CCCC")), "key")
    )
    others = [
        etag(4, sealed("A", "AAAA"), "key"),
        etag(3, sealed("E", "AAAA"), "key"),
        etag(3, sealed("A", "AAAA"), "other"),
        etag(3, sealed("A", "AAAA")),
    ]
    assert len({first, *others}) == 5
    assert len(first) == len('"3-"') + 32


def test_secrets_are_found_and_given_their_hmacs(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    body = spec(service("web", config={"secrets": {"A": "x", "B": {"hmac": "A" * 43}}}))
    written = decode(Spec, body)
    assert plain_secrets(written) == {"web": {"A": "x"}}
    known = with_hmacs_of(written, {"web": {"A": "E" * 43}})
    assert next(known.services()).config.secrets == {
        "A": Secret(value="x", hmac="E" * 43),
        "B": Secret(hmac="A" * 43),
    }


def test_a_report_from_a_newer_agent_is_kept_not_refused() -> None:
    document = {
        "schema": 2,
        "stream": "s",
        "epoch": 1,
        "sequence": 4,
        "at": "2026-01-15T10:30:00.000Z",
        "status": "dreaming",
        "apps": {"a": {"services": {"w": {"state": "running", "gpu": 1}}}},
        "later": {"x": 1},
    }
    report = decode(Report, document, unknown="keep")
    assert (report.status, report.extra) == ("dreaming", {"later": {"x": 1}})
    assert count_unknown(report) == 2
    assert encode(report) == document


def test_a_report_of_ours_reads_as_written() -> None:
    report = Report(
        schema=1,
        stream="s",
        epoch=1,
        sequence=1,
        at=datetime(2026, 1, 15, tzinfo=UTC),
        status=ReportStatus.APPLIED,
        applied_version=4,
    )
    assert decode(Report, encode(report)) == report


def _granted(access: str, uuid: str, topic: str) -> bool:
    """Return whether a pattern of the ACL file grants ``access`` to ``topic``."""
    for line in acl_file().splitlines():
        kind, word, pattern = (*line.split(" "), "", "")[:3]
        if kind == "pattern" and word == access:
            own = pattern.replace("%u", uuid)
            if topic == own or (own.endswith("#") and topic.startswith(own[:-1])):
                return True
    return False


def test_grants_cover_the_table_and_nothing_of_another_device() -> None:
    for row in TOPICS.values():
        own = row.pattern.format(uuid=ONE, service="s", name="n", id="i")
        foreign = row.pattern.format(uuid=OTHER, service="s", name="n", id="i")
        access = "write" if row.direction is Direction.FROM_DEVICE else "read"
        assert _granted(access, ONE, own)
        assert not _granted("read", ONE, foreign)
        assert not _granted("write", ONE, foreign)
        if row.direction is Direction.FROM_DEVICE:
            assert not _granted("read", ONE, own)


def test_a_registration_carries_all_topics_with_open_parts() -> None:
    topics = device_topics(ONE)
    assert set(topics) == set(TOPICS)
    assert topics["logs"] == f"iot/device/{ONE}/logs/{{service}}"
    assert topics["jobStatus"] == f"iot/device/{ONE}/jobs/{{id}}/status"
    assert will(ONE) == (f"iot/device/{ONE}/status", b'{"online": false}')


def test_the_acl_file_binds_devices_by_pattern() -> None:
    lines = acl_file().splitlines()
    assert lines[0] == "user tenant-api"
    assert [line for line in lines if line.startswith("pattern")] == [
        "pattern write iot/device/%u/#",
        "pattern read agent/%u/#",
        "pattern read iot/device/%u/jobs/notify",
    ]
