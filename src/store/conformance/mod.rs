//! What every store must hold, one case a promise, run against each backend.
//!
//! A case is an `async fn` named as a sentence and listed below; one that is not listed is dead code and fails the build. A further
//! backend implements [`Backend`] and adds one line at the end.

mod bench;
mod epochs;
mod histories;
pub(in crate::store) mod keeping;
mod life;
mod limits;
mod log;
mod orders;
mod patches;
mod revocations;
mod rotation;
mod storage;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(in crate::store) use bench::*;
pub(in crate::store) use storage::{Dice, Fault, Storage};

use super::*;
use crate::ambient::{Clock, Entropy, ManualClock};
use crate::id::IdRandom;
use crate::policy::EndReason;
use crate::policy::rotation::Request;
use crate::registry::ScopeSet;
use crate::revocation::{Epochs, Extent, Target};
use crate::time::Moment;

/// Runs every case against a backend, each with a fresh store and a clock of its own.
macro_rules! every_case {
    ($backend:ty) => {
        every_case! { $backend;
            rotation:
                a_current_token_rotates,
                within_the_pause_a_token_is_kept,
                a_superseded_token_gets_the_same_successor_again,
                a_superseded_token_after_the_window_is_theft,
                a_token_two_generations_old_is_theft_at_once,
                a_client_that_proves_itself_may_retry_without_limit,
                with_no_window_even_a_proven_client_commits_theft,
                a_foreign_token_leaves_the_session_untouched,
                what_lies_above_the_ceiling_writes_nothing,
                a_client_that_does_not_rotate_keeps_its_token,
                a_session_that_is_over_is_gone_with_its_reason,
                a_token_ahead_of_the_store_heals_the_session,
                of_many_racing_rotations_one_successor_wins,
                without_a_window_one_of_a_race_wins_and_the_session_ends,
                theft_is_told_to_the_log_once,
                an_active_session_never_idles_out,
                an_outage_does_not_eat_the_window,
                before_the_first_heartbeat_nothing_has_an_age;
            epochs:
                an_epoch_over_sessions_spares_what_is_opened_later,
                an_epoch_over_access_tokens_lets_sessions_go_on,
                an_epoch_lies_above_every_other_epoch,
                an_epoch_concerns_nobody_else,
                who_set_an_epoch_shows_in_its_sessions,
                what_the_caller_knows_counts_like_what_the_store_knows,
                an_epoch_voids_what_was_opened_above_one_that_only_its_caller_knew,
                another_clients_epoch_does_not_end_a_session,
                stamps_never_go_back_when_the_clock_does,
                a_clock_an_hour_back_voids_every_session_opened_before;
            revocations:
                a_revocation_can_be_read_again,
                a_repeated_key_gives_the_first_answer,
                the_same_token_twice_has_one_entry,
                an_unknown_session_is_logged_all_the_same,
                a_session_ends_once_and_keeps_its_first_reason,
                all_others_end_and_one_goes_on,
                only_its_holder_revokes_a_session,
                racing_revocations_of_one_session_end_it_once;
            limits:
                a_key_opens_one_session_however_many_call,
                one_session_too_many_displaces_the_one_unused_longest,
                a_client_displaces_its_own_sessions_before_those_of_others,
                a_slot_has_a_limit_of_its_own,
                what_is_over_does_not_count,
                the_same_random_bits_open_two_sessions,
                lists_are_paged_in_the_order_of_ids,
                lists_are_filtered;
            patches:
                claims_merge_and_null_removes,
                a_scope_narrows_and_never_widens,
                what_was_taken_from_a_session_is_refused_and_writes_nothing,
                what_is_too_large_writes_nothing,
                a_session_that_is_over_is_not_patched,
                a_subject_is_patched_whole_or_not_at_all,
                a_patch_voids_access_tokens_in_the_same_step;
            log:
                replaying_the_log_gives_what_was_revoked,
                the_log_is_read_in_pages,
                a_position_of_another_life_is_a_gap,
                a_heartbeat_tells_how_far_the_store_has_come,
                a_trimmed_stretch_is_a_gap;
            keeping:
                a_clock_that_jumps_forgets_nothing,
                an_entry_goes_when_enough_heartbeats_have_confirmed_it,
                the_entry_of_a_key_stays_as_long_as_the_key,
                an_epoch_outlives_the_longest_session,
                a_client_whose_tokens_live_longer_lengthens_what_is_kept,
                a_session_is_remembered_for_its_grace,
                a_repeatable_call_is_forgotten_after_its_time,
                an_id_is_spent_once_however_many_try,
                clients_are_replaced_whole,
                keys_are_remembered_until_they_are_forgotten,
                what_is_over_keeps_its_first_reason,
                a_sweep_removes_no_more_than_it_may;
            life:
                under_load_no_end_is_taken_back_and_nothing_is_forgotten_early;
        }
    };
    ($backend:ty; $($concern:ident: $($case:ident),+;)+) => {
        $(mod $concern {
            $(#[test]
            fn $case() {
                crate::store::conformance::run::<$backend, _>(crate::store::conformance::$concern::$case);
            })+
        })+
    };
}

/// A kind of store, and where one instance of it keeps what it has.
pub(in crate::store) trait Backend: Send + Sync + 'static {
    type Store: Store;

    /// Begins with an empty store.
    fn empty(clock: &Arc<ManualClock>) -> Self;

    /// Opens what is there.
    fn start(&self, clock: &Arc<ManualClock>, entropy: &dyn Entropy, settings: Settings) -> Self::Store;

    /// Holds up what is being made durable, where that takes a step of its own.
    fn hold(&self) {}

    /// Waits until something is being held up.
    fn wait_until_held(&self) {}

    /// Lets it go on for so many fsyncs, and waits until the next one is held up.
    fn hold_after(&self, _syncs: u64) {}

    /// Lets it go on.
    fn release(&self) {}

    /// How many fsyncs there were.
    fn syncs(&self) -> u64 {
        0
    }
}

/// A store on a disk of its own.
pub(in crate::store) struct OnDisk(Storage);

impl Backend for OnDisk {
    type Store = Embedded;

    fn empty(_: &Arc<ManualClock>) -> Self {
        Self(Storage::default())
    }

    fn start(&self, clock: &Arc<ManualClock>, entropy: &dyn Entropy, settings: Settings) -> Embedded {
        Embedded::with_backend(self.0.clone(), clock.clone(), entropy, settings).expect("the store opens")
    }

    fn hold(&self) {
        self.0.hold();
    }

    fn wait_until_held(&self) {
        self.0.wait_until_held();
    }

    fn hold_after(&self, syncs: u64) {
        self.0.hold_after(syncs);
    }

    fn release(&self) {
        self.0.release();
    }

    fn syncs(&self) -> u64 {
        self.0.syncs()
    }
}

/// The model.
pub(in crate::store) struct InMemory;

impl Backend for InMemory {
    type Store = Model;

    fn empty(_: &Arc<ManualClock>) -> Self {
        Self
    }

    fn start(&self, clock: &Arc<ManualClock>, entropy: &dyn Entropy, settings: Settings) -> Model {
        Model::new(clock.clone(), entropy, settings)
    }
}

/// What is no case for a bench: it begins stores of its own.
macro_rules! every_order {
    ($backend:ty) => {
        #[test]
        fn request_timeout_and_sweep_have_no_gap_in_any_order() {
            let orders = crate::store::conformance::orders::in_every_order::<$backend>();
            println!("{}: {orders} orders of request, timeout and sweep, each as the pure rule says", stringify!($backend));
            assert!(orders > 30_000);
        }
    };
}

mod embedded {
    use super::OnDisk;

    every_case!(crate::store::conformance::OnDisk);
    every_order!(OnDisk);
}

mod model {
    use super::InMemory;

    every_case!(crate::store::conformance::InMemory);
    every_order!(InMemory);
}
