"""Files made to take all memory or all time, each with the command that meets it."""
