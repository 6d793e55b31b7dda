"""Tags as people type them: one ``key=value`` a line."""

__all__ = ["tags_of"]


def tags_of(text: str) -> dict[str, str]:
    """Return the tags of ``text``; a line without '=' is a tag without a value."""
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}
