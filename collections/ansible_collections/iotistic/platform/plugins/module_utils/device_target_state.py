# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target states of many devices: between the planner and a tenant's API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ._client import ApiError, Client, quoted
from ._contract.codec import encode
from ._contract.errors import ContractError
from ._contract.ids import check_uuid
from ._contract.planning.target_state import (
    ActualTarget,
    WriteTargets,
    actual_targets,
    spec_reader,
)
from ._contract.target_secrets import plain_secrets, with_hmacs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ansible.module_utils.basic import AnsibleModule

    from ._contract.target_state import Spec

__all__ = ["SCOPE", "TargetStates", "desired_from", "hide_secrets"]

SCOPE = "read target-states"
PAUSE = 0.2
BATCH = 10_000


def hide_secrets(module: AnsibleModule) -> None:
    """Mask the values of secrets in all that a module tells, and nothing else of a target.

    ``apps`` and ``targets`` are no_log, so that Ansible logs neither; that alone masks each
    word in them, in messages and differences too.
    """
    options = module.params
    tokens = {options[name] for name in ("billing_token", "tenant_token") if options[name]}
    module.no_log_values = tokens | set(_secret_values(options))


def _secret_values(value: Any) -> Iterator[str]:
    """Yield each text below a key ``secrets``, also of a target that isn't valid."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each) if key == "secrets" else _secret_values(each)
    elif isinstance(value, list):
        for each in value:
            yield from _secret_values(each)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def desired_from(params: dict[str, Any]) -> dict[str, Spec]:
    """Return the wanted spec of each device, by uuid; errors point into the task's options."""
    read = spec_reader()
    if params["uuid"] is not None:
        return dict([_target(params, read)])
    specs: dict[str, Spec] = {}
    for index, options in enumerate(params["targets"]):
        try:
            uuid, spec = _target(options, read)
            _check_new(uuid, specs)
        except ContractError as error:
            raise error.under("targets", index) from None
        specs[uuid] = spec
    return specs


def _target(options: dict[str, Any], read: Callable[[Any], Spec]) -> tuple[str, Spec]:
    try:
        uuid = check_uuid(options["uuid"])
    except ContractError as error:
        raise error.under("uuid") from None
    return uuid, read({"apps": options["apps"], "config": options["config"] or {}})


def _check_new(uuid: str, seen: dict[str, Spec]) -> None:
    if uuid in seen:
        raise ContractError("/uuid", f"{uuid} is in the list twice")


class TargetStates:
    """Reads and writes target states, all devices in one request."""

    def __init__(self, tenant: Client) -> None:
        self._tenant = tenant
        self.facts: dict[str, dict[str, Any]] = {}

    def read(self, desired: dict[str, Spec]) -> tuple[dict[str, ActualTarget], dict[str, Spec]]:
        """Return what the tenant has, and what is wanted with each secret's HMAC beside it.

        A device that the tenant doesn't know is an error.
        """
        items: dict[str, dict[str, Any]] = {}
        uuids = list(desired)
        for start in range(0, len(uuids), BATCH):
            batch = {uuid: desired[uuid] for uuid in uuids[start : start + BATCH]}
            items.update((item["uuid"], item) for item in self._query(batch))
        self._check_known(desired, items)
        self.facts = {uuid: _facts(item) for uuid, item in items.items()}
        return actual_targets(items.values()), {
            uuid: with_hmacs_of(spec, items[uuid].get("secretHmacs") or {})
            for uuid, spec in desired.items()
        }

    def _query(self, desired: dict[str, Spec]) -> list[dict[str, Any]]:
        body: dict[str, Any] = {"uuids": list(desired)}
        secrets = {uuid: plain_secrets(spec) for uuid, spec in desired.items()}
        secrets = {uuid: values for uuid, values in secrets.items() if values}
        if secrets:
            body["secrets"] = secrets
        return list(self._tenant.call("POST", "/api/v1/target-states/query", body).body["items"])

    def _check_known(self, desired: Iterable[str], items: dict[str, dict[str, Any]]) -> None:
        missing = [uuid for uuid in desired if uuid not in items]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise ApiError(
                f"{self._tenant.who} knows no device {', '.join(missing[:5])}{more} "
                "(module iotistic.platform.device describes one)"
            )

    def apply(self, step: WriteTargets) -> None:
        """Write all targets of a step; none is written when one of them is refused."""
        answer = self._tenant.call("PUT", "/api/v1/target-states", encode(step))
        for item in answer.body["items"]:
            self.facts[item["uuid"]] = _facts(item)

    def await_applied(self, timeout: int) -> None:
        """Return when each device reports the version that it is to have as applied."""
        deadline = time.monotonic() + timeout
        waiting = {uuid: target["version"] for uuid, target in self.facts.items()}
        while True:
            reports = {uuid: self._report(uuid, deadline) for uuid in waiting}
            waiting = {
                uuid: version
                for uuid, version in waiting.items()
                if (reports[uuid].get("status"), reports[uuid].get("appliedVersion"))
                != ("applied", version)
            }
            if not waiting:
                return
            left = [uuid for uuid in waiting if _was_given_up(reports[uuid], waiting[uuid])]
            if left:
                told = "\n".join(_told(uuid, waiting[uuid], reports[uuid]) for uuid in left)
                raise ApiError(f"tried and given up, what ran before runs again:\n{told}")
            if time.monotonic() > deadline:
                told = "\n".join(_told(uuid, waiting[uuid], reports[uuid]) for uuid in waiting)
                raise ApiError(f"not applied within {timeout} s:\n{told}")
            time.sleep(PAUSE)

    def _report(self, uuid: str, deadline: float) -> dict[str, Any]:
        path = f"/api/v1/devices/{quoted(uuid)}/current-state"
        try:
            return self._tenant.get_until(path, deadline).body.get("report") or {}
        except ApiError as error:
            if error.status == 404:
                return {}
            raise


def _facts(view: dict[str, Any]) -> dict[str, Any]:
    return {
        "uuid": view["uuid"],
        "version": view["version"],
        "spec_revision": view["specRevision"],
        "etag": view.get("etag"),
    }


def _was_given_up(report: dict[str, Any], version: int) -> bool:
    """Tell whether the device has gone back to what it had: waiting won't change that."""
    return (report.get("status"), report.get("failedVersion")) == ("rolled_back", version)


def _told(uuid: str, version: int, report: dict[str, Any]) -> str:
    if not report:
        return f"{uuid}: wanted version {version}, no report yet. Is its agent running?"
    failure = report.get("failure") or {}
    said = [
        f"{uuid}: wanted version {version}, reports {report.get('status')}",
        f"applied version {report.get('appliedVersion')}",
    ]
    if failure:
        said.append(f"{failure.get('type')}: {failure.get('message')}")
    for app in (report.get("apps") or {}).values():
        for name, service in (app.get("services") or {}).items():
            error = service.get("error") or {}
            if error:
                said.append(f"service {name} is {service.get('state')}: {error.get('message')}")
    return ", ".join(said)
