"""What the command line prints: plain text for people, plain values for JSON."""
