"""Commands for when something is wrong: diagnostics, a bundle for support, a new beginning."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from iotistic_agent.cli import shown_checks
from iotistic_agent.cli.client import Client, Exit, Failed
from iotistic_agent.cli.output import say
from iotistic_agent.cli.tables import json_text

__all__ = ["diagnostics", "restart", "support_bundle"]

_LINES = 10_000
_LOOK_AGAIN = 0.2
_DOCUMENTS = {
    "device.json": ("v2", "device"),
    "health.json": ("health",),
    "apps.json": ("v2", "apps"),
    "plan.json": ("v2", "plan"),
    "config.json": ("v2", "config"),
    "leases.json": ("v2", "leases"),
    "provision.json": ("v2", "provision"),
    "diagnostics.json": ("v2", "diagnostics"),
}


def diagnostics(asked: argparse.Namespace, client: Client) -> Exit:
    """Print what was found; something red has an exit code of its own."""
    found = client.get("v2", "diagnostics")
    if asked.qr:
        sys.stdout.write(_qr(shown_checks.summary(found)))
    else:
        say(asked, found, lambda: shown_checks.findings(found, coloured=sys.stdout.isatty()))
    return Exit.DONE if found["ok"] else Exit.UNWELL


def support_bundle(asked: argparse.Namespace, client: Client) -> Exit:
    """Write what the agent tells about itself into a new file for its owner alone.

    Answers of the local API hold no secret; what containers write isn't in it.
    """
    device = client.get("v2", "device")
    file = asked.file or Path(
        f"iotistic-{device['uuid'][:8]}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
    )
    parts: dict[str, bytes] = {}
    missing: dict[str, str] = {}

    def keep(name: str, read: Callable[[], str]) -> None:
        try:
            parts[name] = f"{read()}\n".encode()
        except Failed as exc:
            missing[name] = str(exc)

    for name, place in _DOCUMENTS.items():
        keep(name, partial(_document, client, place))
    keep("metrics.txt", lambda: client.text("metrics"))
    keep("agent.log", lambda: "\n".join(map(json_text, _log(client))))
    keep("missing.json", lambda: json_text(missing, indent=2))
    _write(file, parts)
    return say(asked, {"file": str(file), "missing": missing}, lambda: str(file))


def restart(asked: argparse.Namespace, client: Client) -> Exit:
    """Let the agent begin anew, and wait until it answers again."""
    before = client.get("v2", "device")["startedAt"]
    client.send("POST", ("v2", "restart"))
    until = time.monotonic() + asked.wait
    now = before
    while now == before:
        if time.monotonic() > until:
            raise Failed(Exit.NOT_RUNNING, f"it didn't begin anew within {asked.wait:g} s")
        time.sleep(_LOOK_AGAIN)
        with suppress(Failed):
            now = client.get("v2", "device")["startedAt"]
    return say(asked, {"startedAt": now}, lambda: f"started at {now}")


def _document(client: Client, place: tuple[str, ...]) -> str:
    return json_text(client.get(*place), indent=2)


def _log(client: Client) -> list[dict[str, Any]]:
    return list(client.lines("v2", "logs", lines=_LINES, follow=False))


def _qr(text: str) -> str:
    import io  # noqa: PLC0415 -- slow to import, seldom needed

    import segno  # noqa: PLC0415

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, compact=True)
    return out.getvalue()


def _write(file: Path, parts: dict[str, bytes]) -> None:
    import io  # noqa: PLC0415 -- slow to import, seldom needed
    import os  # noqa: PLC0415
    import tarfile  # noqa: PLC0415

    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            for name, content in sorted(parts.items()):
                member = tarfile.TarInfo(f"{file.name.partition('.')[0]}/{name}")
                member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
                archive.addfile(member, io.BytesIO(content))
    except OSError as exc:
        raise Failed(Exit.USAGE, f"can't write {file}: {exc.strerror}") from None
