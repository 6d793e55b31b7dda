"""How the agent itself is to behave, out of all places that say so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from iotistic_agent.adapters.store import StoredTarget
from iotistic_agent.settings import Settings
from iotistic_contract.device_config import Settings as Told
from iotistic_contract.device_target import read_target
from iotistic_contract.target_state import DeviceConfig
from iotistic_contract.update_window import UpdateWindow

__all__ = ["DEFAULT_POLL_MS", "LOCAL_NAMES", "Configuration", "Configured", "configuration"]

LOCAL_NAMES = (
    "pollIntervalMs",
    "reportIntervalMs",
    "metricsIntervalMs",
    "reconcileIntervalMs",
    "logLevel",
)
NOTHING_LOCAL: Mapping[str, str | int] = {}

DEFAULT_POLL_MS = 30_000
DEFAULT_RECONCILE_MS = 30_000
DEFAULT_HEALTH_WINDOW_MS = 10_000
DEFAULT_HEALTH_TIMEOUT_MS = 300_000
LAN_MS, METERED_MS = 900_000, 21_600_000
REPORT_METRICS_MS = 86_400_000
BUDGETS_MB = {"lte": 500, "metered": 10}
METRICS_MS = {None: 60_000, "lan": 60_000, "lte": 300_000, "metered": 3_600_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Intervals in milliseconds; ``linked_poll_ms`` is the least while the broker tells news.

    ``report_metrics_ms`` is the least between two samples in reports, others go by their lane.
    ``link_budget_mb``: megabytes a month, None without a bound.
    """

    poll_ms: int
    linked_poll_ms: int
    report_ms: int
    metrics_ms: int
    reconcile_ms: int
    health_window_ms: int
    health_timeout_ms: int
    report_metrics_ms: int
    log_level: str
    log_upload: bool
    link_profile: str
    link_budget_mb: int | None
    update_window: UpdateWindow | None = None


Configured = Callable[[], Configuration]


def configuration(
    stored: StoredTarget | None,
    settings: Settings,
    local: Mapping[str, str | int] = NOTHING_LOCAL,
) -> Configuration:
    """Return the first that is set of: the target's config, ``local``, environment, default.

    ``local`` is what people at the device have set, by the names of ``LOCAL_NAMES``.
    """
    config = _config(stored)
    told = (config.settings if config else None) or Told()
    level = config.logging.level if config and config.logging else None
    upload = config.logging.upload if config and config.logging else None
    profile = config.link_profile if config else None
    budget = config.link_budget_mb if config else None
    return Configuration(
        poll_ms=_first(
            told.poll_interval_ms,
            _ms(local, "pollIntervalMs"),
            settings.poll_interval_ms,
            DEFAULT_POLL_MS,
        ),
        linked_poll_ms=METERED_MS if profile == "metered" else LAN_MS,
        report_ms=_first(
            told.report_interval_ms, _ms(local, "reportIntervalMs"), settings.report_interval_ms
        ),
        metrics_ms=_first(
            told.metrics_interval_ms,
            _ms(local, "metricsIntervalMs"),
            settings.metrics_interval_ms,
            METRICS_MS[profile],
        ),
        reconcile_ms=_first(
            told.reconcile_interval_ms, _ms(local, "reconcileIntervalMs"), DEFAULT_RECONCILE_MS
        ),
        health_window_ms=_first(
            told.health_window_ms,
            settings.health_window_ms,
            DEFAULT_HEALTH_WINDOW_MS,
        ),
        health_timeout_ms=_first(
            told.health_timeout_ms,
            settings.health_timeout_ms,
            DEFAULT_HEALTH_TIMEOUT_MS,
        ),
        update_window=config.update_window if config else None,
        report_metrics_ms=REPORT_METRICS_MS if profile == "metered" else 0,
        log_level=level or str(local.get("logLevel") or settings.log_level),
        log_upload=profile in {None, "lan"} if upload is None else upload,
        link_profile=str(profile or "lan"),
        link_budget_mb=budget or BUDGETS_MB.get(profile or "lan"),
    )


def _first(*values: int | None) -> int:
    """Return the first that is said; nought is said, too."""
    return next(each for each in values if each is not None)


def _ms(local: Mapping[str, str | int], name: str) -> int | None:
    value = local.get(name)
    return None if value is None else int(value)


def _config(stored: StoredTarget | None) -> DeviceConfig | None:
    return None if stored is None else read_target(stored.document).target.config
