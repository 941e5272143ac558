"""What viewers write. Some of it is hostile to whoever shows it unescaped."""

# Viewers do write full-width punctuation.
# ruff: noqa: RUF001
from __future__ import annotations

from typing import Final

TEXTS: Final[tuple[str, ...]] = (
    "Bonsoir Camille !",
    "C'est dispo en 38 ?",
    "La couleur est magnifique 😍",
    "Le lin, ça se froisse beaucoup ?",
    "Livraison en Belgique ?",
    "Encore 5 minutes svp 🙏",
    "hello from Lyon",
    "Does it run small?",
    "What's the code?",
    "just ordered two 🎉",
    "Sold out already??",
    "how long is shipping",
    "love this one ❤️❤️❤️",
    "can you show the lining",
    "is that the flash price?",
    "first time here, hi everyone",
    "already bought it last week, great quality 👍",
    "主播好美",
    "链接呢？",
    "多少钱",
    "抢到了！！！",
    "没抢到 😭",
    "再上一波",
    "敏感肌能用吗",
    "什么时候发货",
    "666666",
    "家人们冲啊 🔥",
    "已下单，等收货",
    "¿Hay talla M?",
    "Wann geht es weiter?",
    "かわいい！",
    "배송 얼마나 걸려요?",
    "كم السعر؟",
    "👏👏👏",
    "🔥🔥🔥🔥",
    "+1",
    "?",
    "<script>alert('free bags')</script>",
    '"; DROP TABLE orders; --',
    "line one\nline two\ttab",
    '=HYPERLINK("http://example.invalid")',
    "👩‍👩‍👧‍👦 family order",
)
