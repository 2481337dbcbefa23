//! axe-core in a page: which accessibility rules does it break?

use super::browser::{Page, target};
use serde_json::Value;

/// WCAG 2.2, levels A and AA, and what axe-core itself thinks good practice.
const RULES: &str = r#"["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]"#;

fn source() -> String {
    let file = target("test-tools/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("axe-core is not in {}: {error}; run scripts/test, which installs it", file.display())
    })
}

/// The rules that the page breaks as it looks now, a line each: the rule, where, and why.
pub async fn violations(page: &Page) -> Vec<String> {
    if page.eval("typeof axe").await != "object" {
        page.eval(&format!("{}\n;true", source())).await;
    }
    let script = format!(
        "axe.run(document, {{runOnly: {RULES}, resultTypes: ['violations']}}).then((results) => ({{
           rules: results.passes.length,
           violations: results.violations.flatMap((rule) => rule.nodes.map((node) =>
             `${{rule.id}} at ${{node.target.join(' ')}}: ${{rule.help}} ` +
             `(${{node.failureSummary?.replace(/\\s+/g, ' ')}})`)),
         }}))"
    );
    let results = page.eval(&script).await;
    assert!(results["rules"].as_u64() > Some(5), "axe-core checked nothing: {results}");
    match &results["violations"] {
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect(),
        other => panic!("{other}"),
    }
}
