import pytest

from iotistic_agent.api import power
from iotistic_agent.api.http import Problem


async def test_in_a_container_only_what_the_settings_say_is_run(monkeypatch):
    monkeypatch.setattr(power, "in_container", lambda: True)
    with pytest.raises(Problem) as caught:
        await power._power("shutdown", None, ("false",))
    assert "SHUTDOWN_COMMAND has to say how" in str(caught.value)
    answer = await power._power("shutdown", ("true",), ("false",))
    assert answer.status == 202


async def test_on_a_machine_the_usual_program_is_run(monkeypatch):
    monkeypatch.setattr(power, "in_container", lambda: False)
    assert (await power._power("reboot", None, ("true",))).status == 202
