//! Name, address and number of a user: how a request changes them.

use app::{
    Problem,
    fields::{self, Patch},
};
use db::directory::{Details, UserResponse};

/// What a request says of them.
pub(crate) struct Sent {
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) phone_number: Patch<String>,
}

impl Sent {
    /// The user's details with what was sent.
    pub(crate) fn onto(self, user: &UserResponse) -> Result<Details, Problem> {
        let name = |field, sent: Option<String>, now: &String| {
            sent.map_or_else(|| Ok(now.clone()), |sent| fields::text(field, &sent, 255))
        };
        let mut phone_number = user.phone_number.clone();
        self.phone_number.apply(&mut phone_number, |number| fields::phone("phoneNumber", Some(&number)))?;
        Ok(Details {
            email: self
                .email
                .map_or_else(|| Ok(user.email.clone()), |email| fields::email("email", &email))?,
            first_name: name("firstName", self.first_name, &user.first_name)?,
            last_name: name("lastName", self.last_name, &user.last_name)?,
            phone_number,
        })
    }
}

/// The fields that differ. Their values stay out of the audit log, which nobody can be taken out of.
pub(crate) fn changed(before: &UserResponse, after: &Details) -> Vec<&'static str> {
    let pairs = [
        ("email", before.email != after.email),
        ("firstName", before.first_name != after.first_name),
        ("lastName", before.last_name != after.last_name),
        ("phoneNumber", before.phone_number != after.phone_number),
    ];
    pairs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

/// 409 if the address is taken.
pub(crate) fn email_taken(error: db::Error) -> Problem {
    if error.violates("users_email_key") {
        return Problem::conflict("Another user of the company has this e-mail address.");
    }
    error.into()
}
