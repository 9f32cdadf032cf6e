"""How much of a pool a process gets. Pure arithmetic."""

from stellwerk.features.limits.types import Ask, Grant


def share(ask: Ask, *, others: int, spent: int, holders: int, alone: bool) -> Grant:
    """What `ask` gets of a pool of which `others` hold so much, and so much money is `spent`.

    `holders` is the number of other processes that hold a part; `alone` says that there is no
    other process at all. The one that is alone gets everything. Otherwise a part that halves with
    each grant and each holder, so that the last units go out one by one; and never less than is
    needed: a part that does not help would only be missing elsewhere.
    """
    left = max(ask.limit - spent - others - ask.held, 0)
    added = 0
    if ask.need and left >= ask.need:
        added = left if alone else max(ask.need, min(ask.wish, left), left // (2 * (holders + 2)))
    return Grant(added, left - added, others)
