"""What generated code costs: instructions, cycles, flash, RAM, stack and energy of a step.

`counting.count_program` counts any C on a target, `bundle_profile.profile_bundle` a whole bundle.
"""
