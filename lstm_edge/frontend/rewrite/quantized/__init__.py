"""Networks that other tools quantized, in real numbers again."""
