# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A customer and its tenant: between the planner and billing."""

from __future__ import annotations

import time
from typing import Any

from ._client import ApiError, Client, billing_from, quoted
from ._contract.planning.customer import (
    ActualCustomer,
    AwaitDeployment,
    Customer,
    Deploy,
    PutCustomer,
)

__all__ = ["Customers", "desired_from"]

PENDING = frozenset({"queued", "running"})
LOG_LINES = 15
PAUSE = 0.5


def desired_from(params: dict[str, Any]) -> Customer:
    """Return the customer that a task asks for."""
    return Customer(
        external_id=params["external_id"],
        company_name=params["company_name"],
        plan=params["plan"],
        email=params["email"],
        full_name=params["full_name"],
        state=params["state"],
    )


class Customers:
    """Reads customers from billing and does a plan's steps there."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._billing = billing_from(params)
        self._external_id = params["external_id"]
        self._wait_timeout = params["wait_timeout"]

    def read(self) -> ActualCustomer | None:
        """Return the customer as it is, with its tenant's health asked just now."""
        view = self.view()
        if view is None:
            return None
        deployment = view.get("deployment") or {}
        return ActualCustomer(
            id=view["id"],
            external_id=view["external_id"],
            company_name=view["company_name"],
            plan=view["plan"],
            plan_source=view["plan_source"],
            status=view["status"],
            email=view.get("email"),
            full_name=view.get("full_name"),
            state="suspended" if view["status"] == "suspended" else "present",
            wanted_hash=deployment.get("wanted_hash"),
            applied_hash=deployment.get("applied_hash"),
            deployment_status=deployment.get("status"),
            healthy=self._trouble(view) is None,
        )

    def view(self) -> dict[str, Any] | None:
        """Return billing's record of the customer, or None."""
        query = {"external_id": self._external_id}
        found = self._billing.get("/api/customers", query).body["items"]
        return found[0] if found else None

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case PutCustomer():
                self._put(step)
            case Deploy(reason=reason):
                path = f"/api/customers/{quoted(self._id())}/deploy"
                self._billing.call("POST", path, {"reason": reason})
            case AwaitDeployment():
                self._await_deployment()

    def _put(self, step: PutCustomer) -> None:
        wanted = {
            "company_name": step.company_name,
            "plan": step.plan,
            "email": step.email,
            "full_name": step.full_name,
            "state": step.state,
        }
        self._billing.call(
            "PUT",
            f"/api/customers/by-external-id/{quoted(step.external_id)}",
            {name: value for name, value in wanted.items() if value is not None},
        )

    def _id(self) -> str:
        view = self.view()
        if view is None:
            raise ApiError(f"billing has no customer {self._external_id!r} any more")
        return view["id"]

    def _await_deployment(self) -> None:
        """Return when the deployment is done and the tenant is ready."""
        deadline = time.monotonic() + self._wait_timeout
        trouble = None
        while True:
            view = self.view() or {}
            deployment = view.get("deployment") or {}
            status = deployment.get("status")
            if status not in PENDING:
                if status != "succeeded":
                    raise ApiError(self._failure(deployment, f"is {status}"))
                trouble = None if view["status"] == "suspended" else self._trouble(view)
                if trouble is None:
                    return
            if time.monotonic() > deadline:
                state = f"is {status}" if status in PENDING else f"isn't ready: {trouble}"
                raise ApiError(self._failure(deployment, f"{state} after {self._wait_timeout} s"))
            time.sleep(PAUSE)

    def _failure(self, deployment: dict[str, Any], state: str) -> str:
        """Return what is to be known of a deployment that didn't end well."""
        said = f"the deployment of {self._external_id} {state}"
        if deployment.get("status") == "queued":
            said += ". Is a worker running (iotistic-billing worker)?"
        job_id = deployment.get("job_id")
        error = deployment.get("error")
        if job_id:
            job = self._billing.get(f"/api/admin/jobs/{quoted(str(job_id))}").body
            error = job.get("error") or error
            said += f" (job {job_id}, attempt {job.get('attempt')})"
        lines = self._log(job_id) if job_id else []
        return "\n".join([f"{said}: {error}" if error else said, *lines])

    def _log(self, job_id: str) -> list[str]:
        try:
            entries = self._billing.items(f"/api/admin/jobs/{quoted(str(job_id))}/log")
        except ApiError as unread:
            return [f"(its log can't be read: {unread})"]
        return [entry["line"] for entry in entries[-LOG_LINES:]]

    def _trouble(self, view: dict[str, Any]) -> str | None:
        """Return why the tenant isn't ready, or None when it is."""
        url = view.get("instance_url")
        if not url:
            return "it has no address"
        tenant = Client(
            url=url,
            who=f"tenant {self._external_id}",
            option="instance_url",
            ca_file=self._billing.ca_file,
            timeout=min(10, self._billing.timeout),
        )
        try:
            tenant.get("/health/ready")
        except ApiError as error:
            return str(error)
        return None
