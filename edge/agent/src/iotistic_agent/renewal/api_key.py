"""The next API key: made, announced, used."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from iotistic_agent.adapters.cloud import Cloud
from iotistic_agent.adapters.store import Store
from iotistic_agent.ambient import chance
from iotistic_agent.backoff import CLOUD
from iotistic_agent.faults import CloudUnavailable, Refused, Renewed, Unauthorized
from iotistic_agent.logs import Component, log
from iotistic_agent.registration import Registration
from iotistic_agent.renewal.around import Around
from iotistic_agent.renewal.planning import ApiKeyStanding
from iotistic_agent.signed_calls import device_path, rotate_key_body
from iotistic_agent.threads import in_thread
from iotistic_contract.codec import b64u_encode
from iotistic_contract.provisioning import ApiKey

__all__ = ["ApiKeyRenewal", "pending_key_taken"]


class ApiKeyRenewal:
    """Its id stays; the secret is another one."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def look(self) -> ApiKeyStanding:
        """Return how far it is."""
        store, pending = self._around.store, self._around.store.renewals.pending_key()
        return ApiKeyStanding(
            since=store.identity.since("api_key") or self._around.now(),
            pending=pending is not None,
            announced=pending is not None and pending.announced,
        )

    async def make(self) -> None:
        """Make a secret and store it, before anybody hears of it."""
        key = ApiKey.parse(self._around.registration.api_key, "dk1")
        following = replace(key, secret=b64u_encode(os.urandom(32)))
        self._around.store.renewals.keep_pending_key(str(following), announced=False)

    async def announce(self) -> None:
        """Tell the cloud its hash; a secret that was used before is dropped (Refused)."""
        pending, renewals = self._pending(), self._around.store.renewals
        body = rotate_key_body(self._around.registration, pending, self._around.keys.signing)
        try:
            await self._around.post("rotate-key", body)
        except Refused as exc:
            if exc.code == "key_hash_used":
                renewals.forget_pending_key()
            raise
        renewals.keep_pending_key(pending, announced=True)

    async def use(self) -> None:
        """Use it once: from then on the old one is about to end, and is forgotten (Renewed).

        CloudUnavailable when the cloud doesn't know it: it is to be announced again.
        """
        registration, store = self._around.registration, self._around.store
        following = replace(registration, api_key=self._pending())
        try:
            await self._around.ask(registration.credentials_etag, as_=following)
        except Unauthorized as exc:
            store.renewals.keep_pending_key(following.api_key, announced=False)
            raise CloudUnavailable(f"the new key isn't known: {exc}") from None
        store.identity.renew_key(following, self._around.now())
        log(Component.PROVISIONING).info("api_key_renewed")
        raise Renewed("the API key")

    def _pending(self) -> str:
        pending = self._around.store.renewals.pending_key()
        assert pending is not None  # noqa: S101 -- the plan has seen it
        return pending.api_key


async def pending_key_taken(
    store: Store,
    registration: Registration,
    call_as: Callable[[Registration], Cloud],
    now: Callable[[], datetime],
) -> bool:
    """Tell whether the key that was to follow is the one that is taken now; then it is kept.

    So it is when the device was cut after its first use, for longer than the old one lives. Waits
    for the cloud, however long it takes.
    """
    pending, backoff = store.renewals.pending_key(), CLOUD
    if pending is None:
        return False
    following = replace(registration, api_key=pending.api_key)
    cloud = call_as(following)
    try:
        while True:
            try:
                await in_thread(cloud.call, "GET", device_path(following, "credentials"))
            except Unauthorized:
                return False
            except (CloudUnavailable, Refused) as exc:
                backoff = backoff.failed()
                wait = getattr(exc, "wait", None) or 0.0
                await asyncio.sleep(max(backoff.wait(chance), wait))
            else:
                store.identity.renew_key(following, now())
                return True
    finally:
        cloud.close()
