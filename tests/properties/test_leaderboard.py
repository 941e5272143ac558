"""The leaderboard merges parts in any order, and ranks as a naive reader of the rows would."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from streams.leaderboard import RANKED_BY, SPANS, Leaderboard, Ranked
from tests.properties.parts import Part, as_columns

#: 00:30 UTC of a day, so that "today" began a moment ago.
START = 1_732_233_600 + 1_800
KOLS = ("kol-1", "kol-2", "kol-3")
#: Room → host; nobody knows who hosts the last one.
HOSTS = {"room-1": ("kol-1", "EUR"), "room-2": ("kol-2", "EUR"), "room-3": ("kol-1", "JPY")}
ROOMS = (*HOSTS, "room-4")


@st.composite
def histories(draw: st.DrawFn, longest: int = 7_000) -> list[Part]:
    """Parts in the order of their making: what is newer has a higher version and is not smaller.

    Args:
        draw: of Hypothesis.
        longest: seconds between the oldest and the newest window.
    """
    parts: dict[tuple[str, ...], Part] = {}
    made = []
    drawn = draw(
        st.lists(
            st.tuples(
                st.booleans(),
                st.integers(0, 3),
                st.sampled_from(("EUR", "JPY")),
                st.integers(0, longest // 10),
                st.sampled_from(("0/a", "0/b", "1/a")),
                st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)),
            ),
            max_size=30,
        )
    )
    for version, (is_sale, who, currency, steps, key, more) in enumerate(drawn):
        kind = "sales" if is_sale else "views"
        subject = KOLS[who % len(KOLS)] if is_sale else ROOMS[who]
        window = START + 10 * steps
        name = (kind, subject, currency, str(window), key)
        gained = (
            (more[0], 100 * more[1] * bool(more[0]), 50 * more[2]) if is_sale else (1 + more[0],)
        )
        before = parts[name].values if name in parts else (0,) * len(gained)
        values = tuple(a + b for a, b in zip(before, gained, strict=True))
        part = Part(kind, subject, currency if is_sale else "", window, key, version, values)
        parts[name] = part
        made.append(part)
    return made


def board_of(parts: list[Part]) -> Leaderboard:
    board = Leaderboard()
    for room_id, (kol_id, currency) in HOSTS.items():
        board.host(room_id, kol_id, currency)
    update(board, *parts)
    return board


def update(board: Leaderboard, *parts: Part) -> None:
    for run in as_columns(parts):
        board.update(run)


def naive_ranks(parts: list[Part]) -> list[Ranked]:
    """Sum the newest version of every part, sort, and number the lines."""
    latest = {(p.kind, p.subject, p.currency, p.window, p.key): p for p in parts}
    now = max((part.window for part in parts), default=0)
    since = {"5m": now - 300, "1h": now - 3_600, "show": 0, "today": now // 86_400 * 86_400}
    lines = []
    for span in SPANS:
        sales: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        views: dict[tuple[str, str], int] = defaultdict(int)
        for part in latest.values():
            if part.window < since[span]:
                continue
            if part.kind == "views":
                views[HOSTS.get(part.subject, ("", ""))] += part.values[0]
            else:
                total = sales[part.currency, part.subject]
                total[:] = [a + b for a, b in zip(total, part.values, strict=True)]
        for ranked_by in RANKED_BY:
            for currency in ("EUR", "JPY"):
                entries = []
                for (paid_in, kol), (orders, gmv, refund) in sales.items():
                    if paid_in == currency and (orders or refund):
                        seen = views[kol, currency]
                        rate = Fraction(orders, seen) if seen else Fraction(0)
                        by = {
                            "net_gmv": (gmv - refund, orders),
                            "orders": (orders, gmv - refund),
                            "order_rate": (rate, orders),
                        }[ranked_by]
                        entries.append((-by[0], -by[1], kol, orders, seen, gmv, gmv - refund))
                for rank, (_, _, kol, orders, seen, gmv, net) in enumerate(sorted(entries), 1):
                    lines.append(
                        Ranked(span, ranked_by, currency, kol, rank, 0, orders, seen, gmv, net)
                    )
    return lines


@given(histories())
def test_ranks_equal_those_of_a_naive_reader(parts: list[Part]) -> None:
    assert board_of(parts).ranks() == naive_ranks(parts)


@given(histories(longest=200_000))
def test_ranks_of_rows_loaded_from_the_store_equal_those_of_a_naive_reader(
    parts: list[Part],
) -> None:
    board = board_of([])
    for run in as_columns(parts):
        board.load(run)
    assert board.ranks() == naive_ranks(parts)


@given(histories(), st.data())
def test_order_repetition_and_older_versions_do_not_matter(
    parts: list[Part], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(parts), max_size=10)) if parts else []
    shuffled = data.draw(st.permutations(parts + again))
    board = board_of(shuffled)
    assert board.ranks() == board_of(parts).ranks()
    for part in again:
        update(board, part)
    assert board.ranks() == board_of(parts).ranks()


@given(histories(longest=200_000), st.data())
def test_forgetting_what_is_settled_changes_no_rank_now_or_later(
    parts: list[Part], data: st.DataObject
) -> None:
    parts = sorted(parts, key=lambda part: (part.window, part.version))
    cuts = data.draw(st.sets(st.integers(0, len(parts))))
    plain, forgetting = board_of([]), board_of([])
    for index, part in enumerate(parts):
        if index in cuts:
            forgetting.forget_settled()
            assert forgetting.ranks() == plain.ranks()
        update(plain, part)
        update(forgetting, part)
        # A part that was forgotten and comes once more is not counted twice.
        update(forgetting, parts[0])
    forgetting.forget_settled()
    assert forgetting.ranks() == plain.ranks()


@st.composite
def flows(draw: st.DrawFn) -> list[Part]:
    """Parts as two partitions send them: each goes on in time, and writes no closed window again.

    A window is closed here once its partition is 40 s further on. Late slices are of any window.
    What was sent may be sent again, as it was, after a restart.
    """
    newest = {"0": START, "1": START}
    latest: dict[tuple[str, ...], tuple[int, ...]] = {}
    sent: list[Part] = []
    for version in range(draw(st.integers(0, 60))):
        if sent and draw(st.integers(0, 3)) == 0:
            sent.append(draw(st.sampled_from(sent)))
            continue
        partition, subject = draw(st.sampled_from(("0", "1"))), draw(st.sampled_from(KOLS))
        late = draw(st.integers(0, 4)) == 0
        window = newest[partition] + 10 * draw(
            st.integers(-60, -5) if late else st.integers(-4, 30)
        )
        key = f"{partition}/promo/{1 + version if late else 0}"
        name = (subject, str(window), key)
        values = tuple(had + draw(st.integers(0, 5)) for had in latest.get(name, (0, 0, 0)))
        latest[name] = values
        sent.append(Part("sales", subject, "EUR", window, key, version, values))
        newest[partition] = max(newest[partition], window)
    return sent


@given(flows(), st.data())
def test_forgetting_what_is_closed_changes_no_rank_now_or_later(
    parts: list[Part], data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(parts))))
    plain, forgetting = Leaderboard(), Leaderboard(open_seconds=40)
    for index, part in enumerate(parts):
        if index in cuts:
            forgetting.forget_settled()
        update(plain, part)
        update(forgetting, part)
        assert forgetting.ranks() == plain.ranks()


@given(histories(), st.integers(0, 100))
def test_ties_go_to_the_smaller_id_whatever_came_first(parts: list[Part], orders: int) -> None:
    twins = [
        Part("sales", kol, "USD", START, "0/a", 1_000, (1 + orders, 7, 3))
        for kol in ("twin-b", "twin-a", "twin-c")
    ]
    for order in (twins + parts, parts + twins[::-1]):
        lines = [line for line in board_of(order).ranks() if line.currency == "USD"]
        for span in {line.span for line in lines}:
            for ranked_by in RANKED_BY:
                names = [x.kol_id for x in lines if (x.span, x.ranked_by) == (span, ranked_by)]
                assert names == ["twin-a", "twin-b", "twin-c"]


@given(histories())
def test_asking_for_the_ranks_twice_gives_the_same_lines(parts: list[Part]) -> None:
    board = board_of(parts)
    first = board.ranks()
    assert [replace(line, previous_rank=0) for line in board.ranks()] == first
