"""Devices: one step or none, and what nobody asked for stays as it is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.codec import parse_time
from iotistic_contract.errors import ContractError
from iotistic_contract.planning.device import (
    ActualDevice,
    CreateDevice,
    DeleteDevice,
    Device,
    UpdateDevice,
    plan,
)

UUID = "7f5cdf5a-3a5e-4c5b-9f0e-0c5d5b1f2a3b"
UNTIL = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
FOUND = ActualDevice(
    uuid=UUID, name="pump-1", device_type="pi4", tags={"site": "north"}, registered=True
)
SHOWN = {
    "uuid": UUID,
    "name": "pump-1",
    "deviceType": "pi4",
    "fleet": None,
    "tags": {"site": "north"},
    "reregisterUntil": None,
}


@pytest.mark.parametrize(
    ("desired", "body"),
    [
        (Device(uuid=UUID), {"uuid": UUID, "name": UUID}),
        (
            Device(uuid=UUID, name="pump-1", device_type="pi4", fleet="f", tags={"a": "b"}),
            {"uuid": UUID, "name": "pump-1", "deviceType": "pi4", "fleet": "f", "tags": {"a": "b"}},
        ),
    ],
)
def test_a_device_that_is_not_there_is_described(desired: Device, body: dict[str, object]) -> None:
    planned = plan(None, desired)
    assert (planned.before, planned.after) == ({}, body)
    assert planned.steps == (CreateDevice(body),)


@pytest.mark.parametrize(
    ("desired", "changes"),
    [
        (Device(uuid=UUID), {}),
        (Device(uuid=UUID, name="pump-1", device_type="pi4", tags={"site": "north"}), {}),
        (Device(uuid=UUID, name="pump-2"), {"name": "pump-2"}),
        (Device(uuid=UUID, tags={}), {"tags": {}}),
        (Device(uuid=UUID, device_type="pi5", fleet="f"), {"deviceType": "pi5", "fleet": "f"}),
        (
            Device(uuid=UUID, reregister_until=UNTIL),
            {"reregisterUntil": "2026-01-15T10:30:00.000Z"},
        ),
    ],
)
def test_only_what_differs_is_changed(desired: Device, changes: dict[str, object]) -> None:
    planned = plan(FOUND, desired)
    assert planned.before == SHOWN
    assert planned.after == {**SHOWN, **changes}
    assert planned.steps == ((UpdateDevice(UUID, changes),) if changes else ())


def test_a_device_without_tags_differs_not_from_no_tags() -> None:
    assert not plan(replace(FOUND, tags=None), Device(uuid=UUID, tags={})).changed


def test_absent() -> None:
    gone = Device(uuid=UUID, state="absent")
    assert plan(FOUND, gone).steps == (DeleteDevice(UUID),)
    assert plan(FOUND, gone).after == {}
    assert not plan(None, gone).changed


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("uuid", UUID.upper()),
        ("uuid", "7f5cdf5a-3a5e-1c5b-9f0e-0c5d5b1f2a3b"),
        ("uuid", "7f5cdf5a-3a5e-4c5b-cf0e-0c5d5b1f2a3b"),
        ("uuid", 342391),
        ("name", ""),
        ("name", "n" * 65),
        ("state", "gone"),
    ],
)
def test_wishes_that_can_not_be_are_refused_by_their_option(member: str, value: object) -> None:
    with pytest.raises(ContractError) as refused:
        replace(Device(uuid=UUID), **{member: value})  # type: ignore[arg-type]
    assert refused.value.pointer == f"/{member}"


class MemoryDevices:
    """A tenant API as the steps see it: one device."""

    def __init__(self, device: ActualDevice | None) -> None:
        self.device = device

    def apply(self, step: object) -> None:
        """Do what the tenant API does for one step."""
        match step:
            case CreateDevice(body):
                self.device = _read(ActualDevice(uuid=UUID, name=""), body)
            case UpdateDevice(_, changes):
                assert self.device is not None
                self.device = _read(self.device, changes)
            case DeleteDevice():
                self.device = None


def _read(device: ActualDevice, members: Mapping[str, object]) -> ActualDevice:
    names = {"deviceType": "device_type", "reregisterUntil": "reregister_until"}
    values = {names.get(name, name): value for name, value in members.items()}
    if isinstance(values.get("reregister_until"), str):
        values["reregister_until"] = parse_time(str(values["reregister_until"]))
    return replace(device, **values)  # type: ignore[arg-type]


texts = st.sampled_from(["a", "b"])
maybe = st.none() | texts
tags = st.none() | st.dictionaries(texts, texts)
until = st.sampled_from([None, UNTIL])


@given(
    st.none()
    | st.builds(
        ActualDevice,
        uuid=st.just(UUID),
        name=texts,
        device_type=maybe,
        fleet=maybe,
        tags=tags,
        reregister_until=until,
    ),
    st.builds(
        Device,
        uuid=st.just(UUID),
        name=maybe,
        device_type=maybe,
        fleet=maybe,
        tags=tags,
        reregister_until=until,
        state=st.sampled_from(["present", "absent"]),
    ),
)
def test_after_the_steps_nothing_is_left(actual: ActualDevice | None, desired: Device) -> None:
    api = MemoryDevices(actual)
    first = plan(actual, desired)
    first.apply(api)
    second = plan(api.device, desired)
    assert second.steps == ()
    assert {k: v for k, v in second.before.items() if v} == {
        k: v for k, v in first.after.items() if v
    }
