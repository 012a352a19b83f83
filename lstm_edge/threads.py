"""How many cores the matrix library takes: one, while a model is compiled."""

from __future__ import annotations

from contextlib import AbstractContextManager


def one_core() -> AbstractContextManager[object]:
    """A context in which matrix products run on one core; as it was, behind it.

    A step's products are so short that further threads do little but wait for the next one, and
    their waiting takes a core each: see docs/decisions/0031-one-core.md.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits
