"""Orders, cancellations and refunds: the money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from schemas import topics
from schemas.events import Event, OrderCancelled, OrderPaid, OrderRefunded, PurchaseEvent
from schemas.rows import FIRST_WINS
from streams.cells import Cell
from streams.decode import Rejected
from streams.dedup import Entry, Known, RecentEntries, mix, text_hash
from streams.fold import PartitionFold, Restored
from streams.windows import WindowPolicy


def ledger_identity(event: PurchaseEvent) -> tuple[str, str]:
    """``(kind, id)``: what makes two purchase events the same."""
    if isinstance(event, OrderPaid):
        return "order", event.order_id
    if isinstance(event, OrderRefunded):
        return "refund", event.refund_id
    return "cancel", event.order_id


def fingerprint(event: PurchaseEvent) -> int:
    """A 64-bit hash of what was bought, by whom and for how much.

    Neither ``event_id`` nor the event time is part of it: a client that sends an order again may
    give it new ones. With a new time it is recognised as far back as the memory reaches (at least
    ``dedup_ids`` entries), with its own time however old it is. The field order below is fixed; it
    is compared with hashes in the ledger.
    """
    texts = (event.room_id, event.kol_id, event.user_id, event.order_id, event.currency)
    words = (event.promo, event.attribution)
    content = [text_hash(text) for text in (*texts, *words)]
    if isinstance(event, OrderPaid):
        content.append(event.paid_minor)
        for line in event.lines:
            content += [text_hash(line.product_id), text_hash(line.sku_id)]
            content += [line.quantity, line.paid_minor]
    else:
        content.append(event.amount_minor)
        if isinstance(event, OrderRefunded):
            for part in event.lines:
                content += [text_hash(part.product_id), text_hash(part.sku_id)]
                content += [part.quantity, part.amount_minor]
    return reduce(mix, content, 0)


class SalesFold(PartitionFold):
    """GMV, orders, units and refunds per room, KOL, product, currency, promo; and the ledger.

    A refund is booked in the window in which it happens (the cash view), in columns of its own,
    so that no total ever goes backwards. The cohort view joins the ledger when it is read.
    """

    topic = topics.PURCHASES
    tables = ("activity_window", "sales_window", "product_window")
    handlers = {OrderPaid: "on_paid", OrderCancelled: "on_cancelled", OrderRefunded: "on_refunded"}

    def __init__(self, partition: int, policy: WindowPolicy, next_offset: int = 0) -> None:
        super().__init__(partition, policy, next_offset)
        self._recent = RecentEntries(
            policy.dedup_ids, current_from=next_offset, previous_from=next_offset
        )

    # --- identity ----------------------------------------------------------------------------

    def unknown(self, events: Sequence[Event | Rejected]) -> list[tuple[str, str]]:
        """The entries older than the memory, for the caller to look up in the ledger."""
        self._recent.settle()
        asked = []
        for event in events:
            if isinstance(event, OrderPaid | OrderCancelled | OrderRefunded):
                kind, entry_id = ledger_identity(event)
                if self._recent.must_ask(kind, entry_id):
                    asked.append((kind, entry_id))
        return asked

    def admit(self, event: Event, offset: int, known: Known) -> bool | Rejected:
        """New unless the ledger has it; the same id with other content is a conflict."""
        if not isinstance(event, OrderPaid | OrderCancelled | OrderRefunded):
            raise TypeError(f"{type(event).__name__} is no purchase")
        kind, entry_id = ledger_identity(event)
        mark = fingerprint(event)
        accepted = self._recent.find(kind, entry_id, known)
        if accepted is not None:
            if accepted == mark:
                return False
            return Rejected("conflict", f"{kind} {entry_id} was accepted with other content")
        self._recent.admit(Entry(kind, entry_id, mark, offset))
        self._book(kind, entry_id, mark, event, offset)
        return True

    def _book(self, kind: str, entry_id: str, mark: int, event: PurchaseEvent, offset: int) -> None:
        if isinstance(event, OrderPaid):
            amount, discount, lines = event.paid_minor, event.discount_minor, len(event.lines)
            units = sum(line.quantity for line in event.lines)
        elif isinstance(event, OrderRefunded):
            amount, discount, lines = event.amount_minor, 0, len(event.lines)
            units = sum(line.quantity for line in event.lines)
        else:
            amount, discount, lines, units = event.amount_minor, 0, 0, 0
        self._rows["ledger"].append(
            (
                kind,
                entry_id,
                event.order_id,
                event.room_id,
                event.kol_id,
                event.user_id,
                event.currency,
                event.promo,
                event.attribution,
                amount,
                discount,
                lines,
                units,
                event.occurred_at_ms // 1_000,
                event.occurred_at_ms,
                mark,
                self.topic.name,
                self.partition,
                offset,
                FIRST_WINS - offset,
            )
        )

    # --- windows -----------------------------------------------------------------------------

    def on_paid(self, event: OrderPaid, window_ms: int, late_slice: int, offset: int) -> None:
        """An order counts as GMV at the moment it is paid."""
        cell, at = self._sale(event, window_ms, late_slice, offset)
        cell[at["orders"]] += 1
        cell[at["sku_orders"]] += len(event.lines)
        cell[at["gmv_minor"]] += event.paid_minor
        cell[at["discount_minor"]] += event.discount_minor
        products = self.tallies["product_window"]
        seen: set[str] = set()
        for line in event.lines:
            cell[at["units"]] += line.quantity
            product = self._product(event, line.product_id, window_ms, late_slice, offset)
            # One order with two SKUs of a product is one order and two SKU orders of it.
            product[products.at["orders"]] += line.product_id not in seen
            product[products.at["sku_orders"]] += 1
            product[products.at["units"]] += line.quantity
            product[products.at["gmv_minor"]] += line.paid_minor
            seen.add(line.product_id)
        self.met(event.room_id, "buyer", event.occurred_at_ms, event.user_id, event.kol_id)

    def on_cancelled(
        self, event: OrderCancelled, window_ms: int, late_slice: int, offset: int
    ) -> None:
        """An order that was never paid: counted, no money."""
        cell, at = self._sale(event, window_ms, late_slice, offset)
        cell[at["cancelled"]] += 1

    def on_refunded(
        self, event: OrderRefunded, window_ms: int, late_slice: int, offset: int
    ) -> None:
        """Money goes back, all of it or a part."""
        cell, at = self._sale(event, window_ms, late_slice, offset)
        cell[at["refunds"]] += 1
        cell[at["refund_minor"]] += event.amount_minor
        products = self.tallies["product_window"]
        seen: set[str] = set()
        for line in event.lines:
            cell[at["refunded_units"]] += line.quantity
            product = self._product(event, line.product_id, window_ms, late_slice, offset)
            product[products.at["refunds"]] += line.product_id not in seen
            product[products.at["refunded_units"]] += line.quantity
            product[products.at["refund_minor"]] += line.amount_minor
            seen.add(line.product_id)

    def _sale(
        self, event: PurchaseEvent, window_ms: int, late_slice: int, offset: int
    ) -> tuple[Cell, Mapping[str, int]]:
        activity = self.tallies["activity_window"]
        room = activity.cell((event.room_id, "", "", window_ms, late_slice), offset)
        room[activity.at["events"]] += 1
        if late_slice:
            room[activity.at["late"]] += 1
        sales = self.tallies["sales_window"]
        key = (
            event.room_id,
            event.kol_id,
            event.currency,
            event.promo,
            event.attribution,
            window_ms,
            late_slice,
        )
        return sales.cell(key, offset), sales.at

    def _product(
        self,
        event: OrderPaid | OrderRefunded,
        product_id: str,
        window_ms: int,
        late_slice: int,
        offset: int,
    ) -> Cell:
        key = (
            event.room_id,
            product_id,
            event.kol_id,
            event.currency,
            event.promo,
            window_ms,
            late_slice,
        )
        cell: Cell = self.tallies["product_window"].cell(key, offset)
        return cell

    # --- checkpoint --------------------------------------------------------------------------

    @property
    def remembered(self) -> int:
        """Ledger entries held for duplicate recognition."""
        return len(self._recent)

    def dedup_state(self) -> dict[str, int]:
        """Where the generations begin."""
        return {
            "current_from": self._recent.current_from,
            "previous_from": self._recent.previous_from,
        }

    def restore_dedup(self, state: Mapping[str, int], restored: Restored) -> None:
        """Rebuild the memory from the ledger's entries below the checkpoint."""
        self._recent = RecentEntries(
            self.policy.dedup_ids,
            current_from=state["current_from"],
            previous_from=state["previous_from"],
            entries=restored.entries,
            forgotten=restored.forgotten,
        )
