"""The looks at pages find what is wrong with one, each kind of it."""

from __future__ import annotations

import pytest

from .window import THEMES, window

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

WORDS = "<main><h1>Pumps</h1><p>All of them run.</p></main>"
PAINT = {"light": "background:#fff;color:#222", "dark": "background:#111;color:#eee"}


def page(body: str, theme: str, more: str = "") -> str:
    style = f"body{{margin:0;{PAINT[theme]};min-height:100vh}}{more}"
    return f"<!doctype html><html lang=en><title>T</title><style>{style}</style><body>{body}"


@pytest.mark.parametrize("theme", THEMES)
async def test_a_page_that_is_well(browser, theme):
    opened = await window(browser, "", size="phone", theme=theme)
    await opened.page.set_content(page(WORDS, theme))
    assert await opened.judge(await opened.page.screenshot(full_page=True)) == []
    assert await opened.overflow() == []
    assert await opened.grave() == []
    await opened.context.close()


@pytest.mark.parametrize(
    ("body", "theme", "word"),
    [("", "light", "nothing is seen"), ("<hr>", "dark", "nothing is seen"),
     (WORDS, "other", "isn't light")],
)  # fmt: skip
async def test_a_picture_that_shows_nothing_or_the_wrong_colours(browser, body, theme, word):
    shown = "dark" if theme == "other" else theme
    opened = await window(browser, "", theme="light" if theme == "other" else theme)
    await opened.page.set_content(page(body, shown))
    assert word in " ".join(await opened.judge(await opened.page.screenshot(full_page=True)))
    await opened.context.close()


async def test_what_sticks_out_is_seen_though_the_page_hides_it(browser):
    opened = await window(browser, "", size="wide")
    wide = "<div class=wide>beyond</div>"
    await opened.page.set_content(page(WORDS + wide, "light", ".wide{width:2000px}"))
    assert await opened.overflow() == ["80 px too wide", "div.wide sticks out"]
    hidden = "html{overflow-x:clip}body{overflow-x:clip}.wide{width:2000px}"
    await opened.page.set_content(page(WORDS + wide, "light", hidden))
    assert await opened.overflow() == ["div.wide sticks out"]
    boxed = f"<div style='overflow-x:auto'>{wide}</div>"
    await opened.page.set_content(page(WORDS + boxed, "light", ".wide{width:2000px}"))
    assert await opened.overflow() == []
    await opened.context.close()


@pytest.mark.parametrize("theme", THEMES)
async def test_words_that_can_hardly_be_read_are_grave(browser, theme):
    faint = {"light": "#ccc", "dark": "#333"}[theme]
    opened = await window(browser, "", theme=theme)
    await opened.page.set_content(page(WORDS, theme, f"p{{color:{faint}}}"))
    assert [one.partition(":")[0] for one in await opened.grave()] == ["color-contrast"]
    await opened.page.set_content(page("<main><h1></h1></main>", theme))
    assert "axe has not run color-contrast" in await opened.grave()
    await opened.context.close()
