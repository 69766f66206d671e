"""Which goals episodes are asked for, in place of those that their environment draws."""
