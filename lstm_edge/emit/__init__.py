"""From a scheduled program to C source: memory, packing of weights, views for the templates."""
