"""What Python programs, and the command line, do with networks and compiled models."""
