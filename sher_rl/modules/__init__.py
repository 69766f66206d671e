"""Networks, normalisers, and the policy made of both."""
