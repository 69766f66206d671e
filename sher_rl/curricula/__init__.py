"""Goals proposed to a learner, in place of those that its environment draws."""
