//! The guide: how to write, run, test and operate an app.
//!
//! Each chapter begins with what it is for and the smallest whole example. The reference of each item is its own documentation;
//! the [front page](crate) leads from tasks to items.
//!
//! Durable Functions let you write workflows as code whose state survives crashes and restarts. An *orchestration* calls
//! *activities*, which do the work; *entities* keep small states; *client functions* start all of it. The host keeps the state, and
//! replays the code where it left off.
//!
//! | Chapter | For |
//! |---|---|
//! | [Functions](functions) | the four function types, triggers and bindings |
//! | [HTTP functions](http) | routes, requests, answers, errors |
//! | [Bindings](bindings) | all triggers, inputs and outputs, with their arguments |
//! | [Orchestrations](orchestrations) | replay, what the code must not do, what it can do, and why an instance stays `Running` |
//! | [Patterns](patterns) | chaining, fan-out/fan-in, async HTTP API, monitor, human interaction, aggregator, saga |
//! | [Task hubs and instances](instances) | ids, status, managing instances, where state is kept |
//! | [Timers](timers) | delays and timeouts |
//! | [External events](events) | waiting for messages from outside, and sending them |
//! | [Entities](entities) | small states with operations: calls, signals, errors, order |
//! | [Critical sections](critical_sections) | exclusive access to several entities |
//! | [Errors and retries](errors) | errors of calls, retry policies, failed instances |
//! | [Crashes](crashes) | what is lost, and what runs again, when a process ends |
//! | [The two wires](wires) | what protobuf and JSON between host and app can each say |
//! | [Changing code](changing_code) | new versions while instances are in flight |
//! | [Testing](testing) | the whole app in a test, in virtual time |
//! | [State and configuration](state) | shared state, set-up and end, hooks, settings |
//! | [Logs](logs) | log records, their levels, tracing |
//! | [Security](security) | keys, host names, secrets |
//! | [The local host](local_host) | what `cargo func run` and `cargo func host` read, their ports and state |
//! | [Deployment](deployment) | packing for Azure, what each plan can run, and what a host needs of an app |
//! | [Without a Functions host](self_hosted) | the same functions for the Durable Task Scheduler, or for `cargo func host` |
//! | [Workers in Python](python) | Python beside an app, or on a hub of its own |
//! | [Coming from C#, JavaScript, Python, Temporal](coming_from) | tables of words and calls |
//!
//! # Which one to use
//!
//! | To | Use |
//! |---|---|
//! | take steps in an order, and survive crashes between them | an orchestration |
//! | do one step: I/O, computation | an activity |
//! | read and update a small piece of state | an [entity](entities) |
//! | wait for an answer or a message | an external event |
//! | poll a resource until it is in a state | the [monitor](patterns#monitor) pattern |
//! | run something at a time of the day | a timer function; it may start orchestrations |

#[doc = include_str!("bindings.md")]
pub mod bindings {}
#[doc = include_str!("changing_code.md")]
pub mod changing_code {}
#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
#[doc = include_str!("crashes.md")]
pub mod crashes {}
#[doc = include_str!("critical_sections.md")]
pub mod critical_sections {}
#[doc = include_str!("deployment.md")]
pub mod deployment {}
#[doc = include_str!("entities.md")]
pub mod entities {}
#[doc = include_str!("errors.md")]
pub mod errors {}
#[doc = include_str!("events.md")]
pub mod events {}
#[doc = include_str!("functions.md")]
pub mod functions {}
#[doc = include_str!("http.md")]
pub mod http {}
#[doc = include_str!("instances.md")]
pub mod instances {}
#[doc = include_str!("local_host.md")]
pub mod local_host {}
#[doc = include_str!("logs.md")]
pub mod logs {}
#[doc = include_str!("orchestrations.md")]
pub mod orchestrations {}
#[doc = include_str!("patterns.md")]
pub mod patterns {}
#[doc = include_str!("wires.md")]
pub mod wires {}
#[doc = include_str!("python.md")]
pub mod python {}
#[doc = include_str!("security.md")]
pub mod security {}
#[doc = include_str!("self_hosted.md")]
pub mod self_hosted {}
#[doc = include_str!("state.md")]
pub mod state {}
// Its example needs the test host, which depends on this crate: the tests of `azure-functions-sdk` compile it.
#[allow(clippy::test_attr_in_doctest, reason = "the snippet is the test of an app")]
#[cfg_attr(not(doctest), doc = include_str!("testing.md"))]
pub mod testing {}
#[doc = include_str!("timers.md")]
pub mod timers {}
