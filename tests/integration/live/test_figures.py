"""The live page's figures over both stores, against sums made by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from agents.live.figures import LISTED_ROOMS, MINUTES, Figures
from agents.live.snapshot import Activity, Money, Snapshot
from schemas.store import Store
from tests.fixtures.live_show import (
    HOSTILE_KOL,
    START_S,
    Book,
    write_evening,
    write_small_show,
)
from tests.fixtures.live_source import TRUST


@pytest.fixture
async def figures(store: Store) -> AsyncIterator[Figures]:
    figures = Figures(store, lambda: TRUST)
    yield figures
    await figures.close()


async def test_an_empty_store_waits_for_the_first_record(figures: Figures) -> None:
    snapshot = await figures.snapshot()
    assert snapshot.state == "waiting"
    assert snapshot.trust.verdict.level == "waiting"
    assert (snapshot.currencies, snapshot.total.sales, snapshot.boards) == ([], [], [])


async def test_totals_are_kept_apart_by_currency(store: Store, figures: Figures) -> None:
    write_small_show(store)
    snapshot = await figures.snapshot()
    assert snapshot.currencies == ["EUR", "USD"]
    euros, dollars = snapshot.total.sales
    # 10.00 + 20.00 + 5.55 + 1.00 in four orders and seven items, 2.50 paid back.
    assert euros.gmv == Money("EUR", "3655", "36.55")
    assert euros.refunded == Money("EUR", "250", "2.50")
    assert euros.net == Money("EUR", "3405", "34.05")
    assert (euros.orders, euros.units, euros.refunds) == (4, 7, 1)
    # 3655 / 4 = 913.75
    assert euros.aov == Money("EUR", "914", "9.14")
    assert dollars.gmv == Money("USD", "9999", "99.99")
    assert dollars.net == dollars.gmv
    assert (dollars.orders, dollars.units, dollars.refunds) == (1, 1, 0)


async def test_a_person_in_two_rooms_counts_once_and_ended_rooms_have_nobody_online(
    store: Store, figures: Figures
) -> None:
    write_small_show(store)
    snapshot = await figures.snapshot()
    # Viewers u1..u8, buyers u1 and u2; milan has ended with six people who never left.
    assert snapshot.total.activity == Activity(
        views=20, online=8, likes=42, chats=3, viewers=8, buyers=2, conversion="25.00 %"
    )
    assert (snapshot.rooms_known, snapshot.rooms_on_air) == (3, 2)


async def test_rooms_come_on_air_first_then_by_orders(store: Store, figures: Figures) -> None:
    write_small_show(store)
    rooms = (await figures.snapshot()).rooms
    assert [(room.room_id, room.on_air) for room in rooms] == [
        ("paris", True),
        ("york", True),
        ("milan", False),
    ]
    paris, york, milan = rooms
    assert [(sales.currency, sales.gmv.minor) for sales in paris.sales] == [("EUR", "3555")]
    assert sorted((sales.currency, sales.gmv.minor) for sales in york.sales) == [
        ("EUR", "100"),
        ("USD", "9999"),
    ]
    assert milan.sales == []
    assert paris.activity == Activity(7, 5, 40, 3, 5, 2, "40.00 %")
    assert milan.activity.online == 0
    assert york.kol_id == HOSTILE_KOL


async def test_lines_hold_the_last_hour_of_event_time_with_zeros_between(
    store: Store, figures: Figures
) -> None:
    write_small_show(store)
    snapshot = await figures.snapshot()
    last_minute_s = START_S + 90 * 60
    assert snapshot.first_minute_s == last_minute_s - 60 * (MINUTES - 1)
    line = snapshot.total.lines["EUR"]
    # The first minute of the show is more than an hour ago.
    assert line.orders == [0] * 58 + [1, 1]
    assert line.gmv_minor == [0] * 58 + [100, 555]
    assert snapshot.total.lines["USD"].gmv_minor == [0] * 59 + [9_999]
    paris, york, _ = snapshot.rooms
    assert paris.lines["EUR"].gmv_minor == [0] * 59 + [555]
    assert york.lines["EUR"].gmv_minor == [0] * 58 + [100, 0]


async def test_the_trust_line_adds_up_every_partition(store: Store, figures: Figures) -> None:
    write_small_show(store)
    snapshot = await figures.snapshot()
    trust = snapshot.trust
    assert (trust.verdict.level, trust.verdict.sentence) == (
        "exact",
        "exact: 0 unaccounted, windows = ledger",
    )
    assert (trust.partitions, trust.consumed) == (3, 9 + 184_205 + 3_612)
    assert (trust.duplicates, trust.dead_lettered, trust.late) == (19, 3, 35)
    assert (trust.unaccounted, trust.gap, trust.differences) == (0, 0, 0)
    assert snapshot.as_of_ms == (START_S + 90 * 60 + 15) * 1_000
    assert snapshot.state == "live"


async def test_the_live_figures_equal_the_views(store: Store, figures: Figures) -> None:
    write_evening(store)
    snapshot = await figures.snapshot()
    for row in store.query(
        "SELECT currency, sum(orders) AS sold, sum(units) AS items, sum(gmv_minor) AS gmv, "
        "sum(net_gmv_minor) AS net, sum(refunds) AS paybacks FROM room_summary GROUP BY currency"
    ):
        [sales] = [one for one in snapshot.total.sales if one.currency == row["currency"]]
        assert int(sales.gmv.minor) == row["gmv"]
        assert int(sales.net.minor) == row["net"]
        assert (sales.orders, sales.units, sales.refunds) == (
            row["sold"],
            row["items"],
            row["paybacks"],
        )
    [people] = store.query(
        "SELECT sum(views) AS entered, sum(likes) AS hearts, sum(chats) AS messages FROM room_summary"
    )
    activity = snapshot.total.activity
    assert (activity.views, activity.likes, activity.chats) == tuple(people.values())
    for row in store.query(
        "SELECT toUInt32(minute) AS minute_s, currency, sum(orders) AS sold, sum(gmv_minor) AS gmv "
        "FROM room_minute WHERE orders > 0 GROUP BY minute_s, currency"
    ):
        minute = (row["minute_s"] - snapshot.first_minute_s) // 60
        if minute >= 0:
            line = snapshot.total.lines[row["currency"]]
            assert (line.orders[minute], line.gmv_minor[minute]) == (row["sold"], row["gmv"])


async def test_boards_are_the_newest_ranks_with_their_changes(
    store: Store, figures: Figures
) -> None:
    write_evening(store)
    boards = (await figures.snapshot()).boards
    assert {(board.span, board.currency) for board in boards} == {
        (span, currency) for span in ("5m", "1h", "show", "today") for currency in ("EUR", "USD")
    }
    [board] = [one for one in boards if (one.span, one.currency) == ("show", "EUR")]
    assert [(kol.rank, kol.change, kol.is_new) for kol in board.standings[:4]] == [
        (1, 1, False),
        (2, -1, False),
        (3, 0, False),
        (4, None, True),
    ]
    assert len(board.standings) == 10


async def test_without_ranks_the_whole_show_is_ranked_by_the_view(
    store: Store, figures: Figures
) -> None:
    write_small_show(store)
    boards = (await figures.snapshot()).boards
    assert [
        (board.currency, [(kol.rank, kol.kol_id, kol.net.minor) for kol in board.standings])
        for board in boards
    ] == [
        ("EUR", [(1, "Anna", "3305"), (2, HOSTILE_KOL, "100")]),
        ("USD", [(1, HOSTILE_KOL, "9999")]),
    ]


async def test_a_lost_ledger_row_turns_the_complete_snapshot_red(
    store: Store, figures: Figures
) -> None:
    write_small_show(store)
    book = Book()
    book.add(
        "sales_window",
        room_id="paris",
        kol_id="Anna",
        currency="EUR",
        promo="flash",
        attribution="in_room",
        kafka_topic="live.purchases",
        window_start=START_S,
        orders=1,
        gmv_minor=700,
    )
    book.write(store)
    assert (await figures.snapshot()).trust.verdict.level == "checking"
    verdict = (await figures.snapshot(complete=True)).trust.verdict
    assert verdict.level == "difference"
    assert "+1 orders, GMV 7.00 EUR" in verdict.sentence


async def test_when_every_room_has_ended_the_show_has_ended(store: Store, figures: Figures) -> None:
    write_evening(store, ended=True, boards=False)
    snapshot = await figures.snapshot()
    assert snapshot.state == "ended"
    assert snapshot.total.activity.online == 0


async def test_only_so_many_rooms_are_listed_and_all_are_counted(
    store: Store, figures: Figures
) -> None:
    book = Book()
    for number in range(LISTED_ROOMS + 5):
        book.start_room(f"room-{number:02}", "Anna", "EUR", "")
        book.sell(f"room-{number:02}", "Anna", "EUR", START_S, amounts_minor=[100] * (number + 1))
    book.write(store)
    snapshot = await figures.snapshot()
    assert snapshot.rooms_known == LISTED_ROOMS + 5
    assert [room.room_id for room in snapshot.rooms] == [
        f"room-{number:02}" for number in range(LISTED_ROOMS + 4, 4, -1)
    ]
    assert snapshot.total.sales[0].orders == sum(range(1, LISTED_ROOMS + 6))


async def test_the_reader_is_used_in_one_thread_that_is_not_the_event_loop(store: Store) -> None:
    threads: set[str] = set()

    class Watched:
        def query(self, *args: object) -> object:
            threads.add(threading.current_thread().name)
            return store.query(*args)  # type: ignore[arg-type]

        def close(self) -> None:
            threads.add(threading.current_thread().name)

    figures = Figures(Watched(), lambda: TRUST)  # type: ignore[arg-type]
    snapshots = await asyncio.gather(figures.snapshot(), figures.snapshot())
    await figures.close()
    assert all(isinstance(snapshot, Snapshot) for snapshot in snapshots)
    assert len(threads) == 1
    assert "MainThread" not in threads
