"""What images, registries and settings say, as values."""

import json

import pytest

from iotistic_agent.faults import PullFault
from iotistic_agent.images.challenges import Bearer, asks_for_basic, bearer_challenge
from iotistic_agent.images.credentials import login_for
from iotistic_agent.images.manifests import Index, Manifest, parse_config, parse_manifest
from iotistic_agent.images.names import name_on_engine
from iotistic_agent.images.places import mirrors_of, parse_mirror, registry_of
from iotistic_agent.images.platforms import Platform, choose, platform_of_engine, runs_on
from iotistic_agent.images.room import Disk, Needs, lacking
from iotistic_agent.proxies import parse_proxies
from iotistic_contract.images import Image

DIGEST = "sha256:" + "a" * 64
OCI = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@pytest.mark.parametrize(
    ("arch", "kernel", "platform"),
    [
        ("amd64", "x86_64", "linux/amd64"),
        ("arm64", "aarch64", "linux/arm64"),
        ("arm", "armv6l", "linux/arm/v6"),
        ("arm", "armv7l", "linux/arm/v7"),
        ("arm", "aarch64", "linux/arm/v8"),
        ("arm", "", "linux/arm/v7"),
    ],
)
def test_the_engines_words_for_the_machine(arch, kernel, platform):
    engine = platform_of_engine({"Os": "linux", "Arch": arch}, {"Architecture": kernel})
    assert str(engine) == platform


@pytest.mark.parametrize(
    ("machine", "offers", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["windows/amd64", "linux/386", "linux/amd64/v3"], None),
        ("linux/amd64", ["unknown/unknown", "linux/x86_64"], "linux/x86_64"),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64"], "linux/arm/v6"),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v5"),
        ("linux/arm/v6", ["linux/arm"], None),
        ("linux/arm/v7", ["linux/arm"], "linux/arm"),
    ],
)
def test_the_best_that_the_machine_can_run(machine, offers, chosen):
    found = choose(Platform.of(*machine.split("/")), [(of(each), each) for each in offers])
    assert (found and found[1]) == chosen


@pytest.mark.parametrize(
    ("machine", "image", "runs"),
    [
        ("linux/arm/v6", "linux/arm", True),
        ("linux/amd64", "linux/arm", False),
        ("linux/amd64", "linux/", True),
        ("linux/amd64", "windows/amd64", False),
        ("linux/arm64", "linux/arm64/v8", True),
    ],
)
def test_what_an_image_does_not_state_is_not_held_against_it(machine, image, runs):
    assert runs_on(of(machine), of(image)) is runs


def of(text: str) -> Platform:
    return Platform.of(*text.split("/"))


def described(media_type: str = LAYER, **change) -> dict:
    return {"mediaType": media_type, "digest": DIGEST, "size": 5, **change}


def manifest(**change) -> bytes:
    document = {"schemaVersion": 2, "mediaType": OCI, "config": described(), "layers": []}
    return json.dumps({**document, **change}).encode()


def test_a_manifest_and_an_index():
    parsed = parse_manifest(manifest(layers=[described(), described()]), "")
    assert isinstance(parsed, Manifest)
    assert [each.digest for each in parsed.blobs] == [DIGEST]
    entry = described(OCI, platform={"os": "linux", "architecture": "arm", "variant": "v7"})
    index = parse_manifest(json.dumps({"manifests": [entry]}).encode(), "")
    assert isinstance(index, Index)
    assert str(index.entries[0][0]) == "linux/arm/v7"


def test_a_platform_of_strange_words_is_unknown():
    entry = described(OCI, platform={"os": "linux", "architecture": "amd64\x1b[2J"})
    index = parse_manifest(json.dumps({"manifests": [entry]}).encode(), "")
    assert str(index.entries[0][0]) == "unknown/unknown"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "can't be read"),
        (b"[]", "no JSON object"),
        (b'{"schemaVersion": 1, "name": "x"}', "isn't an image's manifest"),
        (manifest(layers=[described(size=-1)]), "no size"),
        (manifest(layers=[described(size=2**50)]), "no size"),
        (manifest(layers=[described(size=True)]), "no size"),
        (manifest(layers=[described(digest="md5:abc")]), "can't be verified"),
        (manifest(layers=[described(digest=f"{DIGEST}\n")]), "can't be verified"),
        (manifest(layers=[described(digest="../../etc/passwd")]), "can't be verified"),
        (manifest(layers=[described("application/x-encrypted")]), "can't be unpacked"),
        (manifest(layers=[described()] * 128), "at most 127"),
        (manifest(layers=7), "no list layers"),
        (manifest(config=None), "isn't described"),
    ],
)
def test_a_manifest_that_cannot_be(content, words):
    with pytest.raises(PullFault, match=words):
        parse_manifest(content, "text/html")


def test_a_configuration_of_another_number_of_layers_is_refused():
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [DIGEST]}}
    assert parse_config(json.dumps(config).encode(), 1).diff_ids == (DIGEST,)
    with pytest.raises(PullFault, match="has 2 layers, its configuration 1"):
        parse_config(json.dumps(config).encode(), 2)


@pytest.mark.parametrize(
    ("reference", "host", "schemes"),
    [
        ("nginx", "registry-1.docker.io", ("https",)),
        ("ghcr.io/a/b:1", "ghcr.io", ("https",)),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", ("https", "http")),
        ("localhost:5000/a", "localhost:5000", ("https", "http")),
        ("[::1]:5000/a", "[::1]:5000", ("https", "http")),
        ("lan:5000/a", "lan:5000", ("https", "http")),
        ("lan:5001/a", "lan:5001", ("https",)),
    ],
)
def test_where_a_registry_is(reference, host, schemes):
    place = registry_of(Image.parse(reference), frozenset({"lan:5000"}))
    assert (place.host, place.schemes) == (host, schemes)


def test_mirrors_stand_for_all_registries_or_for_one():
    mirrors = [parse_mirror(each, ()) for each in ("https://all", "docker.io=https://hub:5000")]
    assert [each.host for each in mirrors_of(Image.parse("nginx"), mirrors)] == ["all", "hub:5000"]
    assert [each.host for each in mirrors_of(Image.parse("ghcr.io/a/b"), mirrors)] == ["all"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lan:5000", "https://host"),
        ("ftp://lan", "https://host"),
        ("https://user@lan", "https://host"),
        ("https://lan/path", "no path"),
        ("http://lan:5000", "REGISTRY_INSECURE"),
    ],
)
def test_a_mirror_that_cannot_be(text, words):
    with pytest.raises(ValueError, match=words):
        parse_mirror(text, ())


@pytest.mark.parametrize(
    ("host", "proxied"),
    [
        ("ghcr.io", True),
        ("a.example.org:5000", False),
        ("example.org", False),
        ("notexample.org", True),
        ("10.1.2.3:5000", False),
        ("11.1.2.3", True),
        ("exact:5000", False),
        ("exact:5001", True),
    ],
)
def test_which_hosts_are_reached_through_the_proxy(host, proxied):
    words = {
        "https_proxy": "http://me:p%40ss@proxy:3128",
        "NO_PROXY": "example.org, 10.0.0.0/8,exact:5000",
    }
    proxies = parse_proxies(words)
    assert (proxies.for_host("https", host) is not None) is proxied
    assert proxies.https.authorization == "Basic bWU6cEBzcw=="
    assert "bWU6cEBzcw" not in repr(proxies)


@pytest.mark.parametrize("text", ["https://proxy", "http://", "http://proxy:x", "socks5://p:1"])
def test_a_proxy_that_cannot_be(text):
    with pytest.raises(ValueError, match="HTTPS_PROXY: http://"):
        parse_proxies({"HTTPS_PROXY": text})


def test_challenges():
    header = 'Bearer realm="https://a/token?x=1",service="s, with comma",scope="repository:a:pull"'
    bearer = bearer_challenge(f'Basic realm="b", {header}')
    assert bearer == Bearer("https://a/token?x=1", "s, with comma", "repository:a:pull")
    assert bearer.url("other") == (
        "https://a/token?x=1&service=s%2C+with+comma&scope=repository%3Aa%3Apull"
    )
    assert asks_for_basic('basic realm="b"')
    assert not asks_for_basic(header)
    assert bearer_challenge("Bearer") is None
    assert bearer_challenge('Negotiate, Digest realm="x"') is None


@pytest.mark.parametrize(
    ("name", "registry", "found"),
    [
        ("https://index.docker.io/v1/", "docker.io", True),
        ("ghcr.io", "ghcr.io", True),
        ("https://ghcr.io/v2/", "ghcr.io", True),
        ("lan:5000", "lan:5001", False),
        ("ghcr.io", "docker.io", False),
    ],
)
def test_a_login_is_for_its_host_alone(tmp_path, name, registry, found):
    file = tmp_path / "auth.json"
    file.touch(0o600)
    file.write_text(json.dumps({"auths": {name: {"auth": "bWU6YTpi"}}}))
    login = login_for(registry, file)
    assert (login is not None) is found
    if login is not None:
        assert (login.user, login.password) == ("me", "a:b")
        assert "a:b" not in repr(login)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nonsense", "not JSON"),
        ("{}", '"auths"'),
        ('{"auths": {"h": {}}}', "h needs auth"),
        ('{"auths": {"h": {"auth": "%%%"}}}', "h needs auth"),
        ('{"auths": {"h": {"auth": "czNjcmV0"}}}', None),
    ],
)
def test_a_file_of_logins_that_cannot_be(tmp_path, content, words):
    file = tmp_path / "auth.json"
    file.touch(0o600)
    file.write_text(content)
    if words is None:
        assert login_for("h", file).user == "s3cret"
        return
    with pytest.raises(PullFault, match=words):
        login_for("h", file)
    with pytest.raises(PullFault, match="No such file"):
        login_for("h", tmp_path / "none")


@pytest.mark.parametrize(
    ("store", "engine", "lacks"),
    [
        (Disk("/s", 1, 200_000_000), Disk("/e", 2, 500_000_000), None),
        (Disk("/s", 1, 100_000_000), Disk("/e", 2, 500_000_000), "/s"),
        (Disk("/s", 1, 200_000_000), Disk("/e", 2, 300_000_000), "/e"),
        (Disk("/s", 1, 500_000_000), Disk("/e", 1, 500_000_000), "/s"),
        (Disk("/s", 1, 517_000_000), Disk("/e", 1, 517_000_000), None),
        (Disk("/s", 1, 200_000_000), None, None),
    ],
)
def test_room_on_one_disk_and_on_two(store, engine, lacks):
    told = lacking(Needs(store=100_000_000, engine=400_000_000), store, engine)
    assert (told is None) if lacks is None else f"disk of {lacks}:" in told.why and told.size > 0


def test_a_digest_has_a_name_on_the_engine():
    assert name_on_engine(Image.parse("nginx:1")) == ("docker.io/library/nginx", "1")
    exact = name_on_engine(Image.parse(f"ghcr.io/a/b:1@{DIGEST}"))
    assert exact == ("ghcr.io/a/b", "sha256-" + "a" * 64)
