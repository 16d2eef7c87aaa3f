//! The rules of the house, as tests: who may depend on whom, who may read a clock, what may come into the
//! build, and that the documents are whole. Not a style guide: what clippy can say, clippy says.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod container;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod workspace;
