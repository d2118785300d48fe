//! The `.proto` files are the contract: they agree with the checked-in tables in every package, message, field, number
//! and type, and the generated code agrees with them. `BLESS=1 cargo test --test wire` writes it anew.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use std::{fmt::Write as _, fs, path::Path};

const GENERATED: [&str; 2] = ["azure_functions_rpc_messages.rs", "_.rs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The stream between host and worker.
fn function_rpc() -> FileDescriptorSet {
    protox::compile(["FunctionRpc.proto"], [root().join("proto")]).expect("the .proto files compile")
}

/// Durable tasks.
fn durable_task() -> FileDescriptorSet {
    let folder = root().join("../azure-functions-durable/proto");
    protox::compile(["durabletask.proto"], [folder]).expect("the .proto file compiles")
}

#[test]
fn protos_agree_with_the_table() {
    agree(&function_rpc(), include_str!("../proto/function_rpc.tsv"));
}

#[test]
fn the_proto_of_durable_tasks_agrees_with_its_table() {
    agree(
        &durable_task(),
        include_str!("../../azure-functions-durable/proto/durabletask.tsv"),
    );
}

fn agree(protos: &FileDescriptorSet, table: &str) {
    let mut expected: Vec<&str> = table
        .lines()
        .skip(1)
        .map(str::trim_end)
        .filter(|l| !l.is_empty())
        .collect();
    let mut rows = Vec::new();
    for file in protos.file.iter().filter(|f| !f.package().starts_with("google")) {
        file_rows(file, &mut rows);
    }
    let mut actual: Vec<&str> = rows.iter().map(|r| r.trim_end()).collect();
    expected.sort_unstable();
    actual.sort_unstable();
    for row in &expected {
        assert!(actual.contains(row), "the .proto files lack: {row}");
    }
    assert_eq!(
        expected.len(),
        actual.len(),
        "the .proto files have more than the table: {actual:#?}"
    );
}

fn file_rows(file: &FileDescriptorProto, rows: &mut Vec<String>) {
    let package = file.package();
    for message in &file.message_type {
        message_rows(&qualified(package, message.name()), message, rows);
    }
    for e in &file.enum_type {
        enum_rows(&qualified(package, e.name()), e, rows);
    }
    for service in &file.service {
        for method in &service.method {
            let streaming = match (method.client_streaming(), method.server_streaming()) {
                (false, false) => "unary",
                (false, true) => "server-streaming",
                (true, false) => "client-streaming",
                (true, true) => "bidi-streaming",
            };
            let service = qualified(package, service.name());
            let (name, from, to) = (method.name(), plain(method.input_type()), plain(method.output_type()));
            rows.push(format!(
                "service {service}\t{name}\t/{service}/{name}\t{from} -> {to}\t{streaming}\t"
            ));
        }
    }
}

fn message_rows(name: &str, message: &DescriptorProto, rows: &mut Vec<String>) {
    if message.field.is_empty() {
        rows.push(format!("{name}\t(no fields)"));
    }
    for field in &message.field {
        let entry = message.nested_type.iter().find(|n| {
            n.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
                && plain(field.type_name()) == qualified(name, n.name())
        });
        let (kind, label) = match entry {
            Some(entry) => (
                format!("map<{},{}>", field_type(&entry.field[0]), field_type(&entry.field[1])),
                "map",
            ),
            None if field.label() == Label::Repeated => (field_type(field), "repeated"),
            None => (field_type(field), "optional"),
        };
        let oneof = field
            .oneof_index
            .map_or("", |i| message.oneof_decl[usize::try_from(i).unwrap()].name());
        rows.push(format!(
            "{name}\t{}\t{}\t{kind}\t{label}\t{oneof}",
            field.name(),
            field.number()
        ));
    }
    for range in &message.reserved_range {
        // The end is exclusive.
        for number in range.start()..range.end() {
            rows.push(format!("{name}\t(reserved)\t{number}"));
        }
    }
    for nested in message
        .nested_type
        .iter()
        .filter(|n| !n.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry))
    {
        message_rows(&qualified(name, nested.name()), nested, rows);
    }
    for e in &message.enum_type {
        enum_rows(&qualified(name, e.name()), e, rows);
    }
}

fn enum_rows(name: &str, e: &EnumDescriptorProto, rows: &mut Vec<String>) {
    for value in &e.value {
        rows.push(format!("enum {name}\t{}\t{}\tenum-value", value.name(), value.number()));
    }
}

fn field_type(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => plain(field.type_name()).to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}

fn plain(name: &str) -> &str {
    name.trim_start_matches('.')
}

fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

/// Worker and host each hold their own half of their stream, made from the same descriptors. The messages of durable tasks are shared.
#[test]
fn generated_code_is_current() {
    let mut stale = String::new();
    let halves = [
        (root().join("src/rpc/generated"), true, false),
        (
            root().join("../azure-functions-sdk/src/host/rpc/generated"),
            false,
            true,
        ),
    ];
    for (folder, client, server) in halves {
        compare(&folder, &GENERATED, &mut stale, |generated| {
            generated
                .build_client(client)
                .build_server(server)
                .compile_fds(function_rpc())
        });
    }
    let folder = root().join("../azure-functions-durable/src/protobuf/generated");
    compare(&folder, &["_.rs"], &mut stale, |generated| {
        generated
            .build_client(true)
            .build_server(false)
            .client_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
            .compile_fds(durable_task())
    });
    assert!(
        stale.is_empty(),
        "stale generated code, run `BLESS=1 cargo test --test wire`:\n{stale}"
    );
}

fn compare(
    folder: &Path,
    files: &[&str],
    stale: &mut String,
    generate: impl FnOnce(tonic_prost_build::Builder) -> std::io::Result<()>,
) {
    let out = tempfile::tempdir().unwrap();
    let builder = tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .out_dir(out.path());
    generate(builder).expect("code generation");
    for file in files {
        let fresh = fs::read_to_string(out.path().join(file)).unwrap();
        let target = folder.join(file);
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(folder).unwrap();
            fs::write(&target, fresh).unwrap();
        } else if fs::read_to_string(&target).ok().as_deref() != Some(&fresh) {
            writeln!(stale, "{}", target.display()).unwrap();
        }
    }
}
