from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotistic_contract.codec import decode, encode
from iotistic_contract.errors import ContractError
from iotistic_contract.overrides import Override
from iotistic_contract.planning.plan import Plan
from iotistic_contract.planning.target_state import (
    ActualTarget,
    WriteTargets,
    actual_targets,
    plan,
    spec_reader,
)
from iotistic_contract.target_secrets import map_secrets, plain_secrets, with_hmacs_of
from iotistic_contract.target_state import Secret, ServiceState, Spec

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"
HOLD = Override(
    service_id="web", state=ServiceState.STOPPED, owner="alice", reason="noise at night"
)


def hmac_of(value: str) -> str:
    return (value.encode().hex() + "A" * 43)[:42] + "A"


class MemoryTargets:
    """The API's target states: all or none of a bulk write, over the revision that was read."""

    def __init__(self, *targets: ActualTarget) -> None:
        self.targets = {target.uuid: target for target in targets}
        self.calls = 0

    def read(self) -> dict[str, ActualTarget]:
        items = [
            {
                "uuid": target.uuid,
                "spec": None if target.spec is None else encode(target.spec),
                "specRevision": target.spec_revision,
                "version": target.version,
                "overrides": {
                    one.service_id: {
                        "state": one.state.value,
                        "owner": one.owner,
                        "reason": one.reason,
                    }
                    for one in target.overrides
                },
                "etag": '"x"',
            }
            for target in self.targets.values()
        ]
        return actual_targets(json.loads(json.dumps(items)))

    def apply(self, step: WriteTargets) -> None:
        self.calls += 1
        for write in step.targets:
            actual = self.targets[write.uuid]
            assert write.spec_revision == actual.spec_revision
            stored = map_secrets(
                decode(Spec, encode(write.spec)),
                lambda _, __, one: Secret(hmac=one.hmac or hmac_of(one.value or "")),
            )
            services = {service.service_id for service in stored.services()}
            self.targets[write.uuid] = replace(
                actual,
                spec=stored,
                spec_revision=actual.spec_revision + 1,
                overrides=tuple(one for one in actual.overrides if one.service_id in services),
            )


def _known(spec: Spec) -> Spec:
    values = plain_secrets(spec)
    return with_hmacs_of(
        spec,
        {
            service: {name: hmac_of(value) for name, value in secrets.items()}
            for service, secrets in values.items()
        },
    )


@pytest.fixture
def build(service: Callable[..., Any], spec: Callable[..., Any]) -> Callable[..., Spec]:
    def _build(state: str = "running", **config: object) -> Spec:
        body = spec(service("web", state=state, config=config), linkProfile="lan")
        return decode(Spec, body)

    return _build


def test_a_first_write_then_nothing(build: Callable[..., Spec]) -> None:
    api = MemoryTargets(ActualTarget(uuid=ONE), ActualTarget(uuid=TWO))
    wanted = {ONE: build(), TWO: build("paused")}
    first = plan(api.read(), wanted)
    assert first.changed
    assert first.before == {ONE: {}, TWO: {}}
    assert list(encode(first.steps[0])["targets"][1]) == ["uuid", "specRevision", "spec"]
    assert first.after == {uuid: encode(spec) for uuid, spec in wanted.items()}
    first.apply(api)
    assert api.calls == 1
    assert plan(api.read(), wanted) == Plan({}, {}, (), ())


def test_an_empty_spec_is_written_once_too() -> None:
    api = MemoryTargets(ActualTarget(uuid=ONE))
    wanted = {ONE: Spec(apps={})}
    plan(api.read(), wanted).apply(api)
    assert api.calls == 1
    assert not plan(api.read(), wanted).changed


def test_only_what_differs_is_written_and_shown(build: Callable[..., Spec]) -> None:
    api = MemoryTargets(
        ActualTarget(uuid=ONE, spec=build(), spec_revision=3),
        ActualTarget(uuid=TWO, spec=build("stopped"), spec_revision=8),
    )
    planned = plan(api.read(), {ONE: build(), TWO: build()})
    assert list(planned.before) == list(planned.after) == [TWO]
    (step,) = planned.steps
    body = encode(step)
    assert [(one["uuid"], one["specRevision"]) for one in body["targets"]] == [(TWO, 8)]
    assert decode(Spec, body["targets"][0]["spec"]) == build()
    assert '"state": "stopped"' in planned.diff["before"]
    assert '"state": "running"' in planned.diff["after"]


def test_devices_that_change_alike_are_shown_once(build: Callable[..., Spec]) -> None:
    api = MemoryTargets(
        ActualTarget(uuid=ONE, spec=build("stopped"), spec_revision=3),
        ActualTarget(uuid=TWO, spec=build("stopped"), spec_revision=8),
    )
    read = spec_reader()
    wanted = {uuid: read(encode(build())) for uuid in (ONE, TWO)}
    planned = plan(api.read(), wanted)
    assert planned.before == {f"{ONE}, {TWO}": encode(build("stopped"))}
    assert planned.after == {f"{ONE}, {TWO}": encode(build())}
    planned.apply(api)
    assert not plan(api.read(), wanted).changed


def test_the_same_said_otherwise_changes_nothing(build: Callable[..., Spec]) -> None:
    said = build(ports=["80:80/tcp"], stopGracePeriod="90s", volumes=["d:/srv/:rw"])
    meant = build(ports=["80:80"], stopGracePeriod="1m30s", volumes=["d:/srv"], user=None)
    api = MemoryTargets(ActualTarget(uuid=ONE, spec=said, spec_revision=1))
    assert not plan(api.read(), {ONE: meant}).changed


def test_overrides_stay_and_are_shown(build: Callable[..., Spec]) -> None:
    held = replace(HOLD, expires_at=datetime(2026, 1, 15, tzinfo=UTC))
    actual = {ONE: ActualTarget(uuid=ONE, spec=build(), spec_revision=1, overrides=(held,))}
    note = (
        f"{ONE}: service web is held stopped by alice until 2026-01-15T00:00:00.000Z"
        " (noise at night)"
    )
    same = plan(actual, {ONE: build()})
    assert (same.changed, same.notes) == (False, (note,))
    assert same.diff["prepared"] == note + "\n"
    other = plan(actual, {ONE: build(user="app")})
    shown = {"web": "stopped by alice"}
    assert other.before[ONE]["overrides"] == other.after[ONE]["overrides"] == shown  # type: ignore[index]


def test_an_override_goes_with_its_service(build: Callable[..., Spec]) -> None:
    actual = {ONE: ActualTarget(uuid=ONE, spec=build(), spec_revision=1, overrides=(HOLD,))}
    planned = plan(actual, {ONE: Spec(apps={})})
    assert "overrides" not in planned.after[ONE]  # type: ignore[operator]
    assert planned.notes[0].endswith("; the override goes with the service")


def test_secrets_are_compared_by_hmac_and_never_shown(build: Callable[..., Spec]) -> None:
    api = MemoryTargets(ActualTarget(uuid=ONE))
    wanted = _known(build(secrets={"PASSWORD": "swordfish"}))
    plan(api.read(), {ONE: wanted}).apply(api)
    assert not plan(api.read(), {ONE: wanted}).changed
    changed = plan(api.read(), {ONE: _known(build(secrets={"PASSWORD": "marlin"}))})
    assert changed.changed
    assert "********" in changed.diff["before"]
    assert "******** (new value)" in changed.diff["after"]
    shown = json.dumps([changed.result(), encode(changed.before), encode(changed.after)])
    assert "swordfish" not in shown
    assert "marlin" not in shown


def test_an_unknown_device_is_named(build: Callable[..., Spec]) -> None:
    with pytest.raises(ContractError, match=f"no device {TWO}"):
        plan({ONE: ActualTarget(uuid=ONE)}, {TWO: build()})


NAMES = st.sampled_from(["a", "b", "c"])
TEXT = st.text("abcXYZ09 _-", max_size=6)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "environment": st.dictionaries(st.sampled_from(["A", "B"]), TEXT, max_size=2),
        "secrets": st.dictionaries(st.sampled_from(["S", "T"]), TEXT, max_size=2),
        "volumes": st.sampled_from([["d:/srv"], ["d:/srv/:ro", "e:/x"], []]),
        "command": st.lists(TEXT, max_size=2),
        "stopGracePeriod": st.sampled_from(["90s", "1m30s", "500ms"]),
        "resources": st.sampled_from([{}, {"limits": {"cpu": 0.5, "memory": "64Mi"}}]),
        "privileged": st.booleans(),
        "restart": st.sampled_from(["no", "always", "on-failure:3"]),
        "livenessProbe": st.sampled_from([{"tcp": {"port": 80}}, {"http": {"port": 1}}, None]),
        "labels": st.dictionaries(st.sampled_from(["x", "y"]), TEXT, max_size=2),
    },
)
SERVICES = st.builds(
    lambda name, state, policy, config: {
        "serviceId": name,
        "serviceName": name,
        "imageName": f"demo/{name}:1",
        "state": state,
        "pullPolicy": policy,
        "config": config,
    },
    NAMES,
    st.sampled_from(["running", "stopped", "paused", None]),
    st.sampled_from(["always", "ifNotPresent"]),
    CONFIGS,
)
SPECS = st.builds(
    lambda services, config: decode(
        Spec,
        {
            "apps": {"demo": {"appId": "demo", "appName": "Demo", "services": services}},
            "config": config,
        },
    ),
    st.lists(SERVICES, max_size=3, unique_by=lambda one: one["serviceId"]),
    st.sampled_from([{}, {"linkProfile": "lte"}, {"features": {"x": False}}]),
)


@settings(max_examples=80)
@given(st.none() | SPECS, SPECS)
def test_after_a_plan_the_next_one_is_empty(found: Spec | None, wanted: Spec) -> None:
    api = MemoryTargets(ActualTarget(uuid=ONE))
    if found is not None:
        plan(api.read(), {ONE: _known(found)}).apply(api)
    desired = {ONE: _known(wanted)}
    plan(api.read(), desired).apply(api)
    assert plan(api.read(), desired).steps == ()
    assert decode(Spec, encode(wanted)) == wanted
