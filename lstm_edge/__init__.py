"""Compile trained recurrent networks to C for microcontrollers, exact to the bit."""

from lstm_edge.fake_quant import fake_quant, fake_quant_activations

__all__ = ["__version__", "fake_quant", "fake_quant_activations"]

__version__ = "0.1.0"
