//! `cargo func pack`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    build::{Build, Link},
    command_result::CommandResult,
};
use crate::{
    package::{
        archive, container,
        contents::{Contents, ExtraFile},
        elf::{NoElf, Program},
        extra_files::{check_output, extra_files, outside_of},
        platform::{CONTAINER, NATIVE, Platform, Unfit},
    },
    project::{HostJson, LocalSettings, Settings},
    shell::Shell,
};

/// Build the app and pack it for Azure.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the app.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Where the app is to go: native (a zip for Azure's `native` runtime), or container (a folder to build an image from).
    #[arg(
        long,
        value_enum,
        value_name = "TARGET",
        default_value_t,
        hide_possible_values = true
    )]
    target: Target,
    /// The zip or folder to write [default: PACKAGE.zip or PACKAGE-container in target/func].
    #[arg(short, long, value_name = "F")]
    output: Option<PathBuf>,
    /// Link all of the program into it, so that it needs nothing of the system that it runs on.
    #[arg(long = "static")]
    is_static: bool,
    /// Profile of cargo to build with.
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
    /// Arguments for cargo, such as `--features x`.
    #[arg(last = true, value_name = "CARGO_ARGS")]
    cargo_args: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    #[default]
    Native,
    Container,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum PackError {
    #[error("there is no host.json in `{}`: every host wants one, and `cargo func new-app` writes one", .0.display())]
    NoHostJson(PathBuf),
    #[error("`{}` cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the program cannot go to Azure: build it with `-- --target x86_64-unknown-linux-gnu`")]
    NoElf(#[from] NoElf),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("--static did not make a static program: build for musl with `-- --target x86_64-unknown-linux-musl`")]
    NotStatic,
    #[error(
        "--static needs a target whose C library can be linked in: install one with `rustup target add {0}`, or run the command on \
         x86-64 Linux with glibc"
    )]
    NoStaticTarget(&'static str),
}

/// Where the compiler's own target cannot be linked statically.
const MUSL: &str = "x86_64-unknown-linux-musl";

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        let mut cargo_args = vec!["--profile".to_owned(), self.profile.clone()];
        cargo_args.extend(self.cargo_args.iter().cloned());
        let mut rustc_args = vec!["-Cstrip=symbols"];
        if self.is_static {
            rustc_args.push("-Ctarget-feature=+crt-static");
            // Otherwise the program relocates itself when it starts, by a dynamic section.
            rustc_args.push("-Crelocation-model=static");
            if !cargo_args
                .iter()
                .any(|argument| argument == "--target" || argument.starts_with("--target="))
                && let Some(target) = static_target()?
            {
                cargo_args.extend(["--target".to_owned(), target.to_owned()]);
            }
        }
        let build = Build {
            path: &self.path,
            release: false,
            cargo_args: &cargo_args,
        };
        let manifest = build.manifest()?;
        let folder = manifest.parent().unwrap_or(Path::new("."));

        // Before the build, which may take a while.
        let host_json = read_host_json(folder, shell)?;
        let mut extra = extra_files(folder)?;
        if let Some(output) = &self.output {
            extra = self.without_output(folder, extra, output)?;
        }
        let Link { app, package, target } = build.link(&rustc_args)?;
        let program = read(&app.program)?;
        let headers = Program::read(&program)?;
        self.platform().check(&headers)?;
        if self.is_static && headers.is_dynamic {
            return Err(PackError::NotStatic.into());
        }
        let name = match self.target {
            Target::Native => format!("{package}.zip"),
            Target::Container => format!("{package}-container"),
        };
        let output = match &self.output {
            Some(output) => output.clone(),
            None => {
                let output = target.join("func").join(name);
                extra = self.without_output(folder, extra, &output)?;
                output
            }
        };
        let contents = Contents {
            host_json: &host_json,
            program: &program,
            extra: &extra,
        };
        match self.target {
            Target::Native => {
                let zip = output;
                let size = archive::write(&zip, &contents)?;
                let sizes = format!(
                    "{}, the program is {}",
                    megabytes(size),
                    megabytes(program.len() as u64)
                );
                shell.status("Packed", format_args!("{} ({sizes})", zip.display()));
                shell.note(format_args!(
                    "next: az functionapp deployment source config-zip --resource-group GROUP --name APP --src {}",
                    zip.display()
                ));
            }
            Target::Container => {
                let folder = output;
                container::write(&folder, &contents)?;
                let size = megabytes(program.len() as u64);
                shell.status("Packed", format_args!("{} (the program is {size})", folder.display()));
                shell.note(format_args!("next: docker build -t {package} {}", folder.display()));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The files of the app in this folder that go into a package which is written to `output`.
    fn without_output(
        &self,
        folder: &Path,
        extra: Vec<ExtraFile>,
        output: &Path,
    ) -> Result<Vec<ExtraFile>, Box<dyn std::error::Error + Send + Sync>> {
        check_output(folder, output)?;
        let written = match self.target {
            Target::Native => Vec::new(),
            Target::Container => container::written(output)?,
        };
        Ok(outside_of(extra, output, &written)?)
    }

    fn platform(&self) -> &'static Platform {
        match self.target {
            Target::Native => &NATIVE,
            Target::Container => &CONTAINER,
        }
    }
}

/// The target to name for a static program; `None` if that of the compiler does.
fn static_target() -> Result<Option<&'static str>, PackError> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(None);
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = std::process::Command::new(rustc).args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let is_installed = sysroot.is_ok_and(|root| Path::new(&root).join("lib/rustlib").join(MUSL).is_dir());
    match is_installed {
        true => Ok(Some(MUSL)),
        false => Err(PackError::NoStaticTarget(MUSL)),
    }
}

/// The text of the app's host.json, which must be one that a host can read.
fn read_host_json(folder: &Path, shell: Shell) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let path = folder.join("host.json");
    if !path.is_file() {
        return Err(PackError::NoHostJson(folder.to_owned()).into());
    }
    // What is set on this machine is not set on Azure.
    let settings = Settings::of_process(&LocalSettings::default());
    HostJson::read(&path, &settings)?;
    let text = read(&path)?;
    if !String::from_utf8_lossy(&text).contains("extensionBundle") {
        shell.warn(
            "host.json names no extension bundle: triggers and bindings other than HTTP and timers, and durable functions, do not work \
             on Azure without one",
        );
    }
    Ok(text)
}

fn read(path: &Path) -> Result<Vec<u8>, PackError> {
    fs::read(path).map_err(|source| PackError::Read {
        path: path.to_owned(),
        source,
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
