"""Everything without money: the audience, where it came from, and the way to an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reports.contract import per, rate
from reports.curve import ACTIVITY, totals
from reports.markers import product_titles
from reports.model import Funnel, Marker, ModeTraffic, Product, Step, TrafficSource
from schemas.store import Row

#: The role of an ``audience`` row → the base figure it counts.
PEOPLE: Final = {
    "viewer": "viewers",
    "chatter": "chatters",
    "liker": "likers",
    "clicker": "clickers",
    "buyer": "buyers",
}
_PRODUCT: Final = ("impressions", "clicks", "carts", "sku_orders")

_FUNNELS: Final = (
    (
        "products",
        "From impression to order",
        (
            ("impressions", "Product impressions"),
            ("clicks", "Product clicks"),
            ("carts", "Add-to-carts"),
            ("room_sku_orders", "SKU orders"),
        ),
    ),
    (
        "people",
        "From view to buyer",
        (
            ("views", "Views"),
            ("viewers", "Viewers"),
            ("clickers", "Product visitors"),
            ("buyers", "Buyers"),
        ),
    ),
)


def people(rows: Iterable[Row]) -> dict[str, int]:
    """Distinct people by role; a role without a row has nobody in it."""
    found = {row["role"]: row["people"] for row in rows}
    return {figure: found.get(role, 0) for role, figure in PEOPLE.items()}


def funnels(figures: Mapping[str, int]) -> list[Funnel]:
    """Products from impression to order, and people from view to buyer."""
    return [
        Funnel(key=key, name=name, steps=_steps(steps, figures)) for key, name, steps in _FUNNELS
    ]


def _steps(steps: Sequence[tuple[str, str]], figures: Mapping[str, int]) -> list[Step]:
    values = [figures[key] for key, _ in steps]
    return [
        Step(
            key=key.removeprefix("room_"),
            name=name,
            value=values[position],
            of_previous=rate(values[position], values[position - 1]) if position else None,
            of_first=rate(values[position], values[0]),
        )
        for position, (key, name) in enumerate(steps)
    ]


def sources(activity: Sequence[Row]) -> list[TrafficSource]:
    """Views by source, the largest first."""
    all_views = sum(row["views"] for row in activity)
    found = []
    for source in {row["source"] for row in activity if row["views"]}:
        rows = [row for row in activity if row["source"] == source]
        views = sum(row["views"] for row in rows)
        replay = sum(row["views"] for row in rows if row["mode"] == "replay")
        found.append(
            TrafficSource(
                source=source,
                views=views,
                live_views=views - replay,
                replay_views=replay,
                share=rate(views, all_views),
            )
        )
    return sorted(found, key=lambda source: (-source.views, source.source))


def modes(activity: Sequence[Row]) -> list[ModeTraffic]:
    """Live viewing next to replay viewing."""
    found = []
    for mode in ("live", "replay"):
        sums = totals((row for row in activity if row["mode"] == mode), ACTIVITY)
        found.append(
            ModeTraffic(
                mode=mode,
                views=sums["views"],
                leaves=sums["leaves"],
                watch_ms=sums["watch_ms"],
                watch_per_view_ms=per(sums["watch_ms"], sums["views"]),
            )
        )
    return found


def products(
    rows: Sequence[Row], events: Sequence[Row], markers: Sequence[Marker], until_ms: int
) -> list[Product]:
    """Every product that was listed or that anything happened to, the most clicked first."""
    listed = product_titles(events)
    found = []
    for product_id in listed.keys() | {row["product_id"] for row in rows}:
        sums = totals((row for row in rows if row["product_id"] == product_id), _PRODUCT)
        title, price_minor = listed.get(product_id, ("", None))
        explained = [m for m in markers if m.kind == "explanation" and m.product_id == product_id]
        found.append(
            Product(
                product_id=product_id,
                title=title,
                price_minor=price_minor,
                product_ctr=rate(sums["clicks"], sums["impressions"]),
                ctor_sku=rate(sums["sku_orders"], sums["clicks"]),
                explanations=len(explained),
                explained_ms=sum((m.end_ms or until_ms) - m.start_ms for m in explained),
                **sums,
            )
        )
    return sorted(found, key=lambda product: (-product.clicks, product.product_id))
