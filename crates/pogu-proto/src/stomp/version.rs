use std::fmt;

/// A version of STOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: nothing is escaped, no heart-beats, no NACK.
    V1_0,
    /// 1.1.
    V1_1,
    /// 1.2.
    V1_2,
}

impl Version {
    /// All, the highest first.
    pub const ALL: [Version; 3] = [Version::V1_2, Version::V1_1, Version::V1_0];

    /// As it stands in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::V1_0 => "1.0",
            Version::V1_1 => "1.1",
            Version::V1_2 => "1.2",
        }
    }

    /// The version of that name.
    pub(super) fn named(name: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.as_str() == name)
    }

    /// The highest of those in an `accept-version` header that are known here.
    pub(super) fn highest(accepted: &str) -> Option<Version> {
        accepted
            .split(',')
            .filter_map(|name| Version::named(name.trim()))
            .max()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All versions as an ERROR frame names them.
pub(super) const SUPPORTED: &str = "1.0,1.1,1.2";
