"""Comparing the store with the truth manifest, figure by figure.

Nothing is tolerated: a figure is equal or it is a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.money import format_minor
from schemas.store import Store
from schemas.truth import Money, Room, Truth

_MONEY = tuple(Money.__struct_fields__)
#: What a product can be asked for: discounts and cancellations belong to whole orders.
_PRODUCT_MONEY = (
    "orders",
    "sku_orders",
    "units",
    "gmv_minor",
    "refunds",
    "refunded_units",
    "refund_minor",
)
#: Figure of a room in the manifest → column of ``room_summary``.
_ROOM = {
    name: name.removeprefix("unique_") if name.startswith("unique_") else name
    for name in Room.__struct_fields__
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not what it must be."""

    scope: str
    key: str
    currency: str
    figure: str
    truth: int | str
    store: int | str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result of a comparison.

    Attributes:
        compared: how many figures were compared.
        differences: those that differ.
        currency: the headline's currency.
        orders: ``(store, truth)`` in that currency.
        gmv_minor: ``(store, truth)`` in that currency.
        accounts: sums over the view ``pipeline``: consumed, folded, duplicates, dead-lettered,
            late, gap, unaccounted.
    """

    compared: int
    currency: str
    orders: tuple[int, int]
    gmv_minor: tuple[int, int]
    accounts: Mapping[str, int]
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """Whether every figure is what it must be."""
        return not self.differences

    def line(self) -> str:
        """The closing line of a demo."""
        currency = self.currency
        gmv = "/".join(_money(amount, currency) for amount in self.gmv_minor)
        off = self.gmv_minor[0] - self.gmv_minor[1]
        figures = f"orders {self.orders[0]:,}/{self.orders[1]:,}, GMV {gmv} {currency}"
        if self.is_exact:
            return f"reconciled: {figures}, difference 0"
        return (
            f"NOT reconciled: {figures}, difference {_money(off, currency)}, "
            f"{len(self.differences)} of {self.compared} figures differ"
        )

    def to_json(self) -> bytes:
        """The whole comparison, for machines."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def _money(amount_minor: int, currency: str) -> str:
    return format_minor(amount_minor, currency) if currency else str(amount_minor)


def reconcile(store: Store, truth: Truth, *, shared: bool = False) -> Reconciliation:
    """Compare every figure of the manifest with the store, and the store with itself.

    Args:
        store: where the figures are.
        truth: what they must be.
        shared: the store holds other shows, too: look only at the manifest's rooms, and do not
            compare the number of records.
    """
    rooms = sorted(truth.rooms) if shared else None
    differences: list[Difference] = []
    compared = 0
    for figure in _figures(store, truth, rooms):
        compared += 1
        if figure.truth != figure.store:
            differences.append(figure)
    sales = _sums(store, "'' AS name", "sales_window", _MONEY, rooms)
    ours = sales.get(("", truth.currency), {})
    theirs = truth.total.get(truth.currency, Money())
    return Reconciliation(
        compared=compared,
        currency=truth.currency,
        orders=(ours.get("orders", 0), theirs.orders),
        gmv_minor=(ours.get("gmv_minor", 0), theirs.gmv_minor),
        accounts=_accounts(store),
        differences=differences,
    )


def _figures(store: Store, truth: Truth, rooms: list[str] | None) -> Iterator[Difference]:
    total = {"": truth.total}
    found = _sums(store, "'' AS name", "sales_window", _MONEY, rooms)
    yield from _compare("total", total, found, _MONEY)
    for scope, column, expected in (
        ("room", "room_id", truth.by_room),
        ("kol", "kol_id", truth.by_kol),
        ("promo", "promo", truth.by_promo),
    ):
        found = _sums(store, f"{column} AS name", "sales_window", _MONEY, rooms)
        yield from _compare(scope, expected, found, _MONEY)
    products = _sums(store, "product_id AS name", "product_window", _PRODUCT_MONEY, rooms)
    sold = {key: sums for key, sums in products.items() if key[1]}
    yield from _compare("product", truth.by_product, sold, _PRODUCT_MONEY)
    yield from _rooms(store, truth, rooms)
    yield from _books(store)
    if rooms is None:
        yield from _ranking(store, truth)
        yield from _records(store, truth)


def _sums(
    store: Store, name: str, table: str, columns: Iterable[str], rooms: list[str] | None
) -> dict[tuple[str, str], dict[str, int]]:
    # Names of our own tables and columns, no values.
    totals = ", ".join(f"sum({column}) AS total_{column}" for column in columns)
    sql = (
        f"SELECT name, currency, {totals} "  # noqa: S608
        f"FROM (SELECT *, {name} FROM {table} FINAL{_only(rooms)}) GROUP BY name, currency"
    )
    return {
        (row["name"], row["currency"]): {c: int(row[f"total_{c}"]) for c in columns}
        for row in store.query(sql, {"rooms": rooms or []})
    }


def _only(rooms: list[str] | None) -> str:
    return " WHERE room_id IN %(rooms)s" if rooms else ""


def _compare(
    scope: str,
    expected: Mapping[str, Mapping[str, Money]],
    found: Mapping[tuple[str, str], Mapping[str, int]],
    columns: Iterable[str],
) -> Iterator[Difference]:
    wanted = {(key, cur): money for key, by in expected.items() for cur, money in by.items()}
    for key, currency in sorted(wanted.keys() | found.keys()):
        money = wanted.get((key, currency), Money())
        ours = found.get((key, currency), {})
        for column in columns:
            yield Difference(
                scope, key, currency, column, getattr(money, column), ours.get(column, 0)
            )


def _rooms(store: Store, truth: Truth, rooms: list[str] | None) -> Iterator[Difference]:
    columns = ", ".join(f"sum({c}) AS total_{c}" for c in _ROOM.values())
    sql = f"SELECT room_id, {columns} FROM room_summary{_only(rooms)} GROUP BY room_id"  # noqa: S608
    found = {row["room_id"]: row for row in store.query(sql, {"rooms": rooms or []})}
    for room_id in sorted(truth.rooms.keys() | found.keys()):
        room, row = truth.rooms.get(room_id, Room()), found.get(room_id, {})
        for name, column in _ROOM.items():
            value = int(row.get(f"total_{column}", 0))
            yield Difference("room", room_id, "", name, getattr(room, name), value)


def _ranking(store: Store, truth: Truth) -> Iterator[Difference]:
    rows = store.query("SELECT currency, kol_id, rank, orders, refunds FROM kol_leaderboard")
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: int(row["rank"])):
        # A host without any sale is in the view, and in no manifest of sales.
        if int(row["orders"]) or int(row["refunds"]):
            found.setdefault(row["currency"], []).append(row["kol_id"])
    for currency, ranking in truth.kol_ranking.items():
        listed = {kol for kol in ranking if _has_sales(truth, kol, currency)}
        yield Difference(
            "ranking",
            "kol",
            currency,
            "net GMV",
            " > ".join(kol for kol in ranking if kol in listed),
            " > ".join(found.get(currency, [])),
        )


def _has_sales(truth: Truth, kol_id: str, currency: str) -> bool:
    money = truth.by_kol.get(kol_id, {}).get(currency, Money())
    return bool(money.orders or money.refunds)


def _books(store: Store) -> Iterator[Difference]:
    """The store against itself: ledger, windows, and the accounts of the pipeline."""
    off = store.query(
        "SELECT sum(abs(orders_difference)) AS orders, sum(abs(gmv_difference_minor)) AS gmv,"
        " sum(abs(refund_difference_minor)) AS refunds FROM reconciliation"
    )[0]
    for name in ("orders", "gmv", "refunds"):
        yield Difference("windows and ledger", "", "", name, 0, int(off[name] or 0))
    accounts = _accounts(store)
    yield Difference("pipeline", "", "", "unaccounted", 0, accounts["unaccounted"])
    yield Difference("pipeline", "", "", "gap", 0, accounts["gap"])


def _records(store: Store, truth: Truth) -> Iterator[Difference]:
    """Every event once, every unreadable record found out. Copies may be more than were sent."""
    accounts = _accounts(store)
    yield Difference("pipeline", "", "", "folded", truth.sent.events, accounts["folded"])
    yield Difference(
        "pipeline", "", "", "dead_lettered", truth.sent.unreadable, accounts["dead_lettered"]
    )


def _accounts(store: Store) -> dict[str, int]:
    names = ("consumed", "folded", "duplicates", "dead_lettered", "late", "gap")
    columns = ", ".join(f"sum({name}) AS total_{name}" for name in names)
    row: dict[str, Any] = store.query(
        f"SELECT {columns}, sum(abs(unaccounted)) AS total_unaccounted FROM pipeline"  # noqa: S608
    )[0]
    return {name: int(row[f"total_{name}"] or 0) for name in (*names, "unaccounted")}
