"""Provisioning keys: the file holds the one live key of the name, whatever happened before."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotistic_contract.errors import ContractError
from iotistic_contract.planning.provisioning_key import (
    ActualKey,
    ActualKeys,
    CreateKey,
    ProvisioningKey,
    RemoveFile,
    RevokeKey,
    plan,
)

UUID = "7f5cdf5a-3a5e-4c5b-9f0e-0c5d5b1f2a3b"
DEST = "/srv/site/secrets/device-1.key"
LATER = datetime(2026, 6, 1, tzinfo=UTC)
WANTED = ProvisioningKey(name="device-1", dest=DEST, device_uuid=UUID)
GONE = replace(WANTED, state="absent")
KEY = ActualKey(id="k1", name="device-1", device_uuid=UUID)
OTHER = ActualKey(id="k9", name="device-2")
NEW = CreateKey(name="device-1", dest=DEST, device_uuid=UUID)

CASES = [
    # what, keys, id in the file, desired, steps
    ("nothing there", (), None, WANTED, (NEW,)),
    ("key and file", (KEY,), "k1", WANTED, ()),
    ("file gone", (KEY,), None, WANTED, (RevokeKey("k1"), NEW)),
    ("file of another key", (KEY, OTHER), "k9", WANTED, (RevokeKey("k1"), NEW)),
    ("key revoked", (replace(KEY, revoked=True),), "k1", WANTED, (NEW,)),
    ("key forgotten", (), "k1", WANTED, (NEW,)),
    ("a run was killed between", (KEY, replace(KEY, id="k2")), "k1", WANTED, (RevokeKey("k2"),)),
    ("bound to another uuid", (replace(KEY, device_uuid=None),), "k1", WANTED,
     (RevokeKey("k1"), NEW)),
    ("for more devices", (replace(KEY, max_devices=2),), "k1", WANTED, (RevokeKey("k1"), NEW)),
    ("another fleet", (replace(KEY, fleet="f"),), "k1", WANTED, (RevokeKey("k1"), NEW)),
    ("no wish for an end", (replace(KEY, expires_at=LATER),), "k1", WANTED, ()),
    ("an end", (KEY,), "k1", replace(WANTED, expires_at=LATER),
     (RevokeKey("k1"), replace(NEW, expires_at=LATER))),
    ("an end that the wire cut", (replace(KEY, expires_at=LATER),), "k1",
     replace(WANTED, expires_at=LATER.replace(microsecond=999)), ()),
    ("another name's key stays", (OTHER,), None, WANTED, (NEW,)),
    ("absent, nothing there", (OTHER,), None, GONE, ()),
    ("absent", (KEY, OTHER), "k1", GONE, (RevokeKey("k1"), RemoveFile(DEST))),
    ("absent, file gone", (KEY,), None, GONE, (RevokeKey("k1"),)),
    ("absent, key gone", (replace(KEY, revoked=True),), "k1", GONE, (RemoveFile(DEST),)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "held", "desired", "steps"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_steps(
    keys: tuple[ActualKey, ...],
    held: str | None,
    desired: ProvisioningKey,
    steps: tuple[object, ...],
) -> None:
    planned = plan(ActualKeys(keys=keys, dest_key_id=held), desired)
    assert planned.steps == steps
    assert planned.changed == (planned.before != planned.after)


def test_the_diff_names_the_key_and_never_a_secret() -> None:
    planned = plan(ActualKeys(keys=(KEY,)), WANTED)
    shown = {
        "name": "device-1",
        "max_devices": 1,
        "expires_at": None,
        "fleet": None,
        "device_uuid": UUID,
    }
    assert planned.before == {"keys": [shown | {"id": "k1"}], "dest": {"path": DEST, "key": None}}
    assert planned.after == {
        "keys": [shown | {"id": "(a new one)"}],
        "dest": {"path": DEST, "key": "(a new one)"},
    }


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", " "),
        ("dest", "secrets/key"),
        ("max_devices", 0),
        ("max_devices", 2),
        ("device_uuid", "device-1"),
        ("state", "gone"),
    ],
)
def test_wishes_that_can_not_be_are_refused_by_their_option(member: str, value: object) -> None:
    with pytest.raises(ContractError) as refused:
        replace(WANTED, **{member: value})  # type: ignore[arg-type]
    assert refused.value.pointer == f"/{member}"


class MemoryKeys:
    """A tenant API and a file, as the steps see them."""

    def __init__(self, keys: ActualKeys) -> None:
        self.keys = keys

    def apply(self, step: object) -> None:
        """Do what the module does for one step."""
        match step:
            case RevokeKey(key_id):
                kept = (
                    replace(key, revoked=True) if key.id == key_id else key
                    for key in self.keys.keys
                )
                self.keys = replace(self.keys, keys=tuple(kept))
            case CreateKey():
                made = ActualKey(
                    id="new",
                    name=step.name,
                    max_devices=step.max_devices,
                    expires_at=step.expires_at,
                    fleet=step.fleet,
                    device_uuid=step.device_uuid,
                )
                self.keys = ActualKeys(keys=(*self.keys.keys, made), dest_key_id="new")
            case RemoveFile():
                self.keys = replace(self.keys, dest_key_id=None)


keys = st.lists(
    st.builds(
        ActualKey,
        id=st.sampled_from(["k1", "k2", "k3"]),
        name=st.sampled_from(["device-1", "device-2"]),
        max_devices=st.sampled_from([1, 2]),
        expires_at=st.sampled_from([None, LATER]),
        device_uuid=st.sampled_from([None, UUID]),
        revoked=st.booleans(),
    ),
    unique_by=lambda key: key.id,
    max_size=3,
).map(tuple)
wishes = st.builds(
    ProvisioningKey,
    name=st.just("device-1"),
    dest=st.just(DEST),
    expires_at=st.sampled_from([None, LATER]),
    device_uuid=st.sampled_from([None, UUID]),
    state=st.sampled_from(["present", "absent"]),
)


@given(
    st.builds(ActualKeys, keys=keys, dest_key_id=st.sampled_from([None, "k1", "k2", "old"])), wishes
)
def test_after_the_steps_nothing_is_left(actual: ActualKeys, desired: ProvisioningKey) -> None:
    api = MemoryKeys(actual)
    plan(actual, desired).apply(api)
    assert plan(api.keys, desired).steps == ()
    live = [key for key in api.keys.keys if not key.revoked and key.name == desired.name]
    assert len(live) == (1 if desired.state == "present" else 0)
    assert [key for key in api.keys.keys if key.name != desired.name] == [
        key for key in actual.keys if key.name != desired.name
    ]


@given(
    st.builds(ActualKeys, keys=keys, dest_key_id=st.sampled_from([None, "k1", "k2", "old"])),
    wishes,
    st.integers(0, 4),
    st.booleans(),
)
def test_a_run_that_was_cut_short_is_ended_by_the_next(
    actual: ActualKeys, desired: ProvisioningKey, done: int, file_lost: bool
) -> None:
    api = MemoryKeys(actual)
    for step in plan(actual, desired).steps[:done]:
        api.apply(step)
    if file_lost:  # the key was made, the file never written
        api.keys = replace(api.keys, dest_key_id=actual.dest_key_id)
    known = {key.id for key in api.keys.keys if key.id == "new"}
    api.keys = replace(
        api.keys,
        keys=tuple(replace(key, id="made") if key.id in known else key for key in api.keys.keys),
        dest_key_id="made" if api.keys.dest_key_id in known else api.keys.dest_key_id,
    )
    plan(api.keys, desired).apply(api)
    assert plan(api.keys, desired).steps == ()
