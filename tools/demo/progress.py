"""What happens while Ansible waits: billing's jobs, and the first device that comes online."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from .api import Api, ApiError, billing_of, tenant_api
from .parts import Tenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .site import Site

__all__ = ["Follower", "JobLines"]

PAUSE = 1.0
WORDS = {"deploy": "deploying", "suspend": "stopping", "delete": "removing"}
ENDED = {"succeeded": "done", "failed": "failed", "canceled": "given up for a newer one"}


@dataclass
class JobLines:
    """Makes lines of the deployment jobs: what is new in each since the last look.

    Jobs that had ended at the first look are none of this run's. ``each_task`` is for people who
    watch: a line for each of a job's tasks; without it only a job's beginning and end are told.
    """

    each_task: bool
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _looked: bool = False

    def news(self, jobs: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
        """Return the lines to print; ``names`` are of customers, by id."""
        lines = []
        for job in reversed(list(jobs)):  # the API's are newest first
            before = self._known.get(job["id"])
            self._known[job["id"]] = job
            if job["kind"] in WORDS and (before or self._looked or job["status"] not in ENDED):
                name = names.get(job["customer_id"], job["customer_id"])
                lines += [f"  {name}: {told}" for told in self._told(before or {}, job)]
        self._looked = True
        return lines

    def _told(self, before: Mapping[str, Any], job: Mapping[str, Any]) -> list[str]:
        progress, status = job["progress"] or {}, job["status"]
        told = []
        if status != before.get("status"):
            error = f" ({job['error']})" if status == "failed" and job["error"] else ""
            told.append(f"{WORDS[job['kind']]}: {ENDED.get(status, status)}{error}")
        moved = status == "running" and progress != (before.get("progress") or {})
        if self.each_task and moved and progress.get("task"):
            of = f" of {progress['total']}" if progress.get("total") else ""
            told.append(f"{progress['done']}{of}  {progress['task']}")
        return told


class Follower:
    """Prints billing's jobs while the playbook runs, and notes when the first device is online.

    ``began`` is when the run did, in seconds since 1970; ``first`` says that there was no site.
    """

    def __init__(self, site: Site, began: float, *, first: bool) -> None:
        self._site = site
        self._began = began
        self._first = first
        self._lines = JobLines(each_task=sys.stderr.isatty())
        self._online: tuple[str, float] | None = None
        self._apis: dict[str, Api] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join(timeout=15)

    def first_device(self) -> str:
        """Return the sentence about the first device that came online, of a first run."""
        if self._online is None:
            return ""
        name, at = self._online
        return f" The first device, {name}, was online after {at - self._began:.0f} s."

    def _follow(self) -> None:
        billing: Api | None = None
        while not self._end.wait(PAUSE):
            try:
                billing = billing or self._billing()
                if billing:
                    self._look(billing)
            except (ApiError, OSError, ValueError):  # not there yet, or just being replaced
                self._apis.clear()

    def _billing(self) -> Api | None:
        address = self._site.setting("billing", "HOST")
        if address is None or not self._site.root_ca.exists():
            return None
        return billing_of(self._site, f"https://{address}:3100")

    def _look(self, billing: Api) -> None:
        tenants = billing.get("/api/admin/tenants")["items"]
        names = {tenant["customer_id"]: tenant["external_id"] for tenant in tenants}
        for line in self._lines.news(billing.get("/api/admin/jobs", limit=50)["items"], names):
            print(line, file=sys.stderr, flush=True)
        if self._first and self._online is None:
            self._look_for_device(billing, tenants)

    def _look_for_device(self, billing: Api, tenants: list[Mapping[str, Any]]) -> None:
        for tenant in tenants:
            if tenant["status"] != "ready":
                continue
            name = tenant["external_id"]
            if name not in self._apis:
                known = Tenant(
                    name, tenant["customer_id"], tenant["short_id"], tenant["plan"],
                    tenant["public_url"], "",
                )  # fmt: skip
                self._apis[name] = tenant_api(self._site, billing, known, "read")
            for device in self._apis[name].get("/api/v1/devices")["items"]:
                if device["online"]:
                    self._online = (device["name"], time.time())
                    return
