//! Permission keys (`domain.md` §5.2). A route asks for a key, never for a role's name.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

macro_rules! permissions {
    ($($variant:ident = $key:tt: $doc:tt),+ $(,)?) => {
        /// A permission key a role can hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum Permission { $(#[doc = $doc] #[serde(rename = $key)] $variant),+ }

        impl Permission {
            /// Every key, in the order of `domain.md` §5.2.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The key as stored and as sent to clients.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// What it allows, for the role editor.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }

            /// The permission of a stored key, also of one that the first product used for it; unknown keys (of
            /// a newer release) grant nothing.
            pub fn from_key(key: &str) -> Option<Self> {
                match key { $($key => Some(Self::$variant),)+ _ => legacy(key) }
            }
        }
    };
}

permissions! {
    TimesheetViewSelf = "timesheet.view.self": "See one's own weeks.",
    TimesheetCreateSelf = "timesheet.create.self": "Start a week of one's own.",
    TimesheetUpdateSelf = "timesheet.update.self": "Save one's own weeks.",
    TimesheetSubmitSelf = "timesheet.submit.self": "Hand in one's own weeks.",
    TimesheetViewTeam = "timesheet.view.team": "See the weeks of the teams one leads.",
    TimesheetApproveTeam = "timesheet.approve.team": "Approve weeks.",
    TimesheetRejectTeam = "timesheet.reject.team": "Reject weeks.",
    TimesheetCommentTeam = "timesheet.comment.team": "Comment on weeks.",
    TimesheetViewOrg = "timesheet.view.org": "See every week of the company.",
    TimesheetCorrectOrg = "timesheet.correct.org": "Correct weeks, also approved ones.",
    TimesheetLockPeriod = "timesheet.lock.period": "Lock a period.",
    TimesheetExportOrg = "timesheet.export.org": "Export the company's time.",
    TimesheetCreateForUser = "timesheet.create.forUser": "Fill in a week for somebody else.",
    ActionCodeView = "actioncode.view": "See action codes.",
    ActionCodeManage = "actioncode.manage": "Manage action codes.",
    ScheduleView = "schedule.view": "See schedules and holidays.",
    ScheduleManage = "schedule.manage": "Manage schedules and holidays.",
    PolicyView = "policy.view": "See policies.",
    PolicyManage = "policy.manage": "Manage policies.",
    UserViewSelf = "user.view.self": "See one's own profile.",
    UserUpdateSelf = "user.update.self": "Change one's own profile.",
    ManagerUserView = "manager.user.view": "See the users of the company.",
    ManagerUserList = "manager.user.list": "List the users of the company.",
    ManagerUserCreate = "manager.user.create": "Create users.",
    ManagerUserUpdate = "manager.user.update": "Change users, without role and status.",
    ManagerUserDelete = "manager.user.delete": "Delete users.",
    AdminUserView = "admin.user.view": "See any user.",
    AdminUserList = "admin.user.list": "List all users.",
    AdminUserCreate = "admin.user.create": "Create users with any role.",
    AdminUserUpdate = "admin.user.update": "Change users, also role and status.",
    AdminUserDelete = "admin.user.delete": "Delete and anonymise users.",
    TeamManage = "team.manage": "Manage teams and their members.",
    ViewUserSessions = "view_user_sessions": "See other users' sessions.",
    RevokeSession = "revoke_session": "Revoke other users' sessions.",
    ReportViewTeam = "report.view.team": "Reports of the teams one leads.",
    ReportViewOrg = "report.view.org": "Reports of the whole company.",
    RbacManageCompany = "rbac.manage.company": "Manage roles and permissions.",
    SettingsManageCompany = "settings.manage.company": "Manage the company's settings.",
    MenuManageCompany = "menu.manage.company": "Manage the menu.",
    AuditViewCompany = "audit.view.company": "Read the audit log.",
    CreateRole = "create_role": "Create roles.",
    UpdateRole = "update_role": "Change roles.",
    DeleteRole = "delete_role": "Delete roles.",
    AssignRolePermission = "assign_role_permission": "Give a role a permission.",
    RemoveRolePermission = "remove_role_permission": "Take a permission from a role.",
    CreateRolePermission = "create_role_permission": "Link a role and a permission.",
    DeleteRolePermission = "delete_role_permission": "Unlink a role and a permission.",
    LeaveApproveTeam = "leave.approve.team": "Decide on leave requests.",
    LeaveViewOrg = "leave.view.org": "See every leave request of the company.",
    PlatformManage = "platform.manage": "Run the platform: companies, user statuses, permission keys.",
}

/// Keys that the first product checked or documented but never seeded (`domain.md` §5.3, §5.5), and the nearest
/// key of ours (§6, "→ gate"): an imported database keeps working.
///
/// `create_permission`, `update_permission` and `delete_permission` are missing on purpose: they are the
/// platform's now, and no company's row may grant that.
fn legacy(key: &str) -> Option<Permission> {
    use Permission as P;
    Some(match key {
        "approve_leave_request"
        | "create_other_leave_request"
        | "update_other_leave_request"
        | "delete_other_leave_request" => P::LeaveApproveTeam,
        "update_company_settings" => P::SettingsManageCompany,
        "create_team" | "update_team" | "delete_team" | "manage_team_members" => P::TeamManage,
        "user.view.team" => P::ManagerUserView,
        "user.view.org" => P::AdminUserView,
        "user.manage" => P::AdminUserUpdate,
        _ => return None,
    })
}

impl Permission {
    /// What it belongs to, for the role editor: the part of the key before the first dot.
    pub fn group(self) -> &'static str {
        match self {
            Self::ViewUserSessions | Self::RevokeSession => "sessions",
            _ => self.key().split_once('.').map_or("roles", |(group, _)| group),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// The seeded roles (`domain.md` §5.2, §8) and the keys each holds.
pub fn seeded_roles() -> Vec<(&'static str, &'static str, Vec<Permission>)> {
    use Permission as P;
    let member = vec![
        P::TimesheetViewSelf,
        P::TimesheetCreateSelf,
        P::TimesheetUpdateSelf,
        P::TimesheetSubmitSelf,
        P::ActionCodeView,
        P::ScheduleView,
        P::PolicyView,
        P::UserViewSelf,
        P::UserUpdateSelf,
    ];
    let lead = [
        P::TimesheetViewTeam,
        P::TimesheetApproveTeam,
        P::TimesheetRejectTeam,
        P::TimesheetCommentTeam,
        P::ManagerUserView,
        P::ManagerUserList,
        P::ManagerUserCreate,
        P::ManagerUserUpdate,
        P::ManagerUserDelete,
        P::ReportViewTeam,
        P::LeaveApproveTeam,
    ];
    let hr = [
        P::TimesheetViewOrg,
        P::TimesheetCorrectOrg,
        P::TimesheetLockPeriod,
        P::ActionCodeManage,
        P::ScheduleManage,
        P::AdminUserView,
        P::AdminUserList,
        P::AdminUserCreate,
        P::AdminUserUpdate,
        P::AdminUserDelete,
        P::TeamManage,
        P::ReportViewOrg,
        P::TimesheetCreateForUser,
        P::LeaveViewOrg,
    ];
    let manager: Vec<_> = member.iter().chain(&lead).copied().collect();
    let hr: Vec<_> = manager.iter().chain(&hr).copied().collect();
    let payroll = vec![
        P::TimesheetViewOrg,
        P::TimesheetLockPeriod,
        P::TimesheetExportOrg,
        P::ReportViewOrg,
        P::LeaveViewOrg,
    ];
    let auditor = vec![
        P::TimesheetViewOrg,
        P::ActionCodeView,
        P::ScheduleView,
        P::PolicyView,
        P::AdminUserView,
        P::AdminUserList,
        P::ReportViewOrg,
        P::AuditViewCompany,
    ];
    // Nobody in a company runs the platform; the operator's role is made by hand (docs/deploy.md).
    let every: Vec<_> = P::ALL.iter().copied().filter(|p| *p != P::PlatformManage).collect();
    let company_admin = every.iter().copied().filter(|p| *p != P::PolicyManage).collect();
    vec![
        ("employee", "Fills in a timesheet", member),
        ("manager", "Approves a team's timesheets", manager),
        ("hr", "Corrects, locks and manages people", hr),
        ("payroll", "Reports on and exports time", payroll),
        ("auditor", "Reads everything, changes nothing", auditor),
        ("company_admin", "Manages the company", company_admin),
        ("project_code_admin", "Holds every permission of a company", every),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back() {
        for permission in Permission::ALL {
            assert_eq!(Permission::from_key(permission.key()), Some(*permission));
        }
        assert_eq!(Permission::from_key("no.such.key"), None);
    }

    #[test]
    fn keys_of_the_first_product_grant_the_nearest_of_ours_but_never_the_platform() {
        for (legacy, ours) in [
            ("approve_leave_request", Permission::LeaveApproveTeam),
            ("create_other_leave_request", Permission::LeaveApproveTeam),
            ("update_other_leave_request", Permission::LeaveApproveTeam),
            ("delete_other_leave_request", Permission::LeaveApproveTeam),
            ("update_company_settings", Permission::SettingsManageCompany),
            ("create_team", Permission::TeamManage),
            ("update_team", Permission::TeamManage),
            ("delete_team", Permission::TeamManage),
            ("manage_team_members", Permission::TeamManage),
            ("user.view.team", Permission::ManagerUserView),
            ("user.view.org", Permission::AdminUserView),
            ("user.manage", Permission::AdminUserUpdate),
            ("timesheet.create.forUser", Permission::TimesheetCreateForUser),
        ] {
            assert_eq!(Permission::from_key(legacy), Some(ours), "{legacy}");
        }
        for platform in ["create_permission", "update_permission", "delete_permission"] {
            assert_eq!(Permission::from_key(platform), None, "{platform}");
        }
    }

    #[test]
    fn every_key_has_a_group() {
        let group = |key: &str| Permission::from_key(key).map(Permission::group);
        assert_eq!(group("timesheet.lock.period"), Some("timesheet"));
        assert_eq!(group("assign_role_permission"), Some("roles"));
        assert_eq!(group("revoke_session"), Some("sessions"));
    }

    #[test]
    fn seeded_roles_follow_the_matrix() {
        let roles = seeded_roles();
        let has = |role: &str, p| roles.iter().any(|(name, _, keys)| *name == role && keys.contains(&p));
        assert!(has("payroll", Permission::TimesheetExportOrg) && !has("hr", Permission::TimesheetExportOrg));
        assert!(!has("payroll", Permission::UserViewSelf) && !has("auditor", Permission::UserViewSelf));
        assert!(has("hr", Permission::ActionCodeManage) && !has("manager", Permission::ActionCodeManage));
        assert!(!has("company_admin", Permission::PolicyManage));
    }
}
