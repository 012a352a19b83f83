"""Passes from model to model, shared by all front ends, and the names of what people see."""
