"""Chat and likes."""

from __future__ import annotations

from schemas import topics
from schemas.events import ChatSent, LikesSent
from streams.fold import EventFold


class ChatFold(EventFold):
    """Chat messages and chatters per room."""

    topic = topics.CHAT
    tables = ("activity_window",)
    handlers = {ChatSent: "on_chat"}

    def on_chat(self, event: ChatSent, window_ms: int, late_slice: int, offset: int) -> None:
        """One message."""
        tally = self.tallies["activity_window"]
        cell = tally.cell((event.room_id, "", "", window_ms, late_slice), offset)
        cell[tally.at["events"]] += 1
        cell[tally.at["chats"]] += 1
        if late_slice:
            cell[tally.at["late"]] += 1
        self.met(event.room_id, "chatter", event.occurred_at_ms, event.user_id)


class LikesFold(EventFold):
    """Likes and likers per room; one event can carry many likes."""

    topic = topics.LIKES
    tables = ("activity_window",)
    handlers = {LikesSent: "on_likes"}

    def on_likes(self, event: LikesSent, window_ms: int, late_slice: int, offset: int) -> None:
        """A batch of likes of one person."""
        tally = self.tallies["activity_window"]
        cell = tally.cell((event.room_id, "", "", window_ms, late_slice), offset)
        cell[tally.at["events"]] += 1
        cell[tally.at["likes"]] += event.count
        if late_slice:
            cell[tally.at["late"]] += 1
        self.met(event.room_id, "liker", event.occurred_at_ms, event.user_id)
