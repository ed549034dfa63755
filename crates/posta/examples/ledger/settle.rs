//! Waiting until all has come to rest, which takes the longer the more there is.

use std::time::Duration;

use posta_core::time::pause;

use crate::balance::Balance;
use crate::faults;
use crate::world::World;

/// How long it may take in any case, which is the longest lease, hold and call one after the other; and how
/// much longer for each thing that is still to be done.
const SETTLING: Duration = Duration::from_mins(5);
const EACH: Duration = Duration::from_millis(150);

/// How long to wait before the books are read again, and how many times as long as reading them took.
const LOOK: Duration = Duration::from_secs(4);
const TIMES: u32 = 3;

/// Waits until the books balance, or for as long as it may take.
pub(crate) async fn settle(world: &World, tell: impl Fn(&str)) -> anyhow::Result<Balance> {
    let start = world.clock.now();
    let mut longest = None;
    let mut wait = LOOK;
    loop {
        pause(wait).await;
        let looked = world.clock.now();
        let read = read(world).await;
        let (now, passed) = (world.clock.now(), world.clock.now().since(start));
        wait = LOOK.max(now.since(looked) * TIMES);
        let balance = match read {
            Ok(balance) => balance,
            // A server may still be about to find its database again.
            Err(error) if passed < SETTLING => {
                tell(&format!("the books cannot be read yet: {error:#}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let open = balance.open();
        let longest = *longest.get_or_insert(SETTLING + EACH * open);
        if open == 0 || passed > longest {
            return Ok(balance);
        }
        let (passed, longest) = (passed.as_secs(), longest.as_secs());
        tell(&format!("after {passed} s of at most {longest}, left: {}", balance.names()));
    }
}

async fn read(world: &World) -> anyhow::Result<Balance> {
    faults::hurry(world).await?;
    Balance::of(world).await
}
