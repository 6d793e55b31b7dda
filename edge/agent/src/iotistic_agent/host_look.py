"""Which paths of the host a bind mount must keep away from, as they are now."""

from dataclasses import replace

from iotistic_agent.adapters.engine import DockerEngine
from iotistic_agent.adapters.host import as_told_and_as_it_is, links_among
from iotistic_agent.faults import EngineFault
from iotistic_contract.planning.container_target import HostPaths
from iotistic_contract.planning.policy import Policy

__all__ = ["HostLook"]


class HostLook:
    """Looks each time anew, for links and the engine's data folder can change."""

    def __init__(self, known: HostPaths, engine: DockerEngine) -> None:
        self._known = known
        self._engine = engine

    def __call__(self, policy: Policy) -> HostPaths:
        """Return the paths; blocks. What a silent engine doesn't tell is as it told last.

        A policy without paths lets nothing through anyway: the engine isn't asked for it.
        """
        self._known = replace(self._known, links=links_among(policy.bind_mounts))
        if policy.bind_mounts:
            try:
                data = as_told_and_as_it_is(self._engine.data_root())
            except EngineFault:
                return self._known
            self._known = replace(self._known, engine_data=data)
        return self._known
