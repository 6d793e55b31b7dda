"""Billing and tenants, asked over HTTPS as an operator of the site asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from .parts import Tenant
    from .site import Site

__all__ = ["Api", "ApiError", "billing_of", "tenant_api"]

PATIENCE = 10.0


class ApiError(Exception):
    """A call that wasn't answered with success; ``status`` is None when nobody answered."""

    def __init__(self, text: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class Api:
    """One server of the site; ``token`` is sent with each call."""

    def __init__(self, url: str, tls: ssl.SSLContext, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(
            base_url=url, verify=tls, headers=headers, timeout=PATIENCE, trust_env=False
        )

    def get(self, path: str, **query: str | int) -> Any:
        """Return the JSON at a path."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the answer's JSON, or None when it has none; raise ApiError."""
        try:
            answer = self._client.request(
                method, path, json=body, params=dict(query or {}) or None, headers=headers
            )
        except httpx.HTTPError as error:
            raise ApiError(f"no answer from {self._client.base_url}: {error}") from error
        document = _json(answer)
        if not answer.is_success:
            told = document if isinstance(document, dict) else {}
            said = told.get("detail") or told.get("title") or answer.reason_phrase
            raise ApiError(
                f"{answer.status_code} to {method} {path}: {said}",
                status=answer.status_code,
                code=told.get("code"),
            )
        return document


def billing_of(site: Site, url: str) -> Api:
    """Return billing, asked with the administrator's token."""
    return Api(url, site.tls(), site.secret("billing-admin-token"))


def tenant_api(site: Site, billing: Api, tenant: Tenant, scope: str) -> Api:
    """Return a tenant's API, asked with a token of this scope that billing makes for it."""
    wish = {"scope": scope, "reason": "./run demo"}
    path = f"/api/customers/{quote(tenant.id, safe='')}/service-tokens"
    return Api(tenant.url, site.tls(), str(billing.call("POST", path, wish)["token"]))


def _json(answer: httpx.Response) -> Any:
    if "json" not in answer.headers.get("content-type", ""):
        return None
    return answer.json() if answer.content else None
