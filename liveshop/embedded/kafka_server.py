"""Apache Kafka on this machine: real KRaft brokers, for tests and for chaos runs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from liveshop.embedded.process import Child, free_ports
from schemas.errors import Unavailable, UsageError

#: Parts of a checkout, not of the wheel.
_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_DEPLOY: Final = _CHECKOUT / "deploy" / "kafka"

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 8.0
_POLL_SECONDS: Final = 0.05

#: Any 16 bytes in base64; every cluster of ours is on its own anyway.
_CLUSTER_ID: Final = "bGl2ZXNob3AgY2x1c3Rlcg"

#: Metadata, version 1: the oldest that every Kafka since 0.10 understands. Correlation id 0, no
#: client id, and no topics: the answer begins with the brokers.
_METADATA_REQUEST: Final = struct.pack(">hhihi", 3, 1, 0, -1, 0)

#: A small heap; and quick to start, because no broker of ours lives long enough for the better
#: compiler to pay off.
_JVM: Final = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    f"-Dlog4j2.configurationFile={_DEPLOY / 'log4j2.properties'}",
)

#: What is the same for every node. Everything that a production broker does at leisure happens at
#: once here, or a test would wait for it.
_SETTINGS: Final[dict[str, str | int]] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": (
        "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL"
    ),
    "auto.create.topics.enable": "false",
    # Groups.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    # A broker that is gone is noticed soon, and one that was killed may come back soon: the
    # controller refuses it until it has given up on its former self.
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 3_000,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.election.backoff.max.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1_500,
    "replica.lag.time.max.ms": 3_000,
    # Retention and compaction.
    "log.retention.check.interval.ms": 500,
    "log.initial.task.delay.ms": 500,
    "log.segment.delete.delay.ms": 500,
    "log.cleaner.backoff.ms": 500,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    # Threads for two cores.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    "background.threads": 4,
}


def find_kafka() -> Path | None:
    """The directory of Kafka's jars, or ``None``: see ``deploy/kafka/fetch.sh``."""
    home = os.environ.get("LIVESHOP_KAFKA_HOME")
    libs = (Path(home) if home else _CHECKOUT / ".cache" / f"kafka-{_pinned_version()}") / "libs"
    return libs if any(libs.glob("kafka_2.1*.jar")) else None


def _pinned_version() -> str:
    try:
        pom = (_DEPLOY / "pom.xml").read_text()
    except FileNotFoundError:  # an installed wheel
        return "none"
    found = re.search("<kafka.version>(.*)</kafka.version>", pom)
    return found[1] if found else "none"


@dataclass(frozen=True, slots=True)
class Doors:
    """Two more listeners of every node, named after what they speak.

    ``SASL_SSL`` asks for user and password, by any mechanism; ``SSL`` for a certificate.

    Attributes:
        identity: PEM file of the nodes' private key and certificate, for the name 127.0.0.1.
        trusted: PEM file of the authorities whose certificates are accepted of clients.
        users: name → password; neither may hold a quote or a comma.
    """

    identity: Path
    trusted: Path
    users: Mapping[str, str] = field(repr=False)

    @property
    def settings(self) -> dict[str, str | int]:
        """Of ``server.properties``."""
        plain = "".join(f' user_{name}="{word}"' for name, word in self.users.items())
        module = "org.apache.kafka.common.security"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.identity),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.trusted),
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f"{module}.plain.PlainLoginModule required{plain};"
            ),
            **{
                f"listener.name.sasl_ssl.scram-sha-{bits}.sasl.jaas.config": (
                    f"{module}.scram.ScramLoginModule required;"
                )
                for bits in (256, 512)
            },
        }

    @property
    def accounts(self) -> list[str]:
        """Options of the formatting tool that create the users of SCRAM."""
        return [
            f"--add-scram=SCRAM-SHA-{bits}=[name={name},password={word}]"
            for name, word in self.users.items()
            for bits in (256, 512)
        ]


@dataclass
class _Node:
    """One broker that is a controller as well; its ports and directory outlive its process."""

    number: int
    port: int
    controller_port: int
    #: Protocol → port, of :class:`Doors`.
    door_ports: dict[str, int]
    directory: Path
    child: Child | None = field(default=None)

    @property
    def runs(self) -> bool:
        return self.child is not None and self.child.exit_code is None

    @property
    def properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        # Not the frames of a stack trace, which are indented.
        return next((line for line in reversed(lines) if line and not line[0].isspace()), "none")


class KafkaServer:
    """A cluster of one or more nodes on 127.0.0.1, which ends with this process.

    ::

        with KafkaServer(directory, nodes=3) as kafka:
            kafka.kill(1)
            kafka.restart(1)

    Ports and data stay the same over restarts. ``start``, ``launch`` and ``restart`` must be called
    from a thread that outlives the cluster (see ``die_with_parent``).

    Args:
        directory: for data and logs, one subdirectory per node; created if it is missing, and kept
            at the end.
        nodes: with three, topics may have three replicas, and one node may be missing.
        settings: of ``server.properties``, on top of our own.
        doors: listeners with TLS. The one without stays open, and is how we see that it is up.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        settings: dict[str, str | int] | None = None,
        doors: Doors | None = None,
    ) -> None:
        if nodes < 1:
            raise UsageError(f"A cluster of {nodes} nodes cannot be.", "Give 1, or 3.")
        self.directory = directory.resolve()
        protocols = () if doors is None else ("SASL_SSL", "SSL")
        ports = iter(free_ports((2 + len(protocols)) * nodes))
        self._nodes = [
            _Node(
                number=number,
                port=next(ports),
                controller_port=next(ports),
                door_ports={protocol: next(ports) for protocol in protocols},
                directory=self.directory / f"node-{number}",
            )
            for number in range(nodes)
        ]
        self._settings = {**({} if doors is None else doors.settings), **(settings or {})}
        self._accounts = [] if doors is None else doors.accounts

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """``host:port`` of every node, with commas in between."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self._nodes)

    def address_of(self, protocol: str) -> str:
        """The same for the listeners of :class:`Doors`, ``SASL_SSL`` or ``SSL``."""
        return ",".join(f"127.0.0.1:{node.door_ports[protocol]}" for node in self._nodes)

    @property
    def pids(self) -> list[int | None]:
        """Process id of each node; ``None`` for one that does not run."""
        return [node.child.pid if node.child and node.runs else None for node in self._nodes]

    def log(self, node: int = 0) -> Path:
        """What a node printed."""
        return self._nodes[node].log

    # --- starting ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the nodes that do not run, and wait until the cluster answers, at most 60 s.

        Raises:
            Unavailable: there is no Java or no Kafka, or a node ended or stayed silent.
        """
        try:
            self.launch()
            self.wait()
        except BaseException:
            self._end(self._nodes, signal.SIGKILL)
            raise

    def launch(self, *numbers: int) -> None:
        """Start nodes, all without ``numbers``, and do not :meth:`wait` for them.

        The first time, this takes a second or two: the data directories are formatted.

        Raises:
            Unavailable: there is no Java or no Kafka.
        """
        wanted = [node for node in self._chosen(numbers) if not node.runs]
        java = _java_command()
        self._format([node for node in wanted if not node.properties.exists()], java)
        for node in wanted:
            command = [*java, "kafka.Kafka", str(node.properties)]
            node.child = Child(f"kafka-{node.number}", command, log=node.log)

    def wait(self) -> None:
        """Wait until every node that was started knows all the others, at most 60 s.

        May be called from any thread.

        Raises:
            Unavailable: a node ended or stayed silent.
        """
        deadline = time.monotonic() + _START_SECONDS
        started = [node for node in self._nodes if node.child is not None]
        expected = {node.number for node in started}
        for node in started:
            while not expected <= _brokers_known_to(node.port):
                if not node.runs:
                    raise Unavailable(
                        f"Kafka node {node.number} ended while starting.",
                        f"Its log is {node.log}; its last words: {node.last_words}",
                    )
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"Kafka node {node.number} did not answer within {_START_SECONDS:.0f} s.",
                        f"Its log is {node.log}.",
                    )
                time.sleep(_POLL_SECONDS)

    def _format(self, nodes: list[_Node], java: list[str]) -> None:
        """Write the configuration of new nodes, and prepare their data directories."""
        jobs = []
        for node in nodes:
            node.directory.mkdir(parents=True, exist_ok=True)
            draft = node.directory / "draft.properties"
            draft.write_text("".join(f"{k}={v}\n" for k, v in self._configuration(node).items()))
            tool = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
            with node.log.open("ab") as log:
                job = subprocess.Popen(  # noqa: S603 (the command is our own)
                    [*tool, "-t", _CLUSTER_ID, "-c", str(draft), *self._accounts],
                    stdout=log,
                    stderr=log,
                )
            jobs.append((node, draft, job))
        for node, draft, job in jobs:
            if job.wait():
                raise Unavailable(
                    f"The data directory of Kafka node {node.number} cannot be formatted.",
                    f"The log is {node.log}; its last words: {node.last_words}",
                )
            # Only what is formatted has a configuration: that is how we know.
            draft.rename(node.properties)

    def _configuration(self, node: _Node) -> dict[str, str | int]:
        replicas = min(3, len(self._nodes))
        in_sync = max(1, replicas - 1)
        clients = {"PLAINTEXT": node.port, **node.door_ports}
        advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in clients.items())
        return {
            **_SETTINGS,
            "node.id": node.number,
            "log.dirs": str(node.directory / "data"),
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": advertised,
            "controller.quorum.voters": ",".join(
                f"{one.number}@127.0.0.1:{one.controller_port}" for one in self._nodes
            ),
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            **self._settings,
        }

    # --- ending ------------------------------------------------------------------------------

    def stop(self, *numbers: int) -> None:
        """End nodes, all without ``numbers``, in good order; by force after 8 s."""
        self._end(self._chosen(numbers), signal.SIGTERM)

    def kill(self, *numbers: int) -> None:
        """End nodes, all without ``numbers``, as a crash would: SIGKILL."""
        self._end(self._chosen(numbers), signal.SIGKILL)

    def restart(self, *numbers: int) -> None:
        """Stop nodes, all without ``numbers``, and start them again with their ports and data."""
        self.stop(*numbers)
        self.launch(*numbers)
        self.wait()

    def _chosen(self, numbers: tuple[int, ...]) -> list[_Node]:
        return [self._nodes[number] for number in numbers] if numbers else self._nodes

    def _end(self, nodes: list[_Node], number: signal.Signals) -> None:
        children = [node.child for node in nodes if node.child is not None]
        for child in children:
            child.send(number)  # to all of them, before any is waited for
        for child in children:
            child.stop(grace_s=_STOP_SECONDS, number=number)
        for node in nodes:
            node.child = None


def _java_command() -> list[str]:
    java, libs = shutil.which("java"), find_kafka()
    if java is None:
        raise Unavailable(
            "There is no Java on this machine.",
            "On Debian: apt-get install --no-install-recommends openjdk-17-jre-headless",
        )
    if libs is None:
        raise Unavailable("Apache Kafka is not on this machine.", "Run deploy/kafka/fetch.sh.")
    return [java, *_JVM, "-cp", f"{libs}/*"]


def _brokers_known_to(port: int) -> set[int]:
    """Ids of the brokers to which the one on this port would send a client; none if it is silent.

    A broker is among them once the controller has let it in.
    """
    with (
        contextlib.suppress(OSError, struct.error),
        socket.create_connection(("127.0.0.1", port), timeout=2) as connection,
        connection.makefile("rb") as stream,
    ):
        connection.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
        _, _, count = _read(stream, ">iii")  # size, correlation id, brokers
        return {_read_broker(stream) for _ in range(count)}
    return set()


def _read_broker(stream: BinaryIO) -> int:
    number, host_length = _read(stream, ">ih")
    stream.read(host_length)
    _, rack_length = _read(stream, ">ih")  # port
    stream.read(max(0, rack_length))
    return number


def _read(stream: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))
