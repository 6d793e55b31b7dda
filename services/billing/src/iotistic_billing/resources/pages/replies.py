"""Answers that several pages give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iotistic_billing.resources.pages.frame import Said

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from iotistic_billing.domain.errors import TooManyAttempts
    from iotistic_billing.resources.pages.frame import Frame
    from iotistic_kit.errors import DomainError

__all__ = ["gone", "refused", "see", "too_many", "unable"]

_HOUR, _MINUTE = "3600", "60"


def see(resp: Response, place: str) -> None:
    """Send the browser to another page of ours."""
    resp.status = 303
    resp.location = place
    resp.set_header("Cache-Control", "no-store")


def refused(frame: Frame, req: Request, resp: Response, back: str) -> None:
    """Say that the form isn't taken."""
    said = Said(
        heading="This form isn't taken",
        words="It is too old, or came from another place. Nothing was done; open the page anew.",
        back=back,
        label="Open it anew",
    )
    frame.tell(req, resp, 403, said)


def too_many(frame: Frame, req: Request, resp: Response, error: TooManyAttempts, back: str) -> None:
    """Say when the next attempt is taken."""
    seconds = error.headers.get("Retry-After", _HOUR)
    minutes = max(1, -(-int(seconds) // 60))
    said = Said(
        heading="Too many attempts",
        words=f"Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}.",
        back=back,
        label="Back",
    )
    resp.set_header("Retry-After", seconds)
    frame.tell(req, resp, 429, said)


def gone(frame: Frame, req: Request, resp: Response) -> None:
    """Say that a link is no longer good."""
    said = Said(
        heading="This link is no longer good",
        words="It was used, is over, or a newer mail has taken its place.",
        back="/status",
        label="See how far your sign-up is",
    )
    frame.tell(req, resp, 404, said)


def unable(frame: Frame, req: Request, resp: Response, error: DomainError, back: str) -> None:
    """Say that it can't be done now, and not why: that is nothing a visitor could mend."""
    said = Said(
        heading="Not just now",
        words="Too much is going on. Nothing was done; try again in a little while.",
        back=back,
        label="Try again",
    )
    resp.set_header("Retry-After", error.headers.get("Retry-After", _MINUTE))
    frame.tell(req, resp, 503, said)
