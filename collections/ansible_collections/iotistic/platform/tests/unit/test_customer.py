# Copyright: (c) 2026, the Iotistic founders
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories of one customer and its tenant."""

from __future__ import annotations

import socket

import pytest
from certificates import ADDRESS

ACME = {"external_id": "acme", "company_name": "Acme Pumps", "plan": "professional"}


def test_a_customer_is_made_deployed_and_left_alone(run, platform, connection):
    untouched = platform.state()

    predicted = run("customer", check=True, **ACME, **connection)
    assert predicted["changed"]
    assert platform.state() == untouched

    made = run("customer", **ACME, **connection)
    assert made["diff"] == predicted["diff"]
    assert platform.jobs == ["created"]
    assert made["customer"]["instance_url"] == platform.url

    platform.requests.clear()
    again = run("customer", **ACME, **connection)
    assert not again["changed"]
    assert platform.asked("PUT", "POST") == []
    assert len(platform.requests) <= 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"plan": "starter"}, "changed: plan"),
        ({"company_name": "Acme"}, "changed: company_name"),
        ({"state": "suspended"}, "changed: state"),
    ],
)
def test_what_is_deployed_follows_the_record(run, platform, connection, change, reason):
    run("customer", **ACME, **connection)
    changed = run("customer", **{**ACME, **change}, **connection)
    assert changed["changed"]
    assert platform.jobs == ["created", reason]
    assert not run("customer", **{**ACME, **change}, **connection)["changed"]


def test_an_address_alone_deploys_nothing(run, platform, connection):
    run("customer", **ACME, **connection)
    changed = run("customer", email="owner@acme.test", **ACME, **connection)
    assert changed["changed"]
    assert platform.jobs == ["created"]
    assert not run("customer", **ACME, **connection)["changed"]


def test_an_unhealthy_tenant_is_repaired(run, platform, connection):
    run("customer", **ACME, **connection)
    platform.trouble = "configuration: mosquitto.conf is missing"
    repaired = run("customer", **ACME, **connection)
    assert repaired["changed"]
    assert platform.jobs == ["created", "deployment is unhealthy"]
    assert '"deployment": "unhealthy"' in repaired["diff"]["before"]


def test_old_code_is_deployed_anew(run, platform, connection):
    run("customer", **ACME, **connection)
    platform.customers["acme"]["deployment"]["applied_hash"] = "old"
    assert run("customer", check=True, **ACME, **connection)["changed"]
    assert run("customer", **ACME, **connection)["changed"]
    assert platform.jobs[1:] == ["deployment is outdated"]


def test_a_failed_deployment_shows_why(run, platform, connection):
    platform.job_outcome = "failed"
    failed = run("customer", failing=True, **ACME, **connection)
    assert failed["msg"].splitlines() == [
        "the deployment of acme failed (job 1, attempt 1): postgres didn't start",
        "PLAY [One tenant]",
        "fatal: no space left",
    ]


def test_a_job_that_another_took_the_place_of_is_followed(run, platform, connection):
    platform.job_outcomes, platform.newest_job = {"1": "canceled", "2": "succeeded"}, "2"
    assert run("customer", **ACME, **connection)["changed"]


def test_billing_may_be_away_while_a_job_runs(run, platform, connection):
    platform.away = ["/api/admin/jobs/"]
    assert run("customer", **ACME, **connection)["changed"]
    assert platform.away == []


def test_a_canceled_deployment_is_told(run, platform, connection):
    platform.job_outcome = "canceled"
    failed = run("customer", failing=True, **ACME, **connection)
    assert failed["msg"].startswith("the deployment of acme was canceled (job 1")


def test_a_deployment_that_nobody_takes(run, platform, connection):
    platform.job_outcome = "queued"
    failed = run("customer", failing=True, wait_timeout=0, **ACME, **connection)
    assert "is a worker running" in failed["msg"]


def test_a_plan_that_stripe_decides_is_left_alone(run, platform, connection):
    run("customer", **ACME, **connection)
    platform.customers["acme"]["plan_source"] = "stripe"
    left = run("customer", **{**ACME, "plan": "starter"}, **connection)
    assert not left["changed"]
    assert "through Stripe" in left["plan_conflict"]
    assert platform.customers["acme"]["plan"] == "professional"


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"plan": "platinum"}, "plan"),
        ({"external_id": "Acme!"}, "/external_id"),
        ({"company_name": " "}, "/company_name"),
        ({"email": "nobody"}, "/email"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(run, platform, connection, bad, field):
    refused = run("customer", failing=True, **{**ACME, **bad}, **connection)
    assert field in refused["msg"]
    assert platform.requests == []


def _closed_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"billing_url": f"https://{ADDRESS}:{_closed_port()}"}, "connection refused. Check that"),
        ({"billing_url": "http://127.77.8.1"}, "billing_url: not an https address"),
        ({"billing_token": "other"}, "401"),
        ({"ca_file": "/nowhere.pem"}, "ca_file: /nowhere.pem: no such file"),
        ({"billing_token": None, "billing_token_file": "/nowhere"}, "billing_token_file: /nowhere"),
        ({"billing_token": None}, "billing_token_file: required"),
    ],
)
def test_one_clear_line_says_what_is_wrong(run, connection, options, said):
    failed = run("customer", failing=True, **ACME, **{**connection, **options})
    assert said in failed["msg"]
    assert "\n" not in failed["msg"]


def test_a_server_under_another_root_isn_t_talked_to(run, platform, connection, certificates):
    trusting = {**connection, "ca_file": str(certificates.stranger)}
    failed = run("customer", failing=True, **ACME, **trusting)
    assert "isn't trusted" in failed["msg"]
    assert platform.requests == []
