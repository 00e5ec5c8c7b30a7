//! Why benign traffic looks unusual: the change behind it, as the truth tells it.

use serde::Serialize;

/// The benign change that explains what is unusual about a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nothing changed: everyday traffic.
    #[default]
    Plain,
    /// A deploy brought new calls, or a new service.
    Deploy,
    /// The NAT gateways of an account and region got other addresses.
    NatChange,
    /// The supplier calls from another network.
    SupplierNetwork,
    /// Another version of the client, or another family.
    SdkUpgrade,
    /// A new long-term key beside or instead of the old one.
    Rotation,
    /// Instances came and went.
    Autoscaling,
    /// A team's work moved to another region for a day.
    Failover,
    /// Calls were throttled, and tried again.
    Throttling,
    /// Somebody took a right away by mistake.
    PermissionMistake,
    /// The identity is new.
    Birth,
    /// The end of a month or quarter: more work, and work that comes only then.
    MonthEnd,
    /// A public holiday.
    Holiday,
    /// Clocks went forward or back.
    Dst,
    /// A legitimate batch reads years of data again.
    Backfill,
    /// More customers.
    Growth,
    /// A person acts in an emergency, under a role of their own.
    BreakGlass,
    /// A supplier's product does something new.
    VendorFeature,
}

impl Cause {
    /// All causes, in declaration order.
    pub const ALL: [Self; 18] = [
        Self::Plain,
        Self::Deploy,
        Self::NatChange,
        Self::SupplierNetwork,
        Self::SdkUpgrade,
        Self::Rotation,
        Self::Autoscaling,
        Self::Failover,
        Self::Throttling,
        Self::PermissionMistake,
        Self::Birth,
        Self::MonthEnd,
        Self::Holiday,
        Self::Dst,
        Self::Backfill,
        Self::Growth,
        Self::BreakGlass,
        Self::VendorFeature,
    ];

    /// The name used in the truth and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Deploy => "deploy",
            Self::NatChange => "nat_change",
            Self::SupplierNetwork => "supplier_network",
            Self::SdkUpgrade => "sdk_upgrade",
            Self::Rotation => "rotation",
            Self::Autoscaling => "autoscaling",
            Self::Failover => "failover",
            Self::Throttling => "throttling",
            Self::PermissionMistake => "permission_mistake",
            Self::Birth => "birth",
            Self::MonthEnd => "month_end",
            Self::Holiday => "holiday",
            Self::Dst => "dst",
            Self::Backfill => "backfill",
            Self::Growth => "growth",
            Self::BreakGlass => "break_glass",
            Self::VendorFeature => "vendor_feature",
        }
    }
}
