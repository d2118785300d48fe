//! What a program asks of the system that it runs on, read from its ELF headers.

use object::{
    Endianness,
    elf::{DT_NEEDED, EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64, FileHeader64, PT_DYNAMIC, PT_INTERP},
    read::elf::{Dyn, FileHeader, ProgramHeader},
};

/// A version of glibc, as in `GLIBC_2.39`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    pub(crate) major: u16,
    pub(crate) minor: u16,
}

/// What a program asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Processor, in words.
    pub(crate) machine: String,
    /// Whether the system's loader has a part in its start; it has none in that of a static program.
    pub(crate) is_dynamic: bool,
    /// The program that loads it, by its path; a static program has none.
    pub(crate) loader: Option<String>,
    /// Shared libraries, as it names them.
    pub(crate) libraries: Vec<String>,
    /// The newest version of glibc that a symbol of it is of.
    pub(crate) glibc: Option<Glibc>,
}

/// The file cannot be read as a program of 64-bit Linux.
#[derive(Debug, thiserror::Error)]
#[error("it is no program of 64-bit Linux: {0}")]
pub(crate) struct NoElf(#[from] object::read::Error);

/// The processor that the platform has, in words.
pub(crate) const X86_64: &str = "x86-64";

impl Program {
    /// Reads the headers of a program.
    pub(crate) fn read(data: &[u8]) -> Result<Self, NoElf> {
        let header = FileHeader64::<Endianness>::parse(data)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, data)?;
        let segments = header.program_headers(endian, data)?;
        let is_dynamic = segments.iter().any(|segment| segment.p_type(endian) == PT_DYNAMIC);
        let loader = segments
            .iter()
            .find(|segment| segment.p_type(endian) == PT_INTERP)
            .map(|segment| segment.data(endian, data).map(text_until_nul).unwrap_or_default());
        let mut libraries = Vec::new();
        if let Some((entries, strings)) = sections.dynamic(endian, data)? {
            let strings = sections.strings(endian, data, strings)?;
            for entry in entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED) {
                libraries.push(text(entry.string(endian, strings)?));
            }
        }
        let mut glibc = None;
        if let Some((mut files, strings)) = sections.gnu_verneed(endian, data)? {
            let strings = sections.strings(endian, data, strings)?;
            while let Some((_, mut versions)) = files.next()? {
                while let Some(version) = versions.next()? {
                    glibc = glibc.max(Glibc::parse(&text(version.name(endian, strings)?)));
                }
            }
        }
        Ok(Self {
            machine: match header.e_machine(endian) {
                EM_X86_64 => X86_64.to_owned(),
                EM_AARCH64 => "64-bit ARM".to_owned(),
                EM_386 => "32-bit x86".to_owned(),
                EM_ARM => "32-bit ARM".to_owned(),
                EM_RISCV => "RISC-V".to_owned(),
                other => format!("the ELF machine {other:?}"),
            },
            is_dynamic,
            loader,
            libraries,
            glibc,
        })
    }
}

impl Glibc {
    /// The version that a symbol's version names; `None` if it names another library's.
    fn parse(symbol_version: &str) -> Option<Self> {
        let version = match symbol_version.strip_prefix("GLIBC_")? {
            // Compact relocations, which older ones cannot read.
            "ABI_DT_RELR" => "2.36",
            version => version,
        };
        let mut parts = version.split('.').map(str::parse);
        Some(Self {
            major: parts.next()?.ok()?,
            minor: parts.next()?.ok()?,
        })
    }
}

fn text_until_nul(bytes: &[u8]) -> String {
    text(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_numbers() {
        let parse = |text| Glibc::parse(text).map(|glibc| (glibc.major, glibc.minor));
        assert_eq!(parse("GLIBC_2.39"), Some((2, 39)));
        assert_eq!(parse("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(parse("GLIBC_ABI_DT_RELR"), Some((2, 36)));
        for other in ["GLIBC_PRIVATE", "GCC_3.0", "GLIBC_x.1"] {
            assert_eq!(parse(other), None, "{other}");
        }
        assert!(Glibc::parse("GLIBC_2.9") < Glibc::parse("GLIBC_2.39"));
    }

    #[test]
    fn what_is_no_elf_is_an_error() {
        for bytes in [&b""[..], b"MZ\x90\0", b"\x7fELF\x02\x01\x01"] {
            assert!(Program::read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    #[test]
    fn a_program_of_this_machine_says_what_it_needs() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let program = Program::read(&program).unwrap();
        assert_eq!(program.machine, X86_64);
        assert!(program.is_dynamic);
        assert!(
            program
                .loader
                .as_ref()
                .is_some_and(|loader| loader.ends_with("ld-linux-x86-64.so.2")),
            "{program:?}"
        );
        assert!(
            program.libraries.iter().any(|library| library == "libc.so.6"),
            "{program:?}"
        );
        assert!(program.glibc >= Glibc::parse("GLIBC_2.17"), "{program:?}");
    }
}
