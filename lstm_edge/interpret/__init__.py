"""What a program means: on numpy arrays, and on intervals."""
