//! The file that benchmarks write their numbers to: a list of objects, a line each.

/// An object: what was measured, in nanoseconds, beside the same fused and through a channel of `Val`s.
pub(crate) fn line(name: &str, ns: f64, fused: Option<f64>, val_channel: Option<f64>) -> String {
    let ratio =
        |base: Option<f64>| base.map_or_else(|| "null".to_owned(), |it| format!("{:.4}", ns / it));
    let (fused, val_channel) = (ratio(fused), ratio(val_channel));
    format!(
        "{{\"name\": \"{name}\", \"ns\": {ns:.1}, \"ratio_to_fused\": {fused}, \
         \"ratio_to_val_channel\": {val_channel}}}"
    )
}

/// Puts `lines` in the place of those whose name is `mine`.
pub(crate) fn write(mine: impl Fn(&str) -> bool, lines: &[String]) {
    // The build itself may have another target.
    let target = composer_tests::folder().join("../target");
    std::fs::create_dir_all(&target).expect("the target is writable");
    let file = target.join("bench.json");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let kept = before.lines().filter_map(|line| {
        let line = line.trim().trim_end_matches(',');
        let name = line.strip_prefix(r#"{"name": ""#)?.split('"').next()?;
        (!mine(name)).then(|| line.to_owned())
    });
    let all: Vec<_> = kept.chain(lines.iter().cloned()).map(|line| format!("  {line}")).collect();
    let text = format!("[\n{}\n]\n", all.join(",\n"));
    std::fs::write(file, text).expect("the target is writable");
}
