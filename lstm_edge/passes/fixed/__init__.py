"""Fixed-point arithmetic on the values of a program under construction.

Formats are chosen so that every result is proved to lie in int32 by the ranges of its operands.
"""
