"""Everything with money, one currency at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reports.contract import measures, per, rate
from reports.curve import Span, totals
from reports.model import CurrencySales, Kol, Period, ProductSales, SalesGroup, SalesMinute
from schemas.events import PROMOS
from schemas.rows import SALES_VALUES
from schemas.store import Row

_COHORT: Final = ("refunded_orders", "refund_minor")
_PRODUCT: Final = (
    "orders",
    "sku_orders",
    "units",
    "gmv_minor",
    "refunds",
    "refunded_units",
    "refund_minor",
)


@dataclass(frozen=True)
class SalesRows:
    """What the store said about a room's sales, in all currencies.

    Attributes:
        sales: by minute, KOL, currency, promo and attribution.
        cohort: refunds by minute of their sale, currency, promo and attribution.
        products: by product and currency.
        kol_buyers: distinct buyers by KOL and currency.
        leaderboard: over all rooms.
    """

    sales: Sequence[Row]
    cohort: Sequence[Row]
    products: Sequence[Row]
    kol_buyers: Sequence[Row]
    leaderboard: Sequence[Row]

    def of(self, currency: str) -> SalesRows:
        """The rows of one currency."""
        return SalesRows(*(_of(rows, currency) for rows in self._parts()))

    def _parts(self) -> tuple[Sequence[Row], ...]:
        return (self.sales, self.cohort, self.products, self.kol_buyers, self.leaderboard)


@dataclass(frozen=True)
class Host:
    """Whose room it is, and what it drew: views and viewers belong to the host."""

    kol_id: str
    currency: str
    views: int
    viewers: int
    impressions: int


def currency_sales(rows: SalesRows, currency: str, span: Span | None, host: Host) -> CurrencySales:
    """All sales figures of one currency."""
    mine = rows.of(currency)
    cohort_total = totals(mine.cohort, _COHORT)
    figures = totals(mine.sales, SALES_VALUES)
    figures |= {
        "net_gmv_minor": figures["gmv_minor"] - figures["refund_minor"],
        "refunded_orders": cohort_total["refunded_orders"],
        "placed": figures["orders"] + figures["cancelled"],
        "views": host.views,
        "impressions": host.impressions,
    }
    return CurrencySales(
        currency=currency,
        measures=measures("money", figures),
        minutes=_minutes(span, mine) if span else [],
        periods=_periods(span, mine) if span else [],
        unmatched_refund_minor=sum(r["refund_minor"] for r in mine.cohort if r["at"] == 0),
        products=_products(mine.products),
        promos=[_group(mine, "promo", promo) for promo in PROMOS],
        attributions=[
            _group(mine, "attribution", rule)
            for rule in sorted({row["attribution"] for row in mine.sales}, key=_rule_order)
        ],
        kols=_room_kols(mine, currency, host),
        show_kols=[_kol(row["rank"], row["kol_id"], row) for row in mine.leaderboard],
    )


def _of(rows: Sequence[Row], currency: str) -> list[Row]:
    return [row for row in rows if row["currency"] == currency]


def _minutes(span: Span, rows: SalesRows) -> list[SalesMinute]:
    cash: dict[int, list[Row]] = {}
    cohort: dict[int, list[Row]] = {}
    for row in rows.sales:
        cash.setdefault(row["at"], []).append(row)
    for row in rows.cohort:
        cohort.setdefault(row["at"], []).append(row)
    return [_minute(at, cash.get(at, []), cohort.get(at, [])) for at in span.minutes()]


def _minute(at: int, cash: Iterable[Row], cohort: Iterable[Row]) -> SalesMinute:
    sums = totals(cash, SALES_VALUES)
    return SalesMinute(
        minute_ms=at * 1000,
        orders=sums["orders"],
        sku_orders=sums["sku_orders"],
        units=sums["units"],
        gmv_minor=sums["gmv_minor"],
        cancelled=sums["cancelled"],
        refunds=sums["refunds"],
        refund_minor=sums["refund_minor"],
        cohort_refund_minor=sum(row["refund_minor"] for row in cohort),
    )


def _periods(span: Span, rows: SalesRows) -> list[Period]:
    """Before, during and after the curve. A refund without a sale stands in no cohort period."""

    def period_of(at: int) -> str:
        if at < span.first:
            return "before"
        return "during" if at <= span.last else "after"

    matched = [row for row in rows.cohort if row["at"]]
    periods = []
    for name in ("before", "during", "after"):
        sums = totals((r for r in rows.sales if period_of(r["at"]) == name), SALES_VALUES)
        cohort = totals((r for r in matched if period_of(r["at"]) == name), _COHORT)
        periods.append(
            Period(
                period=name,
                orders=sums["orders"],
                units=sums["units"],
                gmv_minor=sums["gmv_minor"],
                refunds=sums["refunds"],
                refund_minor=sums["refund_minor"],
                cohort_refund_minor=cohort["refund_minor"],
            )
        )
    return periods


def _group(rows: SalesRows, dimension: str, key: str) -> SalesGroup:
    sums = totals((row for row in rows.sales if row[dimension] == key), SALES_VALUES)
    cohort = totals((row for row in rows.cohort if row[dimension] == key), _COHORT)
    return SalesGroup(
        key=key,
        orders=sums["orders"],
        sku_orders=sums["sku_orders"],
        units=sums["units"],
        gmv_minor=sums["gmv_minor"],
        discount_minor=sums["discount_minor"],
        refunds=sums["refunds"],
        refunded_orders=cohort["refunded_orders"],
        refund_minor=sums["refund_minor"],
        net_gmv_minor=sums["gmv_minor"] - sums["refund_minor"],
        aov_minor=per(sums["gmv_minor"], sums["orders"]),
        refund_rate=rate(sums["refund_minor"], sums["gmv_minor"]),
        refunded_order_rate=rate(cohort["refunded_orders"], sums["orders"]),
    )


def _rule_order(rule: str) -> tuple[int, str]:
    """In-room orders first, then the click windows from short to long."""
    digits = "".join(filter(str.isdigit, rule))
    hours = int(digits or 0) * (1 if rule.endswith("h") else 24)
    return hours, rule


def _products(rows: Iterable[Row]) -> list[ProductSales]:
    sold = []
    for row in rows:
        sums = totals([row], _PRODUCT)
        sold.append(
            ProductSales(
                product_id=row["product_id"],
                net_gmv_minor=sums["gmv_minor"] - sums["refund_minor"],
                refund_rate=rate(sums["refund_minor"], sums["gmv_minor"]),
                **sums,
            )
        )
    return sorted(sold, key=lambda product: (-product.gmv_minor, product.product_id))


def _room_kols(rows: SalesRows, currency: str, host: Host) -> list[Kol]:
    buyers = {row["kol_id"]: row["people"] for row in rows.kol_buyers}
    sums = {
        kol_id: totals((row for row in rows.sales if row["kol_id"] == kol_id), SALES_VALUES)
        for kol_id in {row["kol_id"] for row in rows.sales}
    }

    def standing(kol_id: str) -> tuple[int, int, str]:
        own = sums[kol_id]
        return own["refund_minor"] - own["gmv_minor"], -own["orders"], kol_id

    kols = []
    for rank, kol_id in enumerate(sorted(sums, key=standing), start=1):
        hosts = kol_id == host.kol_id and currency == host.currency
        figures = sums[kol_id] | {
            "net_gmv_minor": sums[kol_id]["gmv_minor"] - sums[kol_id]["refund_minor"],
            "buyers": buyers.get(kol_id, 0),
            "viewers": host.viewers if hosts else 0,
            "views": host.views if hosts else 0,
        }
        kols.append(_kol(rank, kol_id, figures))
    return kols


def _kol(rank: int, kol_id: str, figures: Mapping[str, int]) -> Kol:
    return Kol(
        rank=rank,
        kol_id=kol_id,
        orders=figures["orders"],
        units=figures["units"],
        gmv_minor=figures["gmv_minor"],
        refund_minor=figures["refund_minor"],
        net_gmv_minor=figures["net_gmv_minor"],
        buyers=figures["buyers"],
        viewers=figures["viewers"],
        views=figures["views"],
        conversion=rate(figures["buyers"], figures["viewers"]),
    )
