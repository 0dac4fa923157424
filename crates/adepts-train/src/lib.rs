//! How are parameters found? One loop, optimizers, stopping, checkpoints.
