from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from producers.record import Kind, OutRecord
from producers.recording import Recording, write_recording
from producers.recount import Counter
from schemas.errors import UsageError
from tests.unit.producers.shows import PROFILES, cut_ms, flattened, recounted, small_show

EVENT_MS = 1_781_715_600_000
EVENT = {
    "type": "chat_sent",
    "v": 1,
    "event_id": "e-1",
    "room_id": "room",
    "occurred_at_ms": EVENT_MS,
    "user_id": "u-1",
    "text": "hello",
}


def wire(record: OutRecord) -> tuple[int, str, bytes, bytes]:
    return record.due_ms, record.topic, record.key, record.value


def written(tmp_path: Path, *lines: bytes) -> Path:
    path = tmp_path / "show.ndjson"
    path.write_bytes(b"\n".join(lines))
    return path


@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_recorded_show_comes_back_byte_by_byte(tmp_path: Path, name: str, suffix: str) -> None:
    show = small_show(name, unreadable=0.05)
    records = list(show.records(cut_ms(show)))
    path = tmp_path / f"show{suffix}"
    assert write_recording(path, records) == len(records)
    recording = Recording(path)
    back = list(recording.records())
    assert [wire(record) for record in back] == [wire(record) for record in records]
    assert (recording.start_ms, recording.end_ms) == (records[0].due_ms, records[-1].due_ms)


@pytest.mark.parametrize("name", PROFILES)
def test_the_truth_of_a_recording_is_that_of_the_show(tmp_path: Path, name: str) -> None:
    show = small_show(name, duplicates=0.05, unreadable=0.05)
    records = list(show.records(cut_ms(show)))
    path = tmp_path / "show.ndjson"
    write_recording(path, records)
    counter = Counter()
    for record in Recording(path).records():
        assert record.kind is Kind.RECORDED
        counter.count(record)
    truth = counter.book.truth(source="", seed=None, scale=None, start_ms=0, end_ms=1)
    assert flattened(truth) == recounted(records)


def test_a_plain_event_is_due_when_it_happened_on_its_own_topic(tmp_path: Path) -> None:
    line = orjson.dumps(EVENT)
    [record] = Recording(written(tmp_path, b"", line, b"  ", b"")).records()
    assert wire(record) == (EVENT_MS, "live.chat", b"room", line)


def test_raw_bytes_may_be_anything(tmp_path: Path) -> None:
    garbage = OutRecord(EVENT_MS, "live.chat", b"room", b"\x00\xff\n{", Kind.UNREADABLE, None)
    path = tmp_path / "show.ndjson"
    write_recording(path, [garbage])
    [record] = Recording(path).records()
    assert wire(record) == wire(garbage)


def test_an_event_that_would_not_come_back_exactly_is_kept_raw(tmp_path: Path) -> None:
    value = orjson.dumps(EVENT).replace(b":", b" : ")
    record = OutRecord(EVENT_MS, "live.chat", b"room", value, Kind.EVENT, EVENT)
    path = tmp_path / "show.ndjson"
    write_recording(path, [record])
    assert [wire(back) for back in Recording(path).records()] == [wire(record)]


def test_a_value_that_is_no_event_is_sent_on_within_an_envelope(tmp_path: Path) -> None:
    head = {"due_ms": EVENT_MS, "topic": "live.chat", "key": "room"}
    [record] = Recording(written(tmp_path, orjson.dumps({**head, "value": {"a": 1}}))).records()
    assert record.value == b'{"a":1}'


def test_only_what_is_due_before_the_cut_is_sent(tmp_path: Path) -> None:
    lines = [orjson.dumps({**EVENT, "occurred_at_ms": EVENT_MS + n}) for n in (0, 10, 20)]
    assert len(list(Recording(written(tmp_path, *lines)).records(EVENT_MS + 10))) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"not json", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"type": "chat_sent"', "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b"{}", "no known event type"),
        (b'{"type": "viewer_teleported"}', "viewer_teleported"),
        (b'{"type": ["chat_sent"]}', "no known event type"),
        (orjson.dumps({**EVENT, "room_id": None}), "lacks room_id"),
        (orjson.dumps({**EVENT, "occurred_at_ms": "now"}), "occurred_at_ms"),
        (orjson.dumps({**EVENT, "occurred_at_ms": True}), "occurred_at_ms"),
        (b'{"topic": "live.other", "key": "k", "due_ms": 1781715600000}', "live.other"),
        (b'{"topic": ["live.chat"], "key": "k", "due_ms": 1781715600000}', "no topic"),
        (b'{"topic": "live.chat", "due_ms": 1781715600000, "value": {}}', "lacks key"),
        (b'{"topic": "live.chat", "key": "k", "value": {}}', "due_ms"),
        (b'{"topic": "live.chat", "key": "k", "due_ms": 1781715600000}', "value and raw"),
        (b'{"topic": "live.chat", "key": "k", "due_ms": 1781715600000, "raw": "?"}', "base64"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_before_anything_is_sent(
    tmp_path: Path, line: bytes, words: str
) -> None:
    path = written(tmp_path, orjson.dumps(EVENT), b"", line, orjson.dumps(EVENT))
    with pytest.raises(UsageError, match=words) as caught:
        Recording(path)
    assert f"{path}, line 3 " in caught.value.sentence
    assert caught.value.hint


def test_a_file_that_is_missing_empty_or_a_directory_is_refused(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "gone.ndjson", "No such file"),
        (tmp_path, "Is a directory"),
        (written(tmp_path, b"", b" "), "is empty"),
    ):
        with pytest.raises(UsageError, match=words):
            Recording(path)


def test_a_gz_file_that_is_none_or_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "show.ndjson.gz"
    whole = gzip.compress(orjson.dumps(EVENT) * 100)
    for content in (b"plain text", whole[:-10], whole[:20] + b"\x00" * 30):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="cannot be read"):
            Recording(path)


def test_a_recording_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_recording(tmp_path / "no" / "such" / "directory.ndjson", [])
