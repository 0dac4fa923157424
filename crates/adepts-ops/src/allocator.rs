//! The allocator for binaries that train: [mimalloc](https://github.com/microsoft/mimalloc), set up for large arrays that
//! come and go with every step.
//!
//! A step allocates gigabytes and frees them again. Given back to the system, every page of them costs a fault and a clearing
//! in the next step, more than a third of the time of a step with 100 experts; and rows that lie far apart miss the
//! processor's table of small pages. So memory is kept, and asked for in large pages where the system has them.

use std::ffi::{c_int, c_long};

pub use mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`: milliseconds until free memory is given back, or −1 for never. The binding has no
/// name for it; the test below holds it to its documented default.
const PURGE_DELAY: c_int = 15;

/// Makes mimalloc keep what it got, and ask for large pages. To be called first in `main`.
pub fn keep_memory() {
    // SAFETY: both options exist in this version of mimalloc and may be set at any time from one thread.
    unsafe {
        libmimalloc_sys::mi_option_set_enabled(libmimalloc_sys::mi_option_large_os_pages, true);
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1 as c_long);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_without_a_name_is_the_purge_delay() {
        // SAFETY: reading an option has no preconditions.
        let before = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(before, 1000);
        keep_memory();
        // SAFETY: as above.
        let after = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(after, -1);
    }
}
