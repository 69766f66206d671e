"""What a command line starts."""
