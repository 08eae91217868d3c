//! The two cookies, exactly as the first product set them (`domain.md` §11).

use app::Stage;
use axum::http::{HeaderMap, HeaderValue, header};

/// Seconds that the browser keeps each.
const JWT_AGE: u32 = 86_400;
const REFRESH_AGE: u32 = 604_800;

/// Sets both, or with empty values clears both.
pub(crate) fn set(stage: Stage, jwt: &str, refresh: &str) -> HeaderMap {
    let secure = if stage == Stage::Local { "" } else { "; Secure" };
    let mut headers = HeaderMap::new();
    for (name, value, age) in [("jwt", jwt, JWT_AGE), ("refreshToken", refresh, REFRESH_AGE)] {
        let age = if value.is_empty() { 0 } else { age };
        let cookie = format!("{name}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    headers
}
