"""How far the integers are from float: per layer, per output, by time step, and what to do."""
