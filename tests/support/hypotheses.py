"""The same examples of hypothesis on every computer and in every run.

Examples are seeds: a smaller one is no simpler, so failures are reported as they are found.
"""

from __future__ import annotations

from hypothesis import Phase, settings

SHARE = 4
"""`make test` draws one of so many examples."""
FEWEST = 5


def load(*, entire: bool) -> None:
    """Loads the profile of a run, `entire` or not, before tests are imported."""
    settings.register_profile(
        "entire" if entire else "part",
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
    )
    settings.load_profile("entire" if entire else "part")


def examples(count: int) -> settings:
    """For a test whose examples take long: `count` of them in `make entire`."""
    part = settings.get_current_profile_name() == "part"
    return settings(max_examples=max(FEWEST, count // SHARE) if part else count)
