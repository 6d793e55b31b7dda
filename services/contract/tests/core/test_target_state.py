from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from iotistic_contract.codec import decode, encode
from iotistic_contract.device_target import read_target
from iotistic_contract.errors import ContractError
from iotistic_contract.service_config import ServiceConfig
from iotistic_contract.target_state import (
    PullPolicy,
    ServiceState,
    Spec,
    TargetState,
    UpdateStrategy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VECTORS = Path(__file__).parents[4] / "tests/contract/vectors/valid/spec"
WHOLE: dict[str, Any] = json.loads((VECTORS / "every-field.json").read_text())

Path_ = tuple[str | int, ...]


def _paths(value: object, here: Path_ = ()) -> Iterator[Path_]:
    yield here
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield from _paths(child, (*here, key))


def _changed(path: Path_, content: object) -> Any:
    document: Any = copy.deepcopy(WHOLE)
    if not path:
        return content
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = content
    return document


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
CONTENTS = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=4), SCALARS)


@settings(max_examples=400)
@given(st.sampled_from(list(_paths(WHOLE))), CONTENTS)
def test_a_spec_with_anything_anywhere_is_read_or_refused_with_a_pointer(
    path: Path_, content: object
) -> None:
    document = _changed(path, content)
    try:
        spec = decode(Spec, document)
    except ContractError as exc:
        assert exc.detail  # noqa: PT017
    else:
        assert decode(Spec, encode(spec)) == spec


@settings(max_examples=200)
@given(st.sampled_from(list(_paths(WHOLE))), CONTENTS)
def test_a_device_applies_what_it_can_read(path: Path_, content: object) -> None:
    document = _changed(path, content)
    if not isinstance(document, dict):
        return
    try:
        read = read_target({"schema": 1, "version": 1, **document})
    except ContractError:
        return
    ids = [one.service_id for one in read.refused]
    ids += [one.service_id for one in read.target.services()]
    apps = document["apps"].values()
    assert len(ids) == sum(len(app.get("services") or ()) for app in apps)


def test_defaults(service: Callable[..., Any], spec: Callable[..., Any]) -> None:
    (read,) = decode(Spec, spec(service("web"))).services()
    assert (read.state, read.pull_policy, read.update_strategy, read.config) == (
        ServiceState.RUNNING,
        PullPolicy.IF_NOT_PRESENT,
        UpdateStrategy.DOWNLOAD_THEN_KILL,
        ServiceConfig(),
    )
    assert read.config.restart == "unless-stopped"


def test_what_was_not_said_is_not_written(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    written = encode(decode(Spec, spec(service("web"))))
    assert written["apps"]["demo"]["services"] == [
        {
            "serviceId": "web",
            "serviceName": "web",
            "imageName": "registry.local:5000/demo/web:1.2",
            "pullPolicy": "ifNotPresent",
            "state": "running",
            "updateStrategy": "download-then-kill",
            "config": {},
        }
    ]


def test_apps_null_and_empty_are_told_apart() -> None:
    assert encode(TargetState(version=0)) == {"schema": 1, "version": 0}
    assert encode(TargetState(version=2, apps={})) == {"schema": 1, "version": 2, "apps": {}}


def test_a_refusal_never_repeats_a_secret(
    service: Callable[..., Any], spec: Callable[..., Any]
) -> None:
    for secret in ({"hmac": "swordfish"}, {"swordfish": 1}, ["swordfish"], {"hmac": ["swordfish"]}):
        body = spec(service("web", config={"secrets": {"PASSWORD": secret}}))
        try:
            decode(Spec, body)
        except ContractError as exc:
            assert "swordfish" not in exc.detail  # noqa: PT017
