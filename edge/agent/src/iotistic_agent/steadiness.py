"""For how long each service has been healthy without a break; pure."""

from collections.abc import Mapping

from iotistic_contract.planning.containers import Target, World, is_healthy, own_container

__all__ = ["Steadiness"]


class Steadiness:
    """Since when each service's container, as it was started last, has been healthy."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[object, float]] = {}

    def look(self, world: World, target: Target, now: float) -> None:
        """Take in a look at the engine at ``now``, in seconds on a clock that never goes back."""
        since: dict[str, tuple[object, float]] = {}
        for wanted in target.containers:
            found = own_container(world, wanted)
            if found is None or not is_healthy(world, wanted):
                continue
            life = (found.id, found.started_at)
            before = self._since.get(wanted.service_id)
            at = before[1] if before is not None and before[0] == life else now
            since[wanted.service_id] = (life, at)
        self._since = since

    def seconds(self, now: float) -> Mapping[str, float]:
        """Return the seconds by service id; a service that isn't healthy isn't in it."""
        return {service_id: now - at for service_id, (_, at) in self._since.items()}
