"""Goal environments as batched TorchRL environments."""
