"""Which fold takes which topic."""

from __future__ import annotations

from typing import Final

from streams.columnar.engagement import (
    ColumnarChatFold,
    ColumnarLikesFold,
    ColumnarTrafficFold,
)
from streams.columnar.sales import ColumnarSalesFold
from streams.engagement import ChatFold, LikesFold
from streams.fold import PartitionFold
from streams.rooms import RoomsFold
from streams.sales import SalesFold
from streams.traffic import TrafficFold

#: Topic name → the fold of its partitions, one event after the other. They say what is right.
PLAIN_FOLDS: Final[dict[str, type[PartitionFold]]] = {
    fold.topic.name: fold for fold in (RoomsFold, TrafficFold, ChatFold, LikesFold, SalesFold)
}
#: Topic name → the fold that workers use: in columns where a topic is worth it.
FOLDS: Final[dict[str, type[PartitionFold]]] = PLAIN_FOLDS | {
    fold.topic.name: fold
    for fold in (
        ColumnarTrafficFold,
        ColumnarChatFold,
        ColumnarLikesFold,
        ColumnarSalesFold,
    )
}
