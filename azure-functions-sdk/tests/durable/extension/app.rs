//! The functions of the examples `durable-functions` and `patterns` that the recorded requests name.

use serde_json::{Value, json};

use crate::{
    scripted::{Context, Operation, Scripted, Stop, ok},
    work::Wire,
};

pub(crate) fn durable_functions(wire: Wire) -> Scripted {
    Scripted::on(wire)
        .activity("say_hello", |city| {
            // A string arrives as its text.
            ok(format!("Hello {}!", city.unwrap_or_default()))
        })
        .activity("square", |number| {
            let number: u64 = serde_json::from_str(&number.unwrap_or_default()).unwrap();
            ok(number * number)
        })
        .orchestration("hello_world", |context| {
            context.all(&["Tokyo", "London", "Seattle"].map(|city| ("say_hello", city.into())))
        })
        .orchestration("fan_out", fan_out)
        .orchestration("event_with_timeout", event_with_timeout)
}

fn fan_out(context: &mut Context) -> Result<Value, Stop> {
    let input = context.input.take().to_string();
    let count: Option<u64> = serde_json::from_str(&input).map_err(|error| {
        let id = &context.instance_id;
        Stop::Failed(format!(
            "the input of orchestration instance '{id}' is not an Option<u64>: {error}"
        ))
    })?;
    let calls: Vec<(&str, Value)> = (1..=count.unwrap_or(10)).map(|n| ("square", n.into())).collect();
    let squares = context.all(&calls)?;
    let squares: Vec<u64> = serde_json::from_value(squares).unwrap();
    Ok(squares.into_iter().sum::<u64>().into())
}

fn event_with_timeout(context: &mut Context) -> Result<Value, Stop> {
    let milliseconds = context.input.as_i64().unwrap_or(60_000);
    context.custom_status("waiting for approval");
    // Both wait at the same time.
    let over = context.timer(milliseconds / 1_000);
    match (context.event("approval"), over) {
        (Ok(Value::Bool(true)), _) => Ok("approved".into()),
        (Ok(_), _) => Ok("rejected".into()),
        (Err(_), Ok(())) => Ok("nobody answered".into()),
        (Err(waiting), Err(_)) => Err(waiting),
    }
}

pub(crate) fn patterns(wire: Wire) -> Scripted {
    Scripted::on(wire)
        .entity("account", account)
        .entity("readings", |_| Err("nothing is read here".to_owned()))
}

fn account(operation: &mut Operation) -> Result<Value, String> {
    let balance = operation.state["balance"].as_u64().unwrap_or(0);
    match operation.name.as_str() {
        "deposit" => {
            let amount = operation.input.as_u64().ok_or("the input is no amount")?;
            operation.state = json!({"balance": balance + amount});
            Ok((balance + amount).into())
        }
        "delete" => {
            operation.state = Value::Null;
            Ok(Value::Null)
        }
        other => Err(format!("there is no operation '{other}'")),
    }
}
