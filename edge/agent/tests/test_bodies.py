"""The bodies of all routes: whatever is sent is answered, never a defect."""

import json
from contextlib import suppress

import pytest

from iotistic_agent.api.bodies import Body
from iotistic_agent.api.http import Problem
from iotistic_agent.api.routes import ROUTES

MEMBERS = [
    (route.body, name)
    for route in ROUTES
    if isinstance(route.body, Body)
    for name in route.body.members
]


@pytest.mark.parametrize(("body", "name"), MEMBERS)
@pytest.mark.parametrize("value", ["", "x", "x" * 5000, 1, -1, 1.5, True, None, [], {}])
def test_each_member_takes_or_refuses_each_value(body, name, value):
    with suppress(Problem):
        body.read(json.dumps({name: value}).encode())
