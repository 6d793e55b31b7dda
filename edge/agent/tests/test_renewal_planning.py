"""What is renewed when: every combination, and that each ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from iotistic_agent.renewal.planning import (
    ApiKeyStanding,
    CertificateStanding,
    CredentialsStanding,
    Standing,
    Step,
    certificate_due,
    key_due,
    next_due,
    next_step,
    share_of,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = ApiKeyStanding(since=NOW - DAY)
CERTIFICATE = CertificateStanding(not_before=NOW - DAY, not_after=NOW + 396 * DAY)
CREDENTIALS = CredentialsStanding(committed='"a"', asked_at=NOW - timedelta(hours=1))
FRESH = Standing(now=NOW, share=0.5, key=KEY, certificate=CERTIFICATE, credentials=CREDENTIALS)


def standing(key=None, certificate=None, credentials=None, **more) -> Standing:
    return replace(
        FRESH,
        key=replace(KEY, **(key or {})),
        certificate=replace(CERTIFICATE, **(certificate or {})),
        credentials=replace(CREDENTIALS, **(credentials or {})),
        **more,
    )


def old(days: int) -> dict[str, datetime]:
    """A certificate of 397 days that was given so many days ago."""
    return {"not_before": NOW - days * DAY, "not_after": NOW + (397 - days) * DAY}


@pytest.mark.parametrize(
    ("given", "step"),
    [
        (standing(), None),
        (standing(key={"since": NOW - 80 * DAY}), None),
        (standing(key={"since": NOW - 90 * DAY}), Step.MAKE_API_KEY),
        (standing(key={"pending": True}), Step.ANNOUNCE_API_KEY),
        (standing(key={"pending": True, "announced": True}), Step.USE_API_KEY),
        (standing(certificate=old(264)), None),
        (standing(certificate=old(295)), Step.MAKE_TLS_KEY),
        (standing(certificate=old(295) | {"refused_at": NOW - DAY / 2}), None),
        (standing(certificate=old(295) | {"refused_at": NOW - DAY}), Step.MAKE_TLS_KEY),
        (standing(certificate={"key_made": True}), Step.REQUEST_CERTIFICATE),
        (standing(certificate={"key_made": True, "given": True}), Step.TEST_CERTIFICATE),
        (standing(certificate=old(400)), Step.MAKE_TLS_KEY),
        (standing(credentials={"asked_at": None}), Step.ASK_CREDENTIALS),
        (standing(credentials={"asked_at": NOW - DAY}), Step.ASK_CREDENTIALS),
        (standing(credentials={"asked_at": NOW + DAY}), Step.ASK_CREDENTIALS),
        (standing(credentials={"heard": '"a"'}), None),
        (standing(credentials={"heard": '"b"'}), Step.ASK_CREDENTIALS),
        (standing(credentials={"heard": '"b"', "candidate": '"b"'}), Step.TEST_CREDENTIALS),
        (standing(credentials={"heard": '"c"', "candidate": '"b"'}), Step.ASK_CREDENTIALS),
        (standing(credentials={"heard": '"b"', "failed": '"b"'}), None),
        (standing(credentials={"heard": '"a"', "failed": '"b"'}), Step.ASK_CREDENTIALS),
        (standing(credentials={"heard": '"c"', "failed": '"b"'}), Step.ASK_CREDENTIALS),
        (replace(FRESH, certificate=None), None),
    ],
)
def test_what_is_done_first(given, step):
    assert next_step(given) is step


def test_with_an_expired_certificate_it_comes_before_the_test_of_credentials():
    expired = standing(
        certificate=old(400) | {"key_made": True, "given": True}, credentials={"candidate": '"b"'}
    )
    assert next_step(expired) is Step.TEST_CERTIFICATE
    assert next_step(expired, frozenset({"certificate"})) is None
    still_good = replace(expired, now=NOW - 10 * DAY)
    asked = replace(still_good.credentials, asked_at=still_good.now)
    assert next_step(replace(still_good, credentials=asked)) is Step.TEST_CREDENTIALS


def test_news_of_the_broker_comes_before_a_certificate_that_has_expired():
    moved = standing(certificate=old(400) | {"key_made": True}, credentials={"heard": '"b"'})
    assert next_step(moved) is Step.ASK_CREDENTIALS


def test_what_waits_holds_nothing_else_up():
    everything = standing(
        key={"pending": True}, certificate={"key_made": True}, credentials={"asked_at": None}
    )
    done = [next_step(everything, frozenset(waiting)) for waiting in ((), ("key",))]
    done.append(next_step(everything, frozenset({"key", "credentials"})))
    done.append(next_step(everything, frozenset({"key", "credentials", "certificate"})))
    assert done == [
        Step.ANNOUNCE_API_KEY,
        Step.ASK_CREDENTIALS,
        Step.REQUEST_CERTIFICATE,
        None,
    ]


def test_a_clock_that_is_ahead_makes_no_new_certificate_old():
    given = standing(certificate=old(400) | {"since": NOW - 10 * DAY})
    assert next_step(given) is None
    assert next_step(replace(given, now=NOW + 300 * DAY), frozenset({"credentials", "key"})) is (
        Step.MAKE_TLS_KEY
    )
    put_right = standing(certificate=old(295) | {"since": NOW + 400 * DAY})
    assert next_step(put_right) is Step.MAKE_TLS_KEY, "a time to come says nothing"
    tested = standing(certificate=old(400) | {"since": NOW - DAY}, credentials={"candidate": '"b"'})
    assert next_step(tested) is Step.TEST_CREDENTIALS


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_jitter_spreads_within_its_days(share):
    given = replace(FRESH, share=share)
    assert 81 * DAY <= key_due(given) - KEY.since <= 90 * DAY
    within = certificate_due(CERTIFICATE, share, NOW) - CERTIFICATE.not_before
    assert 265 * DAY <= within <= 295 * DAY + timedelta(seconds=1)
    assert next_due(given) == CREDENTIALS.asked_at + DAY


def test_shares_are_steady_and_differ():
    shares = {share_of("uuid", f"r{number}") for number in range(100)}
    assert len(shares) == 100
    assert all(0 <= share < 1 for share in shares)
    assert max(shares) - min(shares) > 0.9
    assert share_of("uuid", "r1") == share_of("uuid", "r1")


def after(given: Standing, step: Step) -> Standing:
    """What a step that succeeds makes of it."""
    key, certificate, credentials = given.key, given.certificate, given.credentials
    match step:
        case Step.MAKE_API_KEY:
            key = replace(key, pending=True)
        case Step.ANNOUNCE_API_KEY:
            key = replace(key, announced=True)
        case Step.USE_API_KEY:
            key = ApiKeyStanding(since=given.now)
        case Step.MAKE_TLS_KEY:
            certificate = replace(certificate, key_made=True)
        case Step.REQUEST_CERTIFICATE:
            certificate = replace(certificate, given=True)
        case Step.TEST_CERTIFICATE:
            certificate = replace(
                certificate, since=given.now, key_made=False, given=False, refused_at=None
            )
        case Step.ASK_CREDENTIALS:
            heard = credentials.heard or '"z"'
            credentials = replace(
                credentials, candidate=heard, failed=None, heard=heard, asked_at=given.now
            )
        case Step.TEST_CREDENTIALS:
            taken = credentials.candidate
            credentials = replace(credentials, committed=taken, candidate=None)
    return replace(given, key=key, certificate=certificate, credentials=credentials)


def test_from_every_standing_it_ends_with_nothing_left_to_do():
    keys = [
        ApiKeyStanding(since=NOW - age * DAY, pending=pending, announced=announced)
        for age, pending, announced in product((0, 200), (False, True), (False, True))
    ]
    certificates = [
        CertificateStanding(**old(age), key_made=made, given=made and given, refused_at=refused)
        for age, made, given, refused in product(
            (0, 300, 500), (False, True), (False, True), (None, NOW - 5 * DAY)
        )
    ]
    credentials = [
        CredentialsStanding(
            committed=committed, candidate=candidate, failed=failed, heard=heard, asked_at=asked
        )
        for committed, candidate, failed, heard, asked in product(
            (None, '"a"'), (None, '"b"'), (None, '"c"'), (None, '"a"', '"d"'), (None, NOW)
        )
    ]
    for key, certificate, found in product(keys, [None, *certificates], credentials):
        given = replace(FRESH, key=key, certificate=certificate, credentials=found)
        steps = []
        while (step := next_step(given)) is not None:
            steps.append(step)
            assert len(steps) <= 8, steps
            given = after(given, step)
        assert len(set(steps)) == len(steps), steps
        assert next_due(given) > given.now
