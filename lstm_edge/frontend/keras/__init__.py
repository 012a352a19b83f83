"""From a Keras file to a Model."""
