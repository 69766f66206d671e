"""The state of a run as files, from which it goes on to the bit."""
