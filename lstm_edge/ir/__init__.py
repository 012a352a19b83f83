"""The three forms of a model: cell equations, the float graph, and the program of operations."""
