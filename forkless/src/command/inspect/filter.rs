//! Which keys are meant.

use rdb_format::{Family, KeyHead};

use crate::arguments::Inspect;
use crate::command::inspect::glob::Glob;

/// What a key must be to be shown. A criterion that was not given lets every key pass.
pub(crate) struct Filter {
    database: Option<u32>,
    name: Option<Glob>,
    family: Option<Family>,
}

impl Filter {
    pub(crate) fn new(arguments: &Inspect) -> Self {
        Self {
            database: arguments.db,
            name: arguments
                .key
                .as_ref()
                .map(|pattern| Glob::new(pattern.as_bytes())),
            family: arguments.family,
        }
    }

    /// Whether a key passes all criteria.
    pub(crate) fn passes(&self, database: u32, head: &KeyHead<'_>) -> bool {
        self.database.is_none_or(|wanted| wanted == database)
            && self
                .family
                .is_none_or(|wanted| wanted == head.value_type.family())
            && self.name.as_ref().is_none_or(|glob| glob.matches(head.key))
    }
}
