//! Random orchestrations: what the code does, written down as data, and how to make such programs up.

use proptest::{collection::vec, prelude::*};

/// Steps that run one after the other.
pub(crate) type Block = Vec<Step>;

/// Durations by index, in seconds: from a moment to longer than any host's longest timer.
pub(crate) const SPANS: [i64; 8] = [1, 45, 600, 3_600, 18_000, 172_800, 604_800, 1_296_000];

/// An index into [`SPANS`].
pub(crate) type Span = usize;

/// A call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: u8,
    pub(crate) sub_orchestration: bool,
    pub(crate) retry: Option<Retry>,
}

/// A retry policy.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    pub(crate) first: Span,
    pub(crate) attempts: u32,
    pub(crate) backoff: u8,
    pub(crate) timeout: Option<Span>,
    pub(crate) unless_fatal: bool,
}

/// What becomes of the losers of a select.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Losers {
    Drop,
    Leak,
    SelectAgain,
    JoinAll,
}

/// How the code ends before its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Return,
    Fail,
    Panic,
}

/// One step of the code.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Call(Call),
    /// The call's future goes into the block's list, unawaited.
    StartCall(Call),
    StartTimer(Span),
    StartWait(u8),
    StartEntity(u8),
    StartLock(Vec<u8>),
    /// Future of the list, by index: awaited, dropped, or forgotten.
    Await(usize),
    Drop(usize),
    Leak(usize),
    Timer(Span),
    CallEntity(u8),
    Signal(u8),
    /// An HTTP call, with or without retries.
    Http(Option<Span>),
    /// Runs the block in a critical section of these entities.
    Section(Vec<u8>, Block),
    Wait(u8),
    WaitOrTimeout(u8, Span),
    Timeout(Span, Block),
    Join(Block, Block),
    JoinAll(Vec<Block>),
    TryJoinAll(Vec<Block>),
    Race(Block, Block),
    SelectAll(Vec<Block>, Losers),
    /// Takes so many results, then drops the rest.
    AsCompleted(Vec<Block>, usize),
    ForEach(usize, Vec<Block>),
    Repeat(u8, Block),
    IfFailed(Call, Block),
    Status,
    /// Code that was changed while instances were in flight: the new way and the old one.
    Patched(u8, Block, Block),
    ContinueAsNew {
        preserve: bool,
        awaited: bool,
    },
    End(End),
}

/// A whole orchestration with the world it runs in.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Code of each execution; all but the last continue as new, and say whether events are preserved.
    pub(crate) generations: Vec<(Block, bool)>,
    pub(crate) world: Settings,
}

/// What kind of world.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    /// The host's longest timer, in days; zero is no limit.
    pub(crate) max_timer_days: i64,
    /// Clocks of the machines differ.
    pub(crate) skew: bool,
    pub(crate) suspensions: bool,
    /// Whether a suspended host also holds back the clocks of the episodes.
    pub(crate) clock_suspends: bool,
    /// Every so many completed tasks is a failure; zero is never.
    pub(crate) failures: u64,
    pub(crate) events: u64,
    /// Every so many episodes the next version of the code is deployed; zero is never.
    pub(crate) deployments: u64,
}

/// Random programs.
pub(crate) fn program() -> impl Strategy<Value = Program> {
    let generation = (vec(step(), 0..7), any::<bool>());
    let generations = prop_oneof![
        3 => vec(generation.clone(), 1..=1),
        2 => vec(generation, 2..4),
    ];
    (generations, settings()).prop_map(|(generations, world)| Program { generations, world })
}

fn settings() -> impl Strategy<Value = Settings> {
    let max = prop_oneof![4 => Just(6_i64), 2 => Just(1), 1 => Just(0)];
    let failures = prop_oneof![Just(0_u64), Just(2), Just(5)];
    (
        any::<u64>(),
        max,
        any::<bool>(),
        prop::bool::weighted(0.3),
        any::<bool>(),
        failures,
        0_u64..14,
        prop_oneof![Just(0_u64), Just(2), Just(4)],
    )
        .prop_map(
            |(seed, max_timer_days, skew, suspensions, clock_suspends, failures, events, deployments)| Settings {
                seed,
                max_timer_days,
                skew,
                suspensions,
                clock_suspends,
                failures,
                events,
                deployments,
            },
        )
}

fn span() -> impl Strategy<Value = Span> + Clone {
    0..SPANS.len()
}

fn call() -> impl Strategy<Value = Call> + Clone {
    let retry = (
        0_usize..6,
        1_u32..4,
        1_u8..4,
        prop::option::weighted(0.3, span()),
        any::<bool>(),
    )
        .prop_map(|(first, attempts, backoff, timeout, unless_fatal)| Retry {
            first,
            attempts,
            backoff,
            timeout,
            unless_fatal,
        });
    (
        0_u8..200,
        prop::bool::weighted(0.2),
        prop::option::weighted(0.35, retry),
    )
        .prop_map(|(name, sub_orchestration, retry)| Call {
            name,
            sub_orchestration,
            retry,
        })
}

fn end() -> impl Strategy<Value = End> + Clone {
    prop_oneof![4 => Just(End::Return), 3 => Just(End::Fail), 1 => Just(End::Panic)]
}

fn keys() -> impl Strategy<Value = Vec<u8>> + Clone {
    vec(0_u8..4, 1..4)
}

fn leaf() -> impl Strategy<Value = Step> + Clone {
    let event = 0_u8..4;
    prop_oneof![
        12 => call().prop_map(Step::Call),
        6 => call().prop_map(Step::StartCall),
        4 => span().prop_map(Step::StartTimer),
        4 => event.clone().prop_map(Step::StartWait),
        6 => (0_usize..4).prop_map(Step::Await),
        3 => (0_usize..4).prop_map(Step::Drop),
        1 => (0_usize..4).prop_map(Step::Leak),
        5 => span().prop_map(Step::Timer),
        6 => event.clone().prop_map(Step::Wait),
        4 => (event, span()).prop_map(|(event, span)| Step::WaitOrTimeout(event, span)),
        6 => (0_u8..4).prop_map(Step::CallEntity),
        4 => (0_u8..4).prop_map(Step::StartEntity),
        2 => (0_u8..4).prop_map(Step::Signal),
        4 => prop::option::of(0_usize..6).prop_map(Step::Http),
        1 => keys().prop_map(Step::StartLock),
        1 => Just(Step::Status),
        1 => (any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(preserve, awaited)| Step::ContinueAsNew { preserve, awaited }),
        1 => end().prop_map(Step::End),
    ]
}

fn step() -> impl Strategy<Value = Step> + Clone {
    leaf().prop_recursive(3, 20, 4, |inner| {
        let block = vec(inner, 0..4);
        let blocks = vec(block.clone(), 1..5);
        let losers = prop_oneof![
            2 => Just(Losers::Drop),
            1 => Just(Losers::Leak),
            2 => Just(Losers::SelectAgain),
            1 => Just(Losers::JoinAll),
        ];
        prop_oneof![
            2 => (span(), block.clone()).prop_map(|(span, block)| Step::Timeout(span, block)),
            3 => (block.clone(), block.clone()).prop_map(|(a, b)| Step::Join(a, b)),
            4 => blocks.clone().prop_map(Step::JoinAll),
            1 => blocks.clone().prop_map(Step::TryJoinAll),
            2 => (block.clone(), block.clone()).prop_map(|(a, b)| Step::Race(a, b)),
            3 => (blocks.clone(), losers).prop_map(|(blocks, losers)| Step::SelectAll(blocks, losers)),
            2 => (blocks.clone(), 1_usize..5).prop_map(|(blocks, take)| Step::AsCompleted(blocks, take)),
            2 => (1_usize..4, blocks).prop_map(|(limit, blocks)| Step::ForEach(limit, blocks)),
            2 => (1_u8..4, block.clone()).prop_map(|(times, block)| Step::Repeat(times, block)),
            2 => (call(), block.clone()).prop_map(|(call, block)| Step::IfFailed(call, block)),
            5 => (keys(), block.clone()).prop_map(|(keys, block)| Step::Section(keys, block)),
            4 => (0_u8..4, block.clone(), block).prop_map(|(id, new, old)| Step::Patched(id, new, old)),
        ]
    })
}
