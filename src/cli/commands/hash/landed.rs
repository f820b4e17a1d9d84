//! `hash --landed`: whether what landed is what was read.

use std::path::Path;

use serde::Serialize;

use super::ChangeHash;
use crate::base::digest::ContentDigest;
use crate::base::name::Revision;
use crate::carry::{FindError, find};
use crate::change::carry::{Carried, CarryError, CarryFault, Certificate};
use crate::change::{ChangePath, Document};
use crate::cli::Context;
use crate::cli::desk::write_file;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::print_next;
use crate::cli::text::counted;
use crate::cli::ui::{Role, Ui};
use crate::git::{Range, Repository};

/// Paths that are shown of each kind, unless details are asked for.
const PATHS_SHOWN: usize = 12;

/// The answer.
#[derive(Serialize)]
struct Report {
    relation: Relation,
    read: Side,
    landed: Side,
    gap_lines: u32,
    /// Paths that landed exactly as they were read; of a different change it is not told.
    exact_paths: Option<usize>,
    /// Paths that both edited apart from each other.
    carried_paths: Vec<String>,
    /// Paths that were read and that the branch had so before.
    there_paths: Vec<String>,
    /// The fewest unchanged lines between both edits.
    closest_lines: Option<usize>,
    certificate: Option<ContentDigest>,
    /// Why it is another change, path by path.
    different: Vec<Different>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Relation {
    Exact,
    Carried,
    Different,
}

#[derive(Serialize)]
struct Side {
    change: ChangeHash,
    base: Option<Revision>,
    head: Revision,
    paths: usize,
}

#[derive(Serialize)]
struct Different {
    path: String,
    reason: String,
}

impl Side {
    fn new(range: &Range, document: &Document) -> Self {
        let (base, head) = (range.base.clone(), range.head.clone());
        Self { change: document.hash(), base, head, paths: document.rows().len() }
    }

    fn said(&self) -> String {
        let base = self.base.as_ref().map_or("the empty tree", Revision::short);
        let head = self.head.short();
        format!("{}  of {base}..{head}, {}", self.change.short(), counted(self.paths, "path"))
    }
}

impl Report {
    fn take(&mut self, carried: &Carried) {
        let shown = |paths: &[ChangePath]| paths.iter().map(ChangePath::to_string).collect();
        self.relation = Relation::Carried;
        self.exact_paths = Some(carried.exact());
        self.carried_paths = shown(carried.edited());
        self.there_paths = shown(carried.there());
        self.closest_lines = carried.closest_lines();
        self.certificate = Some(carried.certificate());
    }

    fn refuse(&mut self, paths: &[(ChangePath, CarryFault)]) {
        let different = |(path, fault): &(ChangePath, CarryFault)| Different {
            path: path.to_string(),
            reason: fault.to_string(),
        };
        self.different = paths.iter().map(different).collect();
    }
}

/// Runs the command.
pub(super) fn run(
    context: &mut Context,
    repository: &Repository,
    read: Range,
    landed: Range,
    gap_lines: u32,
    output: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let approved_document = repository.document(read.base.as_ref(), &read.head)?;
    let landed_document = repository.document(landed.base.as_ref(), &landed.head)?;
    let mut report = Report {
        relation: Relation::Different,
        read: Side::new(&read, &approved_document),
        landed: Side::new(&landed, &landed_document),
        gap_lines,
        exact_paths: None,
        carried_paths: Vec::new(),
        there_paths: Vec::new(),
        closest_lines: None,
        certificate: None,
        different: Vec::new(),
    };
    let source = repository.carried_ranges(read, landed);
    let found = find(&approved_document, &landed_document, gap_lines, &source);
    if let Some(error) = source.failure() {
        return Err(error.into());
    }
    let mut certificate = None;
    match found {
        Ok((found, carried)) => {
            report.take(&carried);
            certificate = Some(found);
        }
        Err(FindError::Check(CarryError::Exact)) => {
            report.relation = Relation::Exact;
            report.exact_paths = Some(report.read.paths);
        }
        Err(FindError::Different(paths)) => report.refuse(&paths),
        Err(FindError::Check(CarryError::Empty)) => {
            let error = CliError::usage("one of the two changes is empty: nothing to compare");
            return Err(error.hint("countersign hash BRANCH --landed COMMIT"));
        }
        Err(error) => {
            let error = CliError::usage(error.to_string());
            return Err(error.hint("a change so large is read and signed as it landed"));
        }
    }
    write_certificate(&mut context.ui, certificate.as_ref(), output)?;
    // What is written to standard output is the answer, and nothing stands beside it.
    let is_out = output.is_some_and(|path| path.as_os_str() == "-") && certificate.is_some();
    if !is_out {
        context.ui.json(&report);
        show(&mut context.ui, &report, output);
    }
    Ok(match report.relation {
        Relation::Exact | Relation::Carried => ExitStatus::Yes,
        Relation::Different => ExitStatus::No,
    })
}

fn write_certificate(
    ui: &mut Ui,
    certificate: Option<&Certificate>,
    output: Option<&Path>,
) -> Result<(), CliError> {
    match (certificate, output) {
        (Some(certificate), Some(path)) => write_file(path, &certificate.to_bytes()),
        (None, Some(_)) => {
            ui.note("No certificate was written: only a carried change has one.");
            Ok(())
        }
        (_, None) => Ok(()),
    }
}

fn show(ui: &mut Ui, report: &Report, output: Option<&Path>) {
    let (role, word, said) = match report.relation {
        Relation::Exact => (Role::Good, "EXACT", "what landed is byte for byte what was read"),
        Relation::Carried => {
            (Role::Good, "CARRIED", "the same edits, in files that others edited elsewhere")
        }
        Relation::Different => (Role::Bad, "DIFFERENT", "what landed is not what was read"),
    };
    ui.lead(role, word, said);
    ui.line(&format!("  read     {}", report.read.said()));
    ui.line(&format!("  landed   {}", report.landed.said()));
    if let (Relation::Carried, Some(exact)) = (report.relation, report.exact_paths) {
        ui.line(&format!("  {} as read", counted(exact, "path")));
        let apart = report.closest_lines.map_or_else(String::new, |lines| {
            format!(", {} or more from what others edited", counted(lines, "line"))
        });
        paths(ui, &format!(" carried{apart}"), &report.carried_paths);
        paths(ui, " there before it landed", &report.there_paths);
    }
    for (reason, different) in by_reason(&report.different) {
        paths(ui, &format!(": {reason}"), &different);
    }
    if report.relation == Relation::Different {
        let Side { base, head, .. } = &report.landed;
        let base = base.as_ref().map_or_else(String::new, |base| format!("{}..", base.short()));
        let next = format!("sign what landed: countersign approve {base}{}", head.short());
        print_next(ui, &next);
    }
    if let Some(certificate) = &report.certificate {
        let written = output.map_or_else(
            || "-o FILE writes it".to_owned(),
            |path| format!("written to {}", path.display()),
        );
        ui.paragraph(2, &format!("certificate {}: {written}", certificate.short()));
    }
}

/// The paths of each reason, in the order in which the reasons come.
fn by_reason(different: &[Different]) -> Vec<(&str, Vec<String>)> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for Different { path, reason } in different {
        match groups.iter_mut().find(|(known, _)| known == reason) {
            Some((_, paths)) => paths.push(path.clone()),
            None => groups.push((reason, vec![path.clone()])),
        }
    }
    groups
}

fn paths(ui: &mut Ui, what: &str, paths: &[String]) {
    if paths.is_empty() {
        return;
    }
    ui.paragraph(2, &format!("{}{what}", counted(paths.len(), "path")));
    let shown = if ui.is_verbose() { paths.len() } else { PATHS_SHOWN };
    for path in paths.iter().take(shown) {
        ui.paragraph(4, path);
    }
    if paths.len() > shown {
        ui.line(&format!("    and {} more: -v", paths.len() - shown));
    }
}
