//! Whether a program runs where it is to go.

use super::elf::{Glibc, Program, X86_64};

/// A system that apps run on.
#[derive(Debug)]
pub(crate) struct Platform {
    /// In words.
    name: &'static str,
    /// Its version of glibc.
    glibc: Glibc,
    /// Whether it has libraries besides those of glibc and the compiler; those of a container are its owner's business.
    has_others: bool,
}

/// The image in which Azure starts an app of the runtime `native`: Ubuntu 24.04.
pub(crate) const NATIVE: Platform = Platform {
    name: "the image of Azure's `native` runtime (Ubuntu 24.04)",
    glibc: Glibc { major: 2, minor: 39 },
    has_others: false,
};

/// The image of the Functions host: Debian 12.
pub(crate) const CONTAINER: Platform = Platform {
    name: "the image of the Functions host (Debian 12)",
    glibc: Glibc { major: 2, minor: 36 },
    has_others: true,
};

/// What loads a dynamic program there.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// What every system with glibc has, without versions.
const LIBRARIES: &[&str] = &[
    "ld-linux-x86-64",
    "libc",
    "libdl",
    "libgcc_s",
    "libm",
    "libpthread",
    "librt",
];

/// Why a program does not run there, and the way out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Unfit {
    #[error(
        "the program is for {machine}, and {platform} has x86-64: build it with `-- --target x86_64-unknown-linux-gnu`, or on such a \
         machine"
    )]
    Machine { machine: String, platform: &'static str },
    #[error(
        "the program is loaded by `{loader}`, which {platform} does not have: link all of it with --static, or build it on a system such \
         as Ubuntu or Debian"
    )]
    Loader { loader: String, platform: &'static str },
    #[error(
        "the program needs glibc {}.{}, and {platform} has {}.{}: link all of it with --static, or build it on a system with an older glibc",
        .needed.major, .needed.minor, .there.major, .there.minor
    )]
    Glibc {
        needed: Glibc,
        there: Glibc,
        platform: &'static str,
    },
    #[error(
        "the program needs shared libraries that {platform} does not have ({}): have their crates build and link them in (look for a feature \
         `vendored` or `bundled`), or link all of it with --static where there are static versions of them",
        .libraries.join(", ")
    )]
    Libraries {
        libraries: Vec<String>,
        platform: &'static str,
    },
}

impl Platform {
    /// Refuses a program that does not run here.
    pub(crate) fn check(&self, program: &Program) -> Result<(), Unfit> {
        if program.machine != X86_64 {
            return Err(Unfit::Machine {
                machine: program.machine.clone(),
                platform: self.name,
            });
        }
        if let Some(loader) = program.loader.as_ref().filter(|loader| *loader != LOADER) {
            return Err(Unfit::Loader {
                loader: loader.clone(),
                platform: self.name,
            });
        }
        let foreign: Vec<_> = program
            .libraries
            .iter()
            .filter(|name| !is_known(name))
            .cloned()
            .collect();
        if !self.has_others && !foreign.is_empty() {
            return Err(Unfit::Libraries {
                libraries: foreign,
                platform: self.name,
            });
        }
        match program.glibc {
            Some(needed) if needed > self.glibc => Err(Unfit::Glibc {
                needed,
                there: self.glibc,
                platform: self.name,
            }),
            _ => Ok(()),
        }
    }
}

fn is_known(library: &str) -> bool {
    let name = library.split_once(".so").map_or(library, |(name, _)| name);
    LIBRARIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program {
            machine: X86_64.to_owned(),
            is_dynamic: true,
            loader: Some(LOADER.to_owned()),
            libraries: ["libgcc_s.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2"]
                .map(str::to_owned)
                .into(),
            glibc: Some(Glibc { major: 2, minor: 39 }),
        }
    }

    #[test]
    fn a_program_that_the_image_can_run_is_taken() {
        assert_eq!(NATIVE.check(&program()), Ok(()));
        let is_static = Program {
            is_dynamic: false,
            loader: None,
            libraries: Vec::new(),
            glibc: None,
            ..program()
        };
        assert_eq!(NATIVE.check(&is_static), Ok(()));
    }

    #[test]
    fn what_it_cannot_run_is_refused_with_the_way_out() {
        let arm = Program {
            machine: "64-bit ARM".to_owned(),
            ..program()
        };
        let newer = Program {
            glibc: Some(Glibc { major: 2, minor: 40 }),
            ..program()
        };
        let musl = Program {
            loader: Some("/lib/ld-musl-x86_64.so.1".to_owned()),
            libraries: vec!["libc.so".to_owned()],
            glibc: None,
            ..program()
        };
        let mut libraries = program().libraries;
        libraries.push("libssl.so.3".to_owned());
        let foreign = Program { libraries, ..program() };
        for (program, said) in [
            (arm, ["is for 64-bit ARM", "--target x86_64-unknown-linux-gnu"]),
            (
                newer,
                ["needs glibc 2.40, and", "has 2.39: link all of it with --static"],
            ),
            (musl, ["is loaded by `/lib/ld-musl-x86_64.so.1`", "with --static"]),
            (foreign, ["(libssl.so.3)", "a feature `vendored`"]),
        ] {
            let error = NATIVE.check(&program).unwrap_err().to_string();
            assert!(said.iter().all(|said| error.contains(said)), "{error}");
        }
        let error = CONTAINER.check(&program()).unwrap_err().to_string();
        assert!(error.contains("has 2.36"), "{error}");
    }
}
