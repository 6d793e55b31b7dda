"""QR codes as inline SVG."""

import segno
from markupsafe import Markup

__all__ = ["qr_svg"]


def qr_svg(text: str, title: str) -> Markup:
    """Return an SVG of ``text``, black on white whatever the page's colours are."""
    svg = segno.make(text, error="m", micro=False).svg_inline(
        scale=4, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None,
        title=title, omitsize=True,
    )  # fmt: skip
    return Markup(svg.replace("<svg ", '<svg role="img" ', 1))  # noqa: S704 -- segno escapes
