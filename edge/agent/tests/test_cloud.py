"""Calls and polls against a real TLS server."""

from datetime import UTC, datetime

import pytest

from iotistic_agent.adapters.cloud import Answer, Cloud, Pace, verified_by
from iotistic_agent.adapters.store import Store, StoredTarget
from iotistic_agent.configuration import configuration
from iotistic_agent.faults import CloudUnavailable, Refused, Unauthorized
from iotistic_agent.loops.poll import poll_interval, taken
from iotistic_agent.settings import from_environment

KEY = {"X-Device-API-Key": "dk1.a.b"}


@pytest.fixture
def cloud(tenant):
    tenant.api_keys.append(KEY["X-Device-API-Key"])
    made = Cloud(tenant.origin, verified_by(tenant.ca_pem), KEY)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "device.sqlite", lambda: datetime.now(UTC))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Unauthorized),
        (403, Refused),
        (404, Refused),
        (422, Refused),
        (408, CloudUnavailable),
        (429, CloudUnavailable),
        (500, CloudUnavailable),
        (502, CloudUnavailable),
        (301, Refused),
    ],
)
def test_what_a_status_means(tenant, cloud, status, fault):
    tenant.force("/api", status, "word")
    with pytest.raises(fault, match="word"):
        cloud.call("GET", "/api/v1/x")


def test_retry_after_holds_for_all_calls_to_the_origin(tenant):
    pace = Pace()
    first, second = (Cloud(tenant.origin, verified_by(tenant.ca_pem), KEY, pace) for _ in "ab")
    tenant.api_keys.append(KEY["X-Device-API-Key"])
    tenant.force("/api", 503, "unavailable", Retry_After="2")
    for cloud in (first, second):
        with pytest.raises(CloudUnavailable) as caught:
            cloud.call("GET", "/api/v1/x")
        assert 1 < caught.value.wait <= 2
    assert len(tenant.requests) == 1
    first.close()
    second.close()


def test_retry_after_is_an_hour_at_most(tenant, cloud):
    tenant.force("/api", 429, "too_many_attempts", Retry_After="999999")
    with pytest.raises(CloudUnavailable) as caught:
        cloud.call("GET", "/api/v1/x")
    assert caught.value.wait == 3600


def test_a_connection_that_the_server_closed_is_opened_again(tenant, cloud):
    cloud.call("GET", "/api/v1/x")
    cloud._connection.sock.shutdown(2)
    assert cloud.call("GET", "/api/v1/x").status == 200


def test_an_answer_from_somebody_else_is_not_believed(tenant):
    cloud = Cloud(tenant.origin, verified_by(None), KEY)
    with pytest.raises(CloudUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        cloud.call("GET", "/api/v1/x")
    assert tenant.requests == []


def answer(etag: str | None, body: bytes, status: int = 200) -> Answer:
    return Answer(status, {} if etag is None else {"etag": etag}, body)


def test_a_target_is_taken_once(store):
    body = b'{"schema": 1, "version": 3, "apps": {}, "later": true}'
    assert taken(store, answer('"3-a"', body))
    assert store.targets.wanted().document["later"] is True, "unknown keys stay"
    assert not taken(store, answer('"3-a"', body))
    assert not taken(store, answer('"3-a"', b"", 304))


def test_a_lower_version_with_another_etag_is_taken(store):
    taken(store, answer('"3-a"', b'{"version": 3, "apps": {}}'))
    assert taken(store, answer('"1-b"', b'{"version": 1, "apps": {}}'))
    assert store.targets.wanted().version == 1


def test_version_0_changes_nothing_but_is_asked_with(store):
    taken(store, answer('"3-a"', b'{"version": 3, "apps": {}}'))
    assert not taken(store, answer('"0-z"', b'{"version": 0, "apps": null}'))
    assert store.targets.wanted().version == 3
    assert store.sync.etag() == '"0-z"'


@pytest.mark.parametrize("body", [b'{"version": 4}', b'{"version": 4, "apps": []}', b"[]"])
def test_another_shape_is_kept_as_failed(store, body):
    taken(store, answer('"3-a"', b'{"version": 3, "apps": {}}'))
    assert taken(store, answer('"4-b"', body))
    assert store.targets.wanted().version == 3
    assert store.targets.slot("failed").failure
    assert store.sync.etag() == '"4-b"'


@pytest.mark.parametrize(("etag", "body"), [(None, b'{"version": 1, "apps": {}}'), ('"1"', b"<")])
def test_no_etag_or_no_json_is_no_answer(store, etag, body):
    with pytest.raises(CloudUnavailable):
        taken(store, answer(etag, body))
    assert store.targets.wanted() is None


@pytest.mark.parametrize(
    ("asked", "config", "env", "subscribed", "expected"),
    [
        (0, {}, {}, False, 30_000),
        (0, {}, {"POLL_INTERVAL_MS": "5000"}, False, 5_000),
        (10_000, {}, {"POLL_INTERVAL_MS": "5000"}, False, 10_000),
        (0, {"settings": {"pollIntervalMs": 7_000}}, {"POLL_INTERVAL_MS": "5000"}, False, 7_000),
        (0, {}, {"POLL_INTERVAL_MS": "5000"}, True, 900_000),
        (0, {"linkProfile": "metered"}, {}, True, 21_600_000),
        (0, {"settings": {"pollIntervalMs": 3_600_000}}, {}, True, 3_600_000),
    ],
)
def test_the_interval_is_the_longest_that_somebody_asks_for(
    asked, config, env, subscribed, expected
):
    stored = StoredTarget(
        etag='"1"', version=1, document={"version": 1, "apps": {}, "config": config}
    )
    configured = configuration(stored, from_environment(env))
    assert poll_interval(asked, configured, subscribed=subscribed) == expected
