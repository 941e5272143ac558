"""Which fold takes which topic."""

from __future__ import annotations

from typing import Final

from streams.engagement import ChatFold, LikesFold
from streams.fold import PartitionFold
from streams.rooms import RoomsFold
from streams.sales import SalesFold
from streams.traffic import TrafficFold

#: Topic name → the fold of its partitions.
FOLDS: Final[dict[str, type[PartitionFold]]] = {
    fold.topic.name: fold for fold in (RoomsFold, TrafficFold, ChatFold, LikesFold, SalesFold)
}
