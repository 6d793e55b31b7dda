"""Mail into a folder."""

import stat
from datetime import UTC, datetime
from uuid import UUID

import pytest

from iotistic_billing.domain.mail import Letter, MailKind
from iotistic_billing.mail.compose import Composer
from iotistic_billing.mail.folder import FolderSink

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
LETTER = Letter(
    id=UUID(int=7),
    kind=MailKind.INVITE,
    recipient="owner@acme.example",
    link="https://acme.example/invitation#x",
    created_at=NOW,
    expires_at=NOW,
)
MESSAGE = Composer("no-reply@site.example").message(LETTER)


async def test_a_mail_is_one_file_that_only_its_owner_reads(tmp_path):
    for _ in range(2):
        await FolderSink(tmp_path).send(LETTER, MESSAGE)

    (path,) = tmp_path.iterdir()
    assert path.name == "20260115T103000Z-invite-00000000-0000-0000-0000-000000000007.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == MESSAGE.as_bytes()


async def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        await FolderSink(tmp_path / "none").send(LETTER, MESSAGE)
