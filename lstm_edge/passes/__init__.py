"""From the float graph to a proved integer program: plain functions, value in, value out."""
