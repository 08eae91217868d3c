//! The version of the API is in its path: `/api` is v1, another would be `/api/v2`. Inside v1 nothing is taken
//! away; operations that a better one has replaced say so in their replies (RFC 9745 and RFC 8594).

use axum::response::Response;
use http::{HeaderValue, header};

/// A family of replaced operations.
pub(crate) struct Legacy {
    /// What their paths begin with.
    path: &'static str,
    /// `Deprecation`: seconds since 1970.
    since: &'static str,
    /// `Sunset`, an HTTP date, once there is one.
    sunset: Option<&'static str>,
    /// What to use instead.
    successor: &'static str,
}

const LEGACY: &[Legacy] = &[
    Legacy {
        path: "/timesheet-entries",
        since: "@1795478400", // 2026-11-24
        sunset: None,
        successor: "/api/timesheet/weeks/{weekStart}/timesheet",
    },
    Legacy { path: "/anonymization", since: "@1795478400", sunset: None, successor: "/api/users/{id}" },
    Legacy {
        path: "/role-permissions",
        since: "@1795478400",
        sunset: None,
        successor: "/api/roles/{id}/permissions",
    },
    Legacy {
        path: "/system/generate-openapi",
        since: "@1795478400",
        sunset: None,
        successor: "/api/system/openapi-status",
    },
];

/// What is said of the operations at `path`.
pub(crate) fn of(path: &str) -> Option<&'static Legacy> {
    LEGACY.iter().find(|legacy| path.starts_with(legacy.path))
}

impl Legacy {
    /// Adds the headers to a reply.
    pub(crate) fn announce(&'static self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert("deprecation", HeaderValue::from_static(self.since));
        if let Some(sunset) = self.sunset {
            headers.insert("sunset", HeaderValue::from_static(sunset));
        }
        if let Ok(link) = HeaderValue::from_str(&format!("<{}>; rel=\"successor-version\"", self.successor)) {
            headers.append(header::LINK, link);
        }
        response
    }
}
