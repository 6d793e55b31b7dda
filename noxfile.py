"""One session per promise. Plain `nox` is the quick gate; `./run test` runs everything."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "vendor", "unit"]
nox.options.error_on_external_run = False

ROOT = Path(__file__).parent
COLLECTION = "collections/ansible_collections/iotistic/platform"
PYTHON_CODE = ["services", "edge", "tests", "tools", "noxfile.py", COLLECTION]
PACKAGES = {
    "contract": ["services/contract", "tests/contract"],
    "pki": ["services/pki"],
    "kit": ["services/kit"],
    "billing": ["services/billing"],
    "tenant-api": ["services/tenant_api"],
    "dashboard": ["services/dashboard"],
    "agent": ["edge/agent", "tests/device"],
    "demo": ["tests/demo"],
    "collection": [f"{COLLECTION}/tests/unit"],
}
E2E = "tests/e2e"


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff's rules and format."""
    session.run("ruff", "check", *PYTHON_CODE)
    session.run("ruff", "format", "--check", *PYTHON_CODE)


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy --strict over every package."""
    for folder in ("services", "edge"):
        packages = sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).glob("*/src"))
        session.run("mypy", *packages)
    session.run("mypy", "tools/demo")


@nox.session
def layers(session: nox.Session) -> None:
    """Architecture: who may import whom."""
    session.run("lint-imports", silent=True)


@nox.session
def vendor(session: nox.Session) -> None:
    """Copy contract and pki into the collection; by default only prove that the copy is true."""
    session.run("python", "tools/vendor.py", *(session.posargs or ["--check"]))


@nox.session
def wheels(session: nox.Session) -> None:
    """Build what devices install."""
    session.run("python", "tools/wheels.py")


@nox.session
def unit(session: nox.Session) -> None:
    """Run every test that needs no other program."""
    folders = sorted({folder for folders in PACKAGES.values() for folder in folders})
    session.run("pytest", "-m", "not real", "-n", "2", *folders, *session.posargs)


@nox.session(name="ansible-lint")
def ansible_lint(session: nox.Session) -> None:
    """Lint playbooks, roles and collection with ansible-lint's profile production."""
    session.run("ansible-lint", "--offline", "--profile", "production", "playbooks", "roles")


@nox.session
def sanity(session: nox.Session) -> None:
    """Run ansible-test sanity and the linter of the collection's documents."""
    session.run("python", "tools/sanity.py")


@nox.session
def real(session: nox.Session) -> None:
    """Run the packages' tests against real components."""
    folders = sorted({folder for folders in PACKAGES.values() for folder in folders})
    workers = ["-n", "2", "--dist", "loadfile"]
    session.run("pytest", "-m", "real", "--timeout", "120", *workers, *folders, *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the demo site and break it."""
    options = ["--timeout", "1500", "-p", "no:randomly", "--durations", "20"]
    session.run("pytest", *options, E2E, *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run everything, or the parts that are named."""
    if not session.posargs:
        for name in (*nox.options.sessions, "ansible-lint", "sanity", "real", "e2e"):
            session.notify(name, posargs=[])
        return
    for name in session.posargs:
        if name in PACKAGES:
            session.run("pytest", "--timeout", "120", *PACKAGES[name])
            if name == "collection":
                session.notify("sanity", posargs=[])
        else:
            session.notify(name, posargs=[])


if __name__ == "__main__":
    sys.exit("run it with nox, or ./run test")
