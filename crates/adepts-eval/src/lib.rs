//! How good is it, and for whom? Metrics, groups, protocol, intervals.
