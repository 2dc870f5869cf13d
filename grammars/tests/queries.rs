//! Every query compiles, and on a small file of its language captures what it is for.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use foretoken_grammars::{Language, compile_all};
use tree_sitter::{Parser, Query, QueryCursor, StreamingIterator};

#[test]
fn every_query_fits_its_grammar() {
    compile_all().unwrap();
    for language in Language::ALL {
        let grammar = language.grammar().is_some();
        assert_eq!(language.chunks().is_some(), grammar, "{language:?}");
        let suggested = language.has_scopes();
        assert_eq!(language.scopes().is_some(), suggested, "{language:?}");
        assert_eq!(language.imports().is_some(), suggested, "{language:?}");
        let without = [Language::Markdown, Language::Text].contains(language);
        assert_eq!(grammar, !without, "{language:?}");
    }
}

#[test]
fn queries_capture_only_known_names() {
    for language in Language::ALL {
        let names = |query: Option<&'static Query>| {
            query
                .map(|query| query.capture_names().to_vec())
                .unwrap_or_default()
        };
        for name in names(language.scopes()) {
            assert!(
                ["block", "scope", "string", "code", "comment"].contains(&name),
                "{name}"
            );
        }
        for name in names(language.chunks()) {
            let of_a_predicate = name.starts_with('_');
            let known = ["chunk", "name", "kind"].contains(&name);
            assert!(known || of_a_predicate, "{name}");
        }
        for name in names(language.imports()) {
            assert!(
                ["source", "name", "alias", "call"].contains(&name),
                "{name}"
            );
        }
    }
}

/// Prints what both queries capture: per capture of `scopes.scm` the texts in order, cut to one
/// short line; of `chunks.scm` the names with the kind of their node.
fn check(language: Language, source: &str, expected: Expect) {
    let mut parser = Parser::new();
    parser.set_language(&language.grammar().unwrap()).unwrap();
    let tree = parser.parse(source, None).unwrap();
    assert!(
        !tree.root_node().has_error(),
        "{}",
        tree.root_node().to_sexp()
    );

    let mut lines: BTreeMap<usize, Vec<(usize, String)>> = BTreeMap::new();
    let scopes = language.scopes().unwrap();
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(scopes, tree.root_node(), source.as_bytes());
    while let Some(found) = matches.next() {
        for capture in found.captures {
            let text = &source[capture.node.byte_range()];
            let line: String = text
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(24)
                .collect();
            let list = lines.entry(capture.index as usize).or_default();
            list.push((capture.node.start_byte(), line));
        }
    }
    let mut out = String::new();
    for (index, mut texts) in lines {
        texts.sort();
        let texts: Vec<_> = texts.into_iter().map(|(_, text)| text).collect();
        out += &format!(
            "@{}: {}\n",
            scopes.capture_names()[index],
            texts.join(" · ")
        );
    }

    let chunks = language.chunks().unwrap();
    let name = chunks.capture_index_for_name("name").unwrap();
    let mut found_chunks = Vec::new();
    let mut matches = cursor.matches(chunks, tree.root_node(), source.as_bytes());
    while let Some(found) = matches.next() {
        let chunk = found
            .captures
            .iter()
            .find(|capture| capture.index != name)
            .unwrap();
        let named = found
            .captures
            .iter()
            .find(|capture| capture.index == name)
            .unwrap();
        let text = source[named.node.byte_range()].to_owned();
        found_chunks.push((chunk.node.start_byte(), chunk.node.kind(), text));
    }
    found_chunks.sort();
    for (_, kind, name) in found_chunks {
        out += &format!("{kind} {name}\n");
    }
    expected.assert_eq(&out);
}

#[test]
fn rust() {
    check(
        Language::Rust,
        r##"// head
/* long */
struct Point { x: i32 }
enum Kind { A }
impl Point {
    fn new(c: char) -> Self {
        let s = "text";
        let r = r#"raw"#;
        match c { 'a' => Point { x: 1 }, _ => f(|y| y) }
    }
}
trait Draw { fn draw(&self); }
mod inner { const N: u8 = 1; }
macro_rules! m { () => {} }
"##,
        expect![[r##"
            @block: { x: i32 } · { A } · { · { · { 'a' => Point { x: 1 }, · { x: 1 } · { fn draw(&self); } · { const N: u8 = 1; }
            @scope: struct Point { x: i32 } · enum Kind { A } · impl Point { · fn new(c: char) -> Self  · |y| y · trait Draw { fn draw(&se · mod inner { const N: u8  · macro_rules! m { () => {
            @string: "text" · r#"raw"# · 'a'
            @comment: // head · /* long */
            struct_item Point
            enum_item Kind
            impl_item Point
            function_item new
            trait_item Draw
            function_signature_item draw
            mod_item inner
            const_item N
            macro_definition m
        "##]],
    );
}

#[test]
fn python() {
    check(
        Language::Python,
        r#"# head
LIMIT = 3

class Point:
    """Doc."""

    @property
    def x(self):
        if self:
            return f"{self.y} text"

def f(): return lambda a: a
"#,
        expect![[r#"
            @block: """Doc.""" · if self: · return f"{self.y} text" · return lambda a: a
            @scope: class Point: · def x(self): · def f(): return lambda a · lambda a: a
            @string: """Doc.""" · f"{self.y} text"
            @code: {self.y}
            @comment: # head
            expression_statement LIMIT
            class_definition Point
            decorated_definition x
            function_definition x
            function_definition f
        "#]],
    );
}

#[test]
fn javascript() {
    check(
        Language::JavaScript,
        r#"// head
const table = { a: 1 };
export const go = (x) => { return `t ${x}`; };
function f() { switch (x) { case 1: break; } }
class A { m() { return /re/; } }
exports.g = function () { return "s"; };
const view = <p>text</p>;
"#,
        expect![[r#"
            @block: { a: 1 } · { return `t ${x}`; } · { switch (x) { case 1: b · { case 1: break; } · { m() { return /re/; } } · { return /re/; } · { return "s"; }
            @scope: (x) => { return `t ${x}` · function f() { switch (x · class A { m() { return / · m() { return /re/; } · function () { return "s"
            @string: `t ${x}` · /re/ · "s"
            @code: ${x}
            @comment: // head
            lexical_declaration table
            export_statement go
            function_declaration f
            class_declaration A
            method_definition m
            expression_statement g
            lexical_declaration view
        "#]],
    );
}

#[test]
fn typescript() {
    check(
        Language::TypeScript,
        r#"/* head */
interface Shape { area(): number }
type Alias = { a: string };
enum Kind { A }
namespace N { export const x = 1; }
abstract class A { m(): string { return `t ${this}`; } }
export const go = (x: number) => { return "s"; };
function f(x: number): void {}
"#,
        expect![[r#"
            @block: { area(): number } · { a: string } · { A } · { export const x = 1; } · { m(): string { return ` · { return `t ${this}`; } · { return "s"; } · {}
            @scope: interface Shape { area() · enum Kind { A } · namespace N { export con · abstract class A { m():  · m(): string { return `t  · (x: number) => { return  · function f(x: number): v
            @string: `t ${this}` · "s"
            @code: ${this}
            @comment: /* head */
            interface_declaration Shape
            type_alias_declaration Alias
            enum_declaration Kind
            internal_module N
            export_statement x
            abstract_class_declaration A
            method_definition m
            export_statement go
            function_declaration f
        "#]],
    );
}

#[test]
fn tsx() {
    check(
        Language::Tsx,
        r#"// head
interface Props { title: string }
export function View(props: Props) { return <p>{props.title}</p>; }
class A { m() { return `t ${1}`; } }
"#,
        expect![[r#"
            @block: { title: string } · { return <p>{props.title · { m() { return `t ${1}`; · { return `t ${1}`; }
            @scope: interface Props { title: · function View(props: Pro · class A { m() { return ` · m() { return `t ${1}`; }
            @string: `t ${1}`
            @code: ${1}
            @comment: // head
            interface_declaration Props
            function_declaration View
            class_declaration A
            method_definition m
        "#]],
    );
}

#[test]
fn go() {
    check(
        Language::Go,
        r#"package main

// head
const Limit = 3

var (
	table = []int{1}
)

type Point struct{ x int }
type Shape interface{ Area() int }

func (p Point) Area() int {
	switch p.x {
	case 1:
		return 'a'
	}
	return len(`raw` + "s")
}

func main() { func() {}() }
"#,
        expect![[r#"
            @block: {1} · { x int } · interface{ Area() int } · { · switch p.x { · { func() {}() } · {}
            @scope: type Point struct{ x int · type Shape interface{ Ar · func (p Point) Area() in · func main() { func() {}( · func() {}
            @string: 'a' · `raw` · "s"
            @comment: // head
            const_declaration Limit
            var_declaration table
            type_declaration Point
            type_declaration Shape
            method_declaration Area
            function_declaration main
        "#]],
    );
}

#[test]
fn java() {
    check(
        Language::Java,
        r#"// head
/* long */
class Point {
    int[] t = {1};
    Point() { super(); }
    char m(int x) {
        switch (x) { case 1: return 'a'; }
        run(() -> { String s = "text"; });
        return 'b';
    }
}
interface Shape { int area(); }
enum Kind { A }
record Pair(int a) { Pair { } }
@interface Mark { }
"#,
        expect![[r#"
            @block: { · {1} · { super(); } · { · { case 1: return 'a'; } · { String s = "text"; } · { int area(); } · { A } · { Pair { } } · { } · { }
            @scope: class Point { · Point() { super(); } · char m(int x) { · () -> { String s = "text · interface Shape { int ar · int area(); · enum Kind { A } · record Pair(int a) { Pai · Pair { } · @interface Mark { }
            @string: 'a' · "text" · 'b'
            @comment: // head · /* long */
            class_declaration Point
            constructor_declaration Point
            method_declaration m
            interface_declaration Shape
            method_declaration area
            enum_declaration Kind
            record_declaration Pair
            compact_constructor_declaration Pair
            annotation_type_declaration Mark
        "#]],
    );
}

#[test]
fn c() {
    check(
        Language::C,
        r#"#include <stdio.h>
#define LIMIT 3
#define SQUARE(x) ((x) * (x))
// head
struct point { int x; };
enum kind { A };
typedef int number;
int declared(void);
static int table[] = { 1 };
char *name(void) { return "s"; }
int main(void) { if (1) { return 'a'; } }
"#,
        expect![[r#"
            @block: { int x; } · { A } · { 1 } · { return "s"; } · { if (1) { return 'a'; } · { return 'a'; }
            @scope: struct point { int x; } · enum kind { A } · char *name(void) { retur · int main(void) { if (1) 
            @string: <stdio.h> · "s" · 'a'
            @comment: // head
            preproc_def LIMIT
            preproc_function_def SQUARE
            struct_specifier point
            enum_specifier kind
            type_definition number
            declaration declared
            declaration table[]
            function_definition name
            function_definition main
        "#]],
    );
}

#[test]
fn cpp() {
    check(
        Language::Cpp,
        r##"// head
namespace n {
class A { public: int m() { return 1; } };
template <typename T> struct Box { T t; };
template <typename T> T twice(T x) { return x + x; }
int &A::f() { auto g = [](int y) { return y; }; return g(1); }
}
using Number = int;
enum class Kind { A };
const char *s = R"(raw)";
std::vector<int> v = { 1 };
"##,
        expect![[r#"
            @block: { · { public: int m() { retu · { return 1; } · { T t; } · { return x + x; } · { auto g = [](int y) { r · { return y; } · { A } · { 1 }
            @scope: namespace n { · class A { public: int m( · int m() { return 1; } · struct Box { T t; } · T twice(T x) { return x  · int &A::f() { auto g = [ · [](int y) { return y; } · enum class Kind { A }
            @string: R"(raw)"
            @comment: // head
            namespace_definition n
            class_specifier A
            function_definition m
            template_declaration Box
            struct_specifier Box
            template_declaration twice
            function_definition twice
            function_definition A::f
            alias_declaration Number
            enum_specifier Kind
            declaration *s
            declaration v
        "#]],
    );
}

/// Prints what `imports.scm` captures, a line each: where from, the name, what it is called here.
fn check_imports(language: Language, source: &str, expected: Expect) {
    let mut parser = Parser::new();
    parser.set_language(&language.grammar().unwrap()).unwrap();
    let tree = parser.parse(source, None).unwrap();
    assert!(
        !tree.root_node().has_error(),
        "{}",
        tree.root_node().to_sexp()
    );
    let query = language.imports().unwrap();
    let mut cursor = QueryCursor::new();
    let mut found = Vec::new();
    let mut matches = cursor.matches(query, tree.root_node(), source.as_bytes());
    while let Some(matched) = matches.next() {
        let text = |name| {
            let index = query.capture_index_for_name(name)?;
            let node = matched.nodes_for_capture_index(index).next()?;
            Some((node.start_byte(), &source[node.byte_range()]))
        };
        let of = |name| text(name).map_or("*", |(_, text)| text);
        let from = text("source").unwrap();
        let name = text("name").unwrap_or(from);
        let line = match text("alias") {
            Some((_, alias)) => format!("{} {} as {alias}\n", from.1, of("name")),
            None => format!("{} {}\n", from.1, of("name")),
        };
        found.push((name.0, line));
    }
    found.sort();
    let out: String = found.into_iter().map(|(_, line)| line).collect();
    expected.assert_eq(&out);
}

#[test]
fn imports() {
    check_imports(
        Language::Rust,
        "use a::b::C;\nuse crate::d::{E, f::{self, G}, H as I, j::K};\nuse super::*;\nuse l::M as N;\nuse std;\n",
        expect![[r#"
            a::b C
            crate::d E
            f G
            crate::d H as I
            j K
            super *
            l M as N
        "#]],
    );
    check_imports(
        Language::Python,
        "import a.b\nimport c as d\nfrom .e import f, g as h\nfrom .. import i\nfrom j import *\n",
        expect![[r#"
            a.b *
            c *
            .e f
            .e g as h
            .. i
            j *
        "#]],
    );
    let script = "import a, { b, c as d } from './e';\nimport * as f from 'g';\nimport 'h';\nconst { i } = require('./j');\nconst k = require('l'), m = other('n');\n";
    for language in [Language::JavaScript, Language::TypeScript, Language::Tsx] {
        check_imports(
            language,
            script,
            expect![[r#"
            './e' a
            './e' b
            './e' c as d
            'g' *
            './j' i
            'l' k
        "#]],
        );
    }
    check_imports(
        Language::Go,
        "package a\nimport \"b\"\nimport (\n\tc \"d/e\"\n)\n",
        expect![[r#"
            "b" *
            "d/e" *
        "#]],
    );
    check_imports(
        Language::Java,
        "import a.b.C;\nimport static d.E.f;\nimport g.h.*;\n",
        expect![[r#"
            a.b C
            d.E f
            g.h *
        "#]],
    );
    for language in [Language::C, Language::Cpp] {
        check_imports(
            language,
            "#include \"a/b.h\"\n#include <c>\n",
            expect![[r#"
                "a/b.h" *
                <c> *
            "#]],
        );
    }
}
