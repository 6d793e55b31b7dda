"""Times, numbers and sizes as people read them."""

from datetime import UTC, datetime

__all__ = ["ago", "browser", "counted", "image", "moment", "number", "short_hash", "size", "until"]

_STEPS = ((60, "s", 1), (3600, "min", 60), (86_400, "h", 3600), (86_400 * 60, "d", 86_400))


def moment(text: object) -> datetime | None:
    """Return the time that the API wrote as ISO text; None for nothing or rubbish."""
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def ago(at: datetime, now: datetime) -> str:
    """Return '12 min ago', 'in 3 d', 'just now'."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    span = _span(abs(seconds))
    return f"{span} ago" if seconds > 0 else f"in {span}"


def until(at: datetime, now: datetime) -> str:
    """Return how long it is until then, 'over' when it was."""
    return "over" if at <= now else _span((at - now).total_seconds())


def _span(seconds: float) -> str:
    for bound, unit, length in _STEPS:
        if seconds < bound:
            return f"{int(seconds // length)} {unit}"
    months = int(seconds // (86_400 * 30))
    return f"{months} months" if months < 24 else f"{months // 12} years"


def number(value: object) -> str:
    """Return a number with at most three significant places after the point, a dash for none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"  # noqa: RUF001 -- the sign for nothing
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:,.1f}".replace(",", "\u202f") if abs(value) >= 10 else f"{value:.2f}"


def size(mebibytes: float) -> str:
    """Return an amount of memory or storage that is given in MiB."""
    if mebibytes < 1024:
        return f"{mebibytes:.0f} MiB"
    if mebibytes < 1024 * 1024:
        return f"{mebibytes / 1024:.1f} GiB"
    return f"{mebibytes / 1024 / 1024:.1f} TiB"


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
             ("Safari/", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Macintosh", "macOS"), ("Linux", "Linux"))  # fmt: skip


def browser(agent: object) -> str:
    """Return 'Firefox on Linux' for what a browser says of itself."""
    text = agent if isinstance(agent, str) else ""
    name = next((word for mark, word in _BROWSERS if mark in text), "")
    system = next((word for mark, word in _SYSTEMS if mark in text), "")
    if name and system:
        return f"{name} on {system}"
    return name or system or text[:60] or "Unknown browser"


def counted(count: int, one: str, many: str = "") -> str:
    """Return '1 device', '2 devices'."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def short_hash(text: str) -> str:
    """Return enough of a digest or id to tell it from others."""
    return text.removeprefix("sha256:")[:12]


def image(name: str) -> str:
    """Return an image's name with its digest cut short."""
    repository, at, digest = name.partition("@sha256:")
    return f"{repository}{at}{digest[:12]}"
