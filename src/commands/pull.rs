//! `backfill pull`: brings the target's tables up to date with a sanitized copy of the source's.

use super::Context;
use crate::client::Interrupt;
use crate::client::hooks::{self, Event};
use crate::client::run::Pull;
use crate::client::summary::{OutsideKey, Preview, Summary, Verified};
use crate::config::{Hooks, Overrides};
use crate::error::{Context as _, Error, Result};
use crate::plan::delta::Why;
use crate::ui::Screen;
use crate::ui::format::{count, duration, estimate, plural};
use crate::ui::prompt::confirm;
use crate::ui::table::{Align, Table};
use crate::wire::manifest::NotCopied;
use clap::Args;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Options of `pull`.
#[derive(Debug, Clone, Default, Args)]
pub struct PullArgs {
    /// Pull all that the server gives, not only what changed since the last pull: rows deleted there go here too
    #[arg(long)]
    pub full: bool,
    /// Pull exactly these tables; `*` is allowed, tables that they refer to are not added
    #[arg(long, value_name = "TABLE,…", value_delimiter = ',', action = clap::ArgAction::Append)]
    pub tables: Vec<String>,
    /// Show what would be pulled and change nothing (`Limited`: not every row; `Timestamps`: has created_at and
    /// updated_at)
    #[arg(long)]
    pub dry_run: bool,
    /// Connections to the target [default: client.parallel]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: Option<u16>,
    /// Read back every loaded row and compare it with what arrived, before tables are replaced
    #[arg(long)]
    pub verify: bool,
    /// Drop what earlier pulls had loaded and could not finish, and load everything anew
    #[arg(long)]
    pub fresh: bool,
    /// Do not ask before tables are replaced
    #[arg(short, long, visible_alias = "force", overrides_with = "yes")]
    pub yes: bool,
}

/// How the question is answered beforehand.
const YES_FLAG: &str = "--yes";

/// Pulls, or shows what a pull would do.
///
/// # Errors
/// Every kind; see [`Pull::run`].
pub fn run(args: &PullArgs, context: &Context) -> Result<()> {
    let screen = &context.screen;
    let overrides = Overrides { parallel: args.parallel.map(usize::from), ..Overrides::default() };
    let config = context.load(overrides)?.pull()?;
    let tables: Vec<String> =
        args.tables.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if tables.is_empty() && !args.tables.is_empty() {
        return Err(Error::usage("--tables names no table"));
    }
    if args.full && !args.yes && !args.dry_run && !screen.can_ask() {
        return Err(cannot_ask("a full pull replaces data"));
    }
    let progress = screen.progress();
    let interrupt = Interrupt::listen()?;
    let pull = Pull {
        config: &config,
        tables: &tables,
        full: args.full,
        verify: args.verify,
        fresh: args.fresh,
        progress: &*progress,
        interrupt: &interrupt,
    };
    if args.dry_run {
        let preview = pull.preview()?;
        drop(progress);
        return show(&preview, context);
    }
    let ask = |question: &str| match args.yes {
        true => Ok(true),
        false if screen.can_ask() => confirm(screen, question, YES_FLAG),
        false => Err(cannot_ask(&format!("this pull asks \"{question}\""))),
    };
    let begun = Instant::now();
    let pulled = pull.run(&ask);
    drop(progress);
    match pulled {
        Ok(None) => {
            screen.result("Nothing was changed.")?;
            screen.json(&serde_json::json!({"declined": true}))
        }
        Ok(Some(summary)) => {
            for line in lines(&summary) {
                screen.result(&line)?;
            }
            completed(&config.hooks, &summary, screen, &interrupt)?;
            screen.json(&summary)
        }
        Err(error) => {
            failed(&config.hooks, &error, begun.elapsed(), screen, &interrupt);
            Err(error)
        }
    }
}

/// Runs the hook of a pull that is in place.
fn completed(hooks: &Hooks, summary: &Summary, screen: &Screen, interrupt: &Interrupt) -> Result<()> {
    let Some(hook) = &hooks.sync_completed else { return Ok(()) };
    screen.note("Running the hook sync_completed");
    hooks::run(hook, &Event::completed(summary), interrupt).context(|| "the pull stands, but a hook failed")
}

/// Runs the hook of a pull that failed. What becomes of it is only remarked: the pull's own error is the result.
fn failed(hooks: &Hooks, error: &Error, duration: Duration, screen: &Screen, interrupt: &Interrupt) {
    let Some(hook) = &hooks.sync_failed else { return };
    let Some(event) = Event::failed(error, duration) else { return };
    screen.note("Running the hook sync_failed");
    if let Err(second) = hooks::run(hook, &event, interrupt) {
        screen.warn(&format!("warning: a hook failed too: {second}"));
    }
}

fn cannot_ask(what: &str) -> Error {
    Error::usage(format!("{what}, and there is no terminal to ask for a yes"))
        .hint(format!("say yes beforehand with {YES_FLAG}, or look first with --dry-run"))
}

fn show(preview: &Preview, context: &Context) -> Result<()> {
    let screen = &context.screen;
    screen.table(&table_of(preview))?;
    screen.result("")?;
    screen.result(&promise(preview))?;
    for note in &preview.notes {
        screen.result(&format!("- {note}"))?;
    }
    if let Some(line) = not_copied(&preview.not_copied) {
        screen.result(&line)?;
    }
    screen.json(preview)
}

/// What a pull would do, in a sentence.
fn promise(preview: &Preview) -> String {
    let of = |mode: &'static str| {
        let tables =
            preview.tables.iter().filter(move |t| t.how.as_ref().is_some_and(|how| how.mode == mode));
        tables.fold((0, 0u64), |(n, rows), t| (n + 1, rows.saturating_add(t.rows_estimate.unwrap_or(0))))
    };
    let ((whole, rows), (delta, _), (unchanged, _)) = (of("full"), of("delta"), of("unchanged"));
    let whole = (whole > 0).then(|| format!("{} with {} rows", plural(whole, "table"), estimate(rows)));
    let delta = (delta > 0).then(|| format!("what is new in {}", plural(delta, "table")));
    let brought: Vec<String> = delta.into_iter().chain(whole).collect();
    let brought = if brought.is_empty() { "nothing".to_owned() } else { brought.join(" and ") };
    let unchanged = match unchanged {
        0 => String::new(),
        tables => format!(" Nothing is new in {}.", plural(tables, "table")),
    };
    let Preview { source, target, .. } = preview;
    format!("A pull would bring {brought} from `{source}` into {target}.{unchanged} Nothing was changed.")
}

fn table_of(preview: &Preview) -> Table {
    let mut table = Table::new(&[
        ("Table", Align::Left),
        ("Rows", Align::Right),
        ("Sanitized", Align::Left),
        ("Limited", Align::Left),
        ("Timestamps", Align::Left),
        ("Note", Align::Left),
    ]);
    let yes = |is: bool| if is { "yes" } else { "-" }.to_owned();
    for line in &preview.tables {
        table.row(vec![
            line.table.clone(),
            line.rows_estimate.map_or_else(|| "-".to_owned(), estimate),
            if line.sanitized.is_empty() { "-".to_owned() } else { line.sanitized.join(", ") },
            yes(line.limited),
            yes(line.timestamps),
            line.note.clone(),
        ]);
    }
    table
}

/// The summary in words.
fn lines(summary: &Summary) -> Vec<String> {
    let mut lines = vec![headline(summary)];
    lines.extend(whole(summary));
    let rebuilt = [
        (summary.indexes, "index built", "indexes built"),
        (summary.foreign_keys, "foreign key added", "foreign keys added"),
        (summary.triggers, "trigger put back", "triggers put back"),
    ];
    let rebuilt: Vec<String> = rebuilt
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| format!("{} {}", count(number), if number == 1 { one } else { many }))
        .collect();
    if !rebuilt.is_empty() {
        lines.push(format!("{}.", rebuilt.join(", ")));
    }
    if let Some(binlog) = &summary.binlog {
        lines.push(format!("Binlog of the target while loading: {binlog}."));
    }
    if let Some(snapshot) = &summary.snapshot {
        lines.push(format!("All tables are of one moment of the source, read over {snapshot}."));
    }
    lines.extend(summary.verified.iter().flat_map(verified));
    for key in &summary.outside_keys {
        lines.extend(dangling(key, summary).map(|line| format!("- {line}")));
    }
    lines.extend(summary.notes.iter().map(|note| format!("- {note}")));
    lines.extend(not_copied(&summary.not_copied));
    lines
}

/// Which rows refer to nothing in a table that was replaced, if any do.
fn dangling(key: &OutsideKey, summary: &Summary) -> Option<String> {
    let OutsideKey { table, name, references, dangling } = key;
    let (rows, refer) = match dangling {
        Some(0) => return None,
        Some(1) => ("1 row".to_owned(), "refers"),
        Some(rows) => (plural(*rows, "row"), "refer"),
        None => ("an unknown number of rows".to_owned(), "refer"),
    };
    let nothing = format!("{refer} to nothing in the new `{references}` (foreign key `{name}`)");
    // Of these tables only new rows came: those that the source deleted are still here.
    let is_kept = summary.unchanged.contains(table) || summary.pulled.iter().any(|came| came.table == *table);
    Some(match is_kept {
        true => format!("{rows} of `{table}` {nothing}: `backfill pull --full` sees what the source deleted"),
        false => format!("{rows} of `{table}`, which was not pulled, {nothing}"),
    })
}

/// What came, in a sentence.
fn headline(summary: &Summary) -> String {
    let Summary { source, target, pulled, unchanged, .. } = summary;
    let still = plural(unchanged.len() as u64, "table");
    if summary.tables == 0 && !unchanged.is_empty() {
        return format!(
            "Nothing is new in {still} of `{source}` since the last pull into {target}: nothing was changed."
        );
    }
    let delta = pulled.iter().filter(|table| table.how.mode == "delta").count() as u64;
    let how = match summary.mode {
        "delta" => format!(
            " (DELTA: {delta} by delta, {} whole, {} unchanged)",
            summary.tables.saturating_sub(delta),
            unchanged.len()
        ),
        _ => String::new(),
    };
    format!(
        "Pulled {} with {} from `{source}` into {target} in {}{how}.",
        plural(summary.tables, "table"),
        plural(summary.rows, "row"),
        duration(summary.duration()),
    )
}

/// Why tables came whole, where a delta might have been expected.
fn whole(summary: &Summary) -> Vec<String> {
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for table in &summary.pulled {
        let Some(why) = &table.how.why else { continue };
        let is_told = !why.is_usual() || (summary.mode == "delta" && !matches!(why, Why::New));
        if is_told {
            by_reason.entry(why.to_string()).or_default().push(&table.table);
        }
    }
    let line = |(why, tables): (String, Vec<&str>)| {
        let tables: Vec<String> = tables.into_iter().map(|table| format!("`{table}`")).collect();
        format!("- whole: {} ({why})", tables.join(", "))
    };
    by_reason.into_iter().map(line).collect()
}

fn verified(verified: &Verified) -> Vec<String> {
    let mut lines = vec![format!(
        "Verified in {}: {} of {} read back as they arrived.",
        duration(Duration::from_millis(verified.duration_ms)),
        plural(verified.rows, "row"),
        plural(verified.tables, "table"),
    )];
    lines.extend(verified.partly.iter().map(|partly| {
        let left_out = partly.left_out.len() as u64;
        format!(
            "- compared {} of {} of `{}`, not {}: stored here in another way",
            partly.columns.saturating_sub(left_out),
            plural(partly.columns, "column"),
            partly.table,
            partly.left_out.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        )
    }));
    lines
}

fn not_copied(things: &NotCopied) -> Option<String> {
    let list: Vec<String> = [
        (things.views, "view"),
        (things.triggers, "trigger"),
        (things.routines, "routine"),
        (things.events, "event"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| plural(number, word))
    .collect();
    (!list.is_empty()).then(|| format!("Of the source and never copied: {}.", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::summary::{Partly, PreviewTable};

    #[test]
    fn a_dry_run_shows_estimates_as_estimates() {
        let line = |table: &str, rows, sanitized: &[&str]| PreviewTable {
            table: table.into(),
            rows_estimate: rows,
            sanitized: sanitized.iter().map(|name| (*name).to_owned()).collect(),
            limited: rows.is_some(),
            timestamps: false,
            how: None,
            note: "new".into(),
        };
        let preview = Preview {
            mode: "full",
            source: "app".into(),
            target: "localhost:3306/app".into(),
            tables: vec![line("users", Some(1_234_567), &["email", "name"]), line("kept", None, &[])],
            not_copied: NotCopied::default(),
            notes: Vec::new(),
        };
        let text = table_of(&preview).render(None);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["Table", "Rows", "Sanitized", "Limited", "Timestamps", "Note"]);
        assert_eq!(rows[1], ["users", "~1,234,567", "email,", "name", "yes", "-", "new"]);
        assert_eq!(rows[2], ["kept", "-", "-", "-", "-", "new"]);
    }

    #[test]
    fn the_summary_tells_what_is_worth_telling() {
        let key = |dangling| OutsideKey {
            table: "audit".into(),
            name: "fk".into(),
            references: "users".into(),
            dangling,
        };
        let summary = Summary {
            source: "app".into(),
            target: "localhost/app".into(),
            tables: 1,
            rows: 12_000,
            duration_ms: 3_200,
            indexes: 1,
            verified: Some(Verified {
                tables: 1,
                rows: 12_000,
                duration_ms: 900,
                partly: vec![Partly {
                    table: "users".into(),
                    columns: 3,
                    left_out: vec!["settings".into(), "note".into()],
                }],
            }),
            outside_keys: vec![key(Some(0)), key(Some(2))],
            not_copied: NotCopied { views: 2, ..NotCopied::default() },
            notes: vec!["x".into()],
            ..Summary::default()
        };
        assert_eq!(
            lines(&summary),
            [
                "Pulled 1 table with 12,000 rows from `app` into localhost/app in 3.2s.",
                "1 index built.",
                "Verified in 0.9s: 12,000 rows of 1 table read back as they arrived.",
                "- compared 1 of 3 columns of `users`, not `settings`, `note`: stored here in another way",
                "- 2 rows of `audit`, which was not pulled, refer to nothing in the new `users` (foreign key `fk`)",
                "- x",
                "Of the source and never copied: 2 views.",
            ]
        );
        let kept = Summary { unchanged: vec!["audit".into()], ..Summary::default() };
        let told = dangling(&key(Some(1)), &kept).unwrap();
        assert_eq!(
            told,
            "1 row of `audit` refers to nothing in the new `users` (foreign key `fk`): `backfill pull --full` sees what \
             the source deleted"
        );
    }
}
