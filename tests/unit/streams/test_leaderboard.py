"""Ranks, ties, spans and arrows of the leaderboard, by hand."""

from __future__ import annotations

from streams.leaderboard import Leaderboard
from streams.parts import SOURCES
from tests.properties.parts import Part, as_columns

NOON = 1_732_276_800


def sale(kol: str, second: int, version: int, orders: int, gmv: int, refund: int = 0) -> Part:
    return Part("sales", kol, "EUR", NOON + second, "0/room", version, (orders, gmv, refund))


def views(room: str, second: int, version: int, count: int) -> Part:
    return Part("views", room, "", NOON + second, "0/feed", version, (count,))


def update(board: Leaderboard, *parts: Part) -> None:
    for run in as_columns(parts):
        board.update(run)


def standing(board: Leaderboard, span: str = "show", ranked_by: str = "net_gmv") -> list[str]:
    return [
        line.kol_id
        for line in board.ranks()
        if (line.span, line.ranked_by, line.currency) == (span, ranked_by, "EUR")
    ]


def test_highest_net_gmv_is_first_and_refunds_count_against_it() -> None:
    board = Leaderboard()
    update(board, sale("lena", 0, 1, orders=3, gmv=10_000, refund=4_000))
    update(board, sale("mia", 0, 1, orders=1, gmv=7_000))
    assert standing(board) == ["mia", "lena"]
    assert standing(board, ranked_by="orders") == ["lena", "mia"]
    line = board.ranks()[0]
    assert (line.rank, line.orders, line.gmv_minor, line.net_gmv_minor) == (1, 1, 7_000, 7_000)


def test_order_rate_is_orders_per_view_of_the_rooms_that_a_kol_hosts() -> None:
    board = Leaderboard()
    board.host("big", "lena", "EUR")
    board.host("small", "mia", "EUR")
    update(board, views("big", 0, 1, 1_000))
    update(board, views("small", 0, 2, 10))
    update(board, sale("lena", 0, 3, orders=5, gmv=500))
    update(board, sale("mia", 0, 3, orders=1, gmv=100))
    update(board, sale("nobody", 0, 3, orders=9, gmv=900))
    assert standing(board, ranked_by="order_rate") == ["mia", "lena", "nobody"]


def test_newer_version_replaces_and_an_older_one_or_a_repetition_changes_nothing() -> None:
    board = Leaderboard()
    for part in (
        sale("lena", 0, 5, orders=2, gmv=200),
        sale("lena", 0, 9, orders=3, gmv=300),
        sale("lena", 0, 5, orders=2, gmv=200),
        sale("lena", 0, 9, orders=3, gmv=300),
    ):
        update(board, part)
    assert board.ranks()[0].gmv_minor == 300


def test_short_spans_leave_out_what_is_older() -> None:
    board = Leaderboard()
    update(board, sale("early", 0, 1, orders=1, gmv=900))
    update(board, sale("late", 3_000, 2, orders=1, gmv=100))
    assert standing(board, "5m") == ["late"]
    assert standing(board, "1h") == ["early", "late"]
    update(board, sale("late", 3_610, 3, orders=1, gmv=100))
    assert standing(board, "1h") == ["late"]
    assert standing(board, "today") == ["early", "late"]
    update(board, sale("late", 43_200, 4, orders=1, gmv=100))  # midnight
    assert standing(board, "today") == ["late"]
    assert standing(board, "show") == ["early", "late"]


def test_part_that_may_have_been_settled_before_is_left_to_the_store() -> None:
    board = Leaderboard()
    update(board, sale("lena", 7_210, 1, orders=1, gmv=1))
    update(board, sale("mia", 0, 2, orders=1, gmv=9))
    assert standing(board) == ["lena"]
    for parts in as_columns([sale("mia", 0, 2, orders=1, gmv=9)]):
        board.load(parts)
    assert standing(board) == ["mia", "lena"]


def test_arrow_compares_with_the_rank_of_one_to_two_minutes_before() -> None:
    board = Leaderboard()
    arrows = []
    for step in range(19):  # a window every ten seconds; mia overtakes at 30 s
        gmv = 100 if step < 3 else 10_000
        update(board, sale("lena", 0, 1, orders=1, gmv=1_000))
        update(board, sale("mia", 10 * step, step, orders=1, gmv=gmv))
        line = next(line for line in board.ranks() if line.span == "show" and line.kol_id == "mia")
        arrows.append((line.previous_rank, line.rank))
    assert arrows[:3] == [(0, 2)] * 3  # nothing to compare with yet
    assert arrows[3:6] == [(0, 1)] * 3
    assert arrows[6:12] == [(2, 1)] * 6  # the rank at 0 s
    assert arrows[12:] == [(1, 1)] * 7  # the rank at 60 s


def test_long_show_is_held_as_one_sum_per_day() -> None:
    board = Leaderboard()
    board.host("room", "lena", "EUR")
    for minute in range(24 * 60):
        update(board, sale("lena", 60 * minute, minute, orders=1, gmv=10))
        update(board, views("room", 60 * minute, minute, 2))
        board.forget_settled()
    for kind in SOURCES:
        assert len(board._memories[kind, 0]) <= 121
        assert board._sums[kind].windows <= 2 + 61
    total = next(line for line in board.ranks() if line.span == "show")
    assert (total.orders, total.gmv_minor, total.views) == (1_440, 14_400, 2_880)
    today = next(line for line in board.ranks() if line.span == "today")
    assert (today.orders, today.views) == (720, 1_440)


def test_hour_gives_back_each_window_as_it_leaves_though_days_are_added_up_meanwhile() -> None:
    board = Leaderboard()
    for step in range(720):
        update(board, sale("lena", 10 * step, step, orders=1, gmv=1))
        board.forget_settled()
        line = next(line for line in board.ranks() if line.span == "1h")
        assert line.orders == min(step + 1, 361)


def test_only_what_may_still_change_is_told_apart() -> None:
    board = Leaderboard(open_seconds=100)
    for step in range(600):
        for partition in ("0", "1"):
            for promo in ("none", "flash", "coupon"):
                key = f"{partition}/room/{promo}/feed/0"
                update(board, Part("sales", "lena", "EUR", 10 * step, key, step, (1, 10, 0)))
        update(
            board, Part("sales", "lena", "EUR", 10 * step, "0/room/none/feed/7", step, (1, 10, 0))
        )
        board.forget_settled()
    for number in (0, 1):
        memory = board._memories["sales", number]
        assert len(memory) - memory.late == 3 * 11
    again = Part("sales", "lena", "EUR", 0, "0/room/none/feed/0", 0, (1, 10, 0))
    update(board, again)
    total = next(line for line in board.ranks() if line.span == "show")
    assert (total.orders, total.gmv_minor) == (7 * 600, 70 * 600)
