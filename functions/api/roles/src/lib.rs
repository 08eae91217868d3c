//! Roles, permissions and the audit log (`domain.md` §5, §6.5).
//!
//! **Invariant: nobody gains by editing roles.** Nobody gives a role a key they do not hold themselves, or changes a
//! role that holds such a key; and a company keeps a role that can manage roles.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod audit_log;
mod catalogue;
mod guard;
mod link_create;
mod link_delete;
mod permission_create;
mod permission_delete;
mod permission_list;
mod permission_show;
mod permission_update;
mod role_create;
mod role_delete;
mod role_list;
mod role_permission_add;
mod role_permission_remove;
mod role_permissions_set;
mod role_show;
mod role_update;
mod role_users;

app::routes! {
    role_list::list_roles,
    role_create::create_role,
    role_show::show_role,
    role_update::update_role,
    role_delete::delete_role,
    role_users::list_role_users,
    role_permissions_set::set_role_permissions,
    role_permission_add::add_permission_to_role,
    role_permission_remove::remove_permission_from_role,
    permission_list::list_permissions,
    permission_create::create_permission,
    permission_show::show_permission,
    permission_update::update_permission,
    permission_delete::delete_permission,
    catalogue::list_permission_catalogue,
    link_create::create_role_permission,
    link_delete::delete_role_permission,
    audit_log::list_audit_log,
}
