"""What a picture of a page shows, as Chromium itself decodes it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

__all__ = ["Picture", "look_at"]

_COUNT = """
async (address) => {
  const image = await createImageBitmap(await (await fetch(address)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  const [pixel, most] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one));
  return {
    width: image.width, height: image.height, colours: counts.size, most: most / pixels.length,
    ground: [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255],
  };
}
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in numbers: ``most`` is the share of the commonest colour, ``ground``, in RGB."""

    width: int
    height: int
    colours: int
    most: float
    ground: tuple[int, int, int]

    def wrong(self, width: int, theme: str) -> list[str]:
        """Return what a page of this width and theme can't look like."""
        found = []
        if self.width != width:
            found.append(f"the picture is {self.width} px wide, the window {width}")
        if self.colours < 40 or self.most > 0.998:
            found.append(f"nothing is seen: {self.colours} colours, one of them on {self.most:.1%}")
        light = sum(self.ground) / (3 * 255)
        if (light > 0.5) != (theme == "light"):
            found.append(f"the ground {self.ground} isn't {theme}")
        return found


async def look_at(blank: Page, png: bytes) -> Picture:
    """Return what ``png`` shows; ``blank`` is a page of no site, whose policy would forbid it."""
    address = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    told = await blank.evaluate(_COUNT, address)
    return Picture(**(told | {"ground": tuple(told["ground"])}))
