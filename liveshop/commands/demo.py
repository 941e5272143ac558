"""``liveshop demo``: the whole path on this machine, ending with its own proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from liveshop.commands.options import (
    AsJson,
    Brokers,
    Partitions,
    Port,
    ProfileName,
    Scale,
    Seed,
    Speed,
    StoreAddress,
    positive,
)
from liveshop.commands.reconcile import show_differences
from liveshop.console import note, say, say_bytes, tell
from liveshop.credentials import EXPOSED, is_exposed, store_address
from liveshop.demo import Outcome, Plan, run_demo
from liveshop.embedded.process import free_ports
from liveshop.ports import need_port
from liveshop.screen import Screen
from liveshop.settings import Settings, load_settings
from liveshop.stores import embedded_directory
from liveshop.wording import sent_line
from producers.generator import Show
from producers.pacing import Schedule
from producers.profile_files import load_profile
from schemas.errors import UsageError


def demo(
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 1.0,
    speed: Speed = None,
    duration: Annotated[
        float,
        typer.Option("--duration", metavar="S", callback=positive, help="wall seconds of the show"),
    ] = 120.0,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="where runs are kept  (LIVESHOP_DATA_DIR)"),
    ] = None,
    port: Port = None,
    workers: Annotated[
        int, typer.Option(metavar="N", help="worker processes; more than 1 need --store")
    ] = 1,
    partitions: Partitions = None,
    brokers: Brokers = None,
    store: StoreAddress = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="nothing on the terminal; the page is served")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replay a show end to end on this machine, live, and prove the totals at the end.

    Broker and store are started here, unless --brokers or --store name others. With --json, the
    result goes to standard output as one document, and the closing line to standard error.
    """
    settings = load_settings(data_dir=data_dir, port=port, partitions=partitions)
    _need_room_for(workers, store)
    show = Show(load_profile(profile), seed=seed, scale=scale)
    schedule = Schedule(show.default_speed if speed is None else speed)
    ports = _ports(settings, workers)
    if store is not None:
        store = store_address(load_settings(store=store))
    plan = Plan(show, schedule, duration, settings, ports, brokers, store)
    if is_exposed(settings):
        tell(EXPOSED)
    if not headless:
        note(f"live page: http://localhost:{ports[0]}")
    outcome = run_demo(plan, Screen(shown=not headless))
    if as_json:
        say_bytes(_to_json(outcome))
        tell(outcome.proof.line())
    else:
        _summarise(outcome)
        show_differences(outcome.proof)
        say(outcome.proof.line())
    raise typer.Exit(0 if outcome.proof.is_exact else 1)


def _need_room_for(workers: int, store: str | None) -> None:
    if workers < 1:
        raise UsageError(f"{workers} workers fold nothing.", "Give --workers 1 or more.")
    if workers > 1 and (store is None or embedded_directory(store) is not None):
        raise UsageError(
            "The embedded store belongs to one process, so there can be only one worker.",
            "For more, name a ClickHouse server with --store clickhouse://HOST:PORT/DATABASE.",
        )


def _ports(settings: Settings, workers: int) -> list[int]:
    """A live page per worker, on the port that was asked for and those after it."""
    if settings.port == 0:
        return free_ports(workers)
    ports = [settings.port + number for number in range(workers)]
    for port in ports:
        need_port(settings.host, port)
    return ports


def _summarise(outcome: Outcome) -> None:
    accounts, proof, seconds = outcome.proof.accounts, outcome.proof, outcome.seconds
    say(sent_line(outcome.sent))
    say(
        f"folded {accounts['folded']:,} events, {accounts['late']:,} of them late; set apart "
        f"{accounts['duplicates']:,} duplicates and {accounts['dead_lettered']:,} dead letters; "
        f"{accounts['unaccounted']:,} records unaccounted for"
    )
    say(f"compared {proof.compared:,} figures with the truth, {len(proof.differences)} differ")
    if outcome.restarts:
        say(f"started a worker again {outcome.restarts} times")
    phases = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items())
    say(f"took {sum(seconds.values()):.1f} s: {phases}")
    say(f"report {outcome.report or 'none: no room was opened'}, truth and logs next to it")


def _to_json(outcome: Outcome) -> bytes:
    proof = outcome.proof
    document = {
        "reconciled": proof.is_exact,
        "line": proof.line(),
        "directory": str(outcome.directory),
        "report": None if outcome.report is None else str(outcome.report),
        "sent": outcome.sent.sent,
        "records": sum(outcome.sent.sent.values()),
        "behind_ms": outcome.sent.behind_ms,
        "restarts": outcome.restarts,
        "seconds": outcome.seconds,
        "proof": proof,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
