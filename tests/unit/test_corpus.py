"""Bad and odd input through the decoder and the fold, in any order and in any batches."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.metrics import DEAD_LETTER_REASONS
from schemas.rows import COLUMNS
from schemas.topics import EVENT_TOPICS, PURCHASES, Topic
from streams.batch import Batch
from streams.catalog import FOLDS
from streams.fold import Counts, DeadLetter, PartitionFold, Row
from streams.windows import WindowPolicy
from tests.corpus.kind import CURRENCY, DUPLICATE, FOLDED, ROOM, Kind, Sent
from tests.corpus.kinds import corpus
from tests.corpus.table import PAGE, page
from tests.properties.strategies import Numbers, make_event

NOW_MS = 1_781_784_000_000
CORPUS = corpus(NOW_MS)
SMALL = [kind for kind in CORPUS if kind.size < 1_000_000]
VERSION = COLUMNS["sales_window"].index("version")

Money = dict[tuple[str, str], tuple[int, int]]


@dataclass
class Result:
    """What became of the records of one partition."""

    fates: list[str]
    counts: Counts
    money: Money


def batch_of(topic: Topic, start: int, records: Sequence[Sent]) -> Batch:
    return Batch(
        topic=topic.name,
        partition=0,
        start=start,
        next_offset=start + len(records),
        offsets=range(start, start + len(records)),
        appended_ms=[NOW_MS] * len(records),
        values=[sent.value for sent in records],
        keys=[sent.key for sent in records],
    )


def folded(topic: Topic, records: Sequence[Sent], cuts: Iterable[int] = ()) -> Result:
    """Fold records in batches that end at the cuts; every other batch is followed by a take."""
    fold: PartitionFold = FOLDS[topic.name](0, WindowPolicy())
    sales: dict[Row, Row] = {}
    letters: dict[int, DeadLetter] = {}
    edges = sorted({0, *cuts, len(records)})
    for number, (begin, end) in enumerate(pairwise(edges)):
        fold.fold(batch_of(topic, begin, records[begin:end]))
        if number % 2 or end == len(records):
            taken = fold.take()
            letters |= {letter.offset: letter for letter in taken.dead_letters}
            sales |= {row[:VERSION]: row for row in taken.rows.get("sales_window", ())}
    for offset, letter in letters.items():
        assert (letter.key, letter.value) == (records[offset].key, records[offset].value)
        assert letter.detail
        assert letter.reason in DEAD_LETTER_REASONS
    fates = [letters[i].reason if i in letters else "" for i in range(len(records))]
    return Result(fates, fold.counts, money_of(sales.values()))


def money_of(rows: Iterable[Row]) -> Money:
    columns = COLUMNS["sales_window"]
    names = ("room_id", "currency", "gmv_minor", "refund_minor")
    at = [columns.index(name) for name in names]
    total: Money = {}
    for row in rows:
        room, currency, gmv, refund = (row[i] for i in at)
        before = total.get((str(room), str(currency)), (0, 0))
        total[str(room), str(currency)] = (before[0] + int(gmv), before[1] + int(refund))
    return {place: amounts for place, amounts in total.items() if any(amounts)}


def expected_counts(records: Sequence[Sent], result: Result) -> Counts:
    fates = Counter(sent.fate for sent in records)
    return Counts(
        consumed=len(records),
        folded=fates[FOLDED],
        duplicates=fates[DUPLICATE],
        dead_lettered=len(records) - fates[FOLDED] - fates[DUPLICATE],
        late=result.counts.late,
    )


def expected_reasons(records: Sequence[Sent]) -> list[str]:
    return [sent.fate if sent.is_dead else "" for sent in records]


def expected_money(kinds: Iterable[Kind]) -> Money:
    kinds = list(kinds)
    gmv, refund = sum(k.gmv_minor for k in kinds), sum(k.refund_minor for k in kinds)
    return {(ROOM, CURRENCY): (gmv, refund)} if gmv or refund else {}


def good_records(topic: Topic, count: int) -> list[Sent]:
    """Sound events of other rooms."""
    events = [
        make_event(topic, f"good-{i}", NOW_MS - 1_000 * i, Numbers(i, i, i, i, i))
        for i in range(count)
    ]
    return [Sent(msgspec.json.encode(e), FOLDED, e.room_id.encode()) for e in events]


def interleaved(lists: Sequence[Sequence[Sent]], chance: random.Random) -> list[Sent]:
    """All records; those of one list stay in their order."""
    turns = [number for number, records in enumerate(lists) for _ in records]
    chance.shuffle(turns)
    rest = [iter(records) for records in lists]
    return [next(rest[number]) for number in turns]


def by_topic(kinds: Iterable[Kind]) -> dict[Topic, list[Kind]]:
    found: dict[Topic, list[Kind]] = defaultdict(list)
    for kind in kinds:
        found[kind.topic].append(kind)
    return found


# --- the corpus itself --------------------------------------------------------------------------


def test_corpus_holds_every_reason_and_at_least_forty_kinds() -> None:
    assert len(CORPUS) >= 40
    assert len({kind.name for kind in CORPUS}) == len(CORPUS)
    fates = {fate for kind in CORPUS for fate in kind.fates}
    assert fates == {FOLDED, DUPLICATE, *DEAD_LETTER_REASONS}
    assert {kind.topic for kind in CORPUS} == set(EVENT_TOPICS)


@pytest.mark.parametrize("kind", CORPUS, ids=lambda kind: kind.name)
def test_each_kind_alone_meets_its_fate(kind: Kind) -> None:
    result = folded(kind.topic, kind.records)
    assert result.fates == expected_reasons(kind.records)
    assert result.counts == expected_counts(kind.records, result)
    assert result.money == expected_money([kind])


# --- any order, any batches ---------------------------------------------------------------------


@given(
    topic=st.sampled_from(EVENT_TOPICS),
    chance=st.randoms(use_true_random=False),
    good=st.integers(0, 20),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_fates_and_money_do_not_depend_on_order_batches_or_good_records_among_them(
    topic: Topic, chance: random.Random, good: int, cuts: list[int]
) -> None:
    kinds = by_topic(SMALL)[topic]
    sound = good_records(topic, good)
    records = interleaved([*(kind.records for kind in kinds), sound], chance)
    result = folded(topic, records, (cut for cut in cuts if cut < len(records)))
    assert result.fates == expected_reasons(records)
    assert result.counts == expected_counts(records, result)
    counts = result.counts
    assert counts.folded + counts.duplicates + counts.dead_lettered == counts.consumed
    assert result.money == {
        **(folded(topic, sound).money if sound else {}),
        **expected_money(kinds),
    }


def test_money_of_the_whole_corpus_is_not_nothing() -> None:
    (gmv, refund) = expected_money(by_topic(CORPUS)[PURCHASES])[ROOM, CURRENCY]
    assert gmv > 10**13
    assert refund > 5_000


def test_page_about_bad_input_says_what_the_corpus_says() -> None:
    assert PAGE.read_text() == page(), "python -m tests.corpus.table"
