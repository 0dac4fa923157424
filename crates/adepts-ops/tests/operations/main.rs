//! Every operation: kernel against default body with every gradient, every instruction set, any number of threads.

mod adam;
mod composed;
mod noise;
mod slices;
mod support;
