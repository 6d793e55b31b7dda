"""The store of billing's signing keys: roll-over without a gap, and after a theft."""

import json
import stat

import pytest

from iotistic_pki.errors import KeyRefused
from iotistic_pki.files import write_atomic
from iotistic_pki.keys import KeyKind, new_key, thumbprint
from iotistic_pki.license_keys import KeyStore
from iotistic_pki.tokens import KeySet, Purpose, verify_signed_jwks

LICENSE, SERVICE = Purpose.LICENSE, Purpose.SERVICE


@pytest.fixture
def store(tmp_path, rsa_keys):
    """A store that takes its RSA keys from a supply: making them is slow."""
    supply = iter(rsa_keys)
    return KeyStore(
        tmp_path / "keys",
        lambda kind: next(supply) if kind is KeyKind.RSA_3072 else new_key(kind),
    )


def files(store):
    return {path.stem for path in store._folder.glob("*.pem")}


def test_keys_are_made_once(store, now):
    made = [store.generate(purpose, now) for purpose in (LICENSE, SERVICE, LICENSE, SERVICE)]
    slots = store.slots(LICENSE)

    assert made == [True, True, False, False]
    assert (slots.last, len({slots.current, slots.next})) == (None, 2)
    assert files(store) == {*slots.held, *store.slots(SERVICE).held}
    assert {stat.S_IMODE(path.stat().st_mode) for path in store._folder.iterdir()} == {0o600}
    assert stat.S_IMODE(store._folder.stat().st_mode) == 0o700


def test_a_tenant_follows_every_roll_over(store, now):
    store.generate(LICENSE, now)
    held = KeySet(keys=store.key_set().keys[:1])
    for _ in range(3):
        before = store.slots(LICENSE)
        after = store.rotate(LICENSE, now)
        held = verify_signed_jwks(held, json.loads(json.dumps(store.signed_set(now))))

        assert (after.current, after.last) == (before.next, before.current)
        assert held == store.key_set()
    assert len(held.keys) == 5
    assert files(store) == set(store.slots(LICENSE).held)


def test_a_stolen_key_leaves_set_signers_and_disk(store, now):
    store.generate(LICENSE, now)
    store.rotate(LICENSE, now)
    before = store.slots(LICENSE)

    after = store.rotate(LICENSE, now, compromised=True)

    assert (after.current, after.last) == (before.next, before.last)
    assert before.current not in {key.kid for key in store.key_set().keys}
    assert before.current not in files(store)
    assert len(store.signed_set(now)["signatures"]) == 3


def test_keys_stay_listed_while_a_license_names_them(store, now):
    store.generate(LICENSE, now)
    first = store.slots(LICENSE).current
    store.rotate(LICENSE, now)
    store.rotate(LICENSE, now)
    numbers = [store.key_set().seq]

    pruned = [store.prune([first]), store.prune([]), store.prune([])]
    numbers.append(store.key_set().seq)

    assert pruned == [False, True, False]
    assert numbers[1] == numbers[0] + 1
    assert first not in {key.kid for key in store.key_set().keys}


def test_nothing_can_be_signed_before_keys_are_made(store, tmp_path, now):
    for call in (lambda: store.signing_key(LICENSE), lambda: store.rotate(LICENSE, now)):
        with pytest.raises(KeyRefused, match="generate them first"):
            call()


def test_the_rest_of_a_killed_roll_over_is_swept(store, now):
    store.generate(LICENSE, now)
    (store._folder / "orphan.pem").write_text("half made")
    (store._folder / ".orphan.pem.x1y2z3").write_text("half written")

    slots = store.rotate(LICENSE, now)

    assert {path.name for path in store._folder.iterdir()} == {
        "lock",
        "state.json",
        *(f"{kid}.pem" for kid in slots.held),
    }


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("compromised", [False, True])
def test_a_roll_over_that_fails_changes_nothing(store, now, monkeypatch, writes, compromised):
    """A key file is written first, then the state; the disk is full at either."""
    store.generate(LICENSE, now)
    before = store.slots(LICENSE), store.key_set()
    budget = iter([None] * writes)

    def failing(*arguments):
        if next(budget, "full") == "full":
            raise OSError(28, "No space left on device")
        write_atomic(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr("iotistic_pki.license_keys.write_atomic", failing)
        with pytest.raises(OSError, match="No space left"):
            store.rotate(LICENSE, now, compromised=compromised)

    again = KeyStore(store._folder)
    assert (again.slots(LICENSE), again.key_set()) == before
    assert thumbprint(again.signing_key(LICENSE)) == before[0].current


def test_a_damaged_state_is_one_clear_line(store, now):
    store.generate(SERVICE, now)
    (store._folder / "state.json").write_text("{")

    with pytest.raises(KeyRefused, match=r"state\.json can't be read"):
        store.key_set()


def test_a_swapped_key_file_is_noticed(store, now):
    store.generate(SERVICE, now)
    slots = store.slots(SERVICE)
    folder = store._folder
    (folder / f"{slots.current}.pem").write_bytes((folder / f"{slots.next}.pem").read_bytes())

    with pytest.raises(KeyRefused, match="another key than its name says"):
        store.signing_key(SERVICE)
