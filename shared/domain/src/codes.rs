//! The action codes that every new company begins with (`domain.md` §8).

use crate::{Billable, CodeType};

/// An action code. Its location policy is `any`, and it is active.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// What people type.
    pub code: &'static str,
    /// What they read.
    pub name: &'static str,
    /// Billed or not, unless the default says otherwise.
    pub kind: CodeType,
    /// `#RRGGBB`.
    pub color: &'static str,
    /// What a row's `auto` means.
    pub billable_default: Billable,
    /// Whether a row may say something else.
    pub billable_editable: bool,
}

/// The six of `domain.md` §8.
pub const DEFAULT: &[Code] = {
    use Billable as B;
    use CodeType as T;
    const fn code(
        code: &'static str,
        name: &'static str,
        kind: CodeType,
        color: &'static str,
        billable_default: Billable,
        billable_editable: bool,
    ) -> Code {
        Code { code, name, kind, color, billable_default, billable_editable }
    }
    &[
        code("DEV", "Product Development", T::Billable, "#4F46E5", B::Billable, true),
        code("MEETING", "Client Meetings", T::Billable, "#0EA5E9", B::Auto, true),
        code("EMAIL", "Inbox & Admin", T::NonBillable, "#475569", B::NonBillable, false),
        code("HOLIDAY", "Holiday", T::NonBillable, "#F97316", B::NonBillable, false),
        code("SICK", "Sick Leave", T::NonBillable, "#F43F5E", B::NonBillable, false),
        code("TRAINING", "Training & Learning", T::NonBillable, "#22C55E", B::Auto, true),
    ]
};
