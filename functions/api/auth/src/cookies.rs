//! The two cookies, exactly as the first product set them (`domain.md` §11).

use app::Stage;
use axum::http::{HeaderMap, HeaderValue, header};

/// Seconds that the browser keeps each.
const JWT_AGE: u32 = 86_400;
const REFRESH_AGE: u32 = 604_800;

/// Both.
pub(crate) fn set(stage: Stage, jwt: &str, refresh: &str) -> HeaderMap {
    write(stage, &[("jwt", jwt, JWT_AGE), ("refreshToken", refresh, REFRESH_AGE)])
}

/// The access token alone: another tab has the new refresh token already.
pub(crate) fn set_access(stage: Stage, jwt: &str) -> HeaderMap {
    write(stage, &[("jwt", jwt, JWT_AGE)])
}

/// Takes both from the browser.
pub(crate) fn clear(stage: Stage) -> HeaderMap {
    write(stage, &[("jwt", "", 0), ("refreshToken", "", 0)])
}

fn write(stage: Stage, cookies: &[(&str, &str, u32)]) -> HeaderMap {
    let secure = if stage == Stage::Local { "" } else { "; Secure" };
    let mut headers = HeaderMap::new();
    for (name, value, age) in cookies {
        let cookie = format!("{name}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    headers
}
