"""The picture of the screen."""

from typing import Any

from tui.picture import svg


async def test_a_picture_loads_nothing_from_anywhere(world: Any) -> None:
    drawn = await svg(world.app(), 100, 30)
    assert drawn.startswith("<svg")
    assert "@font-face" not in drawn
    assert "url(http" not in drawn
    assert "src:" not in drawn
    assert len(drawn.encode()) < 150_000
    assert "CO2e" in drawn


async def test_the_largest_picture_is_still_small(world: Any) -> None:
    assert len((await svg(world.app(), 160, 48)).encode()) < 150_000
