use azure_functions::{
    bindings::{DurableEntityContext, DurableOrchestrationClient},
    entity,
};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

#[derive(Default, Serialize, Deserialize)]
struct Counter(i64);

#[entity]
impl Counter {
    fn two_inputs(&mut self, _a: i64, _b: i64) {}
    fn two_contexts(&self, _a: &DurableEntityContext, _b: DurableEntityContext) {}
    fn mutable_context(&self, _a: &mut DurableEntityContext) {}
    fn generic<T>(&mut self, _a: T) {}
    fn lifetime<'a>(&'a mut self) {}
    fn limited(&self)
    where
        Self: Sized,
    {
    }
    fn by_value(self) {}
    fn by_mutable_value(mut self) {
        self.0 += 1;
    }
    fn boxed(self: Box<Self>) {}
    fn borrowed_text(&mut self, _text: &str) {}
    fn borrowed_list(&mut self, _list: &[u8]) {}
    fn borrowed(&mut self, _other: &Counter) {}
    fn anything(&mut self, _text: impl Display) {}
    fn lends(&self) -> &i64 {
        &self.0
    }
    fn lends_or_fails(&self) -> Result<&i64, String> {
        Ok(&self.0)
    }
    fn hides(&self) -> impl Display {
        self.0
    }
    fn never(&self) -> ! {
        panic!()
    }
    const fn constant(&self) {}
    unsafe fn dangerous(&self) {}
    extern "C" fn foreign(&self) {}
    fn with_client(&mut self, _a: i64, _client: DurableOrchestrationClient) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Empty;

#[entity]
impl Empty {
    fn no_operation() -> Self {
        Self
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Generic<T>(T);

#[entity]
impl<T> Generic<T> {
    fn get(&self) {}
}

#[entity]
impl Display for Counter {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

#[entity]
struct NotABlock;

#[derive(Default, Serialize, Deserialize)]
struct _Hidden;

#[entity]
impl _Hidden {
    fn get(&self) {}
}

#[derive(Default, Serialize, Deserialize)]
struct Named;

#[entity(nam = "x")]
impl Named {
    fn get(&self) {}
}

#[entity(name = "a", name = "b")]
impl Named {
    fn get2(&self) {}
}

#[entity(name = 3, operation, name)]
impl Named {
    fn get3(&self) {}
}

#[entity(name = "a b")]
impl Named {
    fn get4(&self) {}
}

fn main() {}
