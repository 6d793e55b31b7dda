"""Where the parts of a worker are put together."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from iotistic_kit.errors import StopError
from iotistic_kit.work import WorkQueue
from iotistic_kit.worker import Worker

from .deploy.deployer import Deployer
from .deploy.environment import environment_for
from .deploy.inviter import Inviter
from .deploy.upkeep import Upkeep
from .domain.mail import INVITE_JOB, MAIL_JOB
from .domain.model import JobKind
from .mail.compose import AddressInvalidError, Composer
from .mail.folder import FolderSink
from .mail.sender import Sender
from .mail.smtp import SmtpSink, server_from, tls_context
from .runtime import build, outbox_of
from .usecases.invitations import Invitations

if TYPE_CHECKING:
    from iotistic_kit.db import Database

    from .mail.sender import Sink
    from .runtime import Built
    from .settings import WorkerSettings
    from .usecases.outbox import Outbox

__all__ = ["BuiltWorker", "build_worker"]

MAILS_AT_ONCE = 4
_log = structlog.get_logger("iotistic_billing.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltWorker:
    """Workers and their upkeep, on one database that is not open yet."""

    database: Database
    workers: tuple[Worker, ...]
    upkeep: Upkeep


def build_worker(settings: WorkerSettings) -> BuiltWorker:
    """Return the parts of a worker; mail waits where neither MAIL_DIR nor SMTP_URL is told."""
    built = build(settings)
    name = f"{socket.gethostname()}:{os.getpid()}"
    mail_queue = WorkQueue(
        built.database,
        worker=name,
        lease=timedelta(seconds=settings.deploy_lease),
        retries=settings.mail_policy,
    )
    outbox = outbox_of(settings, built.database, mail_queue, built.parts.clock)
    invitations = Invitations(built.database, mail_queue, outbox, built.parts.clock)
    workers = [_deploying(settings, built, invitations, name)]
    sink = _sink(settings)
    if sink is None:
        _log.warning("mail_waits", reason="neither MAIL_DIR nor SMTP_URL is set")
    else:
        workers.append(_mailing(settings, built, mail_queue, outbox, invitations, sink))
    parts = built.parts
    tasks = [
        parts.licensing.renew_due,
        parts.accounts.forget_old,
        parts.verification.forget_old,
    ]
    return BuiltWorker(
        database=built.database, workers=tuple(workers), upkeep=Upkeep(settings, tasks)
    )


def _deploying(
    settings: WorkerSettings, built: Built, invitations: Invitations, name: str
) -> Worker:
    queue = WorkQueue(
        built.database,
        worker=name,
        lease=timedelta(seconds=settings.deploy_lease),
        retries=settings.retry_policy,
    )
    deployer = Deployer(
        database=built.database,
        queue=queue,
        tenants=built.parts.tenants,
        licensing=built.parts.licensing,
        invitations=invitations,
        keys=built.parts.keys,
        clock=built.parts.clock,
        settings=settings,
        environment=environment_for(settings),
    )
    return Worker(
        queue,
        {str(kind): deployer for kind in JobKind},
        built.database.conninfo,
        concurrency=settings.deploy_slots,
        renewal=timedelta(seconds=settings.deploy_renewal),
    )


def _mailing(  # noqa: PLR0913, PLR0917 -- what mail is made from
    settings: WorkerSettings,
    built: Built,
    queue: WorkQueue,
    outbox: Outbox,
    invitations: Invitations,
    sink: Sink,
) -> Worker:
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca_file)
    except OSError as error:
        raise StopError(f"TLS_CA_FILE: {settings.tls_ca_file}: {error.strerror}") from None
    inviter = Inviter(
        tenants=built.parts.tenants,
        licensing=built.parts.licensing,
        invitations=invitations,
        context=context,
    )
    sender = Sender(outbox=outbox, composer=_composer(settings), sink=sink)
    return Worker(
        queue,
        {MAIL_JOB: sender, INVITE_JOB: inviter},
        built.database.conninfo,
        concurrency=MAILS_AT_ONCE,
        renewal=timedelta(seconds=settings.deploy_renewal),
    )


def _sink(settings: WorkerSettings) -> Sink | None:
    if settings.mail_dir is not None:
        return FolderSink(settings.mail_dir)
    if settings.smtp_url is not None:
        server = server_from(settings.smtp_url.get_secret_value())
        return SmtpSink(server, tls_context(settings.smtp_ca_file))
    return None


def _composer(settings: WorkerSettings) -> Composer:
    try:
        return Composer(settings.mail_from or f"Iotistic <no-reply@{settings.base_domain}>")
    except AddressInvalidError:
        raise StopError("MAIL_FROM: not one address, such as Iotistic <no-reply@a.example>") from (
            None
        )
