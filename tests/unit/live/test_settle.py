from __future__ import annotations

from dataclasses import replace

from agents.live.settle import Settling
from agents.live.trust import Difference

OFF = Difference("paris", 1_781_812_800, "EUR", orders=1, gmv_minor=500, refund_minor=0)


def test_the_same_difference_in_three_looks_is_confirmed() -> None:
    settling = Settling()
    settling.look([OFF])
    settling.look([OFF])
    assert (settling.confirmed, settling.unsettled) == ([], [OFF])
    settling.look([OFF])
    assert (settling.confirmed, settling.unsettled) == ([OFF], [])


def test_a_difference_that_changes_between_looks_is_a_flush_under_way() -> None:
    settling = Settling()
    for gmv_minor in (500, 700, 900, 1_100):
        settling.look([replace(OFF, gmv_minor=gmv_minor)])
    assert settling.confirmed == []


def test_a_difference_that_goes_away_is_forgotten() -> None:
    settling = Settling()
    for found in ([OFF], [OFF], [], [OFF]):
        settling.look(found)
    assert (settling.confirmed, settling.unsettled) == ([], [OFF])
