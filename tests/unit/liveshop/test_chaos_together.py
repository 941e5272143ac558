from __future__ import annotations

import asyncio

import pytest

from liveshop.chaos.together import together


async def _for_ever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cancelled")


async def _fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("broken")


async def test_what_goes_on_beside_ends_with_the_work() -> None:
    ended: list[str] = []
    await together(asyncio.sleep(0.01), asyncio.sleep(0.02), beside=(_for_ever(ended),))
    assert ended == ["cancelled"]


async def test_the_first_failure_cancels_the_others_and_is_raised() -> None:
    ended: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        await together(_for_ever(ended), _fail())
    assert ended == ["cancelled"]


async def test_a_failure_beside_the_work_ends_the_work() -> None:
    ended: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        await together(_for_ever(ended), beside=(_fail(),))
    assert ended == ["cancelled"]
