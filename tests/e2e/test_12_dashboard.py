"""Each tenant's dashboard is there: a way in, a page of states, sessions that only we can read."""

import stat

import pytest

COMMON = "default-src 'none'; script-src 'self'; style-src 'self'"


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_a_tenant_s_dashboard_asks_to_sign_in(site, name):
    tenant = site.tenant(name)
    url = tenant.url.replace(":3002", ":3000")
    states = site.call("GET", f"{url}/status")
    assert (states.status, "All parts work" in states.body) == (200, True)
    way_in = site.call("GET", f"{url}/")
    assert (way_in.status, "Sign in" in way_in.body) == (200, True)
    assert way_in.headers["content-security-policy"].startswith(COMMON)
    assert f"__Host-iot_{tenant.short_id}=" in way_in.headers["set-cookie"]
    folder = site.state / "tenants" / tenant.short_id / "dashboard"
    kept = [folder, folder / "sessions.sqlite", folder / "session-key"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o700, 0o600, 0o600]
