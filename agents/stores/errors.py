"""Which failures of a store may pass and which never will.

::

    StoreUnavailable                 retry later
    └── StoreMissing                 … and it never answered so far; also a schemas Unavailable
    StoreRejected                    do not retry
    ├── ServerRefused                … with ClickHouse's error code
    └── StoreMisconfigured           … wrong user, rights or database; also a schemas UsageError

StoreMissing and StoreMisconfigured carry a sentence and a hint for the command line, and stay retryable or
fatal for the worker.
"""

from __future__ import annotations

from typing import Final

from schemas.errors import Unavailable, UsageError
from schemas.store import StoreError, StoreRejected, StoreUnavailable

#: ClickHouse error codes after which the same call may succeed later: the server is overloaded,
#: out of memory or disk for now, shutting down, or has lost its keeper. Everything unknown is
#: fatal, so that a defect is seen instead of being retried for ever.
TRANSIENT_CODES: Final = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE, for want of file descriptors
        95,  # CANNOT_READ_FROM_SOCKET
        96,  # CANNOT_WRITE_TO_SOCKET
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        173,  # CANNOT_ALLOCATE_MEMORY
        198,  # DNS_ERROR
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        999,  # KEEPER_EXCEPTION
    }
)
#: What the server passes on from its libraries: POCO_EXCEPTION, STD_EXCEPTION, UNKNOWN_EXCEPTION.
#: A directory that cannot be made on a full disk is one of them.
FOREIGN_CODES: Final = frozenset({1000, 1001, 1002})
#: In the words of strerror, and of Poco.
_NO_SPACE: Final = "no space left on device"
#: Wrong user (192), wrong or missing password (193, 194, 516), address not allowed (195).
LOGIN_CODES: Final = frozenset({192, 193, 194, 195, 516})
#: READONLY, DATABASE_ACCESS_DENIED, QUERY_IS_PROHIBITED and ACCESS_DENIED
RIGHTS_CODES: Final = frozenset({164, 291, 392, 497})
UNKNOWN_DATABASE: Final = 81
#: TABLE_ALREADY_EXISTS, TABLE_METADATA_ALREADY_EXISTS, DATABASE_ALREADY_EXISTS
ALREADY_EXISTS: Final = frozenset({57, 58, 82})
_LONGEST_MESSAGE = 500


class StoreMissing(StoreUnavailable, Unavailable):
    """No store answers at the address that was given, or its directory is taken."""


class StoreMisconfigured(StoreRejected, UsageError):
    """The store answers, but not to this user, or not for this database."""


class ServerRefused(StoreRejected):
    """The store answered with an error that will not pass.

    Attributes:
        code: ClickHouse's number for it.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"ClickHouse error {code}: {first_line(message)}")
        self.code = code


def from_code(code: int, message: str) -> StoreError:
    """The error to raise for an error that the store answered with."""
    disk_is_full = code in FOREIGN_CODES and _NO_SPACE in message.lower()
    if code in TRANSIENT_CODES or disk_is_full:
        return StoreUnavailable(f"ClickHouse error {code}: {first_line(message)}")
    return ServerRefused(code, message)


def first_line(message: str) -> str:
    """The part of a server's message that a person reads, at most 500 characters.

    Servers append a stack trace and may echo a whole query, which belong in the server's log.
    """
    text = message.split("Stack trace:", 1)[0].strip().removeprefix("DB::Exception:")
    return " ".join(text.split())[:_LONGEST_MESSAGE]
