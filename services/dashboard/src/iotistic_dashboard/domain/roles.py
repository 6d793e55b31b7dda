"""Roles, least first, and what each may do in words."""

__all__ = ["ROLES", "may_give"]

ROLES = {
    "viewer": "looks at everything",
    "operator": "also starts, stops and restarts services",
    "manager": "also deploys, keeps devices and provisioning keys",
    "admin": "also keeps users, sees the audit log and the license",
    "owner": "also makes and unmakes owners",
}


def may_give(role: str) -> list[str]:
    """Return the roles that somebody of ``role`` may give: none above their own."""
    order = list(ROLES)
    return order[: order.index(role) + 1] if role in order else []
