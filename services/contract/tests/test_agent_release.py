"""Manifest, install script and the command that a person pastes."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from iotistic_contract.agent_release import (
    Bundle,
    Bundles,
    Manifest,
    composed,
    install_command,
    released_script,
)
from iotistic_contract.codec import decode, encode
from iotistic_contract.errors import ContractError

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
BUNDLE = Bundle(
    arch="aarch64",
    file="iotistic-agent-0.1.0+3fa9c1d2-aarch64.tar",
    sha256="c" * 64,
    size=5,
    pythons=("3.11", "3.13"),
)
MANIFEST = Manifest(
    version="0.1.0+3fa9c1d2", released=NOW, key="a" * 64, installer="d" * 64, bundles=(BUNDLE,)
)
TEMPLATE = "V='@VERSION@'\nR='@RELEASED@'\nK='@KEY@'\nB='@BUNDLES@'\n"
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQ==\n-----END PUBLIC KEY-----\n"


def test_a_manifest_comes_back_as_it_went() -> None:
    assert decode(Manifest, encode(MANIFEST)) == MANIFEST
    signed = {"install.sh", "install.sh.sig", "manifest.json", "manifest.json.sig"}
    assert MANIFEST.files == {"release.pem", BUNDLE.file} | signed


def test_a_machine_gets_the_bundle_of_its_architecture_and_python() -> None:
    assert MANIFEST.bundle_for("aarch64", "3.13") == BUNDLE
    assert MANIFEST.bundle_for("aarch64", "3.12") is None
    assert MANIFEST.bundle_for("x86_64", "3.11") is None


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"arch": "riscv64"}, "arch"),
        ({"file": "../key.pem"}, "file"),
        ({"file": "iotistic-agent-0.1.0-x86_64.tar"}, "file"),
        ({"file": "iotistic-agent-0.1.0/../x-aarch64.tar"}, "file"),
        ({"sha256": "C" * 64}, "sha256"),
        ({"size": 0}, "size"),
        ({"size": 2**30}, "size"),
        ({"pythons": ()}, "pythons"),
        ({"pythons": ("3.11", "3.9'")}, "pythons/1"),
    ],
)
def test_a_bundle_that_can_t_be_is_refused(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ContractError) as refused:
        replace(BUNDLE, **change)
    assert refused.value.pointer.strip("/") == pointer


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1'; rm -rf /"},
        {"version": ""},
        {"bundles": ()},
        {"bundles": (BUNDLE, BUNDLE)},
        {"key": "short"},
        {"installer": ""},
    ],
)
def test_a_manifest_that_can_t_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        replace(MANIFEST, **change)
    if "bundles" in change or "version" in change:
        with pytest.raises(ContractError):
            replace(Bundles(version="0.1.0", bundles=(BUNDLE,)), **change)


def test_the_script_gets_the_facts_in_the_place_of_its_marks() -> None:
    line = f"aarch64 {BUNDLE.file} {'c' * 64} 5 3.11,3.13"
    assert released_script(TEMPLATE, MANIFEST, PEM) == (
        f"V='0.1.0+3fa9c1d2'\nR='20260115103000'\nK='{PEM.strip()}'\nB='{line}'\n"
    )


@pytest.mark.parametrize("text", [TEMPLATE * 2, TEMPLATE.replace("@BUNDLES@", ""), ""])
def test_a_script_without_exactly_these_marks_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        released_script(text, MANIFEST, PEM)


def test_the_script_is_composed_of_its_parts() -> None:
    parts = {
        "install.sh": "one\n@include two.sh@\nfour @include two.sh@\n",
        "two.sh": "two\nCODE=@python three.py@\n",
        "three.py": "print('three')\n",
    }
    code = shlex.quote("print('three')\n")
    assert composed(parts) == f"one\ntwo\nCODE={code}\nfour @include two.sh@\n"


@pytest.mark.parametrize("parts", [{}, {"install.sh": "@include two.sh@\n"}])
def test_a_script_without_a_part_is_refused(parts: dict[str, str]) -> None:
    with pytest.raises(ContractError):
        composed(parts)


def test_the_command_verifies_before_it_runs() -> None:
    command = install_command("https://api.example.org:3002", PEM, NOW)
    assert command == (
        '( cd "$(mktemp -d)" && u=https://api.example.org:3002/install && '
        "printf '%s\\n' '-----BEGIN PUBLIC KEY-----' MCowBQ== '-----END PUBLIC KEY-----'"
        ' >release.pem && curl -fsSk -O "$u/install.sh" -O "$u/install.sh.sig" && '
        "openssl pkeyutl -verify -rawin -pubin -inkey release.pem -sigfile install.sh.sig"
        " -in install.sh && "
        '$(command -v sudo) sh install.sh --from "$u" --not-older-than 20260115103000 )'
    )


def test_nothing_in_the_command_gets_out_of_its_quotes() -> None:
    command = install_command("https://a'$(touch /x)", "k'; touch /x; '\n", NOW)
    words = shlex.split(command)
    assert "u=https://a'$(touch /x)/install" in words
    assert "k'; touch /x; '" in words
