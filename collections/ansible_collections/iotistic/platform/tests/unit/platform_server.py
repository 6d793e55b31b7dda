# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Billing and one tenant's API in memory, behind one real HTTPS server on loopback."""

from __future__ import annotations

import json
import re
import ssl
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from certificates import ADDRESS

from iotistic_contract.codec import b64u_encode, decode, encode
from iotistic_contract.errors import ContractError
from iotistic_contract.ids import check_external_id
from iotistic_contract.target_secrets import map_secrets
from iotistic_contract.target_state import Secret, Spec

__all__ = ["CUSTOMER_ID", "MemoryPlatform"]

CUSTOMER_ID = "cust_dc5fec42901a4b2f9f6c1c2d3e4f5a6b"
PIN = "A" * 43


class RefusedError(Exception):
    """An answer that is a problem document."""

    def __init__(self, status, code, detail, errors=()):
        super().__init__(detail)
        self.status = status
        self.problem = {"status": status, "code": code, "detail": detail, "errors": list(errors)}


class MemoryPlatform:
    """A site with one customer at most; tests read and set its attributes.

    ``job_outcome`` is what deployments come to, ``job_outcomes`` what single jobs come to. A
    request to a path with the first of ``away`` in it is refused once. ``requests`` is what was
    asked, in order.
    """

    def __init__(self, certificates):
        self.admin_token = "admin-token"
        self.customers, self.devices, self.keys, self.targets = {}, {}, {}, {}
        self.reports, self.tokens, self.requests, self.jobs = {}, {}, [], []
        self.job_outcome, self.log = "succeeded", ["PLAY [One tenant]", "fatal: no space left"]
        self.job_outcomes, self.newest_job = {}, None
        self.trouble, self.away = None, []
        self._server = ThreadingHTTPServer((ADDRESS, 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.chain, certificates.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None
        self.url = f"https://{ADDRESS}:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def asked(self, *methods):
        """Return method and path of the requests so far that used these methods."""
        return [f"{method} {path}" for method, path in self.requests if method in methods]

    def state(self):
        """Return all that a module could have changed."""
        kept = (self.customers, self.devices, self.keys, self.targets, self.jobs)
        return json.dumps(kept, sort_keys=True)

    def answer(self, method, target, token, body):
        """Return status and JSON for one request."""
        parts = urlsplit(target)
        self.requests.append((method, parts.path))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.away and self.away[0] in parts.path:
            raise RefusedError(503, "unavailable", f"{self.away.pop(0)} is away")
        for wanted, pattern, scope, respond in ROUTES:
            match = re.fullmatch(pattern, parts.path)
            if method == wanted and match:
                self._authorize(token, scope)
                return respond(self, *map(unquote, match.groups()), query=query, body=body)
        raise RefusedError(404, "not_found", "no such route")

    def _authorize(self, token, scope):
        if scope is None:
            return
        held = {"admin"} if token == self.admin_token else self.tokens.get(token)
        if held is None:
            raise RefusedError(401, "unauthorized", "the token is unknown")
        if scope not in held:
            raise RefusedError(403, "forbidden", f"the scope {scope} is needed")

    # --- billing

    def list_customers(self, *, query, body):
        try:
            check_external_id(query["external_id"])
        except ContractError as error:
            raise RefusedError(422, "invalid", error.detail) from None
        found = self.customers.get(query.get("external_id"))
        return 200, {"items": [found] if found else [], "next": None}

    def get_customer(self, customer_id, *, query, body):
        for customer in self.customers.values():
            if customer["id"] == customer_id:
                return 200, customer
        raise RefusedError(404, "not_found", "no such customer")

    def put_customer(self, external_id, *, query, body):
        before = self.customers.get(external_id) or {
            "id": CUSTOMER_ID,
            "external_id": external_id,
            "plan_source": "operator",
            "email": None,
            "full_name": None,
            "instance_url": None,
            "deployment": None,
        }
        state = body.pop("state", "present")
        status = "suspended" if state == "suspended" else "ready"
        self.customers[external_id] = {**before, **body, "status": status}
        return 200, self.customers[external_id]

    def deploy(self, customer_id, *, query, body):
        customer = self.get_customer(customer_id, query={}, body=None)[1]
        self.jobs.append(body["reason"])
        customer["instance_url"] = self.url
        done = "suspended" if customer["status"] == "suspended" else "ready"
        status = done if self.job_outcome == "succeeded" else self.job_outcome
        self.trouble = None if self.job_outcome == "succeeded" else self.trouble
        customer["deployment"] = {
            "status": status,
            "wanted_hash": "w",
            "applied_hash": "w" if self.job_outcome == "succeeded" else None,
            "job_id": self.newest_job or str(len(self.jobs)),
        }
        return 202, {"status": "queued", "job_id": str(len(self.jobs))}

    def job(self, job_id, *, query, body):
        error = "postgres didn't start" if self.job_outcome == "failed" else None
        status = self.job_outcomes.get(job_id, self.job_outcome)
        return 200, {"id": job_id, "status": status, "attempt": 1, "error": error}

    def job_log(self, job_id, *, query, body):
        lines = [{"n": n, "line": line} for n, line in enumerate(self.log)]
        return 200, {"items": lines, "next": None}

    def service_token(self, customer_id, *, query, body):
        token = f"service-{len(self.tokens)}"
        self.tokens[token] = set(body["scope"].split())
        return 200, {"token": token}

    def admin_tenants(self, *, query, body):
        after = int(query.get("after", 0))
        tenants = sorted(self.customers.values(), key=lambda each: each["external_id"])
        following = after + 1 if after + 1 < len(tenants) else None
        return 200, {"items": tenants[after : after + 1], "next": following}

    # --- the tenant

    def ready(self, *, query, body):
        if self.trouble:
            raise RefusedError(503, "unavailable", self.trouble)
        return 200, {"status": "ok"}

    def list_devices(self, *, query, body):
        return 200, {"items": list(self.devices.values()), "next": None}

    def get_device(self, uuid, *, query, body):
        if uuid not in self.devices:
            raise RefusedError(404, "not_found", f"no device {uuid}")
        return 200, self.devices[uuid]

    def create_device(self, *, query, body):
        _check_keys(body, {"uuid", "name", "deviceType", "fleet", "tags"})
        given = {name: body.get(name) for name in ("deviceType", "fleet")}
        rest = {"tags": body.get("tags") or {}, "registered": False, "reregisterUntil": None}
        self.devices[body["uuid"]] = {**given, **rest, "uuid": body["uuid"], "name": body["name"]}
        return 201, self.devices[body["uuid"]]

    def change_device(self, uuid, *, query, body):
        _check_keys(body, {"name", "tags", "reregisterUntil"})
        self.get_device(uuid, query={}, body=None)
        self.devices[uuid].update(body)
        return 200, self.devices[uuid]

    def delete_device(self, uuid, *, query, body):
        self.get_device(uuid, query={}, body=None)
        del self.devices[uuid]
        return 204, None

    def current_state(self, uuid, *, query, body):
        return 200, {"report": self.reports.get(uuid), "receivedAt": None, "online": True}

    def list_keys(self, *, query, body):
        return 200, {"items": list(self.keys.values()), "next": None}

    def create_key(self, *, query, body):
        key_id = f"k{len(self.keys) + 1}"
        fields = ("name", "expiresAt", "fleet", "deviceUuid")
        key = {name: body.get(name) for name in fields}
        self.keys[key_id] = {
            **key,
            "id": key_id,
            "maxDevices": body.get("maxDevices", 1),
            "revokedAt": None,
        }
        text = f"iotp1.{key_id}.{'B' * 42}A.{PIN}@{ADDRESS}:3002"
        return 201, {**self.keys[key_id], "key": text}

    def revoke_key(self, key_id, *, query, body):
        self.keys[key_id]["revokedAt"] = "2026-01-01T00:00:00.000Z"
        return 204, None

    def query_targets(self, *, query, body):
        known = [uuid for uuid in body["uuids"] if uuid in self.devices]
        given = body.get("secrets") or {}
        return 200, {
            "items": [
                {**self._target(uuid), "secretHmacs": _hmacs(given.get(uuid, {}))} for uuid in known
            ]
        }

    def write_targets(self, *, query, body):
        written = {}
        for index, wish in enumerate(body["targets"]):
            held = self._target(wish["uuid"])
            if held["specRevision"] != wish["specRevision"]:
                raise RefusedError(412, "precondition_failed", "stale")
            try:
                spec = encode(map_secrets(decode(Spec, wish["spec"]), _kept))
            except ContractError as error:
                place = {"pointer": f"/targets/{index}/spec{error.pointer}", "detail": error.detail}
                raise RefusedError(422, "invalid", "a bad spec", [place]) from None
            number = held["version"] + 1
            written[wish["uuid"]] = {
                **held,
                "spec": spec,
                "version": number,
                "specRevision": number,
            }
        self.targets.update(written)
        return 200, {"items": [self._target(uuid) for uuid in written]}

    def _target(self, uuid):
        empty = {"uuid": uuid, "spec": None, "specRevision": 0, "overrides": {}, "version": 0}
        target = self.targets.get(uuid, empty)
        return {**target, "etag": f'"{target["version"]}"'}


def _hmac(service_id, name, value):
    return b64u_encode(sha256(f"{service_id}/{name}/{value}".encode()).digest())


def _hmacs(given):
    return {
        service: {name: _hmac(service, name, value) for name, value in values.items()}
        for service, values in given.items()
    }


def _kept(service_id, name, secret):
    """What the API stores and shows of a secret."""
    return Secret(hmac=_hmac(service_id, name, secret.value) if secret.value else secret.hmac)


def _check_keys(body, allowed):
    errors = [{"pointer": f"/{key}", "detail": "unknown key"} for key in set(body) - allowed]
    if errors:
        raise RefusedError(422, "invalid", "the body isn't as it must be", errors)


CUSTOMERS = "/api/customers"
DEVICES = "/api/v1/devices"
SEGMENT = "([^/]+)"
ROUTES = (
    ("GET", CUSTOMERS, "admin", MemoryPlatform.list_customers),
    ("PUT", f"{CUSTOMERS}/by-external-id/{SEGMENT}", "admin", MemoryPlatform.put_customer),
    ("GET", f"{CUSTOMERS}/{SEGMENT}", "admin", MemoryPlatform.get_customer),
    ("POST", f"{CUSTOMERS}/{SEGMENT}/deploy", "admin", MemoryPlatform.deploy),
    ("POST", f"{CUSTOMERS}/{SEGMENT}/service-tokens", "admin", MemoryPlatform.service_token),
    ("GET", f"/api/admin/jobs/{SEGMENT}", "admin", MemoryPlatform.job),
    ("GET", f"/api/admin/jobs/{SEGMENT}/log", "admin", MemoryPlatform.job_log),
    ("GET", "/api/admin/tenants", "admin", MemoryPlatform.admin_tenants),
    ("GET", "/health/ready", None, MemoryPlatform.ready),
    ("GET", DEVICES, "read", MemoryPlatform.list_devices),
    ("POST", DEVICES, "devices", MemoryPlatform.create_device),
    ("GET", f"{DEVICES}/{SEGMENT}", "read", MemoryPlatform.get_device),
    ("PATCH", f"{DEVICES}/{SEGMENT}", "devices", MemoryPlatform.change_device),
    ("DELETE", f"{DEVICES}/{SEGMENT}", "devices", MemoryPlatform.delete_device),
    ("GET", f"{DEVICES}/{SEGMENT}/current-state", "read", MemoryPlatform.current_state),
    ("GET", "/api/provisioning-keys", "read", MemoryPlatform.list_keys),
    ("POST", "/api/provisioning-keys", "provisioning-keys", MemoryPlatform.create_key),
    ("DELETE", f"/api/provisioning-keys/{SEGMENT}", "provisioning-keys", MemoryPlatform.revoke_key),
    ("POST", "/api/v1/target-states/query", "read", MemoryPlatform.query_targets),
    ("PUT", "/api/v1/target-states", "target-states", MemoryPlatform.write_targets),
)


def _handler(platform):
    class Handler(BaseHTTPRequestHandler):
        """Turns requests into calls of the platform."""

        def _do(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            kind = "application/json"
            try:
                status, answer = platform.answer(self.command, self.path, token, body)
            except RefusedError as refusal:
                status, answer, kind = refusal.status, refusal.problem, "application/problem+json"
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 - http.server wants them

        def log_message(self, *_):
            """Stay quiet."""

    return Handler
