"""What each command asks the agent, and what it prints."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iotistic_agent.cli import acting, checking, completion, configuring, shown
from iotistic_agent.cli.client import Client, Exit, Failed
from iotistic_agent.cli.output import confirm, say
from iotistic_agent.cli.tables import json_text

__all__ = ["COMMANDS"]

_LOOK_AGAIN = 0.3
_BODY = ("api", "name", "type")
Command = Callable[[argparse.Namespace, Client], Exit]


def _status(asked: argparse.Namespace, client: Client) -> Exit:
    device, health = client.get("v2", "device"), client.get("health")
    return say(asked, {**device, "health": health}, lambda: shown.status(device, health))


def _plan(asked: argparse.Namespace, client: Client) -> Exit:
    found = client.get("v2", "plan")
    return say(asked, found, lambda: shown.plan(found, explain=asked.explain))


def _services(asked: argparse.Namespace, client: Client) -> Exit:
    match asked.deed:
        case "list":
            parts = ("services",) if asked.app is None else ("apps", asked.app)
            rows = client.get("v2", *parts)["services"]
            return say(asked, rows, lambda: shown.services(rows))
        case "info":
            row = client.get("v2", "services", asked.service)
            return say(asked, row, lambda: shown.service(row))
        case "logs":
            return _log(asked, client, ("services", asked.service, "logs"), shown.service_line)
    return acting.act_on_service(asked, client)


def _apps(asked: argparse.Namespace, client: Client) -> Exit:
    if asked.deed == "list":
        rows = client.get("v2", "apps")["apps"]
        return say(asked, rows, lambda: shown.apps(rows))
    if asked.deed == "info":
        row = client.get("v2", "apps", asked.app)
        return say(asked, row, lambda: shown.app(row))
    return acting.act_on_app(asked, client)


def _logs(asked: argparse.Namespace, client: Client) -> Exit:
    return _log(asked, client, ("logs",), shown.log_line)


def _provision(asked: argparse.Namespace, client: Client) -> Exit:
    if asked.key == "status":
        found = client.get("v2", "provision")
        say(asked, found, lambda: shown.provisioning(found))
        return Exit.DONE if found["state"] == "registered" else Exit.NOT_REGISTERED
    client.get("ping")  # who has nobody to give it to isn't asked for a secret
    body = {"key": _key(asked.key, asked.key_file)}
    body |= {name: getattr(asked, name) for name in _BODY if getattr(asked, name) is not None}
    client.send("POST", ("v2", "provision"), body)
    until = time.monotonic() + asked.wait
    found = client.get("v2", "provision")
    while found["state"] in ("registering", "retrying") and time.monotonic() < until:
        time.sleep(_LOOK_AGAIN)
        found = client.get("v2", "provision")
    say(asked, found, lambda: shown.provisioning(found))
    return Exit.DONE if found["state"] == "registered" else Exit.NOT_REGISTERED


def _deprovision(asked: argparse.Namespace, client: Client) -> Exit:
    return _leave(asked, client, "Device {uuid} is to forget its registration.")


def _factory_reset(asked: argparse.Namespace, client: Client) -> Exit:
    what = "Device {uuid} is to erase containers, their data, images, keys and its registration."
    return _leave(asked, client, what)


def _leave(asked: argparse.Namespace, client: Client, what: str) -> Exit:
    """Ask the person, then the agent, and wait until it has begun anew."""
    uuid = client.get("v2", "device")["uuid"]
    confirm(asked, what.format(uuid=uuid))
    client.send("POST", ("v2", asked.command), {"confirm": uuid})
    found = _after_leaving(client, time.monotonic() + asked.wait)
    return say(asked, found, lambda: shown.provisioning(found))


def _after_leaving(client: Client, until: float) -> Any:
    """Return how far the registration is once the agent has begun anew; meanwhile it is away."""
    while time.monotonic() < until:
        try:
            found = client.get("v2", "provision")
        except Failed as exc:
            if exc.exit is Exit.NOT_ALLOWED:
                raise
        else:
            if found["leaving"] is None:
                return found
        time.sleep(_LOOK_AGAIN)
    raise Failed(Exit.NOT_RUNNING, "not done yet; the agent goes on with it by itself")


def _completion(asked: argparse.Namespace, _client: Client) -> Exit:
    return say(argparse.Namespace(json=False), None, lambda: completion.SCRIPTS[asked.shell])


COMMANDS: dict[str, Command] = {
    "status": _status,
    "plan": _plan,
    "services": _services,
    "apps": _apps,
    "leases": acting.leases,
    "logs": _logs,
    "config": configuring.config,
    "provision": _provision,
    "deprovision": _deprovision,
    "factory-reset": _factory_reset,
    "diagnostics": checking.diagnostics,
    "diag": checking.diagnostics,
    "support-bundle": checking.support_bundle,
    "restart": checking.restart,
    "completion": _completion,
}


def _log(
    asked: argparse.Namespace,
    client: Client,
    parts: tuple[str, ...],
    text: Callable[[dict[str, Any]], str],
) -> Exit:
    for line in client.lines("v2", *parts, lines=asked.lines, follow=asked.follow):
        if line.get("stream") == "error":
            raise Failed(Exit.REFUSED, str(line["message"]))
        said = json_text(line) if asked.json else text(line)
        sys.stdout.write(f"{said}\n")
        if asked.follow:
            sys.stdout.flush()
    return Exit.DONE


def _key(given: str | None, file: Path | None) -> str:
    """Return the string, from wherever it is given; Failed when it is nowhere."""
    if given is not None and file is not None:
        raise Failed(Exit.USAGE, "KEY or --key-file, not both")
    if given is not None:
        sys.stderr.write(
            "iotctl: warning: everybody on this machine can read the arguments of a program;"
            " use --key-file, standard input, or no KEY at all\n"
        )
        return given
    if file is not None:
        try:
            text = file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as exc:
            why = getattr(exc, "strerror", None) or "not text"
            raise Failed(Exit.USAGE, f"can't read {file}: {why}") from None
    elif sys.stdin.isatty():
        from getpass import getpass  # noqa: PLC0415 -- slow to import, seldom needed

        text = getpass("provisioning string: ")
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise Failed(Exit.USAGE, "no provisioning string: it is empty")
    return text.strip()
