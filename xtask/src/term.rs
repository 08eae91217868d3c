//! What the terminal shows: headlines, one line per step with its time, a table at the end.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Whether somebody watches.
pub(crate) fn interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// A stage of a longer run.
pub(crate) fn headline(text: &str) {
    println!("\n── {text} {}", "─".repeat(96_usize.saturating_sub(text.chars().count())));
}

/// Something worth knowing that is not a step.
pub(crate) fn note(text: &str) {
    println!("  · {text}");
}

/// The last words of a command that failed.
pub(crate) fn failure(text: &str) {
    eprintln!("\n✗ {text}");
}

/// Seconds the way a person reads them.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        s => format!("{} min {:02} s", s / 60, s % 60),
    }
}

/// A number with thousands separated.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One thing being made ready: a spinner while it takes time, one line when it is done.
pub(crate) struct Step {
    name: &'static str,
    started: Instant,
    spinner: Option<ProgressBar>,
}

impl Step {
    /// Starts the clock; shows nothing yet.
    pub(crate) fn begin(name: &'static str) -> Self {
        Self { name, started: Instant::now(), spinner: None }
    }

    /// Says what takes time now.
    pub(crate) fn working(&mut self, what: &str) {
        if !interactive() {
            println!("  … {:<12} {what}", self.name);
            return;
        }
        let spinner = self.spinner.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        spinner.set_message(format!("{:<12} {what}", self.name));
    }

    /// The step's one line.
    pub(crate) fn done(self, result: &str) {
        self.end('✓', result);
    }

    /// The step is left out, and why.
    pub(crate) fn skipped(self, why: &str) {
        self.end('–', why);
    }

    fn end(self, mark: char, text: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        println!("  {mark} {:<12} {text}  ({})", self.name, seconds(self.started.elapsed()));
    }
}

/// A line of the closing table of `cargo xtask test`.
pub(crate) struct Stage {
    /// What ran.
    pub(crate) name: &'static str,
    /// How long; `None` if it was not reached.
    pub(crate) time: Option<Duration>,
    /// Whether it passed.
    pub(crate) passed: bool,
}

/// All stages with their times.
pub(crate) fn summary(stages: &[Stage], total: Duration) {
    headline("summary");
    for stage in stages {
        let (mark, time) = match (stage.time, stage.passed) {
            (Some(time), true) => ('✓', seconds(time)),
            (Some(time), false) => ('✗', seconds(time)),
            (None, _) => ('–', "not run".to_owned()),
        };
        println!("  {mark} {:<44} {time:>14}", stage.name);
    }
    println!("    {:<44} {:>14}", "total", seconds(total));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_readable() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(7_800_123), "7,800,123");
        assert_eq!(seconds(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
