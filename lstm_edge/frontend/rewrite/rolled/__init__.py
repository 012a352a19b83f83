"""Loops and unrolled repetitions become the recurrent layers that they are."""
