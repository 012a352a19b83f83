"""Measures what the generated C executes, beside other libraries: `python -m benchmarks --help`."""
