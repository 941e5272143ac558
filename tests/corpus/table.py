"""``docs/bad-input.md``: what becomes of each kind. ``python -m tests.corpus.table`` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.corpus.kind import Kind
from tests.corpus.kinds import corpus

PAGE: Final = Path(__file__).parents[2] / "docs" / "bad-input.md"
_ANY_TIME_MS: Final = 1_781_784_000_000

#: Orders of which more was paid back than was paid in, by currency; unknown orders among them.
UNMATCHED_REFUNDS: Final = """\
SELECT order_id, currency,
       sumIf(amount_minor, kind = 'order') AS paid_minor,
       sumIf(amount_minor, kind = 'refund') AS refunded_minor
FROM ledger FINAL
GROUP BY order_id, currency
HAVING refunded_minor > paid_minor
ORDER BY refunded_minor - paid_minor DESC, order_id
"""

_HEAD: Final = """\
# Bad and odd input

Every record that is taken from Kafka is folded, recognised as a duplicate, or put among the dead
letters with a reason; the three counts add up to the records consumed, per partition, at every
moment (view `pipeline`, the live page, `liveshop reconcile`). Nothing in a record stops a worker.

This page is written from the tests' corpus (`tests/corpus/kinds.py`), which goes through the
decoder and the fold in any order and in any batches, and through running pipelines on the embedded
stack and on Kafka with ClickHouse.

- `liveshop deadletters` lists the dead letters, `--group` counts them, `--show` gives the bytes of
  one, and `--replay` publishes them again, to the partition they came from, once the cause is
  mended. Replaying twice is harmless: what was folded is recognised, and what still cannot be read
  comes back as a dead letter. A purchase is recognised for ever, by the ledger; another event among
  the last `LIVESHOP_DEDUP_IDS` of its partition.
- A record with a wrong key keeps it when it is replayed, and is refused again: let its producer
  send it with the key of its room.
- A record without a value stays where it is: there is nothing to replay.
- The table `dead_letter` holds every record in whole. On the topic `live.deadletters` a record
  that the topic's broker finds too large is cut to 64 KiB; the header `cut_from` has its size.
- Refunds are money that went back, so they are folded whatever their order says. This finds those
  that exceed their order, and those of unknown orders (an order of another database, or one among
  the dead letters):

```sql
"""


def page() -> str:
    """The page as it must be."""
    return "\n".join((_HEAD + UNMATCHED_REFUNDS + "```\n", *_rows(), ""))


def _rows() -> Iterator[str]:
    kinds = corpus(_ANY_TIME_MS)
    yield f"{len(kinds)} kinds, {sum(len(kind.records) for kind in kinds)} records:"
    yield ""
    yield "| what arrives | on | what becomes of it | why |"
    yield "|---|---|---|---|"
    for kind in kinds:
        yield f"| {kind.name} | {kind.topic.name} | {_fates(kind)} | {kind.why} |"


def _fates(kind: Kind) -> str:
    words = {sent.fate: f"dead letter: `{sent.fate}`" for sent in kind.records if sent.is_dead}
    return ", ".join(words.get(fate, fate) for fate in kind.fates)


if __name__ == "__main__":
    PAGE.write_text(page())
