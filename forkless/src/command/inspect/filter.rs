//! Which keys are meant.

use forkless::Glob;
use rdb_format::{Family, KeyHead};

/// What a key must be to be shown. A criterion that was not given lets every key pass.
pub(crate) struct Filter {
    database: Option<u32>,
    name: Option<Glob>,
    family: Option<Family>,
}

impl Filter {
    pub(crate) fn new(database: Option<u32>, name: Option<&str>, family: Option<Family>) -> Self {
        Self {
            database,
            name: name.map(|pattern| Glob::new(pattern.as_bytes())),
            family,
        }
    }

    /// Whether there is no criterion.
    pub(crate) fn passes_all(&self) -> bool {
        self.database.is_none() && self.name.is_none() && self.family.is_none()
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
