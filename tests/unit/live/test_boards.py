from __future__ import annotations

from collections.abc import Mapping

from agents.live.boards import Boards
from agents.live.queries import LEADERBOARD, RANKS
from schemas.store import Column, Params, Row

NOW_S = 1_781_812_800


class Shelf:
    """A store that answers with the rows it was given and remembers the parameters."""

    def __init__(self, ranks: list[Row], leaderboard: list[Row] | None = None) -> None:
        self.answers = {RANKS: ranks, LEADERBOARD: leaderboard or []}
        self.asked: list[Params | None] = []

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        self.asked.append(params)
        return self.answers[sql]

    def ensure_schema(self) -> None:
        raise NotImplementedError

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def ranked(kol: str, rank: int, previous: int, at_s: int = NOW_S, span: str = "show") -> Row:
    return {
        "span": span,
        "ranked_by": "net_gmv",
        "currency": "EUR",
        "rank": rank,
        "at_s": at_s,
        "kol": kol,
        "previous": previous,
        "sold": 3,
        "entered": 200,
        "gmv": 5_000,
        "net": 4_500,
    }


def test_rank_changes_count_places_gained_and_newcomers_have_none() -> None:
    [board] = Boards(Shelf([ranked("A", 1, 3), ranked("B", 2, 1), ranked("C", 3, 0)])).read(0)
    assert [(kol.change, kol.is_new) for kol in board.standings] == [
        (2, False),
        (-1, False),
        (None, True),
    ]
    assert board.standings[0].order_rate == "1.50 %"
    assert board.standings[0].net.minor == "4500"


def test_a_rank_that_the_newest_board_no_longer_has_is_left_out() -> None:
    [board] = Boards(Shelf([ranked("A", 1, 1), ranked("gone", 2, 2, NOW_S - 10)])).read(0)
    assert [kol.kol_id for kol in board.standings] == ["A"]


def test_a_span_without_sales_runs_empty_although_its_last_ranks_stay_in_the_store() -> None:
    rows = [ranked("A", 1, 1, span=span) for span in ("5m", "1h", "show", "today")]
    boards = Boards(Shelf(rows))

    def spans(later_s: int) -> list[str]:
        return [board.span for board in boards.read((NOW_S + later_s) * 1_000)]

    assert spans(300) == ["5m", "1h", "show", "today"]
    assert spans(301) == ["1h", "show", "today"]
    assert spans(3_601) == ["show", "today"]
    assert spans(86_400) == ["show"]


def test_the_next_look_goes_back_no_further_than_every_board_has_come() -> None:
    shelf = Shelf([ranked("A", 1, 1), ranked("B", 1, 1, NOW_S - 40, span="1h")])
    boards = Boards(shelf)
    boards.read(0)
    boards.read(0)
    assert [params and params["since_s"] for params in shelf.asked] == [0, NOW_S - 40]


def test_before_the_first_ranks_the_whole_show_is_ranked_by_the_view() -> None:
    row = {
        "currency": "JPY",
        "rank": 1,
        "kol_id": "A",
        "orders": 2,
        "views": 0,
        "gmv_minor": 900,
        "net_gmv_minor": 800,
    }
    [board] = Boards(Shelf([], [row])).read(0)
    assert (board.span, board.ranked_by, board.currency) == ("show", "net_gmv", "JPY")
    [kol] = board.standings
    assert (kol.change, kol.is_new, kol.order_rate, kol.net.text) == (None, False, None, "800")
