# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target states of many devices: between the planner and a tenant's API."""

from __future__ import annotations

import time
from typing import Any

from ._client import ApiError, Client, quoted
from ._contract.codec import decode, encode
from ._contract.errors import ContractError
from ._contract.ids import check_uuid
from ._contract.planning.target_state import ActualTarget, WriteTargets
from ._contract.target_state import Spec

__all__ = ["SCOPE", "TargetStates", "desired_from"]

SCOPE = "read target-states"
PAUSE = 0.5
BATCH = 10_000


def desired_from(params: dict[str, Any]) -> dict[str, Spec]:
    """Return the wanted spec of each device, by uuid; errors point into the task's options."""
    if params["uuid"] is not None:
        return dict([_target(params)])
    specs: dict[str, Spec] = {}
    for index, options in enumerate(params["targets"]):
        try:
            uuid, spec = _target(options)
            if uuid in specs:
                raise ContractError("/uuid", f"{uuid} is in the list twice")
        except ContractError as error:
            raise error.under("targets", index) from None
        specs[uuid] = spec
    return specs


def _target(options: dict[str, Any]) -> tuple[str, Spec]:
    try:
        uuid = check_uuid(options["uuid"])
    except ContractError as error:
        raise error.under("uuid") from None
    return uuid, decode(Spec, {"apps": options["apps"], "config": options["config"] or {}})


class TargetStates:
    """Reads and writes target states, all devices in one request."""

    def __init__(self, tenant: Client) -> None:
        self._tenant = tenant
        self.written: dict[str, dict[str, Any]] = {}

    def read(self, uuids: list[str]) -> dict[str, ActualTarget]:
        """Return the target state of each device; a device that isn't there is an error."""
        found: dict[str, ActualTarget] = {}
        for start in range(0, len(uuids), BATCH):
            batch = uuids[start : start + BATCH]
            path = "/api/v1/target-states/query"
            for view in self._tenant.call("POST", path, {"uuids": batch}).body["items"]:
                found[view["uuid"]] = _actual(view)
                self.written[view["uuid"]] = _facts(view)
        missing = [uuid for uuid in uuids if uuid not in found]
        if missing:
            raise ApiError(
                f"{self._tenant.who} knows no device {', '.join(missing[:5])}"
                f"{f' and {len(missing) - 5} more' if len(missing) > 5 else ''} "
                "(module iotistic.platform.device describes one)"
            )
        return found

    def apply(self, step: WriteTargets) -> None:
        """Write all targets of a step; none is written when one of them is refused."""
        body = {
            "targets": [
                {
                    "uuid": target.uuid,
                    "specRevision": target.spec_revision,
                    "spec": encode(target.spec),
                }
                for target in step.targets
            ]
        }
        for view in self._tenant.call("PUT", "/api/v1/target-states", body).body["items"]:
            self.written[view["uuid"]] = _facts(view)

    def await_applied(self, timeout: int) -> None:
        """Return when each device reports the version that it is to have as applied."""
        deadline = time.monotonic() + timeout
        waiting = {uuid: target["version"] for uuid, target in self.written.items()}
        while True:
            reports = {uuid: self._report(uuid) for uuid in waiting}
            waiting = {
                uuid: version
                for uuid, version in waiting.items()
                if (reports[uuid].get("status"), reports[uuid].get("appliedVersion"))
                != ("applied", version)
            }
            if not waiting:
                return
            if time.monotonic() > deadline:
                told = "\n".join(_told(uuid, waiting[uuid], reports[uuid]) for uuid in waiting)
                raise ApiError(f"not applied within {timeout} s:\n{told}")
            time.sleep(PAUSE)

    def _report(self, uuid: str) -> dict[str, Any]:
        path = f"/api/v1/devices/{quoted(uuid)}/current-state"
        try:
            return self._tenant.get(path).body.get("report") or {}
        except ApiError as error:
            if error.status == 404:
                return {}
            raise


def _actual(view: dict[str, Any]) -> ActualTarget:
    spec = view.get("spec") or {}
    return ActualTarget(
        uuid=view["uuid"],
        spec=Spec(apps={}, config={}) if not spec.get("apps") else decode(Spec, spec, "keep"),
        spec_revision=view["specRevision"],
        overrides=view.get("overrides") or {},
        version=view["version"],
    )


def _facts(view: dict[str, Any]) -> dict[str, Any]:
    return {
        "uuid": view["uuid"],
        "version": view["version"],
        "spec_revision": view["specRevision"],
        "etag": view.get("etag"),
    }


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
