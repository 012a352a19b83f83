"""The automatic choice of widths."""
