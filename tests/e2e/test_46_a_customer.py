"""A customer's first day, in Debian's Chromium against the running demo, as one story.

Sign up, prove the address, watch the tenant come up, accept the invitation, turn the second factor
on, bring the first device online by the one line, deploy a service, stop it, roll back, remove a
user; the tenant's API goes away and comes back meanwhile.
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Error, sync_playwright

from .demo_site import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

OWNER, PASSWORD = f"ada.{os.getpid()}@lovelace.example", "a long phrase of mine"
COLLEAGUE = "charles@lovelace.example"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-http2",  # its sessions end whenever a container's network comes or goes
]  # fmt: skip


@dataclass
class Person:
    """Somebody in a browser of their own; what the browser complains of is kept."""

    page: Page
    complaints: list[str]

    def go(self, url: str) -> None:
        """Go there; again when a container's network came or went meanwhile."""
        for _ in range(10):
            try:
                self.page.goto(url, wait_until="load")
            except Error as error:
                if "ERR_NETWORK_CHANGED" not in str(error) and "interrupted" not in str(error):
                    raise
                time.sleep(0.5)
            else:
                return
        raise AssertionError(f"the machine's networks don't rest: {url}")

    def press(self, name: str) -> None:
        self.send(self.page.get_by_role("button", name=name).first)

    def send(self, button: Locator) -> None:
        """Press a button that leads to another page; say what is there when it doesn't."""
        try:
            with self.page.expect_navigation(wait_until="load"):
                button.click()
        except Error as error:
            text = self.page.inner_text("body")[:500]
            raise AssertionError(f"{self.page.url} says {text!r} after {error}") from None

    def ask(self, link: str, button: str) -> None:
        """Follow a link that asks, and answer yes."""
        self.page.get_by_role("link", name=link).first.click()
        self.page.get_by_role("button", name=button).first.wait_for()
        self.press(button)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.fill(f"#{name}", value)

    def reads(self, *words: str, timeout: float = 60) -> None:
        """Wait until the page, loaded anew each second, has all the words."""

        def read() -> bool:
            text = self.page.inner_text("body")
            if all(word in text for word in words):
                return True
            time.sleep(1)
            self.go(self.page.url)
            return False

        wait_for(read, timeout=timeout)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield made
        made.close()


def person(browser: Browser) -> Person:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda told: complaints.append(told.text) if "Content Security" in told.text else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return Person(page, complaints)


def link_in_mail(site, to: str, path: str) -> str:
    """Return the link of the newest mail to somebody that has this path."""
    for file in sorted((site.state / "mail").glob("*.eml"), key=lambda one: -one.stat().st_mtime):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        body: Any = mail.get_body(("plain",))
        found = re.search(rf"https://\S+/{path}\S+", body.get_content())
        if to in str(mail["To"]) and found:
            return found[0].rstrip(".>)")
    return ""


def code_of(secret: str) -> str:
    """Return what an authenticator application shows now."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret) % 8))
    return TOTP(key, 6, SHA1(), 30, enforce_key_length=False).generate(time.time()).decode()  # noqa: S303


def spec_of(site, devices, **environment: str) -> str:
    """Return a target state of one service, with the image that the demo's devices run."""
    image = site.docker(
        "inspect", "--format", "{{.Config.Image}}", f"iot-{devices[0].uuid[:8]}-1001-web"
    )
    service = {
        "serviceId": "1",
        "serviceName": "pump",
        "imageName": image,
        "config": {
            "command": ["sleep", "2147483647"],
            "stopSignal": "SIGKILL",
            "environment": environment,
        },
    }
    app = {"appId": "7", "appName": "water", "services": [service]}
    return json.dumps({"apps": {"7": app}})


@pytest.fixture(scope="module")
def leftovers(site):
    """Folders, the tenant and containers of this story, removed at its end."""
    folder = site.state.with_name("first-device")
    uuids: list[str] = []
    yield folder, uuids
    script = site.state / "release/install.sh"
    subprocess.run(
        [
            *("sh", str(script), "--uninstall", "--purge"),
            *("--prefix", f"{folder}/opt", "--state", f"{folder}/data"),
        ],
        check=False,
        capture_output=True,
    )
    shutil.rmtree(folder, ignore_errors=True)
    for uuid in uuids:
        left = site.docker("ps", "-aq", "--filter", f"label=iotistic.device={uuid}").split()
        if left:
            site.docker("rm", "-f", *left)
    made = site.admin("GET", "/api/customers?limit=100").body["items"]
    for customer in made:
        if customer["email"] == OWNER:
            site.admin("DELETE", f"/api/customers/{customer['id']}/deployment")
            url = f"/api/customers/{customer['id']}/deployment"
            wait_for(
                lambda url=url: (
                    site.admin("GET", url).body.get("status") in {"absent", "removed"}
                    or site.admin("GET", url).status == 404
                ),
                timeout=180,
                step=1,
            )


def test_a_customers_first_day(site, devices, browser, leftovers):  # noqa: PLR0915 - one story
    folder, uuids = leftovers
    ada = person(browser)

    # Sign up, prove the address, watch.
    ada.go(f"{site.billing}/sign-up")
    ada.fill(email=OWNER, password=PASSWORD, company_name="Analytical <b>Engines</b>")
    ada.fill(full_name="Ada Lovelace")
    ada.press("Sign up")
    ada.reads("Check your mail")
    ada.go(wait_for(lambda: link_in_mail(site, OWNER, "verify")))
    ada.press("Confirm the address")
    ada.reads("Your dashboard is ready", timeout=300)

    # The invitation, once.
    invitation = wait_for(lambda: link_in_mail(site, OWNER, "invitation"), timeout=60)
    home = "https://" + urllib.parse.urlsplit(invitation).netloc
    ada.go(invitation)
    ada.page.wait_for_selector("#again")
    ada.fill(name="Ada Lovelace", password=PASSWORD, again=PASSWORD)
    ada.press("Make my account")
    ada.go(f"{home}/")
    ada.reads("Ada")
    stranger = person(browser)
    stranger.go(invitation)
    stranger.page.wait_for_load_state("networkidle")
    assert "Make my account" not in stranger.page.inner_text("body")

    # The second factor, and in again with it.
    ada.go(f"{home}/account")
    ada.page.locator('form[action="/account/second-factor"] input[type=password]').fill(PASSWORD)
    ada.send(ada.page.locator('form[action="/account/second-factor"] button'))
    secret = ada.page.locator("code.secret").first.inner_text().strip()
    ada.fill(code=code_of(secret))
    ada.press("Turn it on")
    assert ada.page.inner_text("h1") == "The second factor is on"
    ada.page.context.clear_cookies()
    ada.go(f"{home}/sign-in")
    ada.fill(email=OWNER, password=PASSWORD)
    ada.press("Sign in")
    used = code_of(secret)
    time.sleep(31 - time.time() % 30)  # a code is good once: the next one
    assert code_of(secret) != used
    ada.fill(code=code_of(secret))
    ada.press("Sign in")
    ada.reads("Ada")

    # The first device, by the one line.
    ada.go(f"{home}/provisioning-keys")
    ada.fill(name="first")
    ada.press("Make the key")
    command = ada.page.inner_text("#install").strip()
    string = ada.page.inner_text("#string").strip()
    assert string.startswith("iotp1.")
    socket = site.run_folder / "docker.sock"
    engine = f"unix://{socket if socket.exists() else '/var/run/docker.sock'}"
    options = f"--start --name first --docker-host {engine} --key-file -"
    options += f" --prefix {folder}/opt --state {folder}/data )"
    line = command.replace("$(command -v sudo) ", "").rstrip().removesuffix(")") + options
    installed = subprocess.run(
        ["bash", "-c", line], input=string, capture_output=True, text=True, check=False, timeout=300
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    ada.go(f"{home}/devices")
    ada.reads("first", "Online", timeout=90)
    ada.page.get_by_role("link", name="first").first.click()
    ada.page.wait_for_url(re.compile("/devices/[0-9a-f-]{36}"))
    device = re.search("/devices/([0-9a-f-]{36})", ada.page.url)[1]  # type: ignore[index]
    uuids.append(device)

    # A service: draft, difference, deploy; the API away in between.
    ada.go(f"{home}/devices/{device}/deploy")
    ada.fill(spec=spec_of(site, devices, LEVEL="1"))
    ada.press("Save the draft and compare")
    short = site.admin("GET", "/api/customers?limit=100").body["items"]
    short_id = next(one["short_id"] for one in short if one["email"] == OWNER)
    site.supervisorctl("stop", f"{short_id}-api")
    ada.go(f"{home}/devices")
    assert "Traceback" not in ada.page.inner_text("body")
    site.supervisorctl("start", f"{short_id}-api")
    ada.go(f"{home}/devices/{device}/deploy")
    ada.reads("pump")
    ada.send(ada.page.locator(f'form[action="/devices/{device}/deploy/now"] button'))
    ada.go(f"{home}/devices/{device}/services")
    ada.reads("pump", "Running", timeout=90)
    assert site.containers(device) == {"pump": "running"}

    # Stopped by a person, and still so after a reload.
    ada.page.locator("#stop-7-1").click()
    wait_for(lambda: site.containers(device) == {"pump": "exited"}, timeout=60)
    ada.go(f"{home}/devices/{device}/services")
    ada.reads("Stopped", OWNER, "Give back to the inventory")
    ada.page.locator("#give-back-7-1").click()
    wait_for(lambda: site.containers(device) == {"pump": "running"}, timeout=60)

    # Another version, and back.
    ada.go(f"{home}/devices/{device}/deploy")
    ada.fill(spec=spec_of(site, devices, LEVEL="2"))
    ada.press("Save the draft and compare")
    ada.send(ada.page.locator(f'form[action="/devices/{device}/deploy/now"] button'))
    name = f"iot-{device[:8]}-7-pump"

    def level(wanted: str) -> bool:
        told = subprocess.run(
            ["docker", "-H", engine, "inspect", "--format", "{{.Config.Env}}", name],
            capture_output=True,
            text=True,
            check=False,
        )
        return f"LEVEL={wanted}" in told.stdout

    wait_for(lambda: level("2"), timeout=60)
    ada.go(f"{home}/devices/{device}/deploy")
    ada.page.get_by_role("link", name=re.compile("^Go back t")).first.click()
    ask = ada.page.locator("form[action*=rollback] button.danger").first
    ask.wait_for()
    ada.send(ask)
    wait_for(lambda: level("1"), timeout=60)

    # A colleague comes, and is removed: the session ends.
    ada.go(f"{home}/users")
    ada.fill(email=COLLEAGUE)
    ada.press("Invite")
    charles = person(browser)
    charles.go(ada.page.locator("code.secret").first.inner_text().strip())
    charles.page.wait_for_selector("#again")
    charles.fill(name="Charles", password=PASSWORD, again=PASSWORD)
    charles.press("Make my account")
    charles.go(f"{home}/devices")
    charles.reads("first")
    ada.go(f"{home}/users")
    ada.page.get_by_role("link", name="Charles").first.click()
    ada.page.wait_for_url(re.compile("/users/"))
    ada.page.get_by_role("link", name="Remove").first.click()
    remove = ada.page.locator("form button.danger").first
    remove.wait_for()
    ada.send(remove)
    wait_for(lambda: charles.go(f"{home}/devices") or "/sign-in" in charles.page.url, timeout=10)

    assert [*ada.complaints, *charles.complaints, *stranger.complaints] == []
