"""Packages of a compiled model: one folder that seven build systems accept as it is."""
