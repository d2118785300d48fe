//! Critical section: an orchestration locks two accounts, each an entity, and moves money between them. No other operation runs
//! on them meanwhile, so no account is overdrawn, however many transfers run at once. (A client that reads the state of an
//! account runs no operation, and may see the state between the two.)

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// An account, whose key is its owner.
#[derive(Default, Serialize, Deserialize)]
pub struct Account {
    balance: u64,
}

#[entity]
impl Account {
    fn deposit(&mut self, amount: u64) -> Result<u64, String> {
        self.balance = self.balance.checked_add(amount).ok_or("nobody is that rich")?;
        Ok(self.balance)
    }

    fn withdraw(&mut self, amount: u64) -> Result<u64, String> {
        self.balance = self
            .balance
            .checked_sub(amount)
            .ok_or("there is not enough in this account")?;
        Ok(self.balance)
    }

    fn balance(&self) -> u64 {
        self.balance
    }
}

/// An order to move money.
#[derive(Serialize, Deserialize)]
pub struct Transfer {
    from: String,
    to: String,
    amount: u64,
}

/// Moves money from one account to another. Output: whether there was enough of it.
#[func]
pub async fn bank_transfer(
    context: DurableOrchestrationContext<Transfer>,
) -> Result<OrchestrationOutput<bool>, CallError> {
    let Transfer { from, to, amount } = context.input();
    // Locked until `section` is dropped, which is at the latest when the function returns.
    let section = context
        .lock([Account::entity_id(&from)?, Account::entity_id(&to)?])
        .await;
    let (payer, payee) = (section.entity::<Account>(from), section.entity::<Account>(to));
    if payer.balance().await? < amount {
        return Ok(false.into());
    }
    // The deposit first: it can fail. The withdrawal cannot, since the balance is still what it was.
    payee.deposit(amount).await?;
    payer.withdraw(amount).await?;
    Ok(true.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::{TestHost, TestInstance, explore_crashes};

    fn open(host: &TestHost, owner: &str, balance: u64) {
        host.signal_entity("account", owner, "deposit", balance);
    }

    fn transfer<'a>(host: &'a TestHost, from: &str, to: &str, amount: u64) -> TestInstance<'a> {
        let (from, to) = (from.to_owned(), to.to_owned());
        host.start_typed::<bank_transfer>(Transfer { from, to, amount })
    }

    fn balances(host: &TestHost, owners: [&str; 2]) -> [u64; 2] {
        owners.map(|owner| {
            let account = host.entity_state("account", owner);
            account.map_or(0, |account| account["balance"].as_u64().unwrap())
        })
    }

    #[test]
    fn money_that_is_there_changes_hands() {
        let host = TestHost::new();
        open(&host, "ada", 100);
        assert!(transfer(&host, "ada", "ben", 30).output::<bool>());
        assert_eq!(balances(&host, ["ada", "ben"]), [70, 30]);
    }

    #[test]
    fn nobody_gives_what_he_does_not_have() {
        let host = TestHost::new();
        open(&host, "ada", 100);
        assert!(!transfer(&host, "ada", "ben", 101).output::<bool>());
        assert!(!transfer(&host, "nobody", "ben", 1).output::<bool>());
        assert_eq!(balances(&host, ["ada", "ben"]), [100, 0]);
        host.signal_entity("account", "ada", "withdraw", 101);
        assert_eq!(balances(&host, ["ada", "ben"]), [100, 0]);
    }

    #[test]
    fn a_deposit_that_fails_leaves_the_money_where_it_was() {
        let host = TestHost::new();
        open(&host, "ada", 1);
        open(&host, "midas", u64::MAX);
        assert!(
            transfer(&host, "ada", "midas", 1)
                .failure()
                .contains("nobody is that rich")
        );
        assert_eq!(balances(&host, ["ada", "midas"]), [1, u64::MAX]);
        // Both accounts are free again.
        assert!(transfer(&host, "midas", "ada", 5).output::<bool>());
    }

    #[test]
    fn money_sent_to_oneself_stays() {
        let host = TestHost::new();
        open(&host, "ada", 100);
        assert!(transfer(&host, "ada", "ada", 60).output::<bool>());
        assert_eq!(balances(&host, ["ada", "nobody"]), [100, 0]);
    }

    #[test]
    fn transfers_in_both_directions_at_once_neither_lose_money_nor_wait_for_each_other_in_a_circle() {
        let host = TestHost::new();
        open(&host, "ada", 100);
        open(&host, "ben", 100);
        let transfers: Vec<_> = (1..=50)
            .flat_map(|amount| [("ada", "ben", amount), ("ben", "ada", amount)])
            .map(|(from, to, amount)| transfer(&host, from, to, amount))
            .collect();
        let (done, refused): (Vec<_>, Vec<_>) = transfers.iter().partition(|transfer| transfer.output::<bool>());
        let balances = balances(&host, ["ada", "ben"]);
        assert_eq!(
            balances.iter().sum::<u64>(),
            200,
            "{} done, {} refused",
            done.len(),
            refused.len()
        );
    }

    #[test]
    fn wherever_the_host_dies_the_money_moves_once() {
        let explored = explore_crashes(|host| {
            open(host, "ada", 100);
            let done = transfer(host, "ada", "ben", 30).output::<bool>();
            (done, balances(host, ["ada", "ben"]))
        });
        assert_eq!(explored.output, (true, [70, 30]));
    }
}
