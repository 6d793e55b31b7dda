"""Logs: one JSON object a line, also from libraries, and no secret in any."""

import json
import logging

import pytest
import structlog

from iotistic_kit.logs import configure, redact


def lines(capsys, act):
    """Return what a process would print while it does ``act``."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.reset_defaults()
    try:
        configure("billing", "info")
        act()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_our_events_and_a_librarys_are_alike(capsys):
    def act():
        structlog.get_logger("billing.jobs").info("job_started", job="1")
        logging.getLogger("library").warning("lost %s", "connection")
        structlog.get_logger("billing.jobs").debug("quiet")

    ours, theirs = lines(capsys, act)
    assert ours.pop("at") <= theirs.pop("at")
    assert ours == {
        "event": "job_started",
        "job": "1",
        "level": "info",
        "logger": "billing.jobs",
        "service": "billing",
    }
    assert theirs == {
        "event": "lost connection",
        "level": "warning",
        "logger": "library",
        "service": "billing",
    }


def test_an_exception_stands_in_its_line(capsys):
    fault = RuntimeError("dk1.id.hidden")
    (line,) = lines(capsys, lambda: structlog.get_logger("x").error("failed", exc_info=fault))
    assert "RuntimeError: [redacted]" in line["exception"]


SECRETS = [
    {"db_password": "hidden"},
    {"billing_token": "hidden"},
    {"Authorization": "Bearer hidden"},
    {"nested": {"api_key": "hidden"}},
    {"many": [{"secret": "hidden"}]},
    {"event": "got dk1.id.hidden"},
    {"event": "string iotp1.id.hidden.pin@host:1"},
    {
        "event": "eyJhbGciOiJSUzI1NiJ9.eyJoaWRkZW4iOjF9.c2ln and hidden-not".replace(
            "hidden-not", ""
        )
    },
    {"url": "postgresql://user:hidden@host/db"},
    {"conninfo": "host=a password=hidden dbname=b"},
    {"conninfo": "host=a password='hid den hidden' dbname=b"},
    {"key": "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n"},
]


@pytest.mark.parametrize("event", SECRETS, ids=json.dumps)
def test_secrets_are_masked(event):
    masked = json.dumps(redact(None, "info", event))
    assert "[redacted]" in masked
    assert "hidden" not in masked
    assert "aGlkZGVu" not in masked


def test_what_only_sounds_like_a_secret_stays():
    event = {"event": "key_made", "key": "cust_1", "job": "1", "tokens": None, "provisioned": True}
    assert redact(None, "info", dict(event)) == event
