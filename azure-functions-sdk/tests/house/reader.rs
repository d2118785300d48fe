//! The reader of imports itself, on made-up crates.

use crate::{circles::circles, imports::Imports};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Writes a crate and reads which file uses which.
fn read<T>(files: &[(&str, &str)], look: impl FnOnce(&BTreeMap<&str, BTreeSet<&str>>) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let imports = Imports::of(folder.path());
    look(&imports.arrows())
}

/// The files that `a.rs` uses, in a crate with this code in it and the modules `a`, `b`, `b::inner` and `c`.
fn used_by(code: &str) -> Vec<String> {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", code),
        (
            "b.rs",
            "mod inner; pub struct B; pub use inner::Inner; pub use crate::c::*;",
        ),
        ("b/inner.rs", "pub struct Inner;"),
        ("c.rs", "pub mod below { pub struct C; }"),
    ];
    read(&files, |arrows| {
        arrows["a.rs"].iter().map(|&file| file.to_owned()).collect()
    })
}

#[test]
fn a_circle_by_way_of_a_third_file_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d; use a::A;"),
        ("a.rs", "use super::b::B; pub struct A;"),
        ("b.rs", "pub struct B; impl B { fn c(&self) { crate::c::c() } }"),
        ("c.rs", "use crate::{a::A, d::D}; pub fn c() {}"),
        ("d.rs", "pub struct D;"),
    ];
    let found = read(&files, |arrows| format!("{:?}", circles(arrows)));
    assert_eq!(found, r#"{{"a.rs", "b.rs", "c.rs"}}"#);
}

#[test]
fn what_a_child_takes_of_its_parent_is_a_circle_if_the_parent_uses_the_child() {
    let files = |parent| {
        [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", parent),
            ("a/child.rs", "use super::Kind; pub struct Child(Kind);"),
        ]
    };
    let count = |parent| read(&files(parent), |arrows| circles(arrows).len());
    assert_eq!(count("mod child; pub struct Kind; fn make(child: child::Child) {}"), 1);
    assert_eq!(count("mod child; pub use child::Child; pub struct Kind;"), 0);
    assert_eq!(
        count("mod child; pub use child::Child; pub struct Kind; fn make(child: Child) {}"),
        1
    );
}

#[test]
fn a_re_export_is_followed_to_the_file_that_has_the_item() {
    assert_eq!(used_by("use crate::b::B;"), ["b.rs"]);
    assert_eq!(used_by("use crate::b::Inner;"), ["b/inner.rs"]);
    assert_eq!(used_by("use crate::b; fn f(_: b::Inner) {}"), ["b.rs", "b/inner.rs"]);
    assert_eq!(used_by("use crate::b::below::C;"), ["c.rs"]);
    assert_eq!(
        used_by("use crate::b::{B as Other, Inner}; use super::c;"),
        ["b.rs", "b/inner.rs", "c.rs"]
    );
}

#[test]
fn code_for_tests_is_left_out() {
    assert!(used_by("#[cfg(test)] use crate::b::B;").is_empty());
    assert!(used_by("#[cfg(all(test, feature = \"x\"))] mod tests { use crate::b::B; }").is_empty());
    assert!(used_by("struct A; impl A { #[cfg(test)] fn b() -> crate::b::B { todo!() } }").is_empty());
    assert!(used_by("#[cfg(test)] mod tests;").is_empty());
    assert_eq!(used_by("#[cfg(not(test))] use crate::b::B;"), ["b.rs"]);
}

#[test]
fn paths_are_read_wherever_code_has_them() {
    for code in [
        "fn f() { use crate::{b::B}; }",
        "fn f(b: &dyn Fn(crate::b::B)) {}",
        "impl Iterator for A { type Item = <u8 as super::b::Trait>::Kind; }",
        "mod inline { use super::super::b::B; }",
        "fn f() { println!(\"{}\", crate::b::B); }",
        "fn f() { vec![0..crate::b::one()] }",
        "fn f() { matches!(x, Some(crate::b::B)) }",
        "macro_rules! m { () => { $crate::b::B } }",
        "macro_rules! m { () => { use crate::{b::B}; } }",
        "#[serde(with = \"crate::b\")] struct A;",
        "struct A { #[serde(with = \"crate::b\")] x: u8 }",
    ] {
        assert_eq!(used_by(code), ["b.rs"], "{code}");
    }
}

#[test]
fn what_only_looks_like_a_path_is_none() {
    for code in [
        // Of other crates.
        "use b::B;",
        "use ::b::B;",
        "fn f() { let b = std::b::B; assert!(other::b::B, ::b::B); }",
        // What a macro puts in its place.
        "fn f() { quote!(#crate_path::b::B) }",
        "macro_rules! m { ($b:path) => { $b::c::below } }",
        // Who may see an item, and what it is called.
        "pub(super) struct A; pub(in crate::b) struct C; pub(crate) fn b() {}",
        "fn f(b: u8) -> u8 { let c = b; c }",
        "/// `crate::b::B`\nfn f() {}",
    ] {
        assert!(used_by(code).is_empty(), "{code}: {:?}", used_by(code));
    }
}
