"""One file per kind of layer: its equations and its weights in the order that they expect."""
