"""A run whose environments, replay buffer and evaluations are in processes of a Ray cluster."""
