"""The numbers of PostgreSQL's advisory locks, in one place so that no two are alike."""

from enum import IntEnum

# Any that no other program is likely to lock in the same database.
_FIRST = 7_824_617_202


class Lock(IntEnum):
    """What only one process does at a time."""

    MIGRATION = _FIRST
    FIRST_ADMIN = _FIRST + 1
    QUEUE_CLAIM = _FIRST + 2
    # With a batch's or project's name: the seed of its hash.
    BATCHES = _FIRST + 3
    USAGE_PARTITIONS = _FIRST + 4
    CATALOG = _FIRST + 5
    STORE_INDEXES = _FIRST + 6
