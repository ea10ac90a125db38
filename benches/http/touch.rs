//! Opens many sessions and then refreshes each once, so that the server has had every one of them in its hands.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::{Connection, Question};
use crate::drive::{Answer, Plan};

/// Answers how fast it went.
pub(crate) async fn touch(plan: Plan) -> Result<Value, String> {
    let questions = Arc::new((Question::new(&plan.open, plan.address), Question::new(&plan.step, plan.address)));
    let began = Instant::now();
    let mut opened = JoinSet::new();
    for worker in 0..plan.workers {
        let questions = Arc::clone(&questions);
        let mut connection = Connection::open(plan.address).await?;
        opened.spawn(async move {
            let mut tokens = Vec::new();
            for number in (worker..plan.sessions).step_by(plan.workers as usize) {
                tokens.push(Answer::read(&connection.ask(&questions.0, &number.to_string()).await?)?.refresh_token);
            }
            Ok::<_, String>((connection, tokens))
        });
    }
    let mut workers = Vec::new();
    while let Some(worker) = opened.join_next().await {
        workers.push(worker.map_err(|why| why.to_string())??);
    }
    let all_open = Instant::now();
    let mut refreshed = JoinSet::new();
    for (mut connection, tokens) in workers {
        let questions = Arc::clone(&questions);
        refreshed.spawn(async move {
            for token in &tokens {
                Answer::read(&connection.ask(&questions.1, token).await?)?.succeeding(token)?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(worker) = refreshed.join_next().await {
        worker.map_err(|why| why.to_string())??;
    }
    let rate = |from: Instant, to: Instant| f64::from(plan.sessions) / (to - from).as_secs_f64();
    Ok(json!({"opened_per_second": rate(began, all_open), "refreshed_per_second": rate(all_open, Instant::now())}))
}
