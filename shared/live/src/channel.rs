//! Names of channels: `company:{id}`, `team:{id}`, `user:{id}`.

use domain::{CompanyId, TeamId, UserId};
use std::{fmt, str::FromStr};

/// What can be subscribed to, and the scope of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Everybody's weeks; for holders of `timesheet.view.org`.
    Company(CompanyId),
    /// The weeks of one team's members; for its leads, and for holders of `timesheet.view.org`.
    Team(TeamId),
    /// One person's own weeks and exports; for that person.
    User(UserId),
}

/// Not a name of a channel.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a channel: expected company:{{id}}, team:{{id}} or user:{{id}}")]
pub struct BadChannel;

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Company(id) => write!(f, "company:{id}"),
            Self::Team(id) => write!(f, "team:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl FromStr for Channel {
    type Err = BadChannel;

    /// Only the canonical form (lower-case id with hyphens): a channel has one name, in the database too.
    fn from_str(text: &str) -> Result<Self, BadChannel> {
        let (kind, id) = text.split_once(':').ok_or(BadChannel)?;
        let id: uuid::Uuid = id.parse().map_err(|_| BadChannel)?;
        let channel = match kind {
            "company" => Self::Company(id.into()),
            "team" => Self::Team(id.into()),
            "user" => Self::User(id.into()),
            _ => return Err(BadChannel),
        };
        if channel.to_string() == text { Ok(channel) } else { Err(BadChannel) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_exactly_one_name() {
        for channel in
            [Channel::Company(CompanyId::new()), Channel::Team(TeamId::new()), Channel::User(UserId::new())]
        {
            assert_eq!(channel.to_string().parse(), Ok(channel));
        }
        let id = TeamId::new();
        for wrong in [
            format!("team:{}", id.to_string().to_uppercase()),
            format!("team:{}", id.0.simple()),
            format!("group:{id}"),
            format!("team:{id} "),
            "team:".to_owned(),
            String::new(),
        ] {
            assert_eq!(wrong.parse::<Channel>(), Err(BadChannel), "{wrong}");
        }
    }
}
