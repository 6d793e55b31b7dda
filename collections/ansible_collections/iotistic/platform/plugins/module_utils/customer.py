# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A customer and its tenant: between the planner and billing."""

from __future__ import annotations

import time
from typing import Any

from ._client import ApiError, Client, quoted
from ._connection import billing_from
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
        self._job_id = ""

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
        found = self._billing.items("/api/customers", query)
        return found[0] if found else None

    def apply(self, step: Any) -> None:
        """Do one step of a plan."""
        match step:
            case PutCustomer():
                self._put(step)
            case Deploy(reason=reason):
                path = f"/api/customers/{quoted(self._known()['id'])}/deploy"
                self._job_id = self._billing.call("POST", path, {"reason": reason}).body["job_id"]
            case AwaitDeployment():
                deadline = time.monotonic() + self._wait_timeout
                self._await_job(deadline)
                self._await_ready(deadline)

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

    def _known(self) -> dict[str, Any]:
        view = self.view()
        if view is None:
            raise ApiError(f"billing has no customer {self._external_id!r} any more")
        return view

    def _await_job(self, deadline: float) -> None:
        """Return when the deployment's job has succeeded."""
        while True:
            path = f"/api/admin/jobs/{quoted(self._job_id)}"
            job = self._billing.get_until(path, deadline).body
            status = job["status"]
            if status == "succeeded":
                return
            if status == "canceled" and self._superseded():
                continue
            if status not in PENDING:
                raise ApiError(
                    self._failure(job, "failed" if status == "failed" else f"was {status}")
                )
            if time.monotonic() > deadline:
                raise ApiError(self._failure(job, f"is {status} after {self._wait_timeout} s"))
            time.sleep(PAUSE)

    def _superseded(self) -> bool:
        """Follow the job that took the place of a canceled one; False when none did."""
        newer = (self._known().get("deployment") or {}).get("job_id")
        found = newer not in {None, self._job_id}
        self._job_id = newer if found else self._job_id
        return found

    def _await_ready(self, deadline: float) -> None:
        """Return when the tenant that was deployed answers that it is ready."""
        while True:
            view = self._known()
            trouble = None if view["status"] == "suspended" else self._trouble(view)
            if trouble is None:
                return
            if time.monotonic() > deadline:
                raise ApiError(
                    f"{self._external_id} is deployed and not ready after "
                    f"{self._wait_timeout} s: {trouble}"
                )
            time.sleep(PAUSE)

    def _failure(self, job: dict[str, Any], state: str) -> str:
        """Return what is to be known of a job that didn't end well: error and last log lines."""
        said = f"the deployment of {self._external_id} {state} (job {self._job_id}"
        said += f", attempt {job['attempt']})" if job.get("attempt") else ")"
        if job.get("error"):
            said += f": {job['error']}"
        elif job["status"] == "queued":
            said += ": is a worker running (iotistic-billing worker)?"
        return "\n".join([said, *self._log()])

    def _log(self) -> list[str]:
        try:
            entries = self._billing.items(f"/api/admin/jobs/{quoted(self._job_id)}/log")
        except ApiError as unread:
            return [f"(its log can't be read: {unread})"]
        return [str(entry["line"]) for entry in entries[-LOG_LINES:]]

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
