"""The leaderboards: from ranks in the store to what the page shows."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from agents.live import queries
from agents.live.pace import Paced
from agents.live.snapshot import Board, Money, Standing
from schemas.store import Row, Store

#: How many KOLs a board shows.
RANKS: Final = 10
#: A board whose newest ranks are older than this has run empty (seconds of event time).
_SPAN_S: Final = {"5m": 300, "1h": 3_600}
_DAY_S: Final = 86_400


def percent(part: int, whole: int) -> str | None:
    """Write a ratio for people, ``"1.25 %"``; None when there is nothing to divide by."""
    return f"{100 * part / whole:.2f} %" if whole else None


class Boards:
    """Reads the leaderboards. Belongs to one thread, like the store it reads.

    Args:
        store: where the ranks are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since_s = 0
        self._whole_show = Paced(self._read_view, every_s=5.0, share=0.1)

    def read(self, as_of_ms: int) -> list[Board]:
        """Return every board that is not empty, by span, ranking and currency.

        Args:
            as_of_ms: event time of the figures beside the boards.
        """
        rows = self._store.query(queries.RANKS, {"since_s": self._since_s, "ranks": RANKS})
        if not rows:
            return self._whole_show.get()
        boards: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in rows:
            boards[row["span"], row["ranked_by"], row["currency"]].append(row)
        newest_s = {key: max(row["at_s"] for row in ranks) for key, ranks in boards.items()}
        # The next look need not go back behind what every board has reached: the table grows
        # with every tick of the show.
        self._since_s = min(newest_s.values())
        return [
            _board(key, newest_s[key], [row for row in ranks if row["at_s"] == newest_s[key]])
            for key, ranks in boards.items()
            if _is_current(key[0], newest_s[key], as_of_ms // 1_000)
        ]

    def _read_view(self) -> list[Board]:
        boards: dict[str, list[Standing]] = defaultdict(list)
        for row in self._store.query(queries.LEADERBOARD, {"ranks": RANKS}):
            currency = row["currency"]
            boards[currency].append(
                Standing(
                    rank=row["rank"],
                    kol_id=row["kol_id"],
                    change=None,
                    is_new=False,
                    orders=row["orders"],
                    order_rate=percent(row["orders"], row["views"]),
                    gmv=Money.of(row["gmv_minor"], currency),
                    net=Money.of(row["net_gmv_minor"], currency),
                )
            )
        return [Board("show", "net_gmv", currency, 0, kols) for currency, kols in boards.items()]


def _is_current(span: str, at_s: int, as_of_s: int) -> bool:
    if span == "today":
        return at_s // _DAY_S >= as_of_s // _DAY_S
    return span not in _SPAN_S or at_s >= as_of_s - _SPAN_S[span]


def _board(key: tuple[str, str, str], at_s: int, rows: list[Row]) -> Board:
    span, ranked_by, currency = key
    return Board(span, ranked_by, currency, at_s * 1_000, [_standing(row) for row in rows])


def _standing(row: Row) -> Standing:
    previous = row["previous"]
    return Standing(
        rank=row["rank"],
        kol_id=row["kol"],
        change=previous - row["rank"] if previous else None,
        is_new=not previous,
        orders=row["sold"],
        order_rate=percent(row["sold"], row["entered"]),
        gmv=Money.of(row["gmv"], row["currency"]),
        net=Money.of(row["net"], row["currency"]),
    )
