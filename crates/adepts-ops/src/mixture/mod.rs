pub mod kernel;
mod row_pass;
