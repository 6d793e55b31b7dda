"""The outbox, emptied by workers that are killed, stopped, refused, and out of touch."""

import asyncio
import signal
from email import message_from_bytes

import psycopg
import pytest

from iotistic_billing.domain.mail import MailKind

pytestmark = pytest.mark.real
LEASE = 2.5
LINK = "https://127.77.7.16:3000/invitation#inv1.very-secret-token"


async def sealed(office):
    return await office.one("SELECT count(*) FROM outbox WHERE sealed IS NOT NULL")


async def done(office):
    jobs = "SELECT count(*) FROM work WHERE kind = 'mail' AND status <> 'succeeded'"
    return await office.one(jobs) == 0


async def test_mail_goes_into_the_folder_and_is_forgotten(office, tmp_path):
    folder = tmp_path / "mail"
    folder.mkdir()
    async with office.built.database.transaction() as connection:
        await office.outbox.put(
            connection, MailKind.INVITE, office.customer, "owner@acme.example", LINK
        )
    office.start_worker(MAIL_DIR=str(folder), LOG_LEVEL="debug")
    await office.until(lambda: done(office))
    log = office.stop_workers()

    kinds = sorted(path.name.split("-")[1] for path in folder.iterdir())
    assert (kinds, await sealed(office)) == (["invite", "verify"], 0)
    assert LINK in "".join(path.read_text() for path in folder.iterdir())
    token = LINK.partition("#")[2]
    assert "job_ended" in log
    assert token not in log
    assert "token=" not in log


async def test_without_a_place_for_it_mail_waits(office):
    worker = office.start_worker()
    said = await asyncio.to_thread(worker.stdout.readline)
    await asyncio.sleep(2)
    office.stop_workers()

    assert b"mail_waits" in said
    assert await sealed(office) == 1


async def test_many_workers_send_each_mail_once(office, plain_mailbox):
    async with office.built.database.transaction() as connection:
        for number in range(20):
            await office.outbox.put(
                connection, MailKind.KNOWN, office.customer, f"o{number}@acme.example", LINK
            )
    for _ in range(3):
        office.start_worker(SMTP_URL=f"smtp+plain://127.0.0.1:{plain_mailbox.port}")
    await office.until(lambda: done(office))
    office.stop_workers()

    sent = [recipients[0] for recipients in plain_mailbox.recipients]
    assert sorted(sent) == sorted(
        [f"o{n}@acme.example" for n in range(20)] + ["owner@acme.example"]
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_that_ends_between_sending_and_noting_it(office, plain_mailbox, how):
    """At least once: the repetition is the same mail to the byte, so under one Message-ID."""
    url = f"smtp+plain://127.0.0.1:{plain_mailbox.port}"
    holder = await psycopg.AsyncConnection.connect(office.environment["DATABASE_URL"])
    async with holder:
        await holder.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        first = office.start_worker(SMTP_URL=url)

        async def taken():
            return plain_mailbox.taken

        await office.until(taken)
        first.send_signal(how)
        if how is signal.SIGKILL:
            first.wait()
    office.start_worker(SMTP_URL=url)
    await asyncio.sleep(1.5 * LEASE)
    first.send_signal(signal.SIGCONT)
    await office.until(lambda: done(office))
    office.stop_workers()

    identity = {message_from_bytes(each)["Message-ID"] for each in plain_mailbox.taken}
    assert (len(set(plain_mailbox.taken)), len(identity)) == (1, 1)
    assert len(plain_mailbox.taken) in ({2} if how is signal.SIGKILL else {1, 2})
    assert await sealed(office) == 0


async def test_a_folder_holds_the_mail_of_a_killed_worker_once(office, tmp_path):
    folder = tmp_path / "mail"
    folder.mkdir()
    holder = await psycopg.AsyncConnection.connect(office.environment["DATABASE_URL"])
    async with holder:
        await holder.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        first = office.start_worker(MAIL_DIR=str(folder))

        async def written():
            return list(folder.glob("*.eml"))

        (before,) = await office.until(written)
        content = before.read_bytes()
        first.kill()
        first.wait()
    office.start_worker(MAIL_DIR=str(folder))
    await office.until(lambda: done(office))
    office.stop_workers()

    (after,) = folder.iterdir()
    assert (after, after.read_bytes()) == (before, content)


async def test_a_server_that_is_away_for_a_while_gets_the_mail_in_the_end(office, plain_mailbox):
    plain_mailbox.on_data += ["451 try later", "421 going down"]
    office.start_worker(SMTP_URL=f"smtp+plain://127.0.0.1:{plain_mailbox.port}")
    await office.until(lambda: done(office))
    office.stop_workers()

    assert len(plain_mailbox.taken) == 1


async def test_a_recipient_who_is_refused_is_a_dead_letter_that_an_operator_tries_again(
    office, plain_mailbox
):
    plain_mailbox.on_recipient.append("550 no such user")
    office.start_worker(SMTP_URL=f"smtp+plain://127.0.0.1:{plain_mailbox.port}")
    jobs = office.built.parts.jobs

    async def failed():
        return await jobs.page(before=None, limit=9, customer_id=None, status="failed")

    (job,) = await office.until(failed)
    await jobs.retry(job.id, "admin")
    await office.until(lambda: done(office))
    office.stop_workers()

    assert job.error == "the mail server refuses the recipient (550)"
    assert len(plain_mailbox.taken) == 1


async def test_mail_that_came_too_late_is_not_sent(office, tmp_path):
    async with office.built.database.connection() as connection:
        await connection.execute("UPDATE outbox SET expires_at = now() - interval '1 second'")
    office.start_worker(MAIL_DIR=str(tmp_path / "none"))
    await office.until(lambda: done(office))
    office.stop_workers()

    result = "SELECT result->>'skipped' FROM work WHERE kind = 'mail'"
    assert await office.one(result) == "sent before, or of no use any more"
