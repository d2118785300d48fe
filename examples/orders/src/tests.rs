//! Each way that an order can go, in virtual time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use azure_functions::prelude::*;
use azure_functions_sdk::{
    durable::HttpCallResponse,
    testing::{CrashExplorer, TestHost, TestHostBuilder, TestInstance},
};
use serde_json::{Value, json};

use crate::{
    app,
    histories::record,
    order::{Cancelled, Outcome, Packed},
    payment::{Charge, Gateway, Payment, PaymentError, PaymentGateway},
    report::{Report, nightly_report},
    settings::Settings,
};

const DAY: Duration = Duration::from_hours(24);

/// A payment provider that fails as it is told, and remembers what it did.
#[derive(Default)]
struct FakeGateway {
    failures: Mutex<VecDeque<PaymentError>>,
    charged: Mutex<Vec<String>>,
    refunded: Mutex<Vec<String>>,
}

impl FakeGateway {
    fn failing(failures: impl IntoIterator<Item = PaymentError>) -> Arc<Self> {
        Arc::new(Self {
            failures: Mutex::new(failures.into_iter().collect()),
            ..Self::default()
        })
    }

    fn charges(&self) -> usize {
        self.charged.lock().unwrap().len()
    }

    fn refunded(&self) -> Vec<String> {
        self.refunded.lock().unwrap().clone()
    }
}

impl PaymentGateway for FakeGateway {
    fn charge(&self, charge: &Charge) -> Result<Payment, PaymentError> {
        self.charged.lock().unwrap().push(charge.order.clone());
        match self.failures.lock().unwrap().pop_front() {
            Some(failure) => Err(failure),
            None => Ok(Payment {
                id: format!("payment of {}", charge.order),
                cents: charge.cents,
            }),
        }
    }

    fn refund(&self, payment: &Payment) -> Result<(), PaymentError> {
        self.refunded.lock().unwrap().push(payment.id.clone());
        Ok(())
    }
}

/// The app with this gateway, and with an address for notifications.
fn shop(gateway: Arc<FakeGateway>) -> TestHostBuilder {
    let settings = Settings {
        notification_url: Some("https://shop.example/orders".to_owned()),
        ..Settings::default()
    };
    TestHost::builder()
        .app(move || app().config(settings.clone()))
        .state::<Gateway>(gateway)
}

/// Ten pieces of tea are in stock, and notifications are taken.
fn open(host: &TestHost) {
    host.fake_http(|_| HttpCallResponse::new(204, ""));
    let arrive = HttpRequest::build().route_param("sku", "tea").json(&10).unwrap();
    assert_eq!(host.call("receive_stock", &arrive).unwrap().status(), 202);
}

fn an_open_shop(gateway: Arc<FakeGateway>) -> TestHost {
    let host = shop(gateway).build();
    open(&host);
    host
}

/// Sends the order to the web API: status and body.
fn post(host: &TestHost, order: &Value) -> (u16, String) {
    let response = host
        .call("place_order", &HttpRequest::build().json(order).unwrap())
        .unwrap();
    (response.status().as_u16(), response.body_as_str().unwrap().to_owned())
}

fn order_tea(host: &TestHost, pieces: u32) -> TestInstance<'_> {
    let order = json!({ "lines": [{ "sku": "tea", "pieces": pieces }], "card": "card-1", "cents": 990 });
    let (status, id) = post(host, &order);
    assert_eq!(status, 202, "{id}");
    host.instance(&id)
}

/// The function of an order, by the web API: status and body.
fn about(host: &TestHost, function: &str, id: &str) -> (u16, String) {
    let response = host
        .call(function, &HttpRequest::build().route_param("id", id).finish())
        .unwrap();
    (response.status().as_u16(), response.body_as_str().unwrap().to_owned())
}

fn page(host: &TestHost, order: &TestInstance<'_>) -> String {
    about(host, "show_order", order.id()).1
}

fn in_stock(host: &TestHost) -> Value {
    host.entity_state("stock", "tea").unwrap()["free"].clone()
}

/// What the configured address has been told.
fn notifications(host: &TestHost) -> Vec<String> {
    let told = |content: Option<String>| serde_json::from_str::<Value>(&content.unwrap()).unwrap();
    let calls = host.http_calls().into_iter().map(|call| told(call.content));
    calls
        .map(|body| body["standing"].as_str().unwrap().to_owned())
        .collect()
}

fn cancelled(reason: &str) -> Outcome {
    Outcome::Cancelled {
        reason: reason.to_owned(),
    }
}

#[test]
fn an_order_is_paid_and_packed() {
    let gateway = FakeGateway::failing([]);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    assert_eq!(page(&host, &order), "paid, waiting to be packed");
    assert_eq!(in_stock(&host), 7);
    record(&order, "packing");

    let parcel = HttpRequest::build().route_param("id", order.id());
    let packed = host.call("pack_order", &parcel.json(&json!({ "parcel": "P7" })).unwrap());
    assert_eq!(packed.unwrap().status(), 202);
    let outcome = Outcome::Packed { parcel: "P7".into() };
    assert_eq!(order.output::<Outcome>(), outcome);
    assert_eq!(page(&host, &order), "packed as parcel P7");
    assert_eq!(notifications(&host), ["packed as parcel P7"]);
    assert_eq!((gateway.charges(), gateway.refunded().len()), (1, 0));
    assert_eq!(host.elapsed(), Duration::ZERO);
    let logs = host.logs();
    assert!(
        logs.iter()
            .any(|log| log.message.starts_with("charge completed after "))
    );
    assert!(!logs.iter().any(|log| log.message.starts_with("fulfil completed")));
    record(&order, "packed");
}

#[test]
fn a_declined_card_ends_the_attempts_and_gives_the_goods_back() {
    let gateway = FakeGateway::failing([PaymentError::Declined]);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    assert_eq!(order.output::<Outcome>(), cancelled("the card was declined"));
    assert_eq!((gateway.charges(), gateway.refunded().len()), (1, 0));
    assert_eq!(in_stock(&host), 10);
    assert_eq!(notifications(&host), ["cancelled: the card was declined"]);
    record(&order, "declined");
}

fn outages(count: usize) -> Arc<FakeGateway> {
    FakeGateway::failing((0..count).map(|_| PaymentError::Unavailable("no route".to_owned())))
}

#[test]
fn an_outage_of_the_gateway_is_waited_for() {
    let gateway = outages(3);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    assert_eq!(page(&host, &order), "the payment is under way");
    record(&order, "paying");
    host.advance(Duration::from_secs(1 + 3 + 9));
    assert_eq!(page(&host, &order), "paid, waiting to be packed");
    assert_eq!(gateway.charges(), 4);
    record(&order, "paid-at-the-fourth-attempt");
}

#[test]
fn a_gateway_that_stays_down_cancels_the_order() {
    let gateway = outages(6);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    let reason = "the payment provider does not answer: no route";
    assert_eq!(order.output::<Outcome>(), cancelled(reason));
    assert_eq!(gateway.charges(), 6);
    assert_eq!(host.elapsed(), Duration::from_secs(1 + 3 + 9 + 27 + 81));
    assert_eq!(in_stock(&host), 10);
    record(&order, "gateway-down");
}

#[test]
fn what_is_out_of_stock_is_not_paid_and_the_other_lines_are_given_back() {
    let gateway = FakeGateway::failing([]);
    let host = an_open_shop(gateway.clone());
    let lines = json!([{ "sku": "tea", "pieces": 3 }, { "sku": "cups", "pieces": 1 }]);
    let (_, id) = post(&host, &json!({ "lines": lines, "card": "card-1", "cents": 990 }));
    let order = host.instance(&id);
    assert_eq!(order.output::<Outcome>(), cancelled("there are not enough of cups"));
    assert_eq!(gateway.charges(), 0);
    assert_eq!(in_stock(&host), 10);
    record(&order, "out-of-stock");
}

#[test]
fn an_order_that_nobody_packs_is_cancelled_on_the_second_day_after_a_reminder_on_the_first() {
    let gateway = FakeGateway::failing([]);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    host.advance(DAY);
    let reminded = "paid, waiting to be packed; the warehouse has been reminded";
    assert_eq!(page(&host, &order), reminded);
    assert_eq!(notifications(&host), [reminded]);
    record(&order, "reminded");

    assert_eq!(
        order.output::<Outcome>(),
        cancelled("the warehouse did not pack it in time")
    );
    assert_eq!(host.elapsed(), 2 * DAY);
    assert_eq!(gateway.refunded(), [format!("payment of {}", order.id())]);
    assert_eq!(in_stock(&host), 10);
    assert_eq!(
        notifications(&host)[1],
        "cancelled: the warehouse did not pack it in time"
    );
    record(&order, "not-packed");
}

#[test]
fn a_reminder_helps() {
    let host = an_open_shop(FakeGateway::failing([]));
    let order = order_tea(&host, 3);
    host.advance(DAY + DAY / 2);
    order.raise(&Packed { parcel: "P8".into() });
    assert_eq!(order.output::<Outcome>(), Outcome::Packed { parcel: "P8".into() });
    record(&order, "packed-after-reminder");
}

#[test]
fn the_customer_cancels_while_the_order_waits() {
    let gateway = FakeGateway::failing([]);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    assert_eq!(about(&host, "cancel_order", order.id()).0, 202);
    assert_eq!(order.output::<Outcome>(), cancelled("the customer changed their mind"));
    assert_eq!(gateway.refunded().len(), 1);
    assert_eq!(in_stock(&host), 10);
    assert_eq!(about(&host, "cancel_order", order.id()).0, 410);
    record(&order, "cancelled");
}

#[test]
fn an_order_that_is_cancelled_while_it_is_paid_is_refunded() {
    let gateway = outages(1);
    let host = an_open_shop(gateway.clone());
    let order = order_tea(&host, 3);
    order.raise(&Cancelled);
    assert_eq!(order.output::<Outcome>(), cancelled("the customer changed their mind"));
    assert_eq!(host.elapsed(), Duration::from_secs(1));
    assert_eq!((gateway.charges(), gateway.refunded().len()), (2, 1));
    record(&order, "cancelled-while-paying");
}

#[test]
fn a_notification_that_fails_is_tried_again_and_harms_no_order() {
    let host = an_open_shop(FakeGateway::failing([]));
    host.fake_http(|_| HttpCallResponse::new(503, "closed"));
    let order = order_tea(&host, 3);
    order.raise(&Packed { parcel: "P9".into() });
    assert_eq!(order.output::<Outcome>(), Outcome::Packed { parcel: "P9".into() });
    assert_eq!(notifications(&host), ["packed as parcel P9"; 3]);
    let logs = order.logs();
    let warning = logs.iter().find(|record| record.level == log::Level::Warn).unwrap();
    assert_eq!(warning.message, "the notification was answered with 503");
    record(&order, "not-notified");
}

#[test]
fn what_cannot_be_undone_fails_the_order_and_is_told() {
    let host = an_open_shop(FakeGateway::failing([]));
    host.fake("refund", |_: Value| ()).failing("the account is closed");
    let order = order_tea(&host, 3);
    order.raise(&Cancelled);
    let failure = order.failure();
    assert!(
        failure.contains("the customer changed their mind; not undone: "),
        "{failure}"
    );
    assert!(failure.contains("the account is closed"), "{failure}");
    assert_eq!(in_stock(&host), 10, "the rest is undone");
    assert_eq!(page(&host, &order), "something went wrong, and we look into it");
    record(&order, "not-refunded");
}

#[test]
fn the_report_counts_all_orders() {
    let host = an_open_shop(FakeGateway::failing([]));
    let missing = host.call("show_report", &HttpRequest::build().finish()).unwrap();
    assert_eq!(missing.status(), 404);
    let _open = order_tea(&host, 1);
    for parcel in ["P1", "P2"] {
        order_tea(&host, 1).raise(&Packed { parcel: parcel.into() });
    }
    let _out_of_stock = order_tea(&host, 100);
    order_tea(&host, 1).terminate("a mistake");

    let client = host.client().into();
    host.block_on(nightly_report(TimerInfo::default(), client)).unwrap();
    let report = host.call("show_report", &HttpRequest::build().finish()).unwrap();
    let expected = Report {
        open: 1,
        packed: 2,
        cancelled: 1,
        failed: 1,
    };
    assert_eq!(report.body_as_json::<Report>().unwrap(), expected);
}

#[test]
fn an_order_that_makes_no_sense_is_refused() {
    let host = an_open_shop(FakeGateway::failing([]));
    for (status, lines) in [
        (422, json!([])),
        (422, json!([{ "sku": "tea", "pieces": 0 }])),
        (400, json!([{ "sku": "t#a", "pieces": 1 }])),
        (400, json!([{ "sku": "tea", "pieces": -1 }])),
    ] {
        let (answered, body) = post(&host, &json!({ "lines": lines, "card": "card-1", "cents": 990 }));
        assert_eq!(answered, status, "{lines}: {body}");
    }
    assert!(host.instances().is_empty());
    assert_eq!(about(&host, "show_order", "17").0, 404);
    assert_eq!(about(&host, "cancel_order", "17").0, 404);
}

#[test]
fn wherever_the_host_dies_the_goods_are_given_back_and_the_money_is_refunded() {
    let gateway = FakeGateway::failing([]);
    let explorer = CrashExplorer::new().host(shop(gateway.clone()));
    let explored = explorer.explore(|host| {
        open(host);
        let order = order_tea(host, 3);
        order.raise(&Cancelled);
        let outcome = order.output::<Outcome>();
        let refunded = gateway.refunded().contains(&format!("payment of {}", order.id()));
        (outcome, refunded, in_stock(host))
    });
    assert_eq!(
        explored.output,
        (cancelled("the customer changed their mind"), true, 10.into())
    );
}
