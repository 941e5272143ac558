"""What the viewers of one slice of time do, from entering to buying.

Everything that a view leads to is drawn together with its arrival, even what happens in later
slices. The funnel is drawn by thinning: a click belongs to an impression of the same view and
product, a cart to a click, an order to a cart, and each comes after the step it needs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers import profile as profiles
from producers.arrivals import Arrivals
from producers.batch import Batch
from producers.catalogue import Catalogue, cumulative
from producers.chatter import TEXTS
from producers.orders import Carts, OrderDesk
from producers.programme import Ints, Programme
from producers.record import EventDict
from producers.seeds import Concern, Ids, generator

_LONGEST_WATCH_MS: Final = 6 * 3_600_000


class Views:
    """The views that begin in one slice, as columns. Times are milliseconds of show time.

    Attributes:
        room: index of the room.
        enter_ms, leave_ms: the view's time; nobody stays on after a live room has closed.
        replay: whether it is a replay view.
        user_id: who watches.
    """

    __slots__ = ("enter_ms", "leave_ms", "replay", "room", "user_id")

    def __init__(
        self,
        room: Ints,
        enter_ms: Ints,
        leave_ms: Ints,
        replay: NDArray[np.bool_],
        user_id: list[str],
    ) -> None:
        self.room = room
        self.enter_ms = enter_ms
        self.leave_ms = leave_ms
        self.replay = replay
        self.user_id = user_id


class Audience:
    """Draws the events of people, slice by slice."""

    def __init__(
        self,
        profile: profiles.Profile,
        seed: int,
        scale: float,
        start_ms: int,
        ids: Ids,
        catalogue: Catalogue,
        programme: Programme,
    ) -> None:
        self._profile = profile
        self._seed = seed
        self._start_ms = start_ms
        self._ids = ids
        self._catalogue = catalogue
        self._programme = programme
        self._arrivals = Arrivals(profile, programme, scale)
        self._desk = OrderDesk(profile, catalogue, programme, start_ms, ids)
        self._people = max(1, round(profile.viewing.people * scale))
        self._source_names = list(profile.viewing.sources)
        self._source_shares = cumulative(list(profile.viewing.sources.values()))
        self._room_ids = [room.room_id for room in profile.rooms]
        self._keys = [room_id.encode() for room_id in self._room_ids]
        self.slice_ms = self._arrivals.slice_ms

    def draw(self, batch: Batch, index: int, until_ms: int) -> None:
        """Add what the views that begin in slice ``index`` lead to.

        Args:
            batch: where the events go.
            index: number of the slice; slice 0 begins with the show.
            until_ms: epoch milliseconds at which the run ends; whoever watches then leaves.
        """
        rng = generator(self._seed, Concern.AUDIENCE, index)
        views = self._views(rng, index)
        self._enter(rng, batch, views)
        self._funnel(rng, batch, views)
        self._chat(rng, batch, views)
        self._like(rng, batch, views)
        self._leave(batch, views, until_ms)

    def _views(self, rng: np.random.Generator, index: int) -> Views:
        room, enter_ms = self._arrivals.draw(rng, index * self.slice_ms)
        viewing = self._profile.viewing
        watch_ms = (
            1000 * viewing.watch_median_s * rng.lognormal(0.0, viewing.watch_sigma, len(room))
        )
        leave_ms = enter_ms + 1 + np.minimum(watch_ms, _LONGEST_WATCH_MS).astype(np.int64)
        closes_ms = self._programme.closes_ms[room]
        replay = enter_ms >= closes_ms
        leave_ms = np.where(replay, leave_ms, np.minimum(leave_ms, closes_ms))
        people = rng.integers(0, self._people, len(room)).tolist()
        return Views(room, enter_ms, leave_ms, replay, [f"u-{person:07d}" for person in people])

    def _enter(self, rng: np.random.Generator, batch: Batch, views: Views) -> None:
        draws = np.searchsorted(self._source_shares, rng.random(len(views.room)), side="right")
        sources = self._source_names
        occurred_ms = views.enter_ms + self._start_ms
        events: list[EventDict] = [
            {
                "type": "viewer_entered",
                "v": 1,
                "event_id": event_id,
                "room_id": room_id,
                "occurred_at_ms": at_ms,
                "user_id": user_id,
                "source": sources[source],
                "mode": "replay" if replay else "live",
            }
            for event_id, room_id, at_ms, user_id, source, replay in zip(
                self._ids.take(len(draws)),
                self._names(views.room),
                occurred_ms.tolist(),
                views.user_id,
                draws.tolist(),
                views.replay.tolist(),
                strict=True,
            )
        ]
        batch.add("viewer_entered", events, occurred_ms, self._keys_of(views.room))

    def _leave(self, batch: Batch, views: Views, until_ms: int) -> None:
        occurred_ms = views.leave_ms + self._start_ms
        # The cut of a run must not move anything that happens before it, so it only shortens.
        ends_ms = np.maximum(np.minimum(occurred_ms, until_ms), views.enter_ms + self._start_ms)
        watch_ms = ends_ms - self._start_ms - views.enter_ms
        events: list[EventDict] = [
            {
                "type": "viewer_left",
                "v": 1,
                "event_id": event_id,
                "room_id": room_id,
                "occurred_at_ms": at_ms,
                "user_id": user_id,
                "mode": "replay" if replay else "live",
                "watch_ms": watched_ms,
            }
            for event_id, room_id, at_ms, user_id, replay, watched_ms in zip(
                self._ids.take(len(ends_ms)),
                self._names(views.room),
                ends_ms.tolist(),
                views.user_id,
                views.replay.tolist(),
                watch_ms.tolist(),
                strict=True,
            )
        ]
        batch.add("viewer_left", events, ends_ms, self._keys_of(views.room))

    def _funnel(self, rng: np.random.Generator, batch: Batch, views: Views) -> None:
        """Impressions, clicks, carts, orders: each step is a thinned copy of the one before."""
        ratios = self._profile.behaviour
        view = _repeated(rng, ratios.impressions_per_view, len(views.room))
        at_ms = _between(rng, views.enter_ms[view], views.leave_ms[view])
        product = self._products(rng, views.room[view], at_ms)
        self._touch(batch, "product_shown", views, view, at_ms, product)

        view, at_ms, product = _thinned(rng, ratios.clicks_per_impression, view, at_ms, product)
        at_ms = _between(rng, at_ms, views.leave_ms[view])
        self._touch(batch, "product_clicked", views, view, at_ms, product)

        view, at_ms, product = _thinned(rng, ratios.carts_per_click, view, at_ms, product)
        at_ms = _between(rng, at_ms, views.leave_ms[view])
        self._touch(batch, "cart_added", views, view, at_ms, product, {"quantity": 1})

        at_ms = _between(rng, at_ms, views.leave_ms[view])
        chance = self._order_chance(views.room[view], at_ms, product)
        draw = rng.random(len(view))
        paid = draw < chance
        placed = np.flatnonzero(paid | (draw >= 1 - ratios.cancels_per_cart))
        carts = Carts(
            room=views.room[view[placed]],
            at_ms=at_ms[placed],
            product=product[placed],
            user_id=[views.user_id[i] for i in view[placed].tolist()],
            replay=views.replay[view[placed]],
            paid=paid[placed],
        )
        for room, event in self._desk.events(rng, carts):
            batch.add_one(event, self._keys[room])

    def _order_chance(self, room: Ints, at_ms: Ints, product: Ints) -> NDArray[np.float64]:
        """How likely each cart is paid: likelier while its product is in a flash sale."""
        ratios, slots = self._profile.behaviour, self._programme.slots
        slot, running = self._programme.slot_at(room, at_ms)
        in_flash = running & (slots.product[slot] == product) & (at_ms < slots.flash_end_ms[slot])
        lifted = ratios.orders_per_cart * self._profile.programme.flash_order_factor
        return np.minimum(
            np.where(in_flash, lifted, ratios.orders_per_cart), 1 - ratios.cancels_per_cart
        )

    def _products(self, rng: np.random.Generator, room: Ints, at_ms: Ints) -> Ints:
        """Which product is seen: the one being explained, or one from the bag by popularity."""
        slot, running = self._programme.slot_at(room, at_ms)
        focus = running & (rng.random(len(room)) < self._profile.catalogue.focus_share)
        browsed = self._catalogue.pick(rng.random(len(room)))
        return np.where(focus, self._programme.slots.product[slot], browsed)

    def _touch(
        self,
        batch: Batch,
        event_type: str,
        views: Views,
        view: Ints,
        at_ms: Ints,
        product: Ints,
        extra: EventDict | None = None,
    ) -> None:
        """Add events in which a person meets a product."""
        more = extra or {}
        product_ids, user_ids, room_ids = (
            self._catalogue.product_ids,
            views.user_id,
            self._room_ids,
        )
        rooms = views.room[view]
        occurred_ms = at_ms + self._start_ms
        events: list[EventDict] = [
            {
                "type": event_type,
                "v": 1,
                "event_id": event_id,
                "room_id": room_ids[room],
                "occurred_at_ms": when_ms,
                "user_id": user_ids[person],
                "product_id": product_ids[room][local],
                **more,
            }
            for event_id, room, when_ms, person, local in zip(
                self._ids.take(len(view)),
                rooms.tolist(),
                occurred_ms.tolist(),
                view.tolist(),
                product.tolist(),
                strict=True,
            )
        ]
        batch.add(event_type, events, occurred_ms, self._keys_of(rooms))

    def _chat(self, rng: np.random.Generator, batch: Batch, views: Views) -> None:
        view = _repeated(rng, self._profile.behaviour.chats_per_view, len(views.room))
        view = view[~views.replay[view]]
        text = rng.integers(0, len(TEXTS), len(view))
        self._say(rng, batch, "chat_sent", "text", views, view, [TEXTS[i] for i in text.tolist()])

    def _like(self, rng: np.random.Generator, batch: Batch, views: Views) -> None:
        ratios = self._profile.behaviour
        view = _repeated(rng, ratios.like_batches_per_view, len(views.room))
        view = view[~views.replay[view]]
        likes = np.minimum(rng.geometric(1 / ratios.likes_per_batch, len(view)), 100_000)
        self._say(rng, batch, "likes_sent", "count", views, view, likes.tolist())

    def _say(
        self,
        rng: np.random.Generator,
        batch: Batch,
        event_type: str,
        field: str,
        views: Views,
        view: Ints,
        contents: list[str] | list[int],
    ) -> None:
        """Add events with a person and one field of content."""
        occurred_ms = _between(rng, views.enter_ms[view], views.leave_ms[view]) + self._start_ms
        user_ids = views.user_id
        events: list[EventDict] = [
            {
                "type": event_type,
                "v": 1,
                "event_id": event_id,
                "room_id": room_id,
                "occurred_at_ms": at_ms,
                "user_id": user_ids[person],
                field: content,
            }
            for event_id, room_id, at_ms, person, content in zip(
                self._ids.take(len(view)),
                self._names(views.room[view]),
                occurred_ms.tolist(),
                view.tolist(),
                contents,
                strict=True,
            )
        ]
        batch.add(event_type, events, occurred_ms, self._keys_of(views.room[view]))

    def _names(self, room: Ints) -> list[str]:
        names = self._room_ids
        return [names[i] for i in room.tolist()]

    def _keys_of(self, room: Ints) -> list[bytes]:
        keys = self._keys
        return [keys[i] for i in room.tolist()]


def _repeated(rng: np.random.Generator, mean: float, count: int) -> Ints:
    """Indexes below ``count``, each repeated a Poisson number of times."""
    return np.repeat(np.arange(count), rng.poisson(mean, count))


def _between(rng: np.random.Generator, after_ms: Ints, until_ms: Ints) -> Ints:
    """Moments after ``after_ms``, and no later than ``until_ms``."""
    room_ms = until_ms - after_ms
    return after_ms + np.ceil(rng.random(len(after_ms)) * room_ms).astype(np.int64)


def _thinned(
    rng: np.random.Generator, share: float, view: Ints, at_ms: Ints, product: Ints
) -> tuple[Ints, Ints, Ints]:
    """The part of the rows that go on to the next step."""
    keep = rng.random(len(view)) < share
    return view[keep], at_ms[keep], product[keep]
