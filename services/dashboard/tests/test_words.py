"""What pages say: times, numbers, states, services, differences, tags, keys, metrics, events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from iotistic_dashboard.api import NotAPath, route
from iotistic_dashboard.domain import marks
from iotistic_dashboard.domain.changes import change_rows
from iotistic_dashboard.domain.events import sentence
from iotistic_dashboard.domain.keys import key_rows, provision_command
from iotistic_dashboard.domain.license import LimitRow, limits_of
from iotistic_dashboard.domain.metrics import charts, columns
from iotistic_dashboard.domain.roles import may_give
from iotistic_dashboard.domain.services import service_rows
from iotistic_dashboard.domain.tags import tags_of
from iotistic_dashboard.domain.wishes import DeviceWish
from iotistic_dashboard.domain.words import (
    ago,
    browser,
    counted,
    image,
    moment,
    number,
    size,
    until,
)

DASH = "\u2013"
STOPPED = {"serviceId": "web", "state": "stopped", "reason": "x"}
FAILED = {"status": "failed", "failure": {"type": "pull", "message": "no"}}
NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (59, "59 s ago"), (3599, "59 min ago"), (7200, "2 h ago"),
     (86_400 * 3, "3 d ago"), (86_400 * 90, "3 months ago"), (86_400 * 800, "2 years ago"),
     (-3600, "in 1 h")],
)  # fmt: skip
def test_how_long_ago(seconds, words):
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_times_that_are_none():
    assert [moment(None), moment(""), moment("soon"), moment(7)] == [None] * 4
    assert moment("2026-01-15T10:30:00.000Z") == NOW
    assert (until(NOW, NOW), until(NOW + timedelta(hours=5), NOW)) == ("over", "5 h")


@pytest.mark.parametrize(
    ("value", "words"),
    [(3, "3"), (3.0, "3"), (3.14159, "3.14"), (41.26, "41.3"), (1234567, "1\u202f234\u202f567"),
     (None, DASH), (True, DASH), ("x", DASH)],
)  # fmt: skip
def test_numbers(value, words):
    assert number(value) == words


def test_amounts():
    assert [size(900), size(3900), size(3_000_000)] == ["900 MiB", "3.8 GiB", "2.9 TiB"]
    assert [counted(1, "device"), counted(0, "device")] == ["1 device", "0 devices"]


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("curl/8", "curl/8"),
        (None, "Unknown browser"),
    ],
)  # fmt: skip
def test_browsers(agent, words):
    assert browser(agent) == words


def test_every_state_has_a_word_and_an_icon_of_its_own():
    devices = [marks.of_device(word) for word in ("online", "offline", "never_seen", "outdated")]
    assert len({mark.word for mark in devices}) == len({mark.icon for mark in devices}) == 4
    assert marks.of_device("melted").word == "Unknown"
    assert marks.of_service("melted").word == "Melted"


def test_services_are_wanted_overridden_and_reported():
    spec = {
        "apps": {
            "a": {
                "appName": "App",
                "services": [
                    {"serviceId": "web", "imageName": "i:1"},
                    {"serviceId": "db", "imageName": "i:2"},
                ],
            }
        }
    }
    overrides = {"db": {"state": "stopped", "owner": "ada", "reason": "leaks"}}
    report = {
        "apps": {"a": {"services": {"web": {"state": "running"}, "old": {"state": "exited"}}}}
    }
    web, db, old = service_rows(spec, overrides, report)
    assert (web.wanted, web.state, web.as_wanted, web.acts) == (
        "running", "running", True, ("restart", "pause", "stop"),
    )  # fmt: skip
    assert (db.wanted, db.state, db.inventory, db.acts) == (
        "stopped", "unknown", "running", ("start",),
    )  # fmt: skip
    assert db.override.word == "Stopped"
    assert (old.service_id, old.image) == ("old", "")


def test_a_restart_alone_changes_no_wish():
    spec = {"apps": {"a": {"services": [{"serviceId": "web"}]}}}
    overrides = {"web": {"state": None, "owner": "ada", "reason": "x", "restartedAt": "t"}}
    (row,) = service_rows(spec, overrides, None)
    assert (row.wanted, row.override.word) == ("running", "Restarted")


@pytest.mark.parametrize("document", [None, {}, {"apps": None}, {"apps": []}, {"apps": {"a": 7}}])
def test_odd_documents_are_no_services(document):
    assert service_rows(document, {}, document) == []


def test_differences_are_rows_of_text():
    rows = change_rows(
        [
            {"path": "/apps/a", "op": "add", "before": None, "after": {"x": 1}},
            {"path": ["config", "b"], "op": "odd", "before": "old", "after": "new"},
        ]
    )
    assert [(row.op, row.path, row.before_text) for row in rows] == [
        ("add", "apps/a", "null"),
        ("change", "config/b", "old"),
    ]
    assert change_rows(None) == []


def test_tags_are_typed_a_line_each():
    assert tags_of("site = north\n\nspare\nnote=a=b\n") == {
        "site": "north", "spare": "", "note": "a=b",
    }  # fmt: skip


def test_keys_by_state_and_what_is_typed_on_a_device():
    key = {"maxDevices": 2, "used": 1, "expiresAt": None, "revokedAt": None, "createdAt": "1"}
    keys = [
        key | {"id": "used", "used": 2},
        key | {"id": "over", "expiresAt": "2026-01-15T10:29:00Z"},
        key | {"id": "dead", "revokedAt": "2026-01-15T10:29:00Z"},
        key | {"id": "old", "createdAt": "0"},
        key | {"id": "new", "createdAt": "2"},
    ]
    assert [(row["id"], row["state"]) for row in key_rows(keys, NOW)] == [
        ("new", "open"), ("old", "open"), ("used", "used"), ("over", "expired"),
        ("dead", "revoked"),
    ]  # fmt: skip
    command = provision_command("iotp1.a.b@h; rm -rf /")
    assert command == "printf '%s\\n' 'iotp1.a.b@h; rm -rf /' | sudo iotctl provision"


def test_limits_say_when_they_are_near():
    found = {
        "license": {"limits": {"maxDevices": 10, "maxUsers": None}},
        "usage": {"maxDevices": 9},
    }
    assert limits_of(found) == [LimitRow("Devices", 9, 10), LimitRow("Users", None, None)]
    tones = [LimitRow("x", used, 10).tone for used in (1, 8, 10)]
    assert tones == ["accent", "warn", "bad"]
    assert limits_of({"license": None, "usage": {}}) == []


def test_metrics_are_charts_the_common_ones_first():
    at = "2026-01-15T10:30:00Z"
    series = {
        "zeta": [[at, 1]],
        "memory_total": [[at, 3900]],
        "memory_usage": [[at, 1000], [at, 2000]],
        "cpu_usage": [[at, 3.5]],
        "cpu_temp": [],
    }
    found = charts(series)
    assert [chart.name for chart in found] == ["cpu_usage", "memory_usage", "zeta"]
    assert (found[1].summary.last, found[1].summary.mean) == ("2.0 GiB", "1.5 GiB")
    assert columns([[at, 1], ["rubbish", 2]]) == ([NOW.timestamp()], [1])


@pytest.mark.parametrize(
    ("event", "words", "details"),
    [
        ({"type": "online", "data": {}}, "Came online", ""),
        ({"type": "override_set", "data": STOPPED}, "Service web overridden: stopped", "x"),
        ({"type": "report_status", "data": FAILED}, "Target state failed", "pull: no"),
        ({"type": "service_state", "data": {}}, "Service state", ""),
        ({"type": "new_kind", "data": None}, "New kind", ""),
        ({"type": "{0.x}", "data": {}}, "{0.x}", ""),
    ],
)  # fmt: skip
def test_events_are_sentences(event, words, details):
    assert sentence(event) == (words, details)


@pytest.mark.parametrize("role", ["viewer", "admin", "owner", "stranger"])
def test_nobody_gives_a_role_above_their_own(role):
    given = may_give(role)
    assert given == [] if role == "stranger" else given[-1] == role


def test_an_address_of_the_list_says_all_that_was_asked():
    wish = DeviceWish.of({"q": " pump ", "status": "melted", "sort": "-name", "offset": "50"})
    assert wish == DeviceWish(q="pump", status="", sort="-name", offset=50)
    assert wish.address(offset=100) == "/devices?q=pump&sort=-name&offset=100"
    assert wish.address(sort="status") == "/devices?q=pump&sort=status"
    assert (wish.way("name"), wish.way("status")) == ("descending", None)
    assert DeviceWish.of({"q": ["a", "b"], "offset": "-1", "sort": "x"}) == DeviceWish()


@pytest.mark.parametrize("segments", [("..",), ("a", "."), ("a", "")])
def test_no_word_leaves_its_place_in_a_path(segments):
    with pytest.raises(NotAPath, match="not a path"):
        route(*segments)
    assert route("a", "b/../c?d") == "/a/b%2F..%2Fc%3Fd"


def test_images() -> None:
    assert image("host:5000/a/b:1.0") == "host:5000/a/b:1.0"
    assert image("host/a@sha256:" + "0123456789ab" * 5 + "cdef") == "host/a@sha256:0123456789ab"
