"""Provisioning, v2: /api/provisioning/v2."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from iotistic_contract.codec import decode, encode
from iotistic_contract.errors import ContractError
from iotistic_contract.provisioning import (
    KeyExchangeAnswer,
    KeyExchangeRequest,
    RegisterAnswer,
    RegisterRequest,
    missing_proof,
)
from iotistic_kit.auth import PUBLIC
from iotistic_kit.errors import Problem
from iotistic_kit.operation import operation
from iotistic_pki.provisioning import answer_key_exchange
from iotistic_tenant_api.storage.provisioning import PostgresProvisioningKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcon.asgi import Request, Response

    from iotistic_kit.clock import Clock
    from iotistic_kit.db import Database
    from iotistic_tenant_api.resources.forwarding import Forwarding
    from iotistic_tenant_api.security.provisioning import ProvisioningKeyFolder
    from iotistic_tenant_api.usecases.register_device import RegisterDevice

__all__ = ["KeyExchanges", "Registrations"]

MAX_BODY = 64 * 1024


class KeyExchanges:
    """Phase 1: answers alike for every key id, and stores nothing."""

    def __init__(self, keys: ProvisioningKeyFolder, database: Database, clock: Clock) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock

    @operation(
        "Begin a registration",
        access=PUBLIC,
        request=KeyExchangeRequest,
        response=KeyExchangeAnswer,
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer the API's public key, and a challenge for a device that named its own."""
        body = _object(await req.get_media())
        await self._note_leak(body)
        request = decode(KeyExchangeRequest, body, unknown="keep")
        now = self._clock.now()
        answer = answer_key_exchange(request, self._keys.keys(now), now, secrets.token_bytes(16))
        resp.media = encode(answer)

    async def _note_leak(self, body: Mapping[str, Any]) -> None:
        """Count a key whose secret came along: a dot in it; the decoder then refuses it."""
        shown = body.get("provisioningApiKey")
        if not isinstance(shown, str) or "." not in shown:
            return
        parts = shown.split(".")
        key_id = parts[1] if parts[0] == "iotp1" else parts[0]
        async with self._database.transaction() as connection:
            await PostgresProvisioningKeys(connection).count_leak(key_id[:40])


class Registrations:
    """Phase 2."""

    def __init__(self, register: RegisterDevice, forwarding: Forwarding) -> None:
        self._register = register
        self._forwarding = forwarding

    @operation(
        "Register a device",
        access=PUBLIC,
        request=RegisterRequest,
        response=RegisterAnswer,
        problems=(401, 403, 409, 410, 429),
        max_body=MAX_BODY,
    )
    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer registration, API key and certificate."""
        body = _object(await req.get_media())
        missing = missing_proof(body)
        if missing:
            errors = [{"pointer": pointer, "detail": "is required"} for pointer in missing]
            raise Problem(422, "proof_required", "the proof is incomplete", errors=errors)
        request = decode(RegisterRequest, body, unknown="keep")
        answer = encode(await self._register(request, self._forwarding.address_of(req)))
        resp.media = {"vpn": None, **answer}
        resp.set_header("Cache-Control", "no-store")


def _object(body: object) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise ContractError("", "expected an object")
    return body
