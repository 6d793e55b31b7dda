"""``/metrics`` for Prometheus, read from where all workers see the same: the database."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from falcon.asgi import Request, Response
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from .app import ServiceApp
from .auth import Access
from .operation import operation

__all__ = ["Metrics", "Source"]

Source = Callable[[], Awaitable[Iterable[Metric]]]
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Answers what each source returns, for callers whom ``access`` lets in."""

    def __init__(self, sources: Sequence[Source], access: Access) -> None:
        self._sources = tuple(sources)
        self._access = access

    def add_to(self, app: ServiceApp) -> None:
        """Add ``/metrics`` to ``app``."""
        app.add_route("/metrics", _Resource(self, self._access))

    async def text(self) -> bytes:
        """Return the exposition text."""
        families = [family for source in self._sources for family in await source()]
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(families))
        return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


class _Resource:
    def __init__(self, metrics: Metrics, access: Access) -> None:
        async def on_get(_req: Request, resp: Response) -> None:
            resp.data = await metrics.text()
            resp.content_type = _CONTENT_TYPE

        self.on_get = operation(
            "Metrics for Prometheus",
            access=access,
            response={"type": "string"},
            response_type="text/plain",
            tag="Metrics",
            name="get_metrics",
        )(on_get)
