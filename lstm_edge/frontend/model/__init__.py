"""From a graph to a Model: axes, operators, ports and states."""
