"""Commands by which people start, stop and restart, and hold updates."""

import argparse

from iotistic_agent.cli import shown_actions
from iotistic_agent.cli.client import Client, Exit
from iotistic_agent.cli.output import confirm, say

__all__ = ["act_on_app", "act_on_service", "leases"]


def act_on_service(asked: argparse.Namespace, client: Client) -> Exit:
    """Ask for something of one service."""
    return _act(asked, client, ("v2", "services", asked.service))


def act_on_app(asked: argparse.Namespace, client: Client) -> Exit:
    """Ask for something of all services of an app; a purge is asked about."""
    if asked.deed == "purge":
        confirm(asked, f"All data in the volumes of the app {asked.app} will be lost.")
    return _act(asked, client, ("v2", "apps", asked.app))


def leases(asked: argparse.Namespace, client: Client) -> Exit:
    """List, hold or release."""
    if asked.deed == "list":
        found = client.get("v2", "leases")
        return say(asked, found, lambda: shown_actions.leases(found))
    if asked.deed == "hold":
        body = {"owner": asked.owner, "reason": asked.reason, "ttlSeconds": asked.seconds}
        found = client.send("POST", ("v2", "leases"), body)
        return say(asked, found, lambda: f"held until {found['until']}")
    found = client.send("DELETE", ("v2", "leases", asked.owner))
    return say(asked, found, lambda: "released")


def _act(asked: argparse.Namespace, client: Client, parts: tuple[str, ...]) -> Exit:
    body = {"owner": asked.owner, "reason": asked.reason}
    if getattr(asked, "seconds", None) is not None:
        body["ttlSeconds"] = asked.seconds
    said = {name: value for name, value in body.items() if value is not None}
    found = client.send("POST", (*parts, asked.deed), said)
    return say(asked, found, lambda: shown_actions.acted(found))
