# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of billing and of tenants, from a module's connection options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._client import ApiError, Client, quoted
from ._contract.errors import ContractError
from ._contract.ids import check_customer_id, check_external_id

__all__ = ["billing_from", "tenant_from"]


def billing_from(params: dict[str, Any]) -> Client:
    """Return the client of billing for a module's connection options."""
    if not params["billing_url"]:
        raise ApiError("billing_url: required (or IOTISTIC_BILLING_URL)")
    token = _secret(params, "billing_token")
    if not token:
        raise ApiError("billing_token_file: required, the admin token of billing")
    return Client(
        url=params["billing_url"],
        who="billing",
        option="billing_url",
        token=token,
        ca_file=_ca_file(params),
        timeout=params["request_timeout"],
    )


def tenant_from(params: dict[str, Any], scope: str, reason: str) -> Client:
    """Return the client of one tenant's API, with a token of ``scope``.

    The token is the one in the options, else billing makes one for this call; billing also
    knows the tenant's address.
    """
    url = params["tenant_url"]
    token = _secret(params, "tenant_token")
    if not url or not token:
        billing = billing_from(params)
        customer = _customer(billing, params["tenant"])
        url = url or customer.get("instance_url")
        if not url:
            raise ApiError(
                f"tenant {params['tenant']} has no address yet: it was never deployed "
                "(module iotistic.platform.customer does that)"
            )
        token = token or _service_token(billing, customer["id"], scope, reason)
    return Client(
        url=url,
        who=f"the API of tenant {params['tenant'] or url}",
        option="tenant_url",
        token=token,
        ca_file=_ca_file(params),
        timeout=params["request_timeout"],
    )


def _customer(billing: Client, tenant: str | None) -> dict[str, Any]:
    """Return billing's record of a tenant by its external id or customer id."""
    if not tenant:
        raise ApiError("tenant: required where tenant_url and a token aren't both given")
    try:
        if _is_customer_id(tenant):
            return dict(billing.get(f"/api/customers/{quoted(tenant)}").body)
        return billing.items("/api/customers", {"external_id": check_external_id(tenant)})[0]
    except (ApiError, IndexError) as error:
        if isinstance(error, ApiError) and error.status != 404:
            raise
        raise ApiError(f"tenant: billing knows no customer {tenant!r}", status=404) from error
    except ContractError as error:
        raise error.under("tenant") from None


def _is_customer_id(text: str) -> bool:
    try:
        check_customer_id(text)
    except ContractError:
        return False
    return True


def _service_token(billing: Client, customer_id: str, scope: str, reason: str) -> str:
    path = f"/api/customers/{quoted(customer_id)}/service-tokens"
    return str(billing.call("POST", path, {"scope": scope, "reason": reason}).body["token"])


def _secret(params: dict[str, Any], name: str) -> str | None:
    path, text = params[f"{name}_file"], params[name]
    if not path or text:
        return str(text) if text else None
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise ApiError(f"{name}_file: {path}: {error.strerror}") from error


def _ca_file(params: dict[str, Any]) -> str | None:
    path = params["ca_file"]
    if path and not Path(path).is_file():
        raise ApiError(f"ca_file: {path}: no such file")
    return str(path) if path else None
