"""The same examples on every computer and in every run.

Examples are seeds: a smaller one is no simpler, so failures are reported as they are found.
"""

from hypothesis import Phase, settings

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("repeatable")
