"""Files of the pages: named by their content, packed, and others' as they were published."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files

import pytest

STATIC = files("iotistic_dashboard").joinpath("static")
NOTICE = STATIC.joinpath("vendor/NOTICE.txt").read_text(encoding="utf-8")
VENDORED = re.findall(r"^(\S+)\s+(\S+) ([\d.]+)\s+(\S+)\s+([0-9a-f]{64})$", NOTICE, re.MULTILINE)


@pytest.mark.parametrize(("name", "package", "version", "license_", "digest"), VENDORED)
def test_a_vendored_file_is_what_the_notice_says(name, package, version, license_, digest):
    content = STATIC.joinpath("vendor", name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest


def test_every_vendored_file_is_in_the_notice_with_its_license():
    there = {entry.name for entry in STATIC.joinpath("vendor").iterdir()} - {"NOTICE.txt"}
    assert there == {line[0] for line in VENDORED}
    packages = {line[1].removesuffix(".org") for line in VENDORED}
    assert packages == {name.partition(".")[0] for name in there if name.endswith("LICENSE.txt")}


async def test_a_file_has_its_hash_in_its_name_and_is_kept_for_good(ada):
    address = re.search(r'href="(/static/app\.[0-9a-f]{16}\.css)"', ada.page)[1]
    answer = await ada.get(address, **{"Accept-Encoding": "gzip, br"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    plain = await ada.get(address)
    assert gzip.decompress(answer.content) == plain.content
    assert hashlib.sha256(plain.content).hexdigest()[:16] in address
    assert plain.headers["content-type"] == "text/css; charset=utf-8"


async def test_the_first_page_is_light(ada):
    page = await ada.get("/")
    wire = len(page.content)
    for address in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)):
        wire += len((await ada.get(address, **{"Accept-Encoding": "gzip"})).content)
    assert wire < 60_000, f"{wire} bytes; the promise is 200 kB"


@pytest.mark.parametrize("name", ["app.js", "charts.js", "retry.js", "invitation.js"])
def test_our_scripts_make_no_html(name):
    text = STATIC.joinpath(name).read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML\s*=|outerHTML\s*=|insertAdjacentHTML|document\.write|eval\(", text
    )
