"""Compile trained recurrent networks to C for microcontrollers, exact to the bit."""

__version__ = "0.1.0"
