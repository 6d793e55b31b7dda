"""Orders to upgrade: taken or refused, and followed to their end."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from iotistic_agent.adapters.environments import (
    check_room,
    machine,
    make_environment,
    own_python,
)
from iotistic_agent.adapters.program import Program
from iotistic_agent.adapters.release_source import ReleaseSource
from iotistic_agent.adapters.store.orders import Orders, Taken
from iotistic_agent.faults import Restart, UpgradeFailed
from iotistic_agent.logs import Component, log
from iotistic_agent.registration import Registration
from iotistic_agent.threads import in_thread
from iotistic_contract.agent_release import release_time
from iotistic_contract.orders import Held, Order, OrderKind, Refusal, refusal
from iotistic_contract.planning.agent_update import (
    Begin,
    Fail,
    Install,
    Link,
    Succeed,
    is_downgrade,
    next_step,
    older,
)
from iotistic_pki.errors import TokenRefused
from iotistic_pki.orders import OrderKeys, verify_order

__all__ = ["Rejected", "Upgrades"]

NOT_SIDE_BY_SIDE = (
    "this agent can't upgrade itself: it wasn't installed by install.sh, or without a release key"
)


class Rejected(Exception):  # noqa: N818 -- an answer, not a fault
    """Why an order isn't taken; ``reason`` begins with one word for programs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Upgrades:
    """Upgrade orders of one registration."""

    def __init__(
        self,
        *,
        registration: Registration,
        orders: Orders,
        program: Program | None,
        source: ReleaseSource,
        now: Callable[[], datetime],
    ) -> None:
        self._registration = registration
        self._orders = orders
        self._program = program
        self._source = source
        self._now = now

    def untold(self) -> list[Taken]:
        """Return the orders whose status the cloud doesn't know yet."""
        return self._orders.untold(self._registration.registration)

    def told(self, order: Taken) -> None:
        """Note that the cloud knows it."""
        self._orders.told(order)

    def take(self, token: str) -> bool:
        """Keep a new order durably, and tell whether it is new; Rejected when it mustn't be done.

        Of one that has ended the cloud is told once more.
        """
        held = self._registration
        try:
            order = verify_order(token, OrderKeys(keys=held.order_public_keys))
        except TokenRefused as exc:
            raise Rejected(f"forged: {exc.detail}") from None
        known = self._orders.find(held.registration, order.id)
        if known is not None:
            if known.status != "running":
                self._orders.tell_again(order.id)
            return False
        self._check(order)
        self._orders.take(order)
        log(Component.ORDERS).info(
            "order_taken", extra={"order": order.id, "version": order.version}
        )
        return True

    async def advance(self) -> None:
        """Do all steps of the order under way that can be done now.

        Restart when the agent must be started anew; UpgradeLater and CloudUnavailable when a step
        is to be tried again.
        """
        program = self._program
        order = self._orders.upgrade(self._registration.registration)
        if order is None or program is None:
            return
        try:
            while await self._did(order, program):
                pass
        except UpgradeFailed as exc:
            self._ended(order, "failed", str(exc))

    async def _did(self, order: Taken, program: Program) -> bool:
        """Do the next step; tell whether there may be another."""
        match next_step(order.id, order.version, program.read()):
            case Succeed():
                self._ended(order, "succeeded", None)
                await asyncio.to_thread(program.prune)
            case Fail(reason=reason):
                self._ended(order, "failed", reason)
                await asyncio.to_thread(program.prune)
            case Install():
                self._check_time(order)
                await self._install(order, program)
                return True
            case Begin(trial=trial):
                self._check_time(order)
                with program.alone():
                    program.note(trial)
                    program.point(Link.NEW, trial.version)
                raise Restart(f"to try release {trial.version}")
        return False

    async def _install(self, order: Taken, program: Program) -> None:
        manifest = await in_thread(self._source.manifest, order.sha256)
        if manifest.version != order.version:
            raise UpgradeFailed(f"the release is {manifest.version}, {order.version} was ordered")
        running = program.running
        if not order.allow_downgrade and is_downgrade(running, program.released(running), manifest):
            raise UpgradeFailed(f"downgrade: {manifest.version} is older than {running}")
        bundle = manifest.bundle_for(machine(), own_python())
        if bundle is None:
            raise UpgradeFailed(f"the release has nothing for {machine()}, Python {own_python()}")
        with program.alone():
            workplace = program.folder / ".download"
            if workplace.exists():
                await asyncio.to_thread(shutil.rmtree, workplace)
            workplace.mkdir(mode=0o700)
            try:
                check_room(program.folder, bundle)
                await in_thread(self._source.download, bundle, workplace / "bundle")
                await make_environment(
                    program.folder / manifest.version,
                    workplace / "bundle",
                    release_time(manifest.released),
                )
            finally:
                shutil.rmtree(workplace)
        log(Component.ORDERS).info("release_installed", extra={"version": manifest.version})

    def _check(self, order: Order) -> None:
        own, program = self._registration, self._program
        held = Held(
            customer_id=own.customer_id,
            uuid=own.uuid,
            registration=own.registration,
            counters=self._orders.counters(own.registration),
        )
        why = refusal(order, held, self._trusted_now())
        if why is not None:
            raise Rejected(f"{why}: {_SENTENCES[why]}")
        if order.kind is not OrderKind.UPGRADE:
            raise Rejected(f"unsupported: this agent does no orders of kind {order.kind}")
        if program is None:
            raise Rejected(f"not_installed: {NOT_SIDE_BY_SIDE}")
        wanted = order.version or ""
        if not order.allow_downgrade and older(wanted, program.running):
            raise Rejected(f"downgrade: {wanted} is older than {program.running}")

    def _check_time(self, order: Taken) -> None:
        now = self._trusted_now()
        if now is not None and now.timestamp() >= order.expires_at:
            raise UpgradeFailed("expired: it couldn't be done in time")

    def _trusted_now(self) -> datetime | None:
        """Return the time, None on a clock from before the running release was made."""
        now, program = self._now(), self._program
        made = None if program is None else program.released(program.running)
        if made is not None and now < datetime.strptime(made, "%Y%m%d%H%M%S").replace(tzinfo=UTC):
            return None
        return now

    def _ended(self, order: Taken, status: str, output: str | None) -> None:
        self._orders.end(order.id, status, output)
        facts = {"order": order.id, "version": order.version, "status": status, "reason": output}
        log(Component.ORDERS).info("order_ended", extra=facts)


_SENTENCES: Mapping[Refusal, str] = {
    Refusal.OTHER_CUSTOMER: "it is for another tenant",
    Refusal.OTHER_DEVICE: "it is for another device",
    Refusal.OTHER_REGISTRATION: "it was signed for another registration of this device",
    Refusal.OVERTAKEN: "an order with this number or a higher one was taken before",
    Refusal.EARLY: "its time hasn't come",
    Refusal.EXPIRED: "its time is over",
}
