"""How far a sign-up is, as the status page tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .model import CustomerStatus
from .tenancy import customer_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Customer, Deployment

__all__ = ["Progress", "Stage", "Step", "progress_of"]


class Stage(StrEnum):
    """Where a sign-up is; ``ready``, ``failed`` and ``gone`` change no more by themselves."""

    VERIFY = "verify"
    DEPLOY = "deploy"
    INVITE = "invite"
    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


_FINAL = frozenset({Stage.READY, Stage.GONE})
_ORDER = (Stage.VERIFY, Stage.DEPLOY, Stage.INVITE, Stage.READY)
_STEPS = (
    (Stage.VERIFY, "Confirm your e-mail address"),
    (Stage.DEPLOY, "Set up your platform"),
    (Stage.INVITE, "Send your invitation"),
)
_GONE = frozenset({CustomerStatus.REMOVING, CustomerStatus.REMOVED, CustomerStatus.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the list; ``state`` is done, current, waiting or failed."""

    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the page shows; ``percent`` is None while nobody knows how much there is to do."""

    stage: Stage
    steps: tuple[Step, ...]
    percent: int | None = None

    @property
    def final(self) -> bool:
        """Whether the page need not look again."""
        return self.stage in _FINAL


def progress_of(
    customer: Customer | None,
    deployment: Deployment | None,
    run: Mapping[str, Any] | None = None,
    *,
    invited: bool = False,
) -> Progress:
    """Return the progress; a visitor without a customer waits for a mail, as a new one does.

    ``run`` is what the deployment's job says of itself, ``invited`` that the mail is on its way.
    """
    stage = _stage(customer, deployment, invited=invited)
    reached = Stage.DEPLOY if stage is Stage.FAILED else stage
    unverified = customer is None or customer.email_verified_at is None
    asked = deployment is None or not unverified
    return Progress(
        stage=stage,
        steps=tuple(
            Step(name, _state(each, reached, failed=stage is Stage.FAILED))
            for each, name in _STEPS
            if asked or each is not Stage.VERIFY
        ),
        percent=_percent(run) if stage is Stage.DEPLOY else None,
    )


def _stage(customer: Customer | None, deployment: Deployment | None, *, invited: bool) -> Stage:
    if customer is None:
        return Stage.VERIFY
    status = customer_status(customer, deployment)
    if status in _GONE:
        return Stage.GONE
    if deployment is None:
        return Stage.VERIFY if customer.email_verified_at is None else Stage.DEPLOY
    if status is CustomerStatus.FAILED:
        return Stage.FAILED
    if status is not CustomerStatus.READY:
        return Stage.DEPLOY
    return Stage.READY if invited else Stage.INVITE


def _state(step: Stage, reached: Stage, *, failed: bool) -> str:
    if reached is Stage.GONE or _ORDER.index(step) < _ORDER.index(reached):
        return "done"
    if step is not reached:
        return "waiting"
    return "failed" if failed else "current"


def _percent(run: Mapping[str, Any] | None) -> int | None:
    """Return the share of tasks done, never the whole before the end."""
    done, total = (run or {}).get("done"), (run or {}).get("total")
    if not isinstance(done, int) or not isinstance(total, int) or total <= 0:
        return None
    return max(0, min(99, 100 * done // total))
