"""Traffic, chat and likes, in columns."""

from __future__ import annotations

from streams import engagement, traffic
from streams.columnar.fold import ColumnarEventFold


class ColumnarTrafficFold(ColumnarEventFold):
    """:class:`streams.traffic.TrafficFold`."""

    topic = traffic.TrafficFold.topic
    tables = traffic.TrafficFold.tables


class ColumnarChatFold(ColumnarEventFold):
    """:class:`streams.engagement.ChatFold`."""

    topic = engagement.ChatFold.topic
    tables = engagement.ChatFold.tables


class ColumnarLikesFold(ColumnarEventFold):
    """:class:`streams.engagement.LikesFold`."""

    topic = engagement.LikesFold.topic
    tables = engagement.LikesFold.tables
