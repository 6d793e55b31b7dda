"""Commands that show and set the agent's own settings."""

import argparse
from collections.abc import Mapping
from typing import Any

from iotistic_agent.cli import shown
from iotistic_agent.cli.client import Client, Exit, Failed
from iotistic_agent.cli.output import say
from iotistic_agent.cli.tables import clean, json_text

__all__ = ["config"]

_API = "apiEndpoint"


def config(asked: argparse.Namespace, client: Client) -> Exit:
    """Show, get, set or reset."""
    match asked.deed:
        case "set":
            found = client.send("PATCH", ("v2", "config"), {asked.setting: _value(asked.value)})
            return say(asked, found, lambda: _said(found, asked.setting))
        case "reset":
            parts = ("v2", "config") if asked.setting is None else ("v2", "config", asked.setting)
            found = client.send("DELETE", parts)
            return say(asked, found, lambda: shown.config(found))
        case "set-api":
            found = client.send("PATCH", ("v2", "config"), {_API: asked.url})
            return say(asked, found["api"], lambda: str(found["api"]["endpoint"]))
    found = client.get("v2", "config")
    match asked.deed:
        case "get":
            value = _known(found, asked.setting)
            return say(asked, value, lambda: _plain(value))
        case "get-api":
            return say(asked, found["api"], lambda: _plain(found["api"]["endpoint"] or ""))
    return say(asked, found, lambda: shown.config(found))


def _known(found: Mapping[str, Any], setting: str) -> Any:
    settings = {name: row["value"] for name, row in found["settings"].items()}
    rest = {name: value for name, value in found.items() if name not in ("settings", "places")}
    known = {**settings, **found["places"], **rest}
    if setting not in known:
        raise Failed(Exit.NOT_FOUND, f"no setting {setting!r}; there are {', '.join(known)}")
    return known[setting]


def _value(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text


def _said(found: Mapping[str, Any], setting: str) -> str:
    row = found["settings"].get(setting)
    if row is None:
        return clean(f"{setting} is kept")
    kept = "" if row["source"] == "local" else "; yours is kept for when that says nothing"
    return clean(f"{setting} is {row['value']}, from: {row['source']}{kept}")


def _plain(value: object) -> str:
    """Return a setting for a script: a string without quotes, and nothing for an empty one."""
    if not isinstance(value, str):
        return json_text(value)
    return clean(value) if value else ""
