"""What operators do with the keys beyond making them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_pki.errors import PkiFault
from iotistic_pki.tokens import Purpose

if TYPE_CHECKING:
    from iotistic_pki.license_keys import KeyStore

    from .runtime import Built

__all__ = ["reissue", "verify"]

PAGE = 500


def verify(store: KeyStore) -> list[str]:
    """Return what is wrong with the stored keys, nothing when public and private belong together.

    The store checks each private key against the thumbprint of the public one that it is named by.
    """
    faults = []
    for purpose in Purpose:
        try:
            key = store.signing_key(purpose).public_key()
        except PkiFault as error:
            faults.append(f"{purpose}: {error.detail}")
            continue
        slots = store.slots(purpose)
        held = store.key_set().find(slots.current, purpose) if slots else None
        if held is None or held.key != key:
            faults.append(f"{purpose}: the current key isn't the one that is published")
    return faults


async def reissue(built: Built) -> int:
    """Make every license anew that a key no longer published has signed; return how many."""
    made = 0
    async with built.database:
        after = ""
        while page := await built.parts.tenants.page(after=after, limit=PAGE):
            for tenant in page:
                after = tenant.customer.id
                made += await built.parts.licensing.replace_unlisted(after)
    return made
