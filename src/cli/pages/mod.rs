//! Pages for people: what commands tell, read in a browser (`spec/server.md`, section Pages).
//!
//! Each page is read out of a desk as data, and made into markup by a pure function. There is no
//! script. Whatever people wrote is escaped where it is put into the markup, and set apart from
//! what stands around it; characters that hide or turn text around are spelt out in the page as a
//! whole.

mod change;
mod deployment;
mod entry;
mod fault;
mod ledger;
mod member;
mod overview;
mod parts;
mod queue;
mod shell;

pub(crate) use self::change::{ChangeArgs, ChangePage};
pub(crate) use self::deployment::DeploymentPage;
pub(crate) use self::entry::EntryPage;
pub(crate) use self::fault::problem_page;
pub(crate) use self::ledger::LedgerPage;
pub(crate) use self::member::{MemberPage, MembersPage};
pub(crate) use self::overview::OverviewPage;
pub(crate) use self::queue::{QueueArgs, QueuePage};
pub(crate) use self::shell::{Frame, HEADERS, ICON, STYLE};
