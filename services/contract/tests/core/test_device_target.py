from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.device_target import read_target
from iotistic_contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["apps", "version", "services", "serviceId", "config", "a", "appId"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def test_one_unreadable_service_is_refused_and_the_rest_applies(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    document = {
        "schema": 2,
        "version": 5,
        **spec(
            service("good", later=1),
            service("state", state="hibernating"),
            service("type", config={"ports": 80}),
            service("port", config={"ports": ["80:80", "80:81"]}),
            service("needs", config={"dependsOn": {"state": "started"}}),
            service(7, serviceName="seven", imageName="BAD"),
        ),
        "more": True,
    }
    read = read_target(document)
    services = list(read.target.services())
    assert [(one.service_id, one.extra) for one in services] == [("good", {"later": 1})]
    assert read.target.extra == {"more": True}
    assert {one.service_id: f"{one.pointer}: {one.detail}" for one in read.refused} == {
        "state": "/state: one of running, stopped, paused, not 'hibernating'",
        "type": "/config/ports: expected a list, not a number",
        "port": "/config/ports/1: 80:81 is published by service port too",
        "needs": "/config/dependsOn/state: no service of this app is named state",
        "7": "/imageName: not an image reference",
    }


def test_an_unreadable_section_of_config_is_left_out(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    document = {
        "version": 1,
        **spec(
            service("a"),
            logging={"level": "loud"},
            linkProfile="lte",
            settings={"pollIntervalMs": 5000, "x": 1},
            later=[1],
        ),
    }
    read = read_target(document)
    config = read.target.config
    assert config is not None
    assert (config.logging, config.link_profile, config.extra) == (None, "lte", {"later": [1]})
    assert config.settings is not None
    assert (config.settings.poll_interval_ms, config.settings.extra) == (5000, {"x": 1})
    assert read.ignored == ("/config/logging/level",)


def test_apps_null_only_with_version_0() -> None:
    assert read_target({"version": 0, "apps": None}).target.apps is None
    assert read_target({"version": 3, "apps": {}}).target.apps == {}
    with pytest.raises(ContractError, match="only with version 0"):
        read_target({"version": 3, "apps": None})


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({"version": 1, "apps": []}, "/apps"),
        ({"version": 1, "apps": {"a": []}}, "/apps/a"),
        ({"version": 1, "apps": {"a": {"services": []}}}, "/apps/a/appId"),
        ({"version": 1, "apps": {"a": {"appId": "b", "appName": "x"}}}, "/apps/a/appId"),
        ({"version": "1", "apps": {}}, "/version"),
        ({"version": 1, "apps": {}, "config": []}, "/config"),
        ({"version": 1, "schema": 0, "apps": {}}, "/schema"),
        (
            {"version": 1, "apps": {"a": {"appId": "a", "appName": "x", "services": [{}]}}},
            "/apps/a/services/0/serviceId",
        ),
    ],
)
def test_another_shape_fails_as_a_whole(document: object, pointer: str) -> None:
    with pytest.raises(ContractError) as raised:
        read_target(document)
    assert raised.value.pointer == pointer


def test_a_service_id_twice_fails_as_a_whole(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    twice = spec(service("a"), service("a", serviceName="b", state="odd"))
    with pytest.raises(ContractError, match="stands twice"):
        read_target({"version": 1, **twice})


@given(JSON)
def test_any_json_is_read_or_refused(document: object) -> None:
    try:
        read_target(document)
    except ContractError as exc:
        assert exc.detail  # noqa: PT017
