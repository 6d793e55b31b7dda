"""Routes of leases: who asks for no updates for a while."""

from iotistic_agent.api.bodies import OWNER, Body, Member, number, text
from iotistic_agent.api.http import Answer, Problem, Request
from iotistic_agent.api.inside import Inside
from iotistic_contract.codec import format_time
from iotistic_contract.planning.holds import LONGEST_LEASE_S, Lease, holds
from iotistic_contract.problems import Code

__all__ = ["LEASE", "MOST_LEASES", "hold", "leases", "release"]

MOST_LEASES = 100
LEASE = Body(
    {
        "owner": Member(OWNER.schema, required=True),
        "reason": text("why, for people", required=True),
        "ttlSeconds": number("for how long", 1, LONGEST_LEASE_S, required=True),
    }
)


async def leases(inside: Inside, _request: Request) -> Answer:
    """List the leases, and say what holds updates now: they, or the update window."""
    known, window = inside.store.leases.all(), inside.configured().update_window
    return Answer(
        {
            "leases": [_shown(each) for each in sorted(known, key=lambda each: each.owner)],
            "heldBy": list(holds(known, window, inside.now())),
        }
    )


async def hold(inside: Inside, request: Request) -> Answer:
    """Keep a lease, in the place of the owner's former one."""
    body = LEASE.read(request.body)
    known = inside.store.leases.all()
    if len(known) >= MOST_LEASES and body["owner"] not in {each.owner for each in known}:
        raise Problem(Code.CONFLICT, f"there are {MOST_LEASES} leases already")
    made = inside.store.leases.hold(body["owner"], body["reason"], body["ttlSeconds"])
    inside.bells.reconcile.ring()
    return Answer(_shown(made), 201)


async def release(inside: Inside, _request: Request, owner: str) -> Answer:
    """End a lease."""
    if not inside.store.leases.release(owner):
        raise Problem(Code.NOT_FOUND, f"no lease of {owner!r}")
    inside.bells.reconcile.ring()
    return Answer({"owner": owner, "released": True})


def _shown(lease: Lease) -> dict[str, object]:
    return {"owner": lease.owner, "reason": lease.reason, "until": format_time(lease.until)}
