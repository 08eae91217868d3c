//! Authentication (`domain.md` §6.1, §6.4, §11): sessions and their tokens, passwords, and how somebody becomes a
//! user.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod access_token;
mod cookies;
mod current;
mod invitation_accept;
mod invitation_show;
mod joining;
mod limits;
mod login;
mod logout;
mod password_change;
mod password_forgot;
mod password_reset;
mod refresh;
mod refresh_token;
mod register;
mod session_list;
mod session_revoke;
mod session_revoke_others;
mod session_user_list;

app::routes! {
    login::log_in,
    refresh::refresh_session,
    logout::log_out,
    current::show_current_user,
    session_list::list_own_sessions,
    session_revoke::revoke_session,
    session_revoke_others::revoke_other_sessions,
    session_user_list::list_user_sessions,
    register::register_user,
    invitation_show::show_invitation_of_link,
    invitation_accept::accept_invitation,
    password_forgot::forgot_password,
    password_reset::reset_password,
    password_change::change_password,
}

/// Those of `api-login`, which so contains neither the SQS client nor what the others do.
pub const LOGIN: &[app::Route] = &[login::ROUTE, refresh::ROUTE];

/// Those of `api-auth`, likewise, and without a password's hash.
pub const AUTH: &[app::Route] = &[
    logout::ROUTE,
    current::ROUTE,
    session_list::ROUTE,
    session_revoke::ROUTE,
    session_revoke_others::ROUTE,
    session_user_list::ROUTE,
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_small_functions_contain_all_of_their_routes() {
        for (function, own) in [("api-login", super::LOGIN), ("api-auth", super::AUTH)] {
            let wanted =
                super::ROUTES.iter().filter(|route| route.function == function).map(|route| route.path);
            assert_eq!(own.iter().map(|route| route.path).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        }
    }
}
