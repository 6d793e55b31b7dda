"""Mail into a folder instead of to people: one file each."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from iotistic_billing.domain.mail import Letter

__all__ = ["FolderSink"]


class FolderSink:
    """Writes ``<time>-<kind>-<id>.eml``, mode 0600, whole or not at all; again is the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter, message: EmailMessage) -> None:
        """Write the mail; OSError when that can't be done."""
        moment = letter.created_at.strftime("%Y%m%dT%H%M%SZ")
        name = f"{moment}-{letter.kind}-{letter.id}.eml"
        await asyncio.to_thread(self._write, self._folder / name, message.as_bytes())

    def _write(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
