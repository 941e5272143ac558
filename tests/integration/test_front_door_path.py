"""Record, replay, fold, reconcile, report: each a process of its own, as a user runs them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from liveshop.cli import run
from liveshop.drain import Lag
from liveshop.embedded.broker import EmbeddedBroker
from liveshop.embedded.process import free_port
from schemas.truth import Truth, read_truth
from tests.integration.front_door import NOISE, liveshop, running, wait_until

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]

#: A room with every kind of event, and a second one with a host of its own.
_RECORDED = ("--profile", "xinba-12h", "--minutes", "25", "--scale", "0.2", "--seed", "5")


@dataclass
class Journey:
    """What the fixture found out on the way, and where everything is."""

    directory: Path
    env: dict[str, str]
    recorded: dict[str, Any]
    replayed: dict[str, Any]
    while_in_use: list[subprocess.CompletedProcess[str]]
    doctor_while_in_use: list[dict[str, str]]
    worker_code: int
    worker_seconds: float
    worker_errors: str
    lag: int

    @property
    def truth(self) -> Truth:
        return read_truth(self.directory / "truth.json")

    @property
    def store(self) -> str:
        return f"chdb://{self.directory / 'store'}"

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return liveshop(*arguments, cwd=self.directory, env={**self.env, **env})


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    directory = tmp_path_factory.mktemp("front-door")
    broker = EmbeddedBroker(directory / "broker")
    port = free_port()
    env = {
        "LIVESHOP_BROKERS": broker.address,
        "LIVESHOP_STORE": "chdb://store",
        "LIVESHOP_SESSION_TIMEOUT_S": "3",
        "LIVESHOP_PORT": str(port),
    }
    try:
        recorded = liveshop(
            *("record", "show.ndjson.gz", *_RECORDED, "--truth", "recorded.json", "--json"),
            cwd=directory,
            env=env,
        )
        with running("worker", cwd=directory, env=env) as worker:
            replayed = liveshop(
                *("replay", "show.ndjson.gz", "--speed", "0", "--truth", "truth.json", "--json"),
                cwd=directory,
                env=env,
            )
            records = json.loads(replayed.stdout)["records"]
            wait_until(lambda: _folded(port) >= records)
            while_in_use = [
                liveshop(*command, cwd=directory, env=env)
                for command in (
                    ("report", "--list"),
                    ("reconcile", "--truth", "truth.json"),
                    ("worker", "--port", str(free_port())),
                )
            ]
            examined = liveshop("doctor", "--json", "--port", "0", cwd=directory, env=env)
            began = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            _, errors = worker.communicate(timeout=20)
            seconds = time.monotonic() - began
        yield Journey(
            directory,
            env,
            json.loads(recorded.stdout),
            json.loads(replayed.stdout),
            while_in_use,
            json.loads(examined.stdout),
            worker.returncode,
            seconds,
            errors,
            asyncio.run(_lag(broker.address)),
        )
    finally:
        broker.stop()


def _folded(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/live", timeout=2) as page:
            return int(json.load(page)["trust"]["consumed"])
    except OSError:
        return 0


async def _lag(brokers: str) -> int:
    async with Lag(brokers, "liveshop") as lag:
        return await lag.measure()


def test_a_worker_ends_in_seconds_on_sigterm_with_everything_committed(journey: Journey) -> None:
    assert journey.worker_code == 0
    assert journey.worker_seconds < 10
    assert journey.worker_errors == ""
    assert journey.lag == 0


def test_a_recording_is_replayed_to_its_last_record(journey: Journey) -> None:
    assert journey.recorded["records"] == journey.replayed["records"] > 5_000
    assert read_truth(journey.directory / "recorded.json").total == journey.truth.total


def test_a_store_in_use_is_not_read_by_another_process(journey: Journey) -> None:
    for done in journey.while_in_use:
        assert done.returncode == 1
        sentence, hint = done.stderr.splitlines()
        assert "store is in use by process" in sentence
        assert hint.startswith("  hint: ")
        assert done.stdout == ""


def test_the_doctor_takes_a_store_in_use_for_a_worker_that_runs(journey: Journey) -> None:
    found = {finding["what"]: finding for finding in journey.doctor_while_in_use}
    assert found["store"]["state"] == "warning"
    assert "in use by process" in found["store"]["found"]
    assert found["Kafka"]["state"] == found["lag"]["state"] == "ok"
    assert "live.purchases x 4" in found["topics"]["found"]


def test_the_doctor_finds_everything_in_order(journey: Journey) -> None:
    done = journey.run("doctor", "--json")
    findings = json.loads(done.stdout)
    assert {finding["state"] for finding in findings} == {"ok"}
    assert done.returncode == 0
    assert done.stderr == ""
    assert {"store", "tables", "Kafka", "topics", "lag", "port", "disk"} <= {
        finding["what"] for finding in findings
    }


def test_the_doctor_says_when_topics_have_other_partitions(journey: Journey) -> None:
    done = journey.run("doctor", LIVESHOP_PARTITIONS="7")
    assert done.returncode == 1
    assert "not x 7" in done.stdout
    assert "LIVESHOP_PARTITIONS" in done.stdout


def test_the_store_is_reconciled_with_the_manifest(journey: Journey) -> None:
    done = journey.run("reconcile", "--truth", "truth.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reconciled: orders ")
    assert done.stdout.endswith("difference 0\n")


def test_one_order_too_few_is_a_difference(journey: Journey) -> None:
    truth = journey.truth
    truth.total[truth.currency].orders += 1
    (journey.directory / "wrong.json").write_bytes(truth.to_json())
    done = journey.run("reconcile", "--truth", "wrong.json")
    assert done.returncode == 1
    assert done.stdout.startswith("NOT reconciled: ")
    as_json = journey.run("reconcile", "--truth", "wrong.json", "--json")
    assert as_json.returncode == 1
    (difference,) = json.loads(as_json.stdout)["differences"]
    assert difference["figure"] == "orders"
    assert difference["truth"] == difference["store"] + 1


def test_the_rooms_are_listed_one_a_line(journey: Journey) -> None:
    done = journey.run("report", "--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == sorted(journey.truth.rooms)


def test_the_report_of_every_room_equals_the_manifest(
    journey: Journey, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = journey.truth
    assert len(truth.rooms) > 1
    for room_id in truth.rooms:
        # In this process, for there are many rooms.
        assert run(["report", room_id, "--format", "json", "--store", journey.store]) == 0
        report = json.loads(capsys.readouterr().out)
        figures = {one["key"]: one["value"] for one in report["measures"]}
        room = truth.rooms[room_id]
        assert {
            "views": room.views,
            "viewers": room.unique_viewers,
            "likes": room.likes,
            "chats": room.chats,
            "clicks": room.clicks,
            "buyers": room.unique_buyers,
        }.items() <= figures.items()
        money = {
            sales["currency"]: {one["key"]: one["value"] for one in sales["measures"]}
            for sales in report["currencies"]
        }
        for currency, sums in truth.by_room.get(room_id, {}).items():
            assert {
                "gmv": sums.gmv_minor,
                "net_gmv": sums.gmv_minor - sums.refund_minor,
                "refund": sums.refund_minor,
                "refunds": sums.refunds,
                "orders": sums.orders,
                "units": sums.units,
            }.items() <= money[currency].items()


def test_a_report_is_written_to_a_file_in_each_format(
    journey: Journey, capsys: pytest.CaptureFixture[str]
) -> None:
    room = min(journey.truth.rooms)
    beginnings = {"html": b"<!doctype html>", "json": b"{", "csv": b"\xef\xbb\xbf"}
    for name, beginning in beginnings.items():
        file = journey.directory / f"report.{name}"
        options = ("--format", name, "--out", str(file), "--store", journey.store)
        assert run(["report", room, *options]) == 0
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", f"wrote {file}\n")
        assert file.read_bytes().lower().startswith(beginning), name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("report", "nobody"), "There is no room 'nobody'."),
        (("report", "直播间"), "There is no room '直播间'."),
        (("worker", "--partitions", "9"), "The topic live.rooms has 4 partitions, not 9."),
        (("replay", "show.ndjson.gz", "--partitions", "9"), "has 4 partitions, not 9."),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    journey: Journey, arguments: tuple[str, ...], sentence: str
) -> None:
    done = journey.run(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1].startswith("  hint: ")
    assert done.stdout == ""


def test_a_worker_with_other_windows_refuses_the_checkpoint(journey: Journey) -> None:
    done = journey.run("worker", LIVESHOP_WINDOW_MS="20000")
    assert done.returncode == 1
    sentence, hint = done.stderr.splitlines()
    assert "written with window_ms=10000, this worker has window_ms=20000" in sentence
    assert "use a new database" in hint


def test_an_interrupted_replay_leaves_the_truth_of_what_was_sent(journey: Journey) -> None:
    options = ("--profile", "boutique", "--truth", "partly.json", "--json")
    with running("replay", *options, cwd=journey.directory, env=journey.env) as replay:
        time.sleep(4.0)
        replay.send_signal(signal.SIGINT)
        out, err = replay.communicate(timeout=15)
    assert replay.returncode == 128 + signal.SIGINT
    assert err == ""
    sent = read_truth(journey.directory / "partly.json").sent
    assert sent.records == json.loads(out)["records"] > 0


def test_nothing_that_was_said_came_from_a_library(journey: Journey) -> None:
    for done in journey.while_in_use:
        assert not [noise for noise in NOISE if noise in done.stderr]
