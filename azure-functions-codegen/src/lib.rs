//! The `#[func]` and `#[entity]` attributes of `azure-functions`, and `#[derive(Outputs)]`, in `outputs`.
//!
//! `#[entity]`, in `entity`, writes a function with `#[func]`. That has five steps, each in its own place: `arguments` reads what stands in attributes, `signature` turns the function into our
//! own terms, `check` finds every mistake in it, `lint` those in the body of an orchestration, and `expand` writes code for
//! a function that has none.

mod arguments;
mod check;
mod crate_path;
mod entity;
mod errors;
mod event;
mod expand;
mod known;
mod lint;
mod names;
mod outputs;
mod place;
mod plain;
mod retry;
mod returned;
mod route;
mod schedule;
mod signature;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the files are those of `azure-functions`, where all of it is used and public"
)]
mod table;
mod typed;

use errors::Errors;
use known::Role;
use proc_macro::TokenStream;
use quote::quote;

/// Makes an Azure function of a function: describes it to the host, and finds it again when the host calls.
///
/// # Arguments
///
/// * `#[func(name = "...")]`: the name that the host knows it by; otherwise that of the Rust function. A letter first, then
///   letters, digits, `_` or `-`, at most 127.
/// * `#[func(activity)]`: an activity. Where `ActivityOutput` stands in the return type, or a parameter is a
///   `DurableActivityContext`, the function is an activity without it.
/// * `#[func(orchestration)]`: an orchestration. Its `DurableOrchestrationContext` says so, too.
/// * `#[func(activity, retry = POLICY)]`: how typed calls of an activity are tried again when they set nothing else. `POLICY` names
///   a constant, a static, or another path to a `RetryOptions`.
/// * `#[func(retry(max = 3, delay = "00:00:05"))]`, or `retry(max = -1, min_delay = "00:00:01", max_delay = "00:05:00")`: how often a host
///   runs the function again that failed, and how long it waits before. A delay grows to about the double each time, from `min_delay` to
///   `max_delay`; -1 means without limit. For functions with a trigger, not for durable ones. All attempts have the same invocation id.
/// * `#[func(allow_non_deterministic = "reason")]`: allows an orchestration what would be refused in its body, see below.
///
/// # Bindings
///
/// Each parameter is a binding, named like the parameter in camel case (without leading underscores); exactly one is a
/// trigger. Outputs are the return value (`$return`), or the elements of a returned tuple (`$return`, `output1`,
/// `output2`, ...), or the fields of a struct that derives [`Outputs`](macro@Outputs). Arguments of a binding stand before its parameter, or on the function with the `name`:
///
/// ```text
/// #[func]
/// fn greet(#[binding(auth_level = "anonymous", methods = ["get", "post"])] request: HttpRequest) -> HttpResponse { ... }
///
/// #[func]
/// #[binding(name = "request", auth_level = "anonymous", methods = "get|post")]
/// fn greet(request: HttpRequest) -> HttpResponse { ... }
/// ```
///
/// A parameter may be a reference (`&HttpRequest`), except the context of an orchestration.
///
/// # Functions
///
/// * An orchestration is `async`, takes one `DurableOrchestrationContext` and returns any value that serde can write, bare or as
///   `OrchestrationOutput`, nothing, or a `Result` of those. Its body is checked for what would not be the same in every replay, see below.
/// * An activity takes one `DurableActivityContext` or one plain input that serde can read, and any other bindings. It
///   returns any value that serde can write, bare or as `ActivityOutput`, or nothing; a tuple of outputs begins with
///   `ActivityOutput` or `()`; or a `Result` of those.
///
///   ```text
///   #[func(activity)]
///   async fn charge(order: Order) -> Result<Receipt, PaymentError> { ... }
///
///   #[func(orchestration)]
///   async fn checkout(context: DurableOrchestrationContext<Order>) -> Result<Receipt, CallError> { ... }
///   ```
/// * An entity takes one `DurableEntityContext` and any other bindings, is called once for each operation, and returns nothing,
///   `EntityOutput` or `Result<EntityOutput, E>`. `#[entity]` makes one of a type with methods.
/// * Every other function takes one trigger and any other bindings, and returns nothing, an output, a tuple of outputs, or
///   a `Result` of those. `Option` around an output sends it only if it is there.
///
/// `E` is any error that converts into `Box<dyn std::error::Error + Send + Sync>`. The invocation fails with it, unless it is the
/// answer to an HTTP request: an `HttpError`, or what the caller sent and cannot be read (400).
///
/// # Types
///
/// For an activity or orchestration there is also a type of the function's name, for calls that are checked when the app is
/// compiled: `context.call::<say_hello>(..)`, `context.call_sub::<child>(..)`, `client.start::<hello_world>(..)`. It is as
/// visible as the function, and so must the types of its input, output and error be. Beside a module of the same name the
/// function cannot be imported: call it as `flow::flow`. Where the context hides behind an alias, there is no such type.
///
/// # What an orchestration cannot do
///
/// An orchestration is replayed from its history, in any process and at any time. What its body visibly does and could not
/// do the same way in every replay, or would lose with the process, is a compile error that says what to write instead:
///
/// | In the body | Instead |
/// |---|---|
/// | clocks: `SystemTime::now`, `Instant::now`, `Utc::now`, `Local::now`, `OffsetDateTime::now_utc`, ... | `context.current_time()` |
/// | new ids: `Uuid::new_v4`, `Uuid::now_v7`, `Ulid::new`, ... | `context.new_guid()` |
/// | chance: `rand`, `fastrand`, `getrandom`, `RandomState::new` (generators with a fixed seed are fine) | `context.new_guid()`, or an activity |
/// | waiting: `thread::sleep`, `tokio::time::sleep`, `timeout`, `interval`, `futures_timer` | `context.create_timer_after(..)`, `context.timeout(..)` |
/// | concurrency: `tokio::join!`, `futures::select!`, `future::join_all`, `FuturesUnordered`, ... | `context.join(..)`, `context.select(..)`, `context.join_all(..)`, ... |
/// | threads and tasks: `std::thread`, `rayon`, `tokio::spawn`, everything else in `tokio`, `async_std`, `smol` | the context's combinators, or an activity |
/// | blocking: `block_on` | `.await`, or an activity |
/// | requests: `reqwest`, `ureq`, clients of `hyper`, ... | an activity |
/// | files, sockets, processes, standard input: `std::fs`, `File::open`, `TcpStream::connect`, `process::Command`, ... | an activity |
/// | the environment: `std::env::var`, `args`, `current_dir`, ... (`env!` is fine) | the input, or an activity |
///
/// The attribute sees the body only: it follows `use` declarations in the body, reads closures, nested functions, and the
/// arguments of macros, and goes by the last two names of a path otherwise. Names of one part, such as `sleep(..)`, and
/// calls of methods pass (but for `.block_on(..)`). Foreign awaits that hide in other functions are refused when they run,
/// in the same episode. A clock or a map with random order (`HashMap`) that hides there is not: keep it out yourself.
///
/// What does no harm can be allowed, with the reason, for the whole function or for one statement, expression, match arm, or
/// block. Where there is nothing to allow, that is an error too:
///
/// ```text
/// #[func]
/// async fn pay(context: DurableOrchestrationContext) {
///     #[allow_non_deterministic = "only measures, and only logs"]
///     let begun = Instant::now();
///     ...
/// }
///
/// #[func(allow_non_deterministic = "reads settings that never change")]
/// async fn ship(context: DurableOrchestrationContext) { ... }
/// ```
#[proc_macro_attribute]
pub fn func(arguments: TokenStream, item: TokenStream) -> TokenStream {
    func_tokens(arguments.into(), &item.into()).into()
}

/// Makes an external event of a struct or enum: its values are the payload, and the attribute gives it a name, for the one
/// who raises it and the one who waits for it.
///
/// `#[event("approval")]`, or `#[event]` for the name of the type. Derive `Serialize` and `Deserialize` beside it. See
/// `azure_functions::durable::Event`.
#[proc_macro_attribute]
pub fn event(arguments: TokenStream, item: TokenStream) -> TokenStream {
    event::event(arguments.into(), &item.into()).into()
}

/// Makes an entity of a type: the methods of its `impl` block are the operations, its values the states.
///
/// The type derives `Serialize`, `Deserialize` and `Default`; an entity that does not exist begins with the default. Each
/// method that takes `self` is an operation of that name:
///
/// * with `&mut self` it changes the state, which is stored after it; with `&self` it only reads,
/// * it has at most one input, which serde can read and write, and may take the context, `&DurableEntityContext`, and what functions
///   share, `State<T>` or `Config<T>`,
/// * it may be `async`, and may do I/O and use the clock: an entity is not replayed,
/// * it answers with a value that serde can write, or with a `Result`. After an `Err` or a panic the state is as before, signals
///   that it sent are not sent, and the caller gets the error.
///
/// Functions without `self` are left alone. `delete` deletes the state, unless there is a method of that name.
///
/// `#[entity(name = "...")]` gives the function another name than that of the type.
///
/// ```text
/// #[derive(Default, Serialize, Deserialize)]
/// struct Counter {
///     value: i64,
/// }
///
/// #[entity]
/// impl Counter {
///     fn add(&mut self, amount: i64) -> i64 {
///         self.value += amount;
///         self.value
///     }
///
///     fn get(&self) -> i64 {
///         self.value
///     }
/// }
/// ```
///
/// Senders of operations have methods of the same names: `client.entity::<Counter>("visits").add(5).await?`.
#[proc_macro_attribute]
pub fn entity(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entity::entity(arguments.into(), &item.into()).into()
}

/// Makes the outputs of a function of the fields of a struct: a function that returns it returns all of them.
///
/// Each field is an output binding, named like the field in camel case: a type such as `QueueMessage<T>`, an `Option` of it, which
/// sends nothing if it is `None`, or a `Vec`, for several values. Arguments stand before the field, as
/// `#[binding(queue_name = "orders")]`. A field of type `HttpResponse` (or `Json<T>`) is the answer to the caller of an HTTP function, one
/// of type `ActivityOutput<T>` the result of an activity: a struct has at most one of them.
///
/// ```text
/// #[derive(Outputs)]
/// struct Accepted {
///     response: HttpResponse,
///     #[binding(queue_name = "orders")]
///     order: Option<QueueMessage<Json<Order>>>,
/// }
///
/// #[func]
/// fn accept(request: HttpRequest) -> Accepted { ... }
/// ```
///
/// A test calls the function and reads the fields. See `azure_functions::guide::bindings`.
#[proc_macro_derive(Outputs, attributes(binding))]
pub fn outputs(item: TokenStream) -> TokenStream {
    outputs::outputs(item.into()).into()
}

fn func_tokens(arguments: proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let Ok(mut function) = syn::parse2::<syn::ItemFn>(item.clone()) else {
        let error = match syn::parse2::<syn::Item>(item.clone()) {
            Ok(other) => {
                let span = quote!(#other)
                    .into_iter()
                    .next()
                    .map_or_else(proc_macro2::Span::call_site, |t| t.span());
                syn::Error::new(span, "`#[func]` goes on a function").to_compile_error()
            }
            // The compiler says what is wrong with it.
            Err(_) => proc_macro2::TokenStream::new(),
        };
        return quote!(#item #error);
    };
    let mut errors = Errors::default();
    let mut signature = signature::Signature::read(arguments, &mut function, &mut errors);
    check::check(&signature, &mut errors);
    let allowance = signature.allowance.take();
    let context = signature
        .first(Role::Orchestration)
        .map(|context| context.name.as_str());
    lint::check(&mut function, context, allowance, &mut errors);
    match errors.into_compile_errors() {
        // Without its attributes the function still checks, and so does whatever calls it.
        Some(errors) => quote!(#function #errors),
        None => {
            let registration = expand::registration(&signature);
            let declaration = typed::declaration(&signature, &function);
            // Bindings come by value: an async function has to own them.
            quote!(#[allow(clippy::needless_pass_by_value)] #function #declaration #registration)
        }
    }
}
