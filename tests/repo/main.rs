//! Our own rules, checked.

// The walls between the rooms: who may depend on what, and who translates.
mod walls;

// How sources are laid out: openings, sizes, names, what no test may do.
mod sources;

// What the documents say of the tree: paths, links, terms, commands.
mod documents;

mod tree;
