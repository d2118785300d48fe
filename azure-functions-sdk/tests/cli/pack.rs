//! `cargo func pack`: what is in the zip, and that the program in it runs with nothing but that.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{checkout, done, refused, target};

/// An app of its own, so that no other test runs or builds its program meanwhile.
fn app(folder: &Path, name: &str) -> PathBuf {
    done(
        folder,
        &format!("new-app {name} --vcs none --sdk-path {}", checkout().display()),
    );
    let app = folder.join(name);
    done(&app, "new http greet --auth-level anonymous");
    // The versions that this checkout was tested with, and what is built already of them.
    fs::copy(checkout().join("Cargo.lock"), app.join("Cargo.lock")).unwrap();
    app
}

/// Packs as the other tests build: with what they have built.
fn pack(app: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
    command.current_dir(app).args(["func", "pack", "--profile", "dev"]);
    command
        .env("CARGO_TARGET_DIR", target())
        .args(arguments.split_whitespace());
    command.output().unwrap()
}

fn packed(app: &Path, arguments: &str) -> String {
    let output = pack(app, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// Name and mode of each file of a zip, which is unpacked to the folder.
fn unpack(zip: &Path, folder: &Path) -> Vec<(String, u32)> {
    let mut zip = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    zip.extract(folder).unwrap();
    let mut entries = Vec::new();
    for index in 0..zip.len() {
        let file = zip.by_index(index).unwrap();
        entries.push((file.name().unwrap().into_owned(), file.unix_mode().unwrap()));
    }
    entries
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod on_linux {
    use super::*;
    use crate::scripted_host::{DEADLINE, Host, invocation};
    use azure_functions::rpc::{
        RpcHttp, TypedData, WorkerInitRequest, WorkerTerminate, parameter_binding::RpcData, status_result::Status,
        streaming_message::Content, typed_data::Data,
    };
    use std::{process::Stdio, time::Instant};

    /// A host that starts the program as Azure does, calls its function, and tells it to end.
    fn answers_from_start_to_end(folder: &Path) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut host = Host::listen().await;
            let mut command = Command::new(folder.join("app"));
            command
                .args(host.arguments())
                .current_dir(folder)
                .env_clear()
                .stdin(Stdio::null());
            let mut process = command.spawn().unwrap();
            let mut connection = host.accept().await;
            let functions = connection.start(WorkerInitRequest::default()).await;
            let mut request = invocation("1", &functions["greet"], "");
            let http = RpcHttp {
                method: "GET".to_owned(),
                url: "http://localhost/api/greet?name=you".to_owned(),
                ..RpcHttp::default()
            };
            request.input_data[0].name = "request".to_owned();
            request.input_data[0].rpc_data = Some(RpcData::Data(TypedData {
                data: Some(Data::Http(Box::new(http))),
            }));
            connection.send("", Content::InvocationRequest(request));
            let answer = |content| match content {
                Content::InvocationResponse(response) => Some(response),
                _ => None,
            };
            let (_, response) = connection.expect(answer).await;
            assert_eq!(response.invocation_id, "1");
            let result = response.result.unwrap();
            assert_eq!(result.status(), Status::Success, "{result:?}");
            connection.send("", Content::WorkerTerminate(WorkerTerminate::default()));
            let until = Instant::now() + DEADLINE;
            let status = loop {
                match process.try_wait().unwrap() {
                    Some(status) => break status,
                    None => assert!(Instant::now() < until, "the worker ends"),
                }
                tokio::task::yield_now().await;
            };
            assert!(status.success(), "{status}");
        });
    }

    #[test]
    fn the_packed_program_runs_in_a_folder_with_nothing_but_it_and_host_json() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path(), "packed-app");
        let said = packed(&app, "--output out/packed.zip");
        assert!(
            said.contains("Packed out/packed.zip (") && said.contains(" MB, the program is "),
            "{said}"
        );
        assert!(said.contains("--src out/packed.zip"), "{said}");
        let empty = tempfile::tempdir().unwrap();
        let entries = unpack(&app.join("out/packed.zip"), empty.path());
        let expected = [("host.json", 0o100_644), ("app", 0o100_777)];
        assert_eq!(entries, expected.map(|(name, mode)| (name.to_owned(), mode)));
        assert_eq!(
            fs::read(empty.path().join("host.json")).unwrap(),
            fs::read(app.join("host.json")).unwrap()
        );
        answers_from_start_to_end(empty.path());

        // What .funcignore takes in is there, too.
        fs::write(app.join("rates.csv"), "EUR,1").unwrap();
        fs::write(app.join(".funcignore"), "!/rates.csv\n").unwrap();
        packed(&app, "--output again.zip");
        let again = tempfile::tempdir().unwrap();
        let names: Vec<_> = unpack(&app.join("again.zip"), again.path())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["host.json", "app", "rates.csv"]);

        // And a folder for an image has the same program.
        packed(&app, "--target container --output image");
        let program = fs::read(app.join("image/app/app")).unwrap();
        assert!(program == fs::read(again.path().join("app")).unwrap());
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn a_static_program_has_no_dynamic_section_and_runs() {
        use object::{Object, ObjectSection};

        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path(), "packed-static-app");
        packed(&app, "--static --output static.zip");
        let empty = tempfile::tempdir().unwrap();
        unpack(&app.join("static.zip"), empty.path());
        let program = fs::read(empty.path().join("app")).unwrap();
        let headers = object::File::parse(&*program).unwrap();
        let sections: Vec<_> = headers
            .sections()
            .map(|section| section.name().unwrap().to_owned())
            .collect();
        for section in [".dynamic", ".interp"] {
            assert!(!sections.iter().any(|name| name == section), "{sections:?}");
        }
        assert!(headers.symbols().next().is_none(), "it is stripped");
        answers_from_start_to_end(empty.path());
    }
}

#[test]
fn a_folder_that_is_no_app_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(folder.path(), "pack", 1).contains("it holds no Cargo.toml"));
    fs::write(folder.path().join("Cargo.toml"), "").unwrap();
    assert!(refused(folder.path(), "pack", 1).contains("there is no host.json in"));
}

#[test]
fn a_container_s_folder_is_not_the_app_s_own_or_one_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("shop");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("Cargo.toml"), "").unwrap();
    fs::write(app.join("host.json"), r#"{"version":"2.0"}"#).unwrap();
    for output in [".", ".."] {
        let said = refused(&app, &format!("pack --target container --output {output}"), 1);
        assert!(said.contains("holds the app itself"), "{said}");
    }
}

#[test]
fn publishing_is_refused_with_the_line_that_does_it() {
    let said = refused(Path::new("."), "publish orders --build remote", 1);
    let line = "az functionapp deployment source config-zip --resource-group GROUP --name orders --src orders.zip";
    assert!(said.contains(line), "{said}");
}

#[test]
fn settings_are_listed_without_their_values_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("host.json"), "{}").unwrap();
    done(folder.path(), "settings add BANK secret");
    done(folder.path(), "settings add MAIL smtp");
    assert_eq!(done(folder.path(), "settings list"), "BANK = ****\nMAIL = ****\n");
    assert_eq!(
        done(folder.path(), "settings list --show-values"),
        "BANK = secret\nMAIL = smtp\n"
    );
    assert!(done(folder.path(), "settings remove bank").contains("Removed BANK from local.settings.json"));
    assert_eq!(done(folder.path(), "settings list"), "MAIL = ****\n");
    assert!(refused(folder.path(), "settings remove BANK", 1).contains("has no setting `BANK`"));
}
