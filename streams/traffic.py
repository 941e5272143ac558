"""Who comes, who goes, and what they look at."""

from __future__ import annotations

from schemas import topics
from schemas.events import (
    CartAdded,
    PersonEvent,
    ProductClicked,
    ProductShown,
    ViewerEntered,
    ViewerLeft,
)
from streams.cells import Cell
from streams.fold import EventFold


class TrafficFold(EventFold):
    """Views, watch time, viewers; impressions, clicks and carts per room and product."""

    topic = topics.TRAFFIC
    tables = ("activity_window", "product_window")
    handlers = {
        ViewerEntered: "on_enter",
        ViewerLeft: "on_leave",
        ProductShown: "on_impression",
        ProductClicked: "on_click",
        CartAdded: "on_cart",
    }

    def on_enter(self, event: ViewerEntered, window_ms: int, late_slice: int, offset: int) -> None:
        """One view."""
        cell = self._room(event, event.source, event.mode, window_ms, late_slice, offset)
        cell[self.tallies["activity_window"].at["views"]] += 1
        self.met(event.room_id, "viewer", event.occurred_at_ms, event.user_id)

    def on_leave(self, event: ViewerLeft, window_ms: int, late_slice: int, offset: int) -> None:
        """The end of a view."""
        cell = self._room(event, "", event.mode, window_ms, late_slice, offset)
        at = self.tallies["activity_window"].at
        cell[at["leaves"]] += 1
        cell[at["watch_ms"]] += event.watch_ms

    def on_impression(
        self, event: ProductShown, window_ms: int, late_slice: int, offset: int
    ) -> None:
        """A product was shown to a person."""
        self._look(event, event.product_id, "impressions", window_ms, late_slice, offset)

    def on_click(self, event: ProductClicked, window_ms: int, late_slice: int, offset: int) -> None:
        """A person opened a product."""
        self._look(event, event.product_id, "clicks", window_ms, late_slice, offset)
        self.met(event.room_id, "clicker", event.occurred_at_ms, event.user_id)

    def on_cart(self, event: CartAdded, window_ms: int, late_slice: int, offset: int) -> None:
        """A product went into a cart; counted once whatever the quantity."""
        self._look(event, event.product_id, "carts", window_ms, late_slice, offset)

    def _room(
        self,
        event: PersonEvent,
        source: str,
        mode: str,
        window_ms: int,
        late_slice: int,
        offset: int,
    ) -> Cell:
        tally = self.tallies["activity_window"]
        cell: Cell = tally.cell((event.room_id, source, mode, window_ms, late_slice), offset)
        cell[tally.at["events"]] += 1
        if late_slice:
            cell[tally.at["late"]] += 1
        return cell

    def _look(
        self,
        event: PersonEvent,
        product_id: str,
        what: str,
        window_ms: int,
        late_slice: int,
        offset: int,
    ) -> None:
        cell = self._room(event, "", "", window_ms, late_slice, offset)
        cell[self.tallies["activity_window"].at[what]] += 1
        tally = self.tallies["product_window"]
        key = (event.room_id, product_id, "", "", "", window_ms, late_slice)
        tally.cell(key, offset)[tally.at[what]] += 1
