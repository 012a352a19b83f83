"""`python -m lstm_edge` is `lstm-edge`."""

from lstm_edge.cli import main

main()
