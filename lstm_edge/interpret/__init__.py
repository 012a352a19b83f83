"""What a program means: run in numpy, on stored numbers or on the user's."""
