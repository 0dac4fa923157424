//! How is it computed fast? The fused operations of the expert models and their kernels.
