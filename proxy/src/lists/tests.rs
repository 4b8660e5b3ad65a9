//! Lists from charter to index, over real files.
