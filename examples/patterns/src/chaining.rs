//! Function chaining: four activities, each of which takes the output of the one before. If one of them fails, the chain ends,
//! and another activity handles the failure.

use azure_functions::prelude::*;

/// Publishes a book about its input. Output: the book, or an apology if a step failed.
#[func]
pub async fn chaining(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput<String>, CallError> {
    match publish(&context).await {
        Ok(book) => Ok(book.into()),
        Err(error) => Ok(context.call::<apologize>(error.to_string()).await?.into()),
    }
}

async fn publish(context: &DurableOrchestrationContext<String>) -> Result<String, CallError> {
    let draft = context.call::<write>(context.input()).await?;
    let text = context.call::<edit>(draft).await?;
    let pages = context.call::<typeset>(text).await?;
    context.call::<print>(pages).await
}

#[func]
pub fn write(subject: String) -> ActivityOutput<String> {
    format!("draft about {subject}").into()
}

#[func]
pub fn edit(draft: String) -> ActivityOutput<String> {
    format!("edited {draft}").into()
}

/// Fails if there is too little to fill a page.
#[func]
pub fn typeset(text: String) -> Result<ActivityOutput<String>, String> {
    if text.len() < 24 {
        return Err(format!("'{text}' does not fill a page"));
    }
    Ok(format!("typeset {text}").into())
}

#[func]
pub fn print(pages: String) -> ActivityOutput<String> {
    format!("printed {pages}").into()
}

#[func]
pub fn apologize(reason: String) -> ActivityOutput<String> {
    format!("We are sorry: {reason}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    #[test]
    fn row_107_each_activity_gets_what_the_one_before_has_made() {
        let host = TestHost::new();
        let chain = host.start_typed::<chaining>("the tides".to_owned());
        assert_eq!(chain.output::<String>(), "printed typeset edited draft about the tides");
        let called: Vec<_> = chain.calls().into_iter().map(|call| call.activity).collect();
        assert_eq!(called, ["write", "edit", "typeset", "print"]);
    }

    #[test]
    fn row_107_an_error_in_the_third_reaches_the_handler() {
        let host = TestHost::new();
        host.fake_typed::<typeset>(|_text| Err("the lead is out".to_owned()));
        let chain = host.start_typed::<chaining>("the tides".to_owned());
        let output = chain.output::<String>();
        assert!(
            output.starts_with("We are sorry: ") && output.ends_with("the lead is out"),
            "{output}"
        );
        assert!(host.calls("print").is_empty());
    }

    #[test]
    fn an_error_in_the_handler_fails_the_whole() {
        let host = TestHost::new();
        host.fake("apologize", |_: String| ()).failing("no words");
        assert!(
            host.start_typed::<chaining>("it".to_owned())
                .failure()
                .contains("no words")
        );
    }
}
