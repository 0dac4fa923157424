//! How does a person see it? Tables, plots, the HTML page.
