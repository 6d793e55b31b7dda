"""Nobody is offered what the API would refuse, by role or by license; the page says why."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from iotistic_contract.license import READING_ONLY, LicenseState
from iotistic_dashboard.domain.permits import denial
from iotistic_dashboard.testing import ROLES, Refusal, device, moment

ONE = device(7, "pump")
AT = f"/devices/{ONE['uuid']}"
API = f"/api/v1{AT}"
USER = "/users/0d1e2f30-5f60-4a2b-9c3d-1e2f3a4b5c6d"
OFF = "/users/0d1e2f31-5f60-4a2b-9c3d-1e2f3a4b5c6d"
INVITATION = "0d1e2f32-5f60-4a2b-9c3d-1e2f3a4b5c6d"
PAGES = ["/", "/devices", AT, f"{AT}/services", f"{AT}/deploy", f"{AT}/settings",
         "/provisioning-keys", "/users", USER, OFF, "/license", "/audit", "/health"]  # fmt: skip
QUESTIONS = {
    f"{AT}/services/demo/web": ("overrides", False),
    f"{AT}/deploy/discard?draft=9": ("target-states", False),
    f"{AT}/rollback?version=2&revision=2&base=4": ("target-states", False),
    f"{AT}/credentials": ("devices", True),
    f"{AT}/remove": ("devices", True),
    "/provisioning-keys/k1/revoke": ("provisioning-keys", True),
    f"{USER}/disable": ("users", True),
    f"{USER}/remove": ("users", True),
}
"""Questions, with the scope that their answer takes and whether it only takes access away."""
ACTS = QUESTIONS | {
    f"{AT}/deploy": ("target-states", False),
    f"{AT}/deploy/now": ("target-states", False),
    f"{AT}/settings": ("devices", False),
    f"{AT}/poll-now": ("devices", False),
    f"{AT}/readmit": ("devices", False),
    "/provisioning-keys": ("provisioning-keys", False),
    "/users": ("users", False),
    f"/users/invitations/{INVITATION}/revoke": ("users", True),
    f"{USER} role": ("users", False),
    f"{USER} sign-out": ("users", True),
    f"{OFF} role": ("users", False),
    f"{OFF} sign-out": ("users", True),
    f"{OFF} enable": ("users", False),
    f"{OFF}/remove": ("users", True),
}
FORM = re.compile(r'<form method="post" action="([^"]+)"(.*?)</form>', re.DOTALL)
FREE = {"/theme", "/sign-out"}
STATES = [str(state) for state in LicenseState]
WHO = [(role, state) for role in ROLES for state in STATES]


def user(path: str, *, disabled: bool) -> dict[str, Any]:
    return {
        "id": path.rpartition("/")[2], "email": "bob@example.com", "name": "Bob", "role": "viewer",
        "disabled": disabled, "twoFactor": False, "createdAt": moment(days=1), "lastLoginAt": None,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def everything(tenant):
    """A device, a draft, a past, a key, users and an invitation: all that can be acted on."""
    service = {"serviceId": "web", "serviceName": "web", "imageName": "busybox:1"}
    spec = {"apps": {"demo": {"appName": "Demo", "services": [service]}}}
    past = [
        {"version": one, "specRevision": one, "changedAt": moment(hours=1), "changedBy": "ada",
         "diff": []}
        for one in (4, 2)
    ]  # fmt: skip
    users = [user(USER, disabled=False), user(OFF, disabled=True)]
    key = {"id": "k1", "name": "north", "state": "open", "used": 0, "maxDevices": 5, "fleet": None,
           "expiresAt": None, "createdAt": moment(hours=1), "revokedAt": None}  # fmt: skip
    tenant.devices = [ONE]
    tenant.answers |= {
        ("GET", f"{API}/target-state"): {
            "uuid": ONE["uuid"], "spec": spec, "overrides": {}, "specRevision": 4, "version": 4,
        },
        ("GET", f"{API}/target-state/draft"): {
            "spec": spec, "baseRevision": 4, "draftRevision": 9, "stale": False,
            "changedBy": "Bob", "changedAt": moment(hours=1), "diff": [],
        },
        ("GET", f"{API}/target-state/history"): {"items": past, "next": None},
        ("GET", "/api/provisioning-keys"): {"items": [key], "next": None},
        ("GET", "/api/provisioning-keys/k1"): key,
        ("GET", "/api/v1/audit-log"): {"items": [], "next": None},
    }  # fmt: skip
    invited = {"id": INVITATION, "email": "eve@example.com", "role": "viewer",
               "expiresAt": moment(hours=-1)}  # fmt: skip
    people = {
        "/api/v1/users": {"items": users, "next": None},
        "/api/v1/invitations": {"items": [invited], "next": None},
        f"/api/v1{USER}": users[0],
        f"/api/v1{OFF}": users[1],
    }
    tenant.answers |= {("GET", path): answer for path, answer in people.items()}


async def signed_in(visitor, tenant, role: str, state: str) -> None:
    tenant.role, tenant.license = role, state
    if "users" not in ROLES[role]:
        people = [key for key in tenant.answers if "users" in key[1] or "invitations" in key[1]]
        tenant.answers |= dict.fromkeys(people, Refusal(403, "forbidden"))
    await visitor.sign_in()


def offered(page: str) -> set[str]:
    """Return where the page's forms and questions lead, by what they do to a user."""
    main = page[page.index("<main") :]
    links = {html.unescape(link) for link in re.findall(r'data-ask href="([^"]+)"', main)}
    for action, form in re.findall(
        r'<form method="post" action="([^"]+)"(.*?)</form>', main, re.DOTALL
    ):
        act = re.search(r'name="act" value="([^"]+)"', form)
        works = "<button" in form and '<fieldset class="stack tight" disabled' not in form
        if works:
            links.add(f"{action} {act[1]}" if act and action.startswith("/users/") else action)
    return links - FREE


def permitted(role: str, state: str, scope: str, *, closing: bool) -> bool:
    return scope in ROLES[role] and (closing or state not in READING_ONLY)


@pytest.mark.parametrize(("role", "state"), WHO)
async def test_what_is_offered_is_what_would_work(visitor, tenant, role, state):
    await signed_in(visitor, tenant, role, state)
    found: set[str] = set()
    for path in PAGES:
        found |= offered((await visitor.get(path)).text)
    assert found == {
        path for path, (scope, closing) in ACTS.items()
        if permitted(role, state, scope, closing=closing)
    }  # fmt: skip


@pytest.mark.parametrize(("role", "state"), WHO)
async def test_a_question_that_leads_nowhere_is_not_asked(visitor, tenant, role, state):
    await signed_in(visitor, tenant, role, state)
    for path, (scope, closing) in QUESTIONS.items():
        answer = await visitor._ask("GET", path.partition("?")[0], {},
                                    query_string=path.partition("?")[2])  # fmt: skip
        allowed = permitted(role, state, scope, closing=closing)
        status = 200 if allowed else 402 if scope in ROLES[role] else 403
        assert answer.status_code == status, path


@pytest.mark.parametrize(
    ("role", "state", "words"),
    [
        ("viewer", "valid", "Your role, viewer, can look at this and not change it."),
        ("viewer", "restricted", "Your role, viewer, can look at this and not change it."),
        ("owner", "restricted", "Until the license is paid this can be read and not changed."),
        ("owner", "missing", "Until there is a license this can be read and not changed."),
    ],
)
async def test_each_page_says_why(visitor, tenant, role, state, words):
    await signed_in(visitor, tenant, role, state)
    pages = [f"{AT}/services", f"{AT}/deploy", f"{AT}/settings", "/provisioning-keys"]
    pages += ["/users", USER] if role == "owner" else []
    for path in pages:
        assert words in (await visitor.get(path)).text, path
    tenant.devices = []
    for path in ("/", "/devices"):
        page = (await visitor.get(path)).text
        assert words in page, path
        assert "To the provisioning keys" not in page


def test_a_license_that_nobody_could_read_closes_nothing():
    assert denial({"scopes": ["devices"], "role": "manager"}, "devices") is None
