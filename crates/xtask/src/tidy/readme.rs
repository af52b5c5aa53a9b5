/// Says where the Korean README does not have the build of the English one: the same headings in number and depth, the
/// same code blocks to the letter.
pub(super) fn check(english: &str, korean: &str) -> Vec<String> {
    let (english, korean) = (Outline::read(english), Outline::read(korean));
    let mut findings = Vec::new();
    if english.headings != korean.headings {
        let (ours, theirs) = (english.headings.len(), korean.headings.len());
        findings.push(format!(
            "README.ko.md: {theirs} headings, README.md: {ours}, or of another depth"
        ));
    }
    if english.blocks.len() != korean.blocks.len() {
        let (ours, theirs) = (english.blocks.len(), korean.blocks.len());
        findings.push(format!("README.ko.md: {theirs} code blocks, README.md: {ours}"));
    }
    for ((ours, line), (theirs, line_korean)) in english.blocks.iter().zip(&korean.blocks) {
        if ours != theirs {
            findings.push(format!(
                "README.ko.md:{line_korean}: not the code block of README.md:{line}"
            ));
        }
    }
    findings
}

#[derive(Default)]
struct Outline {
    /// The depth of each heading.
    headings: Vec<usize>,
    /// Each code block with its language, and the line it begins in.
    blocks: Vec<(String, usize)>,
}

impl Outline {
    fn read(text: &str) -> Self {
        let mut outline = Self::default();
        let mut open: Option<(String, usize)> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let is_fence = line.starts_with("```");
            match open.take() {
                Some(block) if is_fence => outline.blocks.push(block),
                Some((block, start)) => open = Some((format!("{block}\n{line}"), start)),
                None if is_fence => open = Some((line.to_owned(), number)),
                None if line.starts_with('#') => outline
                    .headings
                    .push(line.chars().take_while(|c| *c == '#').count()),
                None => {}
            }
        }
        outline.blocks.extend(open);
        outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "# pogu\n\nOne port.\n\n```sh\n# a comment\ncurl x\n```\n\n## Limits\n";

    #[test]
    fn another_language_with_the_same_build_is_equal() {
        let korean = "# pogu\n\n포트 하나.\n\n```sh\n# a comment\ncurl x\n```\n\n## 한계\n";
        assert_eq!(check(ENGLISH, korean), [""; 0]);
    }

    #[test]
    fn a_missing_or_deeper_heading_is_found() {
        assert_eq!(check(ENGLISH, &ENGLISH.replace("## Limits\n", "")).len(), 1);
        assert_eq!(
            check(ENGLISH, &ENGLISH.replace("## Limits", "### Limits")).len(),
            1
        );
    }

    #[test]
    fn a_changed_code_block_is_found_with_its_line() {
        let findings = check(ENGLISH, &ENGLISH.replace("curl x", "curl y"));
        assert_eq!(findings, ["README.ko.md:5: not the code block of README.md:5"]);
        assert_eq!(check(ENGLISH, &ENGLISH.replace("```sh", "```js")).len(), 1);
    }

    #[test]
    fn a_missing_code_block_is_found() {
        let findings = check(ENGLISH, "# pogu\n\n## 한계\n");
        assert_eq!(findings, ["README.ko.md: 0 code blocks, README.md: 1"]);
    }
}
